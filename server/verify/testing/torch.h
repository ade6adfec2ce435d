// Tensors and modules for tests, written as expressions like those of make.h.
#ifndef LOADLOCK_SERVER_VERIFY_TESTING_TORCH_H_
#define LOADLOCK_SERVER_VERIFY_TESTING_TORCH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {

// The same node wherever it stands in a graph.
Maker Once(Maker maker);

Maker Set(Makers items);
// A DICT of any keys: key, value, key, value.
Maker Pairs(Makers items, v1::NodeKind kind = v1::NODE_KIND_DICT);
// metadata, then keys and values by turns.
Maker StateDict(Maker metadata, Makers items);

// `bytes` of elements of a torch dtype, as many as there are if `elements` is not given.
Maker Storage(std::string type, std::string bytes, int64_t elements = -1);
Maker MetaStorage(std::string type, int64_t elements);

struct ViewSpec {
  std::string dtype = "float32";
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
  int64_t offset = 0;
  uint32_t flags = 0;
};
Maker TensorOf(Maker storage, ViewSpec view);

template <typename T>
constexpr const char* TorchType() {
  if constexpr (std::is_same_v<T, double>) return "float64";
  if constexpr (std::is_same_v<T, float>) return "float32";
  if constexpr (std::is_same_v<T, int32_t>) return "int32";
  if constexpr (std::is_same_v<T, int64_t>) return "int64";
  if constexpr (std::is_same_v<T, int8_t>) return "int8";
  return "uint8";
}
std::vector<int64_t> RowMajor(const std::vector<int64_t>& sizes);
// Over a storage of its own.
template <typename T>
Maker Tensor(std::vector<int64_t> sizes, const std::vector<T>& values) {
  const std::vector<int64_t> strides = RowMajor(sizes);
  return TensorOf(Storage(TorchType<T>(), Bytes(values)),
                  {TorchType<T>(), std::move(sizes), strides, 0, 0});
}
// float32 of zeros.
Maker Blank(std::vector<int64_t> sizes);

struct SparseSpec {
  std::string layout = "sparse_coo";
  uint32_t flags = 0;
  std::vector<int64_t> sizes;
  Makers parts;
};
Maker Sparse(SparseSpec spec);

struct QuantSpec {
  std::string dtype = "qint8";
  std::string storage = "qint8";
  std::string bytes = std::string(6, '\1');
  std::vector<int64_t> sizes = {2, 3};
  std::vector<int64_t> strides = {3, 1};
  // Per tensor, unless there are scales.
  double scale = 0.5;
  int64_t zero = 0;
  Maker scales;
  Maker zeros;
  int64_t axis = 0;
};
Maker Quantized(const QuantSpec& spec);

Maker Parameter(Maker tensor, bool requires_grad = true, Maker state = nullptr);
Maker WithState(Maker tensor, Maker state);

// What every module holds, with these parameters, buffers and children.
Attrs ModuleAttrs(Attrs parameters = {}, Attrs modules = {}, Attrs buffers = {});
// Both sets of attributes.
Attrs Join(Attrs attrs, const Attrs& more);
Maker Linear(int64_t in, int64_t out, std::string class_name = "torch.nn.modules.linear.Linear");

// The outcome under the policy "torch".
std::string TorchOutcome(const Maker& root);

}  // namespace loadlock::verify::testing

#endif  // LOADLOCK_SERVER_VERIFY_TESTING_TORCH_H_
