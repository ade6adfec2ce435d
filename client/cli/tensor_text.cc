#include "client/cli/tensor_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/cli/text.h"

namespace loadlock::cli {
namespace {

constexpr uint32_t kRequiresGrad = 1;
constexpr uint32_t kCoalesced = 8;

std::string Tuple(const std::vector<uint64_t>& numbers) {
  std::string out = "(";
  for (size_t i = 0; i < numbers.size(); ++i) absl::StrAppend(&out, i == 0 ? "" : ", ", numbers[i]);
  return out + (numbers.size() == 1 ? ",)" : ")");
}

// "(3, 4) float32, 48 B", and what is out of the ordinary.
std::string Strided(const client::TensorReader& reader, uint32_t node) {
  const absl::StatusOr<client::Tensor> tensor = reader.Read(node);
  if (!tensor.ok()) return kBroken;
  std::string out = absl::StrCat(Tuple(tensor->sizes), " ", tensor->dtype);
  if (!tensor->IsContiguous()) absl::StrAppend(&out, ", strides ", Tuple(tensor->strides));
  if (tensor->offset != 0) absl::StrAppend(&out, ", from element ", tensor->offset);
  if (tensor->conjugate) absl::StrAppend(&out, ", conjugate");
  if (tensor->negative) absl::StrAppend(&out, ", negative");
  if (tensor->requires_grad) absl::StrAppend(&out, ", requires grad");
  return out;
}

std::string Quantized(const GraphColumns& graph, const client::TensorReader& reader,
                      uint32_t node) {
  return absl::StrCat("tensor ", Strided(reader, node), ", scale ",
                      graph.Float(graph.Operand(node, 4)), ", zero point ",
                      graph.Int(graph.Operand(node, 5)));
}

std::string Sparse(const GraphColumns& graph, uint32_t node) {
  const uint32_t flags = graph.Operand(node, 1);
  return absl::StrCat("tensor ", graph.Shape(node, 2), " ", graph.String(graph.Operand(node, 0)),
                      (flags & kCoalesced) != 0 ? ", coalesced" : "",
                      (flags & kRequiresGrad) != 0 ? ", requires grad" : "");
}

// Of a parameter or a tensor with attributes: the tensor below it, which may be sparse.
std::string Below(const GraphColumns& graph, const client::TensorReader& reader, uint32_t node) {
  const uint32_t tensor = graph.Operand(node, 0);
  return graph.Kind(tensor) == v1::NODE_KIND_SPARSE_TENSOR
             ? graph.Shape(tensor, 2) + " " + graph.String(graph.Operand(tensor, 0))
             : Strided(reader, node);
}

std::string Device(const GraphColumns& graph, uint32_t node) {
  const uint32_t index = graph.Operand(node, 1);
  return absl::StrCat("device ", graph.String(graph.Operand(node, 0)),
                      index == GraphColumns::kNoNode ? "" : absl::StrCat(":", index));
}

std::string Size(const GraphColumns& graph, uint32_t node) {
  constexpr uint32_t kMaxRank = 64;
  const uint32_t rank = graph.Operand(node, 1);
  if (rank > kMaxRank) return kBroken;
  std::string out = "size (";
  for (uint32_t i = 0; i < rank; ++i) {
    absl::StrAppend(&out, i == 0 ? "" : ", ", graph.Int(graph.Operand(node, 0) + i));
  }
  return out + (rank == 1 ? ",)" : ")");
}

}  // namespace

bool IsTensorKind(v1::NodeKind kind) {
  return kind >= v1::NODE_KIND_STORAGE && kind <= v1::NODE_KIND_TORCH_DEVICE;
}

std::string TensorText(const GraphColumns& graph, const client::TensorReader& reader,
                       uint32_t node) {
  switch (graph.Kind(node)) {
    case v1::NODE_KIND_STORAGE:
      return absl::StrCat("storage of ", graph.Int(graph.Operand(node, 2)), " ",
                          graph.String(graph.Operand(node, 0)));
    case v1::NODE_KIND_TENSOR:
      return absl::StrCat("tensor ", Strided(reader, node));
    case v1::NODE_KIND_SPARSE_TENSOR:
      return Sparse(graph, node);
    case v1::NODE_KIND_QUANTIZED_TENSOR:
      return Quantized(graph, reader, node);
    case v1::NODE_KIND_CHANNEL_QUANTIZED_TENSOR:
      return absl::StrCat("tensor ", Strided(reader, node), ", quantized along axis ",
                          graph.Int(graph.Operand(node, 6)));
    case v1::NODE_KIND_PARAMETER:
      return absl::StrCat("parameter ", Below(graph, reader, node));
    case v1::NODE_KIND_TENSOR_WITH_STATE:
      return absl::StrCat("tensor ", Below(graph, reader, node));
    case v1::NODE_KIND_TORCH_SIZE:
      return Size(graph, node);
    case v1::NODE_KIND_TORCH_DEVICE:
      return Device(graph, node);
    default:
      return kBroken;
  }
}

std::vector<TensorPart> TensorParts(const GraphColumns& graph, uint32_t node) {
  constexpr absl::string_view kCoo[] = {"indices", "values"};
  constexpr absl::string_view kCompressed[] = {"compressed indices", "plain indices", "values"};
  std::vector<TensorPart> parts;
  switch (graph.Kind(node)) {
    case v1::NODE_KIND_SPARSE_TENSOR: {
      // [layout, flags, rank, first, parts...]
      const size_t count = graph.OperandCount(node);
      const size_t most = std::min<size_t>(count < 4 ? 0 : count - 4, 3);
      for (size_t i = 0; i < most; ++i) {
        parts.push_back({most == 2 ? kCoo[i] : kCompressed[i], graph.Operand(node, 4 + i)});
      }
      break;
    }
    case v1::NODE_KIND_CHANNEL_QUANTIZED_TENSOR:
      parts.push_back({"scales", graph.Operand(node, 4)});
      parts.push_back({"zero points", graph.Operand(node, 5)});
      break;
    case v1::NODE_KIND_PARAMETER:
    case v1::NODE_KIND_TENSOR_WITH_STATE: {
      const size_t place = graph.Kind(node) == v1::NODE_KIND_PARAMETER ? 2 : 1;
      if (graph.Operand(node, place) == GraphColumns::kNoNode) break;
      parts.push_back({"state", graph.Operand(node, place), true});
      break;
    }
    default:
      break;
  }
  return parts;
}

}  // namespace loadlock::cli
