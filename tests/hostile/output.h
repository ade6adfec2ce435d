// A worker's whole output, to be broken and sent.
#ifndef LOADLOCK_TESTS_HOSTILE_OUTPUT_H_
#define LOADLOCK_TESTS_HOSTILE_OUTPUT_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loadlock/v1/graph.pb.h"
#include "loadlock/v1/worker.pb.h"
#include "sandbox/channel/worker_end.h"

namespace loadlock::hostile {

using NodeId = uint32_t;
inline constexpr NodeId kAbsent = 0xFFFFFFFF;
using Attribute = std::pair<std::string_view, NodeId>;

// What goes over the channel. Before Seal the messages count, after it the bytes.
class Output {
 public:
  v1::Graph graph;
  v1::Provenance provenance;
  v1::WorkerResult result;
  // What is written to the decoded file.
  std::string decoded;
  // Appended to the serialized messages: bytes that no serializer makes.
  std::string graph_tail;
  std::string provenance_tail;
  std::string result_tail;
  // Instead of the serialized messages.
  std::optional<std::string> graph_bytes;
  std::optional<std::string> provenance_bytes;
  std::optional<std::string> result_bytes;

  // Nodes, children first. The operands are not checked.
  NodeId Node(v1::NodeKind kind, std::vector<uint32_t> operands = {});
  NodeId None();
  NodeId Int(int64_t value);
  NodeId Str(std::string_view text);
  NodeId List(std::vector<uint32_t> items);
  NodeId Tuple(std::vector<uint32_t> items);
  // DICT_STR.
  NodeId Dict(std::initializer_list<Attribute> items);
  NodeId Name(std::string_view module, std::string_view name);
  // By "module.Class", with a state and nothing else.
  NodeId Object(std::string_view class_name, NodeId state);
  NodeId Call(std::string_view callable, NodeId args, NodeId state = kAbsent);
  NodeId Dtype(std::string_view typestr);
  // An ndarray in C order over bytes that are put into the decoded file.
  NodeId Array(NodeId dtype, const std::vector<int64_t>& shape, std::string_view bytes);

  uint32_t Ints(const std::vector<int64_t>& values);
  uint32_t Text(std::string_view text);
  uint32_t Blob(std::string_view bytes);
  uint32_t Global(std::string_view module, std::string_view name);
  uint32_t Decoded(std::string_view bytes);
  uint32_t Buffer(v1::BufferSource source, uint64_t offset, uint64_t length);

  // Makes `root` the root of the graph. What is not below it has to be, or the graph is malformed.
  void Root(NodeId root) { graph.set_root(root); }
  // Forgets all nodes and pools.
  void Clear();
  // The operand at `place` of the first node of this kind.
  uint32_t& Operand(v1::NodeKind kind, size_t place);

  // Fills what is missing: the provenance, and the sizes that the result tells.
  void Seal();
};

// A dict that holds a node of nearly every kind and is accepted: what the lies change. Its first
// int is the length of its array, "<f8" its first string and "builtins.int" its first name.
Output Honest();

// Raw bytes of `values`, as arrays hold them.
template <typename T>
std::string Bytes(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

// Writes the decoded file and all frames; the output is sealed. Returns an exit code.
int Send(channel::ReceivedJob& job, channel::FrameWriter& writer, Output& output);
// The parts of Send.
bool WriteDecoded(int fd, std::string_view bytes);
bool SendFrames(channel::FrameWriter& writer, const Output& output);

}  // namespace loadlock::hostile

#endif  // LOADLOCK_TESTS_HOSTILE_OUTPUT_H_
