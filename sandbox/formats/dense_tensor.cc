#include "sandbox/formats/dense_tensor.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace loadlock::formats {

graph::NodeId DenseTensor(graph::Builder* builder, std::string_view type, uint64_t item_size,
                          absl::Span<const int64_t> shape, const graph::Buffer& data) {
  graph::StorageInfo storage;
  storage.type = type;
  storage.buffer = builder->AddBuffer(data);
  storage.elements = data.length / item_size;
  storage.item_size = item_size;
  graph::TensorInfo tensor;
  tensor.parts[0] = builder->Storage(storage);
  tensor.part_count = 1;
  tensor.rank = static_cast<uint8_t>(shape.size());
  tensor.type = type;
  // Offset, sizes, strides. A tensor without elements may have sizes whose product is beyond all
  // numbers; its strides are of no matter.
  const size_t rank = shape.size();
  std::vector<int64_t> geometry(1 + 2 * rank, 0);
  std::copy(shape.begin(), shape.end(), geometry.begin() + 1);
  const bool empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
  int64_t stride = 1;
  for (size_t i = rank; i > 0; --i) {
    geometry[rank + i] = empty ? 1 : stride;
    if (!empty) stride *= shape[i - 1];
  }
  return builder->Tensor(graph::Kind::kTensor, tensor, geometry);
}

graph::NodeId DescribedTensor(graph::Builder* builder, std::string_view type,
                              absl::Span<const int64_t> shape, absl::Span<const int64_t> in_bytes,
                              const graph::Buffer& data) {
  graph::ArrayInfo info;
  info.dtype = builder->Dtype("|u1");
  info.shape.assign(in_bytes.begin(), in_bytes.end());
  info.buffer = builder->AddBuffer(data);
  const graph::NodeId array = builder->Array(std::move(info));
  std::vector<graph::NodeId> sizes;
  for (const int64_t size : shape) sizes.push_back(builder->Int(size));
  const graph::NodeId dict = builder->Dict();
  builder->Extend(dict, {builder->Str("type"), builder->Str(type), builder->Str("shape"),
                         builder->Tuple(sizes), builder->Str("data"), array});
  return dict;
}

}  // namespace loadlock::formats
