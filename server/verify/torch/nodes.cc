#include "server/verify/torch/nodes.h"

#include <cmath>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/verify/torch/sparse.h"
#include "server/verify/torch/structure.h"
#include "server/verify/torch/tensor.h"

namespace loadlock::verify::torch {
namespace {

// A stride of 0 makes 2^40 elements of four bytes, and what writes to them or copies them never
// ends. Views of real files show each byte a few times at most; expanded masks and positions, saved
// as views of one row, take some megabytes.
constexpr uint64_t kFreeBytes = uint64_t{1} << 30;
constexpr uint64_t kBytesPerByte = 16;

uint64_t BytesFor(const v1::Graph& graph) {
  uint64_t bytes = 0;
  // Each lies within an artifact: the sum cannot overflow.
  for (const uint64_t length : graph.buffer_lengths()) bytes += length;
  return kFreeBytes + kBytesPerByte * bytes;
}

absl::string_view RuleOf(v1::NodeKind kind) {
  switch (kind) {
    case v1::NODE_KIND_SPARSE_TENSOR:
      return "INVARIANT_SPARSE";
    case v1::NODE_KIND_QUANTIZED_TENSOR:
    case v1::NODE_KIND_CHANNEL_QUANTIZED_TENSOR:
      return "INVARIANT_QUANTIZED";
    case v1::NODE_KIND_STORAGE:
    case v1::NODE_KIND_TENSOR:
    case v1::NODE_KIND_PARAMETER:
      return "INVARIANT_STRIDED";
    default:
      return "STATE_RULE";
  }
}

std::optional<int64_t> LowestZeroPoint(absl::string_view type) {
  if (type == "qint8") return std::numeric_limits<int8_t>::min();
  if (type == "quint8") return 0;
  if (type == "qint32") return std::numeric_limits<int32_t>::min();
  return std::nullopt;
}

int64_t HighestZeroPoint(absl::string_view type) {
  if (type == "qint8") return std::numeric_limits<int8_t>::max();
  if (type == "quint8") return std::numeric_limits<uint8_t>::max();
  return std::numeric_limits<int32_t>::max();
}

bool IsScale(double scale) { return std::isfinite(scale) && scale > 0; }

Broken Wrong(absl::string_view what) { return {"", std::string(what)}; }

}  // namespace

NodeChecker::NodeChecker(const Scope* scope, Findings* findings)
    : scope_(*scope),
      view_(scope->view()),
      findings_(findings),
      bytes_left_(BytesFor(scope->view().graph())) {}

void NodeChecker::CheckNode(NodeId id) {
  verify::Check broken;
  switch (view_.kind(id)) {
    case v1::NODE_KIND_STORAGE:
      broken = CheckStorage(id);
      break;
    case v1::NODE_KIND_TENSOR:
      broken = CheckTensor(id);
      break;
    case v1::NODE_KIND_QUANTIZED_TENSOR:
    case v1::NODE_KIND_CHANNEL_QUANTIZED_TENSOR:
      broken = CheckQuantized(id);
      break;
    case v1::NODE_KIND_SPARSE_TENSOR:
      broken = CheckSparse(scope_, id);
      break;
    case v1::NODE_KIND_PARAMETER:
      broken = CheckParameter(id);
      if (view_.operands(id)[2] != kAbsent) CheckState(id, view_.operands(id)[2]);
      break;
    case v1::NODE_KIND_TENSOR_WITH_STATE:
      CheckState(id, view_.operands(id)[1]);
      break;
    case v1::NODE_KIND_TORCH_SIZE:
      broken = CheckSize(id);
      break;
    case v1::NODE_KIND_STATE_DICT:
      broken = CheckMetadata(id);
      break;
    default:
      break;
  }
  if (broken) findings_->Error(id, {RuleOf(view_.kind(id)), broken->message, broken->key, "", ""});
}

// The first view that is too much says enough.
void NodeChecker::Charge(NodeId id, uint64_t bytes) {
  if (bytes <= bytes_left_) {
    bytes_left_ -= bytes;
    return;
  }
  findings_->Error(id, {"BUDGET_ELEMENTS",
                        "the tensors repeat the bytes of their storages so often that writing or "
                        "copying them would not end",
                        "", "", ""});
  bytes_left_ = std::numeric_limits<uint64_t>::max();
}

// Two would be the same memory or a copy each; what is shared is one storage of many tensors.
Check NodeChecker::CheckStorage(NodeId id) {
  const uint32_t buffer = view_.operands(id)[1];
  if (buffer == kAbsent || scope_.Buffer(buffer).empty() || buffers_.insert(buffer).second) {
    return std::nullopt;
  }
  return Wrong("another storage has the same bytes");
}

Check NodeChecker::CheckTensor(NodeId id) {
  const StridedOrWhy strided = StridedOf(scope_, id);
  if (!strided.why.empty()) return Wrong(strided.why);
  const Strided& view = strided.view;
  if (view.type->quantized()) return Wrong("a quantized dtype without a quantizer");
  if ((view.flags & kRequiresGrad) != 0 && !view.type->MayRequireGrad()) {
    return Wrong("only a tensor of float or complex requires grad");
  }
  if ((view.flags & kConjugate) != 0 && view.type->kind != ElementType::Class::kComplex) {
    return Wrong("only a complex tensor is conjugated");
  }
  if ((view.flags & kNegative) != 0 && view.type->kind == ElementType::Class::kBool) {
    return Wrong("a tensor of bools is not negated");
  }
  if (!view.meta) Charge(id, view.logical_bytes());
  return std::nullopt;
}

Check NodeChecker::CheckQuantized(NodeId id) {
  const StridedOrWhy strided = StridedOf(scope_, id);
  if (!strided.why.empty()) return Wrong(strided.why);
  const absl::string_view type = strided.view.type->name;
  const std::optional<int64_t> lowest = LowestZeroPoint(type);
  if (!lowest) return Wrong("the dtype is none of qint8, quint8, qint32");
  if (strided.view.meta) return Wrong("a quantized tensor without bytes");
  Charge(id, strided.view.logical_bytes());
  if (view_.kind(id) == v1::NODE_KIND_CHANNEL_QUANTIZED_TENSOR) {
    return CheckChannels(id, *lowest, HighestZeroPoint(type));
  }
  const absl::Span<const uint32_t> operands = view_.operands(id);
  if (!IsScale(view_.floating(operands[4]))) return Wrong("the scale is not finite and above 0");
  const int64_t zero = view_.integer(operands[5]);
  if (zero < *lowest || zero > HighestZeroPoint(type)) {
    return Wrong("the zero point is out of the dtype's range");
  }
  return std::nullopt;
}

Check NodeChecker::CheckChannels(NodeId id, int64_t lowest, int64_t highest) const {
  const absl::Span<const uint32_t> operands = view_.operands(id);
  const int64_t axis = view_.integer(operands[6]);
  if (axis < 0 || axis >= int64_t{operands[2]}) return Wrong("the axis is no dimension");
  const int64_t channels = view_.integer(operands[3] + 1 + static_cast<uint32_t>(axis));
  const StridedOrWhy scales = StridedOf(scope_, operands[4]);
  const StridedOrWhy zeros = StridedOf(scope_, operands[5]);
  for (const StridedOrWhy* each : {&scales, &zeros}) {
    if (!each->why.empty()) return Wrong(each->why);
    if (each->view.meta || each->view.flags != 0 || !each->view.IsVector(channels) ||
        !each->view.IsDense()) {
      return Wrong("scales or zero points are not one a channel, in a row");
    }
  }
  if (scales.view.type->name != "float64" || zeros.view.type->name != "int64") {
    return Wrong("scales are not float64, or zero points not int64");
  }
  if (!view_.Spend(2 * static_cast<uint64_t>(channels))) return Wrong("too long to check");
  for (int64_t i = 0; i < channels; ++i) {
    const auto zero = zeros.view.At<int64_t>(zeros.view.offset + i);
    if (!IsScale(scales.view.At<double>(scales.view.offset + i)) || zero < lowest ||
        zero > highest) {
      return Wrong("a scale is not finite and above 0, or a zero point out of range");
    }
  }
  return std::nullopt;
}

Check NodeChecker::CheckParameter(NodeId id) const {
  const std::optional<Facts> facts = FactsOf(scope_, Value::Node(id));
  if (view_.operands(id)[1] == 1 && !facts->type->MayRequireGrad()) {
    return Wrong("only a parameter of float or complex requires grad");
  }
  return std::nullopt;
}

Check NodeChecker::CheckSize(NodeId id) const {
  const absl::Span<const uint32_t> operands = view_.operands(id);
  for (uint32_t i = 0; i < operands[1]; ++i) {
    if (view_.integer(operands[0] + i) < 0) return Wrong("a negative size");
  }
  return std::nullopt;
}

// Versions of modules by their names, which load_state_dict() reads.
Check NodeChecker::CheckMetadata(NodeId id) const {
  const NodeId node = view_.operands(id)[0];
  const Mapping metadata(view_, Value::Node(node));
  if (!metadata.str_keys()) return Wrong("a key of the metadata is no str");
  if (scope_.topology().holds_instance[node] != 0) return Wrong("the metadata hold an object");
  for (uint32_t i = 0; i < metadata.size(); ++i) {
    if (!view_.Spend(1)) return Wrong("too long to check");
    if (scope_.KindOf(metadata.value(i)) != v1::VALUE_KIND_DICT) {
      return Wrong("the metadata of a module are no dict");
    }
  }
  return std::nullopt;
}

// TENSOR-ATTR: setting one of the class's own attributes replaces data, gradients or methods.
std::string NodeChecker::WhyNoAttribute(absl::string_view key, Value value) const {
  const auto* attributes = scope_.policy().FindAttributes(kTensorAttributes);
  if (attributes == nullptr) return "the policy does not list the attributes of a tensor";
  // torch.nn.Buffer marks its tensors so.
  const bool mark = key == "_is_buffer" && scope_.KindOf(value) == v1::VALUE_KIND_BOOL;
  if (absl::StartsWith(key, "_") && !mark) return "a name of torch's own";
  if (attributes->contains(key)) return "it hides an attribute of a tensor";
  if (value.is_node() && (scope_.KindOf(value) == v1::VALUE_KIND_OBJECT ||
                          scope_.topology().holds_instance[value.index] != 0)) {
    return "a tensor holds an object";
  }
  return "";
}

void NodeChecker::CheckState(NodeId tensor, NodeId state) {
  const Mapping attributes(view_, Value::Node(state));
  if (!attributes.str_keys()) {
    findings_->Error(tensor, {"KEY_NOT_STR", "a key of a tensor's state is no str", "", "", ""});
    return;
  }
  absl::flat_hash_set<absl::string_view> seen;
  for (uint32_t i = 0; i < attributes.size(); ++i) {
    const absl::string_view key = attributes.str_key(i);
    std::string why = seen.insert(key).second ? WhyNoAttribute(key, attributes.value(i))
                                              : "a key of the state stands twice";
    if (why.empty() && view_.Spend(1)) continue;
    findings_->Error(tensor, {"TENSOR_ATTRIBUTE",
                              absl::StrCat("attribute '", Safe(key), "': ", why), key, "", ""});
    return;
  }
}

}  // namespace loadlock::verify::torch
