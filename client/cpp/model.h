// A vetted model: its report, its inert graph, and the bytes of its buffers.
#ifndef LOADLOCK_CLIENT_CPP_MODEL_H_
#define LOADLOCK_CLIENT_CPP_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/cpp/handover.h"
#include "client/cpp/sealed_file.h"
#include "client/cpp/tensor.h"
#include "loadlock/v1/service.pb.h"

namespace loadlock::client {

// Lives on after its lease and its connection: what it holds is mapped or copied.
class Model {
 public:
  Model(Model&&) = default;
  Model& operator=(Model&&) = default;

  const v1::Report& report() const { return report_; }
  const v1::Graph& graph() const { return graph_; }
  // Without a token if the lease has ended already.
  const v1::Lease& lease() const { return lease_; }

  // Bytes of buffer `index` (< buffer_count()), as Graph's nodes name them. Writing to
  // mutable_buffer needs Access::kPrivate, else it is a fault.
  size_t buffer_count() const { return buffers_.size(); }
  absl::Span<const uint8_t> buffer(size_t index) const { return buffers_.at(index); }
  absl::Span<uint8_t> mutable_buffer(size_t index) { return buffers_.at(index); }

  // Names and nodes of the tensors in the dict at the root: of a state dict or a safetensors file.
  std::vector<std::pair<std::string, uint32_t>> NamedTensors() const {
    return TensorReader(graph_).Named();
  }
  // As TensorReader::Read, which whoever reads many keeps.
  absl::StatusOr<Tensor> TensorAt(uint32_t node) const { return TensorReader(graph_).Read(node); }
  // The bytes of a tensor's whole storage, which other tensors may share; empty if it has none.
  absl::Span<const uint8_t> StorageOf(const Tensor& tensor) const {
    return tensor.buffer.has_value() ? buffer(*tensor.buffer) : absl::Span<const uint8_t>();
  }

 private:
  friend class ModelAssembler;
  friend class Client;
  Model() = default;

  v1::Report report_;
  v1::Graph graph_;
  v1::Lease lease_;
  std::vector<absl::Span<uint8_t>> buffers_;
  // What the buffers lie in: either mappings, or one block for each.
  SealedFile artifact_;
  SealedFile decoded_;
  std::vector<std::unique_ptr<uint8_t[]>> blocks_;
};

// Puts a model together from the answers of the daemon and proves that nothing is
// missing: every buffer filled once, without gaps, and as long as the report announced.
// Order: the graph first (in one or more pieces), then the buffers by one of the three
// ways, then Finish. Errors are DATA_LOSS or FAILED_PRECONDITION and say what is wrong.
class ModelAssembler {
 public:
  ModelAssembler(v1::Report report, v1::Lease lease);

  // A piece of the graph; the repeated fields of pieces are concatenated.
  void AddGraph(const v1::Graph& piece) { model_.graph_.MergeFrom(piece); }

  // All buffers at once, in order.
  absl::Status AddInline(const google::protobuf::RepeatedPtrField<std::string>& buffers);

  // The sealed artifact and, if anything was decoded, the sealed decoded bytes.
  absl::Status AddFiles(HandedFiles files, Access access);

  // One chunk of a stream; those of one buffer come in order.
  absl::Status AddChunk(const v1::BufferChunk& chunk);
  // The end of a stream.
  absl::Status AddEnd(const v1::FetchEnd& end);

  absl::StatusOr<Model> Finish() &&;

 private:
  absl::Status Prepare();
  absl::Status MapBuffer(int index);
  absl::Status AllocateBuffer(int index);

  Model model_;
  bool prepared_ = false;
  // Bytes that are there, for each buffer; Finish wants all of them.
  std::vector<uint64_t> filled_;
};

}  // namespace loadlock::client

#endif  // LOADLOCK_CLIENT_CPP_MODEL_H_
