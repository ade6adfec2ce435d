#ifndef LOADLOCK_SANDBOX_FORMATS_SKOPS_READER_H_
#define LOADLOCK_SANDBOX_FORMATS_SKOPS_READER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "sandbox/bytes/budget.h"
#include "sandbox/decoders/numpy/lowering.h"
#include "sandbox/formats/skops/members.h"
#include "sandbox/formats/skops/schema.h"
#include "sandbox/graph/builder.h"

namespace loadlock::formats::skops {

// Builds the graph of a schema, on an explicit stack. Each kind of node has a line in a table
// (kinds.cc): which fields it may have, how its child nodes are found, and what they become.
// What is built is named by the same fields that are shown to the policy; nothing else of the
// file names anything.
class Reader {
 public:
  using NodeId = graph::NodeId;
  using ValueId = json::ValueId;

  // A node of the schema while it is read.
  struct Place {
    ValueId value = json::kNoValue;
    std::string_view module;
    std::string_view cls;
    bool Is(std::string_view m, std::string_view c) const { return module == m && cls == c; }
  };

  // A kind of node. `loader` is its name in the file.
  struct Kind {
    std::string_view loader;
    // Fields beside __class__, __module__, __loader__ and __id__, separated by spaces.
    std::string_view fields;
    // The only class that it makes, as "module.class"; empty if it is the file's choice.
    std::string_view only;
    // Calls Child() for each child node. False: refused.
    bool (Reader::*expand)(const Place& place);
    // What it becomes; kNoNode: refused.
    NodeId (Reader::*finish)(const Place& place, absl::Span<const NodeId> children);
  };
  static const Kind* FindKind(std::string_view loader);

  Reader(const Schema& schema, Members* members, graph::DecodedFile* decoded, bytes::Budget* budget,
         graph::Builder* builder)
      : schema_(schema),
        d_(schema.document()),
        members_(*members),
        decoded_(*decoded),
        budget_(*budget),
        b_(*builder),
        numpy_(builder, decoded) {}

  // kNoNode: refused.
  NodeId Read();
  std::optional<graph::Refusal>& refusal() { return refusal_; }

  // expand and finish of the kinds, by file.
  // containers.cc
  bool ExpandNothing(const Place& place);
  bool ExpandContent(const Place& place);
  bool ExpandItems(const Place& place);
  bool ExpandDict(const Place& place);
  bool ExpandDefaultDict(const Place& place);
  NodeId FinishDict(const Place& place, absl::Span<const NodeId> children);
  NodeId FinishDefaultDict(const Place& place, absl::Span<const NodeId> children);
  NodeId FinishList(const Place& place, absl::Span<const NodeId> children);
  NodeId FinishSet(const Place& place, absl::Span<const NodeId> children);
  NodeId FinishTuple(const Place& place, absl::Span<const NodeId> children);
  // leaves.cc
  NodeId FinishJson(const Place& place, absl::Span<const NodeId> children);
  NodeId FinishSlice(const Place& place, absl::Span<const NodeId> children);
  NodeId FinishBytes(const Place& place, absl::Span<const NodeId> children);
  NodeId FinishByteArray(const Place& place, absl::Span<const NodeId> children);
  NodeId FinishName(const Place& place, absl::Span<const NodeId> children);
  bool ExpandFunction(const Place& place);
  NodeId FinishFunction(const Place& place, absl::Span<const NodeId> children);
  // objects.cc
  bool ExpandObject(const Place& place);
  bool ExpandPartial(const Place& place);
  bool ExpandMethod(const Place& place);
  bool ExpandAttrs(const Place& place);
  bool ExpandReduce(const Place& place);
  NodeId FinishObject(const Place& place, absl::Span<const NodeId> children);
  NodeId FinishConstructed(const Place& place, absl::Span<const NodeId> children);
  NodeId FinishPartial(const Place& place, absl::Span<const NodeId> children);
  NodeId FinishMethod(const Place& place, absl::Span<const NodeId> children);
  NodeId FinishReduce(const Place& place, absl::Span<const NodeId> children);
  // arrays.cc
  bool ExpandArray(const Place& place);
  bool ExpandMasked(const Place& place);
  NodeId FinishArray(const Place& place, absl::Span<const NodeId> children);
  NodeId FinishDtype(const Place& place, absl::Span<const NodeId> children);
  NodeId FinishMasked(const Place& place, absl::Span<const NodeId> children);
  NodeId FinishSparse(const Place& place, absl::Span<const NodeId> children);
  // random.cc
  bool ExpandGenerator(const Place& place);
  NodeId FinishRandomState(const Place& place, absl::Span<const NodeId> children);
  NodeId FinishGenerator(const Place& place, absl::Span<const NodeId> children);

 private:
  struct Frame {
    Place place;
    const Kind* kind;
    int64_t id;
    size_t next;          // in todo_
    size_t end;           // of its children in todo_
    size_t first_child;   // in todo_
    size_t first_result;  // in results_
  };
  // What an id stands for.
  struct Seen {
    ValueId value = json::kNoValue;
    NodeId node = graph::kNoNode;  // none: it is still open, or was only looked at
    bool open = false;
  };

  bool Enter(ValueId value);
  bool Leave();
  bool ReadPlace(ValueId value, Place* out, const Kind** kind);
  bool CheckFields(const Place& place, const Kind& kind);
  // 0: it has none.
  bool ReadId(ValueId value, int64_t* out);
  bool Recall(ValueId value, const Seen& seen);

  // Refusals.
  bool Fail(ValueId value, const char* rule, std::string message);
  NodeId FailNode(ValueId value, const char* rule, std::string message) {
    Fail(value, rule, std::move(message));
    return graph::kNoNode;
  }
  bool Malformed(ValueId value, std::string message) {
    return Fail(value, "MALFORMED", std::move(message));
  }
  NodeId Take(const Place& place, const numpy::Failure& failure) {
    return FailNode(place.value, failure.rule, failure.message);
  }

  // Fields. Each refuses if there is none of that type.
  bool Child(ValueId node);
  bool ChildField(ValueId object, std::string_view field);
  bool Field(ValueId object, std::string_view field, json::Type type, ValueId* out);
  bool Text(ValueId object, std::string_view field, std::string_view* out);
  // The content of the member that the field `file` names, which must end in `suffix`.
  const graph::Buffer* File(const Place& place, std::string_view suffix, std::string_view* name);

  // Text that may be unescaped, made to last as long as the graph.
  NodeId Str(std::string_view text) { return b_.Str(b_.Keep(text)); }
  NodeId Name(std::string_view module, std::string_view name) {
    return b_.Global(b_.Keep(module), b_.Keep(name));
  }
  NodeId Integer(std::string_view digits);
  // containers.cc
  bool ReadKeyTypes(const Place& place, size_t count, std::vector<Place>* out);
  NodeId Key(ValueId key, const Place& type);
  NodeId NumpyKey(ValueId key, const Place& type);
  // arrays.cc
  NodeId ReadNpy(const Place& place, const graph::Buffer& content, std::string_view member);
  NodeId NumpyScalar(const Place& place, NodeId array, const graph::Buffer& content);
  NodeId ObjectArray(const Place& place, absl::Span<const NodeId> children);
  bool Flatten(const Place& place, absl::Span<const int64_t> shape, std::vector<NodeId>* items);
  bool SparseFormat(const Place& place, std::string_view npz, std::string* format);
  NodeId BytesOf(NodeId array);

  const Schema& schema_;
  const json::Document& d_;
  Members& members_;
  graph::DecodedFile& decoded_;
  bytes::Budget& budget_;
  graph::Builder& b_;
  numpy::Lowering numpy_;
  std::vector<Frame> stack_;
  std::vector<ValueId> todo_;
  std::vector<NodeId> results_;
  absl::flat_hash_map<int64_t, Seen> memo_;
  // The bytes of each array that is there.
  absl::flat_hash_map<NodeId, graph::Buffer> array_bytes_;
  std::optional<graph::Refusal> refusal_;
};

}  // namespace loadlock::formats::skops

#endif  // LOADLOCK_SANDBOX_FORMATS_SKOPS_READER_H_
