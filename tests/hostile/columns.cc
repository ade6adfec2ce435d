#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/hostile/scenario.h"

namespace loadlock::hostile {
namespace {

constexpr uint32_t kFar = 1'000'000;
constexpr int64_t kLarge = int64_t{1} << 40;

// Where the length of Honest()'s array stands.
void SetDimension(Output& o, int64_t length) { o.graph.set_ints(0, length); }
void SetTypestr(Output& o, std::string_view text) { o.graph.set_strings(0, std::string(text)); }

// A root above the old one, so that `node` is reached too.
void AlsoReaches(Output& o, NodeId node) { o.Root(o.List({o.graph.root(), node})); }

void SetOperand(Output& o, v1::NodeKind kind, size_t place, uint32_t value) {
  o.Operand(kind, place) = value;
}

// Nodes `count` deep, the last of them the root.
void Nests(Output& o, v1::NodeKind kind, int count) {
  NodeId inner = o.graph.root();
  for (int i = 0; i < count; ++i) inner = o.Node(kind, {inner});
  o.Root(inner);
}

// Two nodes of these kinds that hold each other.
void Cycle(Output& o, v1::NodeKind first, v1::NodeKind second) {
  const auto next = static_cast<NodeId>(o.graph.kinds_size());
  o.Node(first, {next + 1});
  o.Node(second, {next});
  AlsoReaches(o, next);
}

void ObjectInItself(Output& o) {
  const auto next = static_cast<NodeId>(o.graph.kinds_size());
  // The state and the name follow the object.
  o.Node(v1::NODE_KIND_OBJECT, {next + 2, kAbsent, next + 1, kAbsent, kAbsent});
  o.Dict({{"steps", next}});
  o.Name("sklearn.pipeline", "Pipeline");
  AlsoReaches(o, next);
}

void RecordInItself(Output& o) {
  const auto next = static_cast<NodeId>(o.graph.kinds_size());
  o.Node(v1::NODE_KIND_DTYPE_RECORD, {o.Ints({8}), o.Text("self"), next, o.Ints({0})});
  AlsoReaches(o, next);
}

void ArrayOf(Output& o, std::string_view typestr, const std::vector<int64_t>& shape,
             uint64_t length) {
  const NodeId dtype = o.Dtype(typestr);
  const uint32_t buffer = o.Buffer(v1::BUFFER_SOURCE_ARTIFACT, 0, length);
  const auto rank = static_cast<uint32_t>(shape.size());
  AlsoReaches(o, o.Node(v1::NODE_KIND_NDARRAY, {dtype, buffer, 0, rank, o.Ints(shape)}));
}

void Overlapping(Output& o) {
  const NodeId dtype = o.Dtype("|u1");
  std::vector<uint32_t> arrays;
  for (uint64_t i = 0; i < 4; ++i) {
    const uint32_t buffer = o.Buffer(v1::BUFFER_SOURCE_ARTIFACT, i, 4);
    arrays.push_back(o.Node(v1::NODE_KIND_NDARRAY, {dtype, buffer, 0, 1, o.Ints({4})}));
  }
  AlsoReaches(o, o.List(arrays));
}

// The same bytes as a hundred thousand buffers: little to send, terabytes to hand over.
void OverlappingManyTimes(Output& o) {
  o.decoded.resize(size_t{1} << 20);
  const NodeId dtype = o.Dtype("|u1");
  const uint32_t shape = o.Ints({1 << 20});
  std::vector<uint32_t> arrays;
  for (int i = 0; i < 100'000; ++i) {
    const uint32_t buffer = o.Buffer(v1::BUFFER_SOURCE_DECODED, 0, uint64_t{1} << 20);
    arrays.push_back(o.Node(v1::NODE_KIND_NDARRAY, {dtype, buffer, 0, 1, shape}));
  }
  AlsoReaches(o, o.List(arrays));
}

const std::array kLies = {
    Lie{"honest", [](Output&) {}},
    Lie{"graph-garbage", [](Output& o) { o.graph_bytes = "\x0a\xff\xff\xff\xff\x7f"; }},
    Lie{"graph-truncated",
        [](Output& o) {
          o.graph_bytes = o.graph.SerializeAsString();
          o.graph_bytes->pop_back();
        }},
    // Field 31, a varint.
    Lie{"graph-unknown-field", [](Output& o) { o.graph_tail = "\xf8\x01\x05"; }},
    // Field 1 (kinds) as fixed64, which no parser reads as a kind.
    Lie{"graph-wrong-wire-type",
        [](Output& o) { o.graph_tail = absl::StrCat("\x09", std::string(8, 'x')); }},
    // Field 6 (strings) as a group.
    Lie{"graph-group", [](Output& o) { o.graph_tail = "\x33\x34"; }},
    // A name whose message has a field 31.
    Lie{"graph-unknown-field-in-name",
        [](Output& o) { o.graph_tail = "\x42\x0d\x0a\x01m\x12\x01n\xfa\x01\x04more"; }},
    Lie{"graph-no-nodes",
        [](Output& o) {
          o.Clear();
          o.graph_bytes = "\x60\x01";
        }},
    Lie{"graph-string-not-utf8", [](Output& o) { o.graph_tail = "\x32\x02\xff\xfe"; }},
    // Twenty million kinds of one byte, packed: four times as much in memory.
    Lie{"graph-many-kinds",
        [](Output& o) {
          o.graph_bytes = absl::StrCat("\x0a\x80\xda\xc4\x09", std::string(20'000'000, '\1'));
        }},
    Lie{"graph-many-strings",
        [](Output& o) {
          // Two bytes each, forty in memory.
          for (int i = 0; i < 10'000'000; ++i) o.graph_tail.append({'\x32', '\0'});
        }},
    Lie{"counts-short", [](Output& o) { o.graph.mutable_operand_counts()->RemoveLast(); }},
    Lie{"counts-long", [](Output& o) { o.graph.add_operand_counts(0); }},
    Lie{"counts-wrap",
        [](Output& o) {
          // 2^32 - 1 and one more operand: zero in 32 bits.
          o.Node(v1::NODE_KIND_NONE);
          o.graph.set_operand_counts(o.graph.kinds_size() - 1, 0xFFFFFFFF);
          o.Node(v1::NODE_KIND_NONE);
          o.graph.set_operand_counts(o.graph.kinds_size() - 1, 1);
        }},
    Lie{"operands-short", [](Output& o) { o.graph.mutable_operands()->RemoveLast(); }},
    Lie{"operands-long", [](Output& o) { o.graph.add_operands(0); }},
    Lie{"kind-zero", [](Output& o) { AlsoReaches(o, o.Node(v1::NODE_KIND_UNSPECIFIED)); }},
    Lie{"kind-unused", [](Output& o) { AlsoReaches(o, o.Node(static_cast<v1::NodeKind>(15))); }},
    Lie{"kind-negative", [](Output& o) { AlsoReaches(o, o.Node(static_cast<v1::NodeKind>(-1))); }},
    Lie{"operands-missing", [](Output& o) { AlsoReaches(o, o.Node(v1::NODE_KIND_INT)); }},
    Lie{"operands-too-many", [](Output& o) { AlsoReaches(o, o.Node(v1::NODE_KIND_NONE, {0})); }},
    Lie{"root-outside", [](Output& o) { o.Root(kFar); }},
    Lie{"root-absent", [](Output& o) { o.Root(kAbsent); }},
    Lie{"unreachable", [](Output& o) { o.None(); }},
    Lie{"node-outside", [](Output& o) { SetOperand(o, v1::NODE_KIND_LIST, 0, kFar); }},
    Lie{"node-absent-in-list", [](Output& o) { SetOperand(o, v1::NODE_KIND_LIST, 0, kAbsent); }},
    Lie{"int-outside", [](Output& o) { SetOperand(o, v1::NODE_KIND_INT, 0, kFar); }},
    Lie{"float-outside", [](Output& o) { SetOperand(o, v1::NODE_KIND_FLOAT, 0, kFar); }},
    Lie{"string-outside", [](Output& o) { AlsoReaches(o, o.Node(v1::NODE_KIND_STR, {kAbsent})); }},
    Lie{"blob-outside", [](Output& o) { SetOperand(o, v1::NODE_KIND_BYTES, 0, kFar); }},
    Lie{"name-outside", [](Output& o) { SetOperand(o, v1::NODE_KIND_GLOBAL, 0, kFar); }},
    Lie{"buffer-index-outside",
        [](Output& o) { SetOperand(o, v1::NODE_KIND_BYTES_BUFFER, 0, kFar); }},
    Lie{"key-outside", [](Output& o) { SetOperand(o, v1::NODE_KIND_DICT_STR, 0, kFar); }},
    Lie{"run-outside", [](Output& o) { SetOperand(o, v1::NODE_KIND_LIST_INT, 0, kFar); }},
    Lie{"run-too-long", [](Output& o) { SetOperand(o, v1::NODE_KIND_LIST_INT, 1, kFar); }},
    Lie{"run-wraps",
        [](Output& o) {
          SetOperand(o, v1::NODE_KIND_LIST_INT, 0, kAbsent);
          SetOperand(o, v1::NODE_KIND_LIST_INT, 1, 2);
        }},
    Lie{"callee-no-name", [](Output& o) { SetOperand(o, v1::NODE_KIND_CALL, 0, 0); }},
    Lie{"class-no-name", [](Output& o) { SetOperand(o, v1::NODE_KIND_OBJECT, 0, 0); }},
    Lie{"arguments-no-tuple", [](Output& o) { SetOperand(o, v1::NODE_KIND_CALL, 1, 0); }},
    Lie{"cycle-of-lists", [](Output& o) { Cycle(o, v1::NODE_KIND_LIST, v1::NODE_KIND_LIST); }},
    Lie{"cycle-of-tuples", [](Output& o) { Cycle(o, v1::NODE_KIND_TUPLE, v1::NODE_KIND_TUPLE); }},
    Lie{"cycle-of-list-and-tuple",
        [](Output& o) { Cycle(o, v1::NODE_KIND_LIST, v1::NODE_KIND_TUPLE); }},
    Lie{"cycle-of-sets",
        [](Output& o) { Cycle(o, v1::NODE_KIND_FROZENSET, v1::NODE_KIND_FROZENSET); }},
    Lie{"cycle-of-an-object", &ObjectInItself},
    Lie{"cycle-of-a-record", &RecordInItself},
    Lie{"deep-lists", [](Output& o) { Nests(o, v1::NODE_KIND_LIST, 1'000'000); }},
    Lie{"blob-long", [](Output& o) { o.graph.set_blobs(0, std::string(4097, 'b')); }},
    Lie{"big-int-empty", [](Output& o) { o.graph.set_blobs(1, ""); }},
    Lie{"set-of-lists", [](Output& o) { AlsoReaches(o, o.Node(v1::NODE_KIND_SET, {o.List({})})); }},
    Lie{"typestr-garbage", [](Output& o) { SetTypestr(o, "%n%n"); }},
    Lie{"typestr-objects", [](Output& o) { SetTypestr(o, "|O"); }},
    Lie{"typestr-huge", [](Output& o) { SetTypestr(o, "|S99999999999999999999"); }},
    Lie{"typestr-other-size", [](Output& o) { SetTypestr(o, "<f4"); }},
    Lie{"dimension-negative", [](Output& o) { SetDimension(o, -2); }},
    Lie{"dimension-lowest", [](Output& o) { SetDimension(o, INT64_MIN); }},
    Lie{"dimension-larger", [](Output& o) { SetDimension(o, 3); }},
    Lie{"shape-overflow", [](Output& o) { ArrayOf(o, "|u1", {kLarge, kLarge}, 0); }},
    // 2^61 x 8 bytes: zero in 64 bits.
    Lie{"shape-times-size-overflow", [](Output& o) { ArrayOf(o, "<f8", {int64_t{1} << 61}, 0); }},
    Lie{"shape-with-a-zero", [](Output& o) { ArrayOf(o, "<f8", {0, kLarge, kLarge}, 0); }},
    Lie{"shape-of-nothing", [](Output& o) { ArrayOf(o, "|V0", {kLarge}, 0); }},
    Lie{"rank-33", [](Output& o) { ArrayOf(o, "|u1", std::vector<int64_t>(33, 1), 1); }},
    Lie{"order-unknown", [](Output& o) { SetOperand(o, v1::NODE_KIND_NDARRAY, 2, 2); }},
    Lie{"record-field-outside",
        [](Output& o) { SetOperand(o, v1::NODE_KIND_DTYPE_RECORD, 3, o.Ints({1})); }},
    Lie{"record-negative",
        [](Output& o) { SetOperand(o, v1::NODE_KIND_DTYPE_RECORD, 0, o.Ints({-8})); }},
    Lie{"scalar-length", [](Output& o) { o.graph.mutable_blobs(2)->push_back('x'); }},
    Lie{"objects-shape", [](Output& o) { SetOperand(o, v1::NODE_KIND_OBJECT_NDARRAY, 2, 0); }},
    Lie{"buffer-columns-differ", [](Output& o) { o.graph.add_buffer_offsets(0); }},
    Lie{"buffer-source-unknown",
        [](Output& o) { o.graph.set_buffer_sources(0, static_cast<v1::BufferSource>(7)); }},
    Lie{"buffer-source-zero",
        [](Output& o) { o.graph.set_buffer_sources(0, v1::BUFFER_SOURCE_UNSPECIFIED); }},
    Lie{"buffer-outside-artifact", [](Output& o) { o.graph.set_buffer_offsets(1, kFar); }},
    Lie{"buffer-outside-decoded", [](Output& o) { o.graph.set_buffer_offsets(0, 1); }},
    Lie{"buffer-length-huge", [](Output& o) { o.graph.set_buffer_lengths(0, uint64_t{1} << 63); }},
    // The end is 8 again in 64 bits.
    Lie{"buffer-wraps", [](Output& o) { o.graph.set_buffer_offsets(0, ~uint64_t{0} - 7); }},
    Lie{"buffers-overlap", &Overlapping},
    Lie{"buffers-overlap-many-times", &OverlappingManyTimes},
};

}  // namespace

std::span<const Lie> ColumnLies() { return kLies; }

}  // namespace loadlock::hostile
