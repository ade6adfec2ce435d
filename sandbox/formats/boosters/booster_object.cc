#include "sandbox/formats/boosters/booster_object.h"

#include <utility>

namespace loadlock::formats {

void PutBooster(std::string_view module, std::string_view key, graph::NodeId record,
                std::optional<graph::Refusal> refusal, Output* output) {
  graph::Builder& builder = *output->graph;
  // Named even if the model is refused: the report says what it would have been.
  const graph::NodeId cls = builder.Global(module, "Booster");
  if (refusal) {
    output->refusals.push_back(*std::move(refusal));
    return;
  }
  const graph::NodeId state = builder.Dict();
  const graph::NodeId pair[] = {builder.Str(key), record};
  builder.Extend(state, pair);
  const graph::NodeId object = builder.Object(cls, builder.Tuple({}));
  if (builder.exhausted()) return;
  builder.SetObjectEdge(object, graph::kState, state);
  output->root = object;
}

}  // namespace loadlock::formats
