// Tensors of a vetted model, read from its graph.
//
//   auto tensor = model.TensorAt(node);       // a node of kind TENSOR, PARAMETER, NDARRAY, ...
//   for (const auto& [name, node] : model.NamedTensors()) ...
//
// Nothing here trusts the graph: what is not in range is an error, never a read.
#ifndef LOADLOCK_CLIENT_CPP_TENSOR_H_
#define LOADLOCK_CLIENT_CPP_TENSOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "loadlock/v1/graph.pb.h"

namespace loadlock::client {

// How the elements of a tensor lie in its storage.
struct Tensor {
  // torch's name without "torch.": "float32", "bfloat16", "qint8". For an NDARRAY numpy's
  // typestr in canonical form: "<f4".
  std::string dtype;
  // Bytes of an element.
  uint64_t item_size = 0;
  // Offset and strides are in elements; the last element lies inside the storage.
  uint64_t offset = 0;
  std::vector<uint64_t> sizes;
  std::vector<uint64_t> strides;
  bool requires_grad = false;
  // The values are the conjugates, or the negatives, of those in the storage.
  bool conjugate = false;
  bool negative = false;
  // Index of the buffer that is the storage; none on the meta device, or if it is empty.
  std::optional<uint32_t> buffer;

  // Product of the sizes.
  uint64_t ElementCount() const;
  // Whether the elements follow one another in row-major order.
  bool IsContiguous() const;
};

// Bytes of an element of torch's type `name`; 0 if there is no such type.
uint64_t ElementSize(absl::string_view name);

// Finds tensors in a graph. `graph` must outlive it.
class TensorReader {
 public:
  explicit TensorReader(const v1::Graph& graph);

  // Of a node of kind TENSOR, QUANTIZED_TENSOR, CHANNEL_QUANTIZED_TENSOR (their integers), NDARRAY,
  // or PARAMETER and TENSOR_WITH_STATE over one of these. Errors: INVALID_ARGUMENT for another
  // node, DATA_LOSS if the graph is not consistent.
  absl::StatusOr<Tensor> Read(uint32_t node) const;

  // Names and nodes of what Read takes in the dict at the root, in its order; other entries are
  // left out. Empty if the root is no dict.
  std::vector<std::pair<std::string, uint32_t>> Named() const;

 private:
  absl::Span<const uint32_t> Operands(uint32_t node) const;
  v1::NodeKind Kind(uint32_t node) const;
  absl::StatusOr<std::string> String(uint32_t index) const;
  absl::StatusOr<std::vector<uint64_t>> Ints(uint32_t first, uint64_t count) const;
  absl::StatusOr<Tensor> ReadStrided(absl::Span<const uint32_t> operands, bool with_flags) const;
  absl::StatusOr<Tensor> ReadArray(absl::Span<const uint32_t> operands) const;
  absl::StatusOr<uint64_t> ReadStorage(uint32_t node, Tensor* tensor) const;
  bool IsTensor(uint32_t node) const;

  const v1::Graph& graph_;
  // First operand of each node.
  std::vector<uint64_t> starts_;
};

}  // namespace loadlock::client

#endif  // LOADLOCK_CLIENT_CPP_TENSOR_H_
