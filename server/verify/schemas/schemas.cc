#include "server/verify/schemas/schemas.h"

#include "server/verify/invariants/sparse.h"
#include "server/verify/invariants/tree.h"

namespace loadlock::verify {

CallParts PartsOf(const Scope& scope, NodeId call) {
  const absl::Span<const uint32_t> operands = scope.view().operands(call);
  const auto filled = [&](uint32_t id) {
    return id != kAbsent && scope.Length(Value::Node(id)) != 0;
  };
  return {Sequence(scope.view(), Value::Node(operands[1])), operands[2],
          filled(operands[3]) || filled(operands[4])};
}

Check CheckCall(const Scope& scope, NodeId call) {
  const policy::CompiledEntry* entry = scope.EntryOfInstance(call);
  switch (entry->schema()) {
    case policy::Schema::kTree:
      return CheckTree(scope, call);
    case policy::Schema::kNewObj:
      return CheckNewObj(scope, call);
    case policy::Schema::kCyLoss:
      return CheckCyLoss(scope, call);
    case policy::Schema::kPyxUnpickleLoss:
      return CheckUnpickledLoss(scope, call);
    case policy::Schema::kSgdLoss:
      return CheckSgdLoss(scope, call);
    case policy::Schema::kDefaultDict:
    case policy::Schema::kCounter:
    case policy::Schema::kDeque:
      return CheckContainer(scope, call, entry->schema());
    case policy::Schema::kPartial:
      return CheckPartial(scope, call);
    case policy::Schema::kMaskedArray:
      return CheckMaskedArray(scope, call);
    case policy::Schema::kMatrix:
      return CheckMatrix(scope, call);
    case policy::Schema::kPath:
      return CheckPath(scope, call);
    case policy::Schema::kDateTime:
      return CheckDateTime(scope, call);
    case policy::Schema::kExactNumber:
      return CheckExactNumber(scope, call);
    case policy::Schema::kIpAddress:
      return CheckIpAddress(scope, call);
    case policy::Schema::kPattern:
      return CheckPattern(scope, call);
    case policy::Schema::kNamespace:
      return CheckNamespace(scope, call);
    case policy::Schema::kSeedSequence:
      return CheckSeedSequence(scope, call);
    case policy::Schema::kRecords:
      return CheckRecords(scope, call);
    case policy::Schema::kNone:
    case policy::Schema::kLowered:
    case policy::Schema::kSparse:
    case policy::Schema::kXgboost:
    case policy::Schema::kLightgbm:
    case policy::Schema::kBSpline:
    case policy::Schema::kDistribution:
    case policy::Schema::kFrozenDistribution:
    case policy::Schema::kImputerTriplet:
    case policy::Schema::kBunch:
    case policy::Schema::kInterp1d:
    case policy::Schema::kKdTree:
    case policy::Schema::kUuid:
    case policy::Schema::kChainMap:
    case policy::Schema::kSeries:
    case policy::Schema::kNamedTuple:
      break;
  }
  return Broken{"", "this name is never called"};
}

Check CheckByName(const Scope& scope, const Instance& object) {
  switch (object.entry->schema()) {
    case policy::Schema::kSparse:
      return CheckSparse(scope, object);
    case policy::Schema::kBSpline:
      return CheckBSpline(scope, object);
    case policy::Schema::kDistribution:
      return CheckDistribution(scope, object);
    case policy::Schema::kFrozenDistribution:
      return CheckFrozenDistribution(scope, object);
    case policy::Schema::kImputerTriplet:
      return CheckImputerTriplet(scope, object);
    case policy::Schema::kBunch:
      return CheckBunch(scope, object);
    case policy::Schema::kInterp1d:
      return CheckInterp1d(scope, object);
    case policy::Schema::kKdTree:
      return CheckKdTree(scope, object);
    case policy::Schema::kUuid:
      return CheckUuid(scope, object);
    case policy::Schema::kChainMap:
      return CheckChainMap(scope, object);
    case policy::Schema::kSeries:
      return CheckSeries(scope, object);
    case policy::Schema::kNamedTuple:
      return CheckNamedTuple(scope, object);
    default:
      return Broken{"", "this class is not built by name"};
  }
}

}  // namespace loadlock::verify
