#include "server/verify/torch/structure.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/verify/findings.h"
#include "server/verify/torch/element_type.h"

namespace loadlock::verify::torch {
namespace {

// torch's own limit of dimensions for most operations.
constexpr uint32_t kMaxRank = 64;
// No process has more bytes; on the meta device no bytes are needed, and torch's arithmetic of
// sizes is of 64 bits with a sign.
constexpr int64_t kMaxBytes = int64_t{1} << 62U;
constexpr uint32_t kTensorFlags = 1 | 2 | 4;
constexpr uint32_t kSparseFlags = 1 | 8;
constexpr uint32_t kMaxDeviceIndex = 127;
constexpr std::array<absl::string_view, 5> kDevices = {"cpu", "cuda", "mps", "meta", "xpu"};

class Checker {
 public:
  Checker(const View& view, NodeId id)
      : view_(view), operands_(view.operands(id)), graph_(view.graph()) {}

  std::string Check(v1::NodeKind kind) const {
    switch (kind) {
      case v1::NODE_KIND_STORAGE:
        return Storage();
      case v1::NODE_KIND_TENSOR:
        return Tensor();
      case v1::NODE_KIND_SPARSE_TENSOR:
        return Sparse();
      case v1::NODE_KIND_QUANTIZED_TENSOR:
        return Quantized();
      case v1::NODE_KIND_CHANNEL_QUANTIZED_TENSOR:
        return ChannelQuantized();
      case v1::NODE_KIND_PARAMETER:
        return Parameter();
      case v1::NODE_KIND_TENSOR_WITH_STATE:
        return WithState();
      case v1::NODE_KIND_TORCH_SIZE:
        if (operands_.size() != 2) return "number of operands";
        return operands_[1] <= kMaxRank && Ints(operands_[0], operands_[1]) ? "" : "run";
      case v1::NODE_KIND_TORCH_DEVICE:
        return Device();
      case v1::NODE_KIND_STATE_DICT:
        return StateDict();
      default:
        return "unknown kind";
    }
  }

 private:
  bool IsNode(uint32_t operand) const { return operand < view_.size(); }
  bool IsString(uint32_t operand) const {
    return operand < static_cast<uint64_t>(graph_.strings_size());
  }
  bool Ints(uint64_t first, uint64_t count) const {
    const auto size = static_cast<uint64_t>(graph_.ints_size());
    return first <= size && count <= size - first;
  }
  bool NodeIs(uint32_t operand, v1::NodeKind kind) const {
    return IsNode(operand) && view_.kind(operand) == kind;
  }
  bool IsPlainDict(uint32_t operand) const {
    return IsNode(operand) && IsDictKind(view_.kind(operand)) &&
           view_.kind(operand) != v1::NODE_KIND_STATE_DICT;
  }

  // Of an operand that is a string.
  std::string WhyNoType(uint32_t operand) const {
    if (!IsString(operand)) return "an operand is out of range";
    const absl::string_view name = view_.string(operand);
    if (FindElementType(name) != nullptr) return "";
    return absl::StrCat("no element type that loadlock knows: ", Safe(name, 32));
  }

  // Offset, sizes and strides.
  bool Layout(uint32_t rank, uint32_t first) const {
    return rank <= kMaxRank && Ints(first, 1 + 2 * uint64_t{rank});
  }

  std::string Storage() const {
    if (operands_.size() != 3) return "number of operands";
    if (std::string why = WhyNoType(operands_[0]); !why.empty()) return why;
    if (!Ints(operands_[2], 1)) return "an operand is out of range";
    const int64_t item = FindElementType(view_.string(operands_[0]))->size;
    const int64_t elements = view_.integer(operands_[2]);
    if (elements < 0 || elements > kMaxBytes / item) return "number of elements";
    if (operands_[1] == kAbsent) return "";
    if (operands_[1] >= static_cast<uint64_t>(graph_.buffer_lengths_size())) {
      return "an operand is out of range";
    }
    const uint64_t length = graph_.buffer_lengths(static_cast<int>(operands_[1]));
    if (static_cast<uint64_t>(elements) * static_cast<uint64_t>(item) == length) return "";
    return "the buffer's length is not elements times item size";
  }

  std::string StridedOperands(uint32_t rank, uint32_t first) const {
    if (!NodeIs(operands_[0], v1::NODE_KIND_STORAGE)) return "no storage";
    if (std::string why = WhyNoType(operands_[1]); !why.empty()) return why;
    return Layout(rank, first) ? "" : "run";
  }

  std::string Tensor() const {
    if (operands_.size() != 5) return "number of operands";
    if ((operands_[2] & ~kTensorFlags) != 0) return "unknown flags";
    return StridedOperands(operands_[3], operands_[4]);
  }

  std::string Sparse() const {
    if (operands_.size() < 4 || !IsString(operands_[0])) return "operands";
    const absl::string_view layout = view_.string(operands_[0]);
    size_t parts = 3;
    if (layout == "sparse_coo") {
      parts = 2;
    } else if (layout != "sparse_csr" && layout != "sparse_csc" && layout != "sparse_bsr" &&
               layout != "sparse_bsc") {
      return "unknown layout";
    }
    if (operands_.size() != 4 + parts) return "number of operands";
    if ((operands_[1] & ~kSparseFlags) != 0) return "unknown flags";
    if (operands_[2] > kMaxRank || !Ints(operands_[3], operands_[2])) return "run";
    for (const uint32_t part : operands_.subspan(4)) {
      if (!NodeIs(part, v1::NODE_KIND_TENSOR)) return "a part is no strided tensor";
    }
    return "";
  }

  std::string Quantized() const {
    if (operands_.size() != 6) return "number of operands";
    if (operands_[4] >= static_cast<uint64_t>(graph_.floats_size()) || !Ints(operands_[5], 1)) {
      return "an operand is out of range";
    }
    return StridedOperands(operands_[2], operands_[3]);
  }

  std::string ChannelQuantized() const {
    if (operands_.size() != 7) return "number of operands";
    if (!NodeIs(operands_[4], v1::NODE_KIND_TENSOR) ||
        !NodeIs(operands_[5], v1::NODE_KIND_TENSOR) || !Ints(operands_[6], 1)) {
      return "scales, zero points or axis";
    }
    return StridedOperands(operands_[2], operands_[3]);
  }

  std::string Parameter() const {
    if (operands_.size() != 3) return "number of operands";
    if (!IsNode(operands_[0]) || !IsPlainTensor(view_.kind(operands_[0]))) return "no tensor";
    if (operands_[1] > 1) return "requires_grad";
    return operands_[2] == kAbsent || IsPlainDict(operands_[2]) ? "" : "state";
  }

  std::string WithState() const {
    if (operands_.size() != 2) return "number of operands";
    if (!IsNode(operands_[0]) || !IsPlainTensor(view_.kind(operands_[0]))) return "no tensor";
    return IsPlainDict(operands_[1]) ? "" : "state";
  }

  std::string Device() const {
    if (operands_.size() != 2 || !IsString(operands_[0])) return "operands";
    if (std::find(kDevices.begin(), kDevices.end(), view_.string(operands_[0])) == kDevices.end()) {
      return "unknown type of device";
    }
    return operands_[1] == kAbsent || operands_[1] <= kMaxDeviceIndex ? "" : "index of the device";
  }

  std::string StateDict() const {
    if (operands_.size() % 2 != 1) return "number of operands";
    for (const uint32_t operand : operands_) {
      if (!IsNode(operand)) return "an operand is out of range";
    }
    return IsPlainDict(operands_[0]) ? "" : "metadata";
  }

  const View& view_;
  const absl::Span<const uint32_t> operands_;
  const v1::Graph& graph_;
};

}  // namespace

bool IsTorchKind(v1::NodeKind kind) {
  return kind >= v1::NODE_KIND_STORAGE && kind <= v1::NODE_KIND_STATE_DICT;
}

bool IsPlainTensor(v1::NodeKind kind) {
  return kind == v1::NODE_KIND_TENSOR || kind == v1::NODE_KIND_SPARSE_TENSOR ||
         kind == v1::NODE_KIND_QUANTIZED_TENSOR || kind == v1::NODE_KIND_CHANNEL_QUANTIZED_TENSOR;
}

bool IsTensor(v1::NodeKind kind) {
  return IsPlainTensor(kind) || kind == v1::NODE_KIND_PARAMETER ||
         kind == v1::NODE_KIND_TENSOR_WITH_STATE;
}

std::string WhyUnsound(const View& view, NodeId id) {
  return Checker(view, id).Check(view.kind(id));
}

}  // namespace loadlock::verify::torch
