#include "server/verify/torch/tensor.h"

#include "server/verify/torch/structure.h"

namespace loadlock::verify::torch {
namespace {

// Below it no product of 64 bits with a sign overflows, and none does at torch.
constexpr uint64_t kMaxBytes = uint64_t{1} << 62U;

absl::Span<const int64_t> Ints(const Scope& scope, uint32_t first, uint32_t count) {
  return {scope.view().graph().ints().data() + first, count};
}

// Place of the last element; nullopt if it lies beyond any storage.
std::optional<uint64_t> LastPlace(const Strided& view) {
  auto last = static_cast<uint64_t>(view.offset);
  for (size_t i = 0; i < view.rank(); ++i) {
    uint64_t span = 0;
    const auto steps = static_cast<uint64_t>(view.sizes[i] - 1);
    if (__builtin_mul_overflow(steps, static_cast<uint64_t>(view.strides[i]), &span) ||
        __builtin_add_overflow(last, span, &last)) {
      return std::nullopt;
    }
  }
  return last;
}

std::string WhyNotInside(const Strided& view, uint64_t storage_bytes) {
  const uint64_t room = storage_bytes / view.type->size;
  if (view.elements == 0) {
    return static_cast<uint64_t>(view.offset) <= room ? ""
                                                      : "an empty view begins past its storage";
  }
  const std::optional<uint64_t> last = LastPlace(view);
  return last && *last < room ? "" : "the view reaches past the end of its storage";
}

// Places of operands that differ between kinds.
struct Places {
  size_t rank = 3;
  size_t first = 4;
};
Places PlacesOf(v1::NodeKind kind) {
  return kind == v1::NODE_KIND_TENSOR ? Places{3, 4} : Places{2, 3};
}

std::string WhyNotOfStorage(const ElementType& type, const ElementType& storage, int64_t elements) {
  if (storage.name == type.name || elements == 0) return "";
  // An untyped storage is written as one of uint8.
  if (storage.name == "uint8" && !type.quantized()) return "";
  return "its dtype is not that of its storage";
}

}  // namespace

std::optional<uint64_t> Elements(absl::Span<const int64_t> sizes, uint32_t item) {
  uint64_t product = 1;
  bool empty = false;
  for (const int64_t size : sizes) {
    if (size < 0) return std::nullopt;
    if (size == 0) {
      empty = true;
      continue;
    }
    // Zeros are left out: torch multiplies the others all the same.
    if (product >= kMaxBytes / item / static_cast<uint64_t>(size)) {
      if (__builtin_mul_overflow(product, static_cast<uint64_t>(size), &product) ||
          product >= kMaxBytes / item) {
        return std::nullopt;
      }
      continue;
    }
    product *= static_cast<uint64_t>(size);
  }
  return empty ? 0 : product;
}

StridedOrWhy StridedOf(const Scope& scope, NodeId tensor) {
  const View& graph = scope.view();
  const absl::Span<const uint32_t> operands = graph.operands(tensor);
  const Places places = PlacesOf(graph.kind(tensor));
  const uint32_t rank = operands[places.rank];
  const uint32_t first = operands[places.first];
  StridedOrWhy result;
  Strided& view = result.view;
  view.type = FindElementType(graph.string(operands[1]));
  if (graph.kind(tensor) == v1::NODE_KIND_TENSOR) view.flags = operands[2];
  view.offset = graph.integer(first);
  view.sizes = Ints(scope, first + 1, rank);
  view.strides = Ints(scope, first + 1 + rank, rank);
  bool negative = view.offset < 0;
  for (const int64_t stride : view.strides) negative = negative || stride < 0;
  const std::optional<uint64_t> elements = Elements(view.sizes, view.type->size);
  if (negative || !elements) {
    result.why = "a size, stride or offset is negative, or the sizes' product overflows";
    return result;
  }
  view.elements = *elements;
  const absl::Span<const uint32_t> storage = graph.operands(operands[0]);
  const ElementType* stored = FindElementType(graph.string(storage[0]));
  const int64_t length = graph.integer(storage[2]);
  view.meta = storage[1] == kAbsent;
  if (!view.meta) view.bytes = scope.Buffer(storage[1]);
  result.why = WhyNotOfStorage(*view.type, *stored, length);
  if (result.why.empty()) {
    result.why = WhyNotInside(view, static_cast<uint64_t>(length) * stored->size);
  }
  return result;
}

std::optional<Facts> FactsOf(const Scope& scope, Value value) {
  if (!value.is_node() || !IsTensor(scope.view().kind(value.index))) return std::nullopt;
  const View& graph = scope.view();
  Facts facts;
  NodeId node = value.index;
  if (!IsPlainTensor(graph.kind(node))) {
    facts.parameter = graph.kind(node) == v1::NODE_KIND_PARAMETER;
    node = graph.operands(node)[0];
  }
  facts.kind = graph.kind(node);
  const absl::Span<const uint32_t> operands = graph.operands(node);
  if (facts.kind == v1::NODE_KIND_SPARSE_TENSOR) {
    facts.sizes = Ints(scope, operands[3], operands[2]);
    // The values come last.
    facts.type = FindElementType(graph.string(graph.operands(operands.back())[1]));
    return facts;
  }
  const Places places = PlacesOf(facts.kind);
  facts.sizes = Ints(scope, operands[places.first] + 1, operands[places.rank]);
  facts.type = FindElementType(graph.string(operands[1]));
  return facts;
}

}  // namespace loadlock::verify::torch
