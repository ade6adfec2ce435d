#include "client/cpp/tensor.h"

#include <algorithm>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace loadlock::client {
namespace {

constexpr uint32_t kAbsent = 0xFFFFFFFF;
constexpr uint64_t kMaxRank = 64;
// Bytes that the elements of a tensor may come to, stride 0 included.
constexpr uint64_t kMaxBytes = uint64_t{1} << 62;
constexpr uint32_t kRequiresGrad = 1;
constexpr uint32_t kConjugate = 2;
constexpr uint32_t kNegative = 4;

struct Element {
  absl::string_view name;
  uint64_t size;
};

constexpr Element kElements[] = {
    {"bool", 1},
    {"int8", 1},
    {"int16", 2},
    {"int32", 4},
    {"int64", 8},
    {"uint8", 1},
    {"uint16", 2},
    {"uint32", 4},
    {"uint64", 8},
    {"float16", 2},
    {"float32", 4},
    {"float64", 8},
    {"bfloat16", 2},
    {"float8_e4m3fn", 1},
    {"float8_e5m2", 1},
    {"float8_e8m0fnu", 1},
    {"float8_e4m3fnuz", 1},
    {"float8_e5m2fnuz", 1},
    {"float4_e2m1fn_x2", 1},
    {"complex32", 4},
    {"complex64", 8},
    {"complex128", 16},
    {"qint8", 1},
    {"quint8", 1},
    {"qint32", 4},
};

absl::Status Broken(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("the graph is not consistent: ", what));
}

// a * b and a + b, at most 2^64 - 1.
uint64_t Times(uint64_t a, uint64_t b) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  return b != 0 && a > kMost / b ? kMost : a * b;
}
uint64_t Plus(uint64_t a, uint64_t b) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  return a > kMost - b ? kMost : a + b;
}

// One past the last element, or the offset if there is none.
uint64_t End(const Tensor& tensor) {
  if (tensor.ElementCount() == 0) return tensor.offset;
  uint64_t end = Plus(tensor.offset, 1);
  for (size_t i = 0; i < tensor.sizes.size(); ++i) {
    end = Plus(end, Times(tensor.sizes[i] - 1, tensor.strides[i]));
  }
  return end;
}

absl::Status Check(const Tensor& tensor, uint64_t storage_bytes) {
  uint64_t bytes = tensor.item_size;
  for (const uint64_t size : tensor.sizes) bytes = Times(bytes, std::max<uint64_t>(size, 1));
  if (bytes >= kMaxBytes) return Broken("a tensor is too large");
  if (Times(End(tensor), tensor.item_size) > storage_bytes) {
    return Broken("a tensor leaves its storage");
  }
  return absl::OkStatus();
}

// Bytes of an item of a canonical typestr of numbers: "<f8", "|b1"; 0 for any other.
uint64_t TypestrSize(absl::string_view typestr) {
  constexpr absl::string_view kKinds = "biufc";
  uint64_t size = 0;
  if (typestr.size() < 3 || kKinds.find(typestr[1]) == absl::string_view::npos ||
      !absl::SimpleAtoi(typestr.substr(2), &size) || size > 32) {
    return 0;
  }
  return size;
}

}  // namespace

uint64_t ElementSize(absl::string_view name) {
  for (const Element& element : kElements) {
    if (element.name == name) return element.size;
  }
  return 0;
}

uint64_t Tensor::ElementCount() const {
  uint64_t count = 1;
  for (const uint64_t size : sizes) {
    if (size == 0) return 0;
    count = Times(count, size);
  }
  return count;
}

bool Tensor::IsContiguous() const {
  uint64_t expected = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    if (sizes[i] != 1 && strides[i] != expected) return false;
    expected = Times(expected, sizes[i]);
  }
  return true;
}

TensorReader::TensorReader(const v1::Graph& graph) : graph_(graph) {
  const int nodes = std::min(graph.kinds_size(), graph.operand_counts_size());
  starts_.reserve(static_cast<size_t>(nodes));
  uint64_t start = 0;
  for (int i = 0; i < nodes; ++i) {
    starts_.push_back(start);
    start += graph.operand_counts(i);
  }
}

v1::NodeKind TensorReader::Kind(uint32_t node) const {
  return node < starts_.size() ? graph_.kinds(static_cast<int>(node)) : v1::NODE_KIND_UNSPECIFIED;
}

absl::Span<const uint32_t> TensorReader::Operands(uint32_t node) const {
  if (node >= starts_.size()) return {};
  const uint64_t count = graph_.operand_counts(static_cast<int>(node));
  const uint64_t all = static_cast<uint64_t>(graph_.operands_size());
  if (starts_[node] > all || count > all - starts_[node]) return {};
  return absl::MakeConstSpan(graph_.operands().data(), all).subspan(starts_[node], count);
}

absl::StatusOr<std::string> TensorReader::String(uint32_t index) const {
  if (index >= static_cast<uint32_t>(graph_.strings_size())) return Broken("no such string");
  return graph_.strings(static_cast<int>(index));
}

absl::StatusOr<std::vector<uint64_t>> TensorReader::Ints(uint32_t first, uint64_t count) const {
  const uint64_t all = static_cast<uint64_t>(graph_.ints_size());
  if (first > all || count > all - first) return Broken("a run leaves its pool");
  std::vector<uint64_t> out;
  out.reserve(count);
  for (uint64_t i = first; i < first + count; ++i) {
    const int64_t value = graph_.ints(static_cast<int>(i));
    if (value < 0) return Broken("a negative size");
    out.push_back(static_cast<uint64_t>(value));
  }
  return out;
}

// Bytes of the storage; sets the tensor's buffer.
absl::StatusOr<uint64_t> TensorReader::ReadStorage(uint32_t node, Tensor* tensor) const {
  const absl::Span<const uint32_t> operands = Operands(node);
  if (Kind(node) != v1::NODE_KIND_STORAGE || operands.size() != 3) return Broken("no storage");
  absl::StatusOr<std::string> element = String(operands[0]);
  if (!element.ok()) return element.status();
  absl::StatusOr<std::vector<uint64_t>> count = Ints(operands[2], 1);
  if (!count.ok()) return count.status();
  const uint64_t item_size = ElementSize(*element);
  if (item_size == 0) return Broken("an unknown element type");
  const uint64_t bytes = Times(count->front(), item_size);
  if (operands[1] == kAbsent) return bytes;
  if (operands[1] >= static_cast<uint32_t>(graph_.buffer_lengths_size()) ||
      graph_.buffer_lengths(static_cast<int>(operands[1])) != bytes) {
    return Broken("a storage does not fill its buffer");
  }
  tensor->buffer = operands[1];
  return bytes;
}

// [STORAGE, dtype, (flags,) rank, first, ...]
absl::StatusOr<Tensor> TensorReader::ReadStrided(absl::Span<const uint32_t> operands,
                                                 bool with_flags) const {
  if (operands.size() < (with_flags ? 5 : 4)) return Broken("a tensor without its operands");
  Tensor tensor;
  absl::StatusOr<std::string> dtype = String(operands[1]);
  if (!dtype.ok()) return dtype.status();
  tensor.dtype = *std::move(dtype);
  tensor.item_size = ElementSize(tensor.dtype);
  if (tensor.item_size == 0) return Broken("an unknown element type");
  const absl::Span<const uint32_t> rest = operands.subspan(with_flags ? 3 : 2);
  const uint64_t rank = rest[0];
  if (rank > kMaxRank) return Broken("the rank of a tensor");
  absl::StatusOr<std::vector<uint64_t>> layout = Ints(rest[1], 1 + 2 * rank);
  if (!layout.ok()) return layout.status();
  const auto sizes = layout->begin() + 1;
  const auto strides = sizes + static_cast<std::ptrdiff_t>(rank);
  tensor.offset = layout->front();
  tensor.sizes.assign(sizes, strides);
  tensor.strides.assign(strides, layout->end());
  if (with_flags) {
    tensor.requires_grad = (operands[2] & kRequiresGrad) != 0;
    tensor.conjugate = (operands[2] & kConjugate) != 0;
    tensor.negative = (operands[2] & kNegative) != 0;
  }
  absl::StatusOr<uint64_t> bytes = ReadStorage(operands[0], &tensor);
  if (!bytes.ok()) return bytes.status();
  if (absl::Status status = Check(tensor, *bytes); !status.ok()) return status;
  return tensor;
}

// [dtype, buffer, order, rank, first]
absl::StatusOr<Tensor> TensorReader::ReadArray(absl::Span<const uint32_t> operands) const {
  if (operands.size() != 5) return Broken("an array without its operands");
  const absl::Span<const uint32_t> type = Operands(operands[0]);
  if (Kind(operands[0]) != v1::NODE_KIND_DTYPE || type.size() != 1) {
    return absl::InvalidArgumentError("an array of records is no tensor");
  }
  absl::StatusOr<std::string> typestr = String(type[0]);
  if (!typestr.ok()) return typestr.status();
  Tensor tensor;
  tensor.dtype = *std::move(typestr);
  tensor.item_size = TypestrSize(tensor.dtype);
  if (tensor.item_size == 0) return absl::InvalidArgumentError("an array of no numbers");
  if (operands[3] > kMaxRank) return Broken("the rank of an array");
  absl::StatusOr<std::vector<uint64_t>> sizes = Ints(operands[4], operands[3]);
  if (!sizes.ok()) return sizes.status();
  tensor.sizes = *std::move(sizes);
  tensor.strides.resize(tensor.sizes.size());
  uint64_t stride = 1;
  for (size_t i = 0; i < tensor.sizes.size(); ++i) {
    const size_t axis = operands[2] == 1 ? i : tensor.sizes.size() - 1 - i;
    tensor.strides[axis] = stride;
    stride = Times(stride, std::max<uint64_t>(tensor.sizes[axis], 1));
  }
  if (operands[1] >= static_cast<uint32_t>(graph_.buffer_lengths_size())) {
    return Broken("no such buffer");
  }
  tensor.buffer = operands[1];
  const uint64_t bytes = graph_.buffer_lengths(static_cast<int>(operands[1]));
  if (absl::Status status = Check(tensor, bytes); !status.ok()) return status;
  return tensor;
}

absl::StatusOr<Tensor> TensorReader::Read(uint32_t node) const {
  std::optional<bool> requires_grad;
  absl::Span<const uint32_t> operands = Operands(node);
  if (Kind(node) == v1::NODE_KIND_PARAMETER || Kind(node) == v1::NODE_KIND_TENSOR_WITH_STATE) {
    const bool parameter = Kind(node) == v1::NODE_KIND_PARAMETER;
    if (operands.size() != (parameter ? 3 : 2)) return Broken("a tensor without its operands");
    if (parameter) requires_grad = operands[1] == 1;
    node = operands[0];
    operands = Operands(node);
  }
  absl::StatusOr<Tensor> tensor = absl::InvalidArgumentError("the node is no strided tensor");
  switch (Kind(node)) {
    case v1::NODE_KIND_TENSOR:
      tensor = ReadStrided(operands, true);
      break;
    case v1::NODE_KIND_QUANTIZED_TENSOR:
    case v1::NODE_KIND_CHANNEL_QUANTIZED_TENSOR:
      tensor = ReadStrided(operands, false);
      break;
    case v1::NODE_KIND_NDARRAY:
      tensor = ReadArray(operands);
      break;
    default:
      break;
  }
  if (tensor.ok() && requires_grad.has_value()) tensor->requires_grad = *requires_grad;
  return tensor;
}

bool TensorReader::IsTensor(uint32_t node) const {
  switch (Kind(node)) {
    case v1::NODE_KIND_TENSOR:
    case v1::NODE_KIND_QUANTIZED_TENSOR:
    case v1::NODE_KIND_CHANNEL_QUANTIZED_TENSOR:
    case v1::NODE_KIND_NDARRAY:
    case v1::NODE_KIND_PARAMETER:
    case v1::NODE_KIND_TENSOR_WITH_STATE:
      return true;
    default:
      return false;
  }
}

std::vector<std::pair<std::string, uint32_t>> TensorReader::Named() const {
  std::vector<std::pair<std::string, uint32_t>> named;
  absl::Span<const uint32_t> operands = Operands(graph_.root());
  const v1::NodeKind kind = Kind(graph_.root());
  const auto add = [&](uint32_t text, uint32_t node) {
    const absl::StatusOr<std::string> name = String(text);
    if (name.ok() && IsTensor(node)) named.emplace_back(*name, node);
  };
  if (kind == v1::NODE_KIND_DICT_STR) {
    const size_t half = operands.size() / 2;
    for (size_t i = 0; i < half; ++i) add(operands[i], operands[half + i]);
    return named;
  }
  // Operand 0 is the metadata.
  if (kind == v1::NODE_KIND_STATE_DICT && !operands.empty()) {
    operands.remove_prefix(1);
  } else if (kind != v1::NODE_KIND_DICT && kind != v1::NODE_KIND_ORDERED_DICT) {
    return named;
  }
  for (size_t i = 0; i + 1 < operands.size(); i += 2) {
    const absl::Span<const uint32_t> key = Operands(operands[i]);
    if (Kind(operands[i]) == v1::NODE_KIND_STR && key.size() == 1) add(key[0], operands[i + 1]);
  }
  return named;
}

}  // namespace loadlock::client
