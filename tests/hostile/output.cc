#include "tests/hostile/output.h"

#include <unistd.h>

#include <algorithm>

#include "sandbox/jail/exit_codes.h"

namespace loadlock::hostile {
namespace {

using channel::FrameType;

std::pair<std::string_view, std::string_view> SplitName(std::string_view full) {
  const size_t dot = full.rfind('.');
  return {full.substr(0, dot), full.substr(dot + 1)};
}

// The opcode that made every node, as far as the provenance says: REDUCE.
constexpr uint32_t kOpcode = 'R';

}  // namespace

NodeId Output::Node(v1::NodeKind kind, std::vector<uint32_t> operands) {
  graph.add_kinds(kind);
  graph.add_operand_counts(static_cast<uint32_t>(operands.size()));
  graph.mutable_operands()->Add(operands.begin(), operands.end());
  return static_cast<NodeId>(graph.kinds_size() - 1);
}

NodeId Output::None() { return Node(v1::NODE_KIND_NONE); }
NodeId Output::Int(int64_t value) { return Node(v1::NODE_KIND_INT, {Ints({value})}); }
NodeId Output::Str(std::string_view text) { return Node(v1::NODE_KIND_STR, {Text(text)}); }
NodeId Output::List(std::vector<uint32_t> items) {
  return Node(v1::NODE_KIND_LIST, std::move(items));
}
NodeId Output::Tuple(std::vector<uint32_t> items) {
  return Node(v1::NODE_KIND_TUPLE, std::move(items));
}

NodeId Output::Dict(std::initializer_list<Attribute> items) {
  std::vector<uint32_t> operands;
  for (const Attribute& item : items) operands.push_back(Text(item.first));
  for (const Attribute& item : items) operands.push_back(item.second);
  return Node(v1::NODE_KIND_DICT_STR, std::move(operands));
}

NodeId Output::Name(std::string_view module, std::string_view name) {
  return Node(v1::NODE_KIND_GLOBAL, {Global(module, name)});
}

NodeId Output::Object(std::string_view class_name, NodeId state) {
  const auto [module, name] = SplitName(class_name);
  return Node(v1::NODE_KIND_OBJECT, {Name(module, name), kAbsent, state, kAbsent, kAbsent});
}

NodeId Output::Call(std::string_view callable, NodeId args, NodeId state) {
  const auto [module, name] = SplitName(callable);
  return Node(v1::NODE_KIND_CALL, {Name(module, name), args, state, kAbsent, kAbsent});
}

NodeId Output::Dtype(std::string_view typestr) {
  return Node(v1::NODE_KIND_DTYPE, {Text(typestr)});
}

NodeId Output::Array(NodeId dtype, const std::vector<int64_t>& shape, std::string_view bytes) {
  return Node(v1::NODE_KIND_NDARRAY,
              {dtype, Decoded(bytes), 0, static_cast<uint32_t>(shape.size()), Ints(shape)});
}

uint32_t Output::Ints(const std::vector<int64_t>& values) {
  const auto first = static_cast<uint32_t>(graph.ints_size());
  graph.mutable_ints()->Add(values.begin(), values.end());
  return first;
}

uint32_t Output::Text(std::string_view text) {
  graph.add_strings(std::string(text));
  return static_cast<uint32_t>(graph.strings_size() - 1);
}

uint32_t Output::Blob(std::string_view bytes) {
  graph.add_blobs(std::string(bytes));
  return static_cast<uint32_t>(graph.blobs_size() - 1);
}

uint32_t Output::Global(std::string_view module, std::string_view name) {
  v1::Global* global = graph.add_globals();
  global->set_module(std::string(module));
  global->set_name(std::string(name));
  return static_cast<uint32_t>(graph.globals_size() - 1);
}

uint32_t Output::Decoded(std::string_view bytes) {
  const uint64_t offset = decoded.size();
  decoded.append(bytes);
  return Buffer(v1::BUFFER_SOURCE_DECODED, offset, bytes.size());
}

uint32_t Output::Buffer(v1::BufferSource source, uint64_t offset, uint64_t length) {
  graph.add_buffer_sources(source);
  graph.add_buffer_offsets(offset);
  graph.add_buffer_lengths(length);
  return static_cast<uint32_t>(graph.buffer_sources_size() - 1);
}

void Output::Clear() {
  graph.Clear();
  decoded.clear();
}

uint32_t& Output::Operand(v1::NodeKind kind, size_t place) {
  const auto found = std::find(graph.kinds().begin(), graph.kinds().end(), kind);
  size_t at = place;
  for (int i = 0; i < found - graph.kinds().begin(); ++i) at += graph.operand_counts(i);
  return *(graph.mutable_operands()->begin() + static_cast<ptrdiff_t>(at));
}

void Output::Seal() {
  if (provenance.node_offsets_size() == 0 && provenance.node_opcodes_size() == 0) {
    for (int i = 0; i < graph.kinds_size(); ++i) {
      provenance.add_node_offsets(static_cast<uint64_t>(i));
      provenance.add_node_opcodes(kOpcode);
    }
  }
  if (!graph_bytes) graph_bytes = graph.SerializeAsString() + graph_tail;
  if (!provenance_bytes) provenance_bytes = provenance.SerializeAsString() + provenance_tail;
  if (result.graph_bytes() == 0) result.set_graph_bytes(graph_bytes->size());
  if (result.provenance_bytes() == 0) result.set_provenance_bytes(provenance_bytes->size());
  if (result.decoded_size() == 0) result.set_decoded_size(decoded.size());
  if (!result_bytes) result_bytes = result.SerializeAsString() + result_tail;
}

Output Honest() {
  Output output;
  const NodeId f8 = output.Dtype("<f8");
  const NodeId array = output.Array(f8, {2}, Bytes<double>({1.0, 2.0}));
  const NodeId one = output.Int(1);
  const NodeId none = output.None();
  const NodeId list = output.List({one, none});
  const NodeId tuple = output.Tuple({one, none});
  const NodeId blob = output.Node(v1::NODE_KIND_BYTES, {output.Blob("blob")});
  const NodeId big = output.Node(v1::NODE_KIND_BIG_INT, {output.Blob(std::string(9, '\x11'))});
  output.graph.add_floats(0.5);
  const NodeId number = output.Node(v1::NODE_KIND_FLOAT, {0});
  const NodeId packed = output.Node(v1::NODE_KIND_LIST_INT, {output.Ints({7, 8}), 2});
  const NodeId record = output.Node(v1::NODE_KIND_DTYPE_RECORD,
                                    {output.Ints({8}), output.Text("field"), f8, output.Ints({0})});
  const NodeId objects = output.Node(v1::NODE_KIND_OBJECT_NDARRAY, {list, 0, 1, output.Ints({2})});
  const NodeId scalar = output.Node(v1::NODE_KIND_SCALAR, {f8, output.Blob("8 bytes.")});
  const NodeId raw = output.Node(
      v1::NODE_KIND_BYTES_BUFFER,
      {output.Buffer(v1::BUFFER_SOURCE_ARTIFACT, 0, std::string_view("HOSTILE").size())});
  const NodeId pairs = output.Node(v1::NODE_KIND_DICT, {one, none});
  const NodeId factory = output.Tuple({output.Name("builtins", "int")});
  const NodeId call = output.Call("collections.defaultdict", factory);
  const NodeId object = output.Object("sklearn.preprocessing._data.StandardScaler",
                                      output.Dict({{"n_features_in_", one}, {"mean_", none}}));
  output.Root(output.Dict({{"array", array},
                           {"tuple", tuple},
                           {"blob", blob},
                           {"big", big},
                           {"number", number},
                           {"packed", packed},
                           {"record", record},
                           {"objects", objects},
                           {"scalar", scalar},
                           {"raw", raw},
                           {"pairs", pairs},
                           {"call", call},
                           {"object", object}}));
  output.result.set_format("pickle");
  return output;
}

bool WriteDecoded(int fd, std::string_view bytes) {
  off_t at = 0;
  while (!bytes.empty()) {
    const ssize_t size = pwrite(fd, bytes.data(), bytes.size(), at);
    if (size <= 0) return false;
    at += size;
    bytes.remove_prefix(static_cast<size_t>(size));
  }
  return true;
}

bool SendFrames(channel::FrameWriter& writer, const Output& output) {
  return writer.Write(FrameType::kGraph, *output.graph_bytes).ok() &&
         writer.Write(FrameType::kProvenance, *output.provenance_bytes).ok() &&
         writer.Write(FrameType::kResult, *output.result_bytes).ok() && writer.End().ok();
}

int Send(channel::ReceivedJob& job, channel::FrameWriter& writer, Output& output) {
  output.Seal();
  if (!WriteDecoded(job.decoded.get(), output.decoded)) return jail::kExitFileLimit;
  return SendFrames(writer, output) ? jail::kExitOk : jail::kExitChannel;
}

}  // namespace loadlock::hostile
