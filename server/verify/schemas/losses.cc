#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

struct Loss {
  absl::string_view name;
  uint32_t parameters;
};

constexpr std::array kCyLosses = {
    Loss{"CyHalfSquaredError", 0},
    Loss{"CyAbsoluteError", 0},
    Loss{"CyHalfPoissonLoss", 0},
    Loss{"CyHalfGammaLoss", 0},
    Loss{"CyHalfBinomialLoss", 0},
    Loss{"CyHalfMultinomialLoss", 0},
    Loss{"CyExponentialLoss", 0},
    Loss{"CyPinballLoss", 1},
    Loss{"CyHuberLoss", 1},
    Loss{"CyHalfTweedieLoss", 1},
    Loss{"CyHalfTweedieLossIdentity", 1},
};

constexpr std::array kSgdLosses = {
    Loss{"Hinge", 1},
    Loss{"SquaredHinge", 1},
    Loss{"Log", 0},
    Loss{"ModifiedHuber", 0},
    Loss{"SquaredLoss", 0},
    Loss{"Huber", 1},
    Loss{"EpsilonInsensitive", 1},
    Loss{"SquaredEpsilonInsensitive", 1},
};

Check CheckParameters(const Scope& scope, const Loss& loss, const Sequence& parameters) {
  if (parameters.size() != loss.parameters) {
    return Broken{"", absl::StrCat(loss.name, " takes ", loss.parameters, " parameters")};
  }
  for (uint32_t i = 0; i < parameters.size(); ++i) {
    const std::optional<double> number = scope.Number(parameters[i]);
    if (!number || !std::isfinite(*number)) {
      return Broken{"", absl::StrCat("a parameter of ", loss.name, " is no finite number")};
    }
    // PinballLoss divides by neither, but a quantile outside of 0..1 has no meaning.
    if (loss.name == "CyPinballLoss" && (*number < 0 || *number > 1)) {
      return Broken{"", "a quantile is not within 0..1"};
    }
  }
  return std::nullopt;
}

template <size_t n>
const Loss* Find(const std::array<Loss, n>& losses, absl::string_view name) {
  const auto* it = std::find_if(losses.begin(), losses.end(),
                                [name](const Loss& loss) { return loss.name == name; });
  return it == losses.end() ? nullptr : it;
}

template <size_t n>
Check CheckCalled(const Scope& scope, NodeId call, const std::array<Loss, n>& losses) {
  const CallParts parts = PartsOf(scope, call);
  const Loss* loss = Find(losses, scope.EntryOfInstance(call)->attribute());
  if (loss == nullptr) return Broken{"", "loadlock does not know this loss"};
  if (parts.state != kAbsent || parts.has_items) {
    return Broken{"", "a loss has no state beyond its parameters"};
  }
  return CheckParameters(scope, *loss, parts.args);
}

}  // namespace

Check CheckCyLoss(const Scope& scope, NodeId call) { return CheckCalled(scope, call, kCyLosses); }

Check CheckSgdLoss(const Scope& scope, NodeId call) { return CheckCalled(scope, call, kSgdLosses); }

// __pyx_unpickle_X(X, checksum, None or parameters) and then perhaps BUILD with the parameters.
Check CheckUnpickledLoss(const Scope& scope, NodeId call) {
  const CallParts parts = PartsOf(scope, call);
  const policy::CompiledEntry* entry = scope.EntryOfInstance(call);
  absl::string_view name = entry->attribute();
  const Loss* loss =
      absl::ConsumePrefix(&name, "__pyx_unpickle_") ? Find(kCyLosses, name) : nullptr;
  if (loss == nullptr) return Broken{"", "loadlock does not know this loss"};
  if (parts.args.size() != 3 || parts.has_items) return Broken{"", "it takes 3 arguments"};
  const Value cls = parts.args[0];
  if (!scope.view().Is(cls, v1::NODE_KIND_GLOBAL) ||
      scope.view().global(cls.index).module() != entry->module() ||
      scope.view().global(cls.index).name() != name) {
    return Broken{"", "its first argument is not its own class"};
  }
  if (!scope.Int(parts.args[1])) return Broken{"", "its checksum is no integer"};
  const Value given = parts.state == kAbsent ? parts.args[2] : Value::Node(parts.state);
  if (parts.state != kAbsent && !scope.view().IsNone(parts.args[2])) {
    return Broken{"", "its parameters come twice"};
  }
  if (scope.view().IsNone(given)) return CheckParameters(scope, *loss, Sequence(scope.view(), cls));
  const Sequence parameters(scope.view(), given);
  if (!parameters.ok() || !IsTupleKind(scope.view().kind(given.index))) {
    return Broken{"", "its parameters are no tuple"};
  }
  return CheckParameters(scope, *loss, parameters);
}

}  // namespace loadlock::verify
