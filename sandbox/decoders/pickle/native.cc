#include "sandbox/decoders/pickle/native.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/boosters/lightgbm.h"
#include "sandbox/decoders/boosters/xgboost.h"
#include "sandbox/decoders/pickle/machine.h"

namespace loadlock::pickle {
namespace {

using graph::Kind;

enum class Native : uint8_t { kNone, kXgboost, kLightgbm };

Native NativeOf(const graph::GlobalUse& cls) {
  if (cls.name != "Booster") return Native::kNone;
  if (cls.module == "xgboost.core") return Native::kXgboost;
  if (cls.module == "lightgbm.basic") return Native::kLightgbm;
  return Native::kNone;
}

}  // namespace

const char* WhyNativeIsNotRead(const graph::GlobalUse& use) {
  constexpr std::string_view kCatboost = "catboost.";
  constexpr std::string_view kCompiled = "_catboost.";
  if (use.module.substr(0, kCatboost.size()) != kCatboost &&
      use.module.substr(0, kCompiled.size()) != kCompiled && use.module != "_catboost") {
    return nullptr;
  }
  return "a CatBoost model is a flatbuffer with unchecked indices, which its library reads in the "
         "process that loads it; ask for ONNX (model.save_model(path, format='onnx'))";
}

// Puts columns where the native model stands in the state of a Booster; any other state stays as
// it is, and the daemon refuses what is no columns.
bool Machine::LowerNative(NodeId object, NodeId* state) {
  const NodeId cls = b_.edges(object)[graph::kCallee];
  const Native native = b_.kind(cls) == Kind::kGlobal ? NativeOf(b_.global(cls)) : Native::kNone;
  if (native == Native::kNone || b_.kind(*state) != Kind::kDict) return true;
  const std::string_view key = native == Native::kXgboost ? "handle" : "_handle";
  const Kind wanted = native == Native::kXgboost ? Kind::kByteArray : Kind::kStr;
  const absl::Span<const NodeId> view = b_.edges(*state);
  std::vector<NodeId> pairs(view.begin(), view.end());
  if (!budget_.ChargeHeap(pairs.size() * sizeof(NodeId))) return CheckBudget();
  for (size_t i = 0; i < pairs.size(); i += 2) {
    if (b_.kind(pairs[i]) != Kind::kStr || b_.text(pairs[i]) != key) continue;
    if (b_.kind(pairs[i + 1]) != wanted) continue;
    const boosters::Target target{&b_, &decoded_, &budget_};
    const uint64_t place = b_.OriginOffset(pairs[i + 1]);
    std::optional<graph::Refusal> refusal;
    if (native == Native::kXgboost) {
      Bytes bytes;
      if (!BytesOf(pairs[i + 1], &bytes)) return false;
      refusal = boosters::LowerXgboostHandle(bytes, 0, target, &pairs[i + 1]);
    } else {
      refusal = boosters::LowerLightgbm(b_.text(pairs[i + 1]), 0, target, &pairs[i + 1]);
    }
    if (refusal) {
      if (result_.refusal) return false;
      result_.refusal = std::move(refusal);
      // Escapes and chunks lie between the model and the stream: only its opcode's place is one.
      if (const auto inside = std::exchange(result_.refusal->byte_offset, place)) {
        absl::StrAppend(&result_.refusal->message, ", at byte ", *inside, " of the model");
      }
      result_.refusal->opcode = OpcodeName(op_);
      return false;
    }
  }
  *state = b_.Dict();
  b_.Extend(*state, pairs);
  return CheckBudget();
}

// The bytes of a BYTES or BYTEARRAY, wherever they are.
bool Machine::BytesOf(NodeId node, Bytes* out) {
  const graph::Buffer& buffer = b_.buffer(node);
  *out = buffer.data;
  if (buffer.data.size() == buffer.length) return true;
  const Bytes decoded = decoded_.Map();
  if (buffer.offset > decoded.size() || buffer.length > decoded.size() - buffer.offset) {
    return Fail("BUDGET_HEAP", "decoded data cannot be mapped");
  }
  *out = decoded.subspan(buffer.offset, buffer.length);
  return true;
}

}  // namespace loadlock::pickle
