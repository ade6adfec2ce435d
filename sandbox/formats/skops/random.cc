#include "sandbox/formats/skops/reader.h"

// skops looks the bit generator up in numpy.random by a string of the file, and calls what it
// finds. Here the string must be the name of one of five, and their states are proven.
namespace loadlock::formats::skops {
namespace {

using graph::NodeId;
using json::Type;
using json::ValueId;

NodeId Get(const graph::Builder& b, NodeId dict, std::string_view key) {
  const auto edges = b.edges(dict);
  for (size_t i = 0; i < edges.size(); i += 2) {
    if (b.kind(edges[i]) == graph::Kind::kStr && b.text(edges[i]) == key) return edges[i + 1];
  }
  return graph::kNoNode;
}

}  // namespace

NodeId Reader::FinishRandomState(const Place& place, absl::Span<const NodeId> children) {
  const NodeId state = children[0];
  const NodeId name =
      b_.kind(state) == graph::Kind::kDict ? Get(b_, state, "bit_generator") : graph::kNoNode;
  if (name == graph::kNoNode) {
    return FailNode(place.value, "INVARIANT_RANDOM", "a RandomState does not name its generator");
  }
  const NodeId args[] = {name};
  const NodeId random = numpy_.Call(numpy::Factory::kRandomStateCtor, args);
  if (random == graph::kNoNode || b_.exhausted() || !numpy_.Build(random, state)) {
    return Take(place, numpy_.failure());
  }
  return random;
}

bool Reader::ExpandGenerator(const Place& place) {
  ValueId content = json::kNoValue;
  if (!Field(place.value, "content", Type::kObject, &content) ||
      !ChildField(content, "bit_generator")) {
    return false;
  }
  // It matters to spawn() alone, and older protocols have none.
  return d_.Find(content, "seed_seq") == json::kNoValue || ChildField(content, "seed_seq");
}

NodeId Reader::FinishGenerator(const Place& place, absl::Span<const NodeId> children) {
  const NodeId state = children[0];
  const NodeId name =
      b_.kind(state) == graph::Kind::kDict ? Get(b_, state, "bit_generator") : graph::kNoNode;
  if (name == graph::kNoNode) {
    return FailNode(place.value, "INVARIANT_RANDOM", "a Generator does not name its generator");
  }
  const NodeId args[] = {name};
  const NodeId random = numpy_.Call(numpy::Factory::kGeneratorCtor, args);
  if (random == graph::kNoNode || b_.exhausted() || !numpy_.Build(random, state)) {
    return Take(place, numpy_.failure());
  }
  return random;
}

}  // namespace loadlock::formats::skops
