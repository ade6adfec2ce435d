// pathlib and datetime, which are kept beside models.
#include <array>

#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

// More than any file system takes.
constexpr size_t kMaxPathBytes = 1 << 16;
constexpr size_t kMaxZoneName = 256;

Broken Wrong(absl::string_view what) { return {"", std::string(what)}; }

bool Within(std::optional<int64_t> number, int64_t lowest, int64_t highest) {
  return number && *number >= lowest && *number <= highest;
}

int64_t DaysIn(int64_t year, int64_t month) {
  constexpr std::array<int64_t, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return kDays[static_cast<size_t>(month - 1)] + (leap && month == 2 ? 1 : 0);
}

// As datetime packs them: year of two bytes, month, day; then hour, minute, second, microsecond of
// three bytes. The month's highest bit marks the second of two equal hours.
bool IsDate(absl::string_view bytes, bool may_fold) {
  const auto at = [&](size_t i) { return int64_t{static_cast<uint8_t>(bytes[i])}; };
  const int64_t year = at(0) * 256 + at(1);
  const int64_t month = may_fold ? at(2) & 0x7F : at(2);
  return Within(year, 1, 9999) && Within(month, 1, 12) && Within(at(3), 1, DaysIn(year, month));
}

// Hour, minute, second, microsecond of three bytes; the hour's highest bit may mark a second one.
bool IsTime(absl::string_view bytes, bool may_fold) {
  const auto at = [&](size_t i) { return int64_t{static_cast<uint8_t>(bytes[i])}; };
  const int64_t hour = may_fold ? at(0) & 0x7F : at(0);
  return hour < 24 && at(1) < 60 && at(2) < 60 && (at(3) * 256 + at(4)) * 256 + at(5) < 1'000'000;
}

bool IsTimeDelta(const Scope& scope, const Sequence& args) {
  return args.size() == 3 && Within(scope.Int(args[0]), -999'999'999, 999'999'999) &&
         Within(scope.Int(args[1]), 0, 86'399) && Within(scope.Int(args[2]), 0, 999'999);
}

// The arguments of a call of this class of datetime.
std::optional<Sequence> CallOfTime(const Scope& scope, Value value, absl::string_view name) {
  const std::optional<NodeId> call = scope.CallOf(value, policy::Schema::kDateTime);
  if (!call || scope.EntryOfInstance(*call)->attribute() != name) return std::nullopt;
  return PartsOf(scope, *call).args;
}

// timezone(timedelta within a day[, name]).
bool IsZone(const Scope& scope, const Sequence& args) {
  if (args.size() != 1 && args.size() != 2) return false;
  const std::optional<Sequence> offset = CallOfTime(scope, args[0], "timedelta");
  if (!offset || !IsTimeDelta(scope, *offset)) return false;
  const int64_t days = *scope.Int((*offset)[0]);
  const int64_t rest = *scope.Int((*offset)[1]) + *scope.Int((*offset)[2]);
  if (days != 0 && (days != -1 || rest == 0)) return false;
  const auto text = args.size() == 2 ? scope.view().Str(args[1]) : "";
  return text && text->size() <= kMaxZoneName;
}

}  // namespace

Check CheckPath(const Scope& scope, NodeId call) {
  const CallParts parts = PartsOf(scope, call);
  if (parts.state != kAbsent || parts.has_items) return Wrong("a path has no state");
  size_t bytes = 0;
  for (uint32_t i = 0; i < parts.args.size(); ++i) {
    const auto text = scope.view().Str(parts.args[i]);
    if (!text) return Wrong("a part of a path is no str");
    bytes += text->size();
  }
  if (bytes > kMaxPathBytes) return Wrong("the path is too long");
  return std::nullopt;
}

Check CheckDateTime(const Scope& scope, NodeId call) {
  const CallParts parts = PartsOf(scope, call);
  if (parts.state != kAbsent || parts.has_items) return Wrong("a time has no state");
  const absl::string_view name = scope.EntryOfInstance(call)->attribute();
  if (name == "timedelta") {
    if (IsTimeDelta(scope, parts.args)) return std::nullopt;
    return Wrong("a timedelta is made of days, seconds and microseconds");
  }
  if (name == "timezone") {
    if (IsZone(scope, parts.args)) return std::nullopt;
    return Wrong("a timezone is made of less than a day, and a name");
  }
  const bool zoned = parts.args.size() == 2 && name != "date";
  const std::optional<Sequence> zone =
      zoned ? CallOfTime(scope, parts.args[1], "timezone") : std::nullopt;
  if ((!zoned && parts.args.size() != 1) || (zoned && (!zone || !IsZone(scope, *zone))) ||
      !scope.view().Is(parts.args[0], v1::NODE_KIND_BYTES)) {
    return Wrong("it is made of packed bytes, and a timezone");
  }
  const absl::string_view bytes = scope.view().blob(scope.view().operands(parts.args[0].index)[0]);
  const bool good = (name == "date" && bytes.size() == 4 && IsDate(bytes, false)) ||
                    (name == "time" && bytes.size() == 6 && IsTime(bytes, true)) ||
                    (name == "datetime" && bytes.size() == 10 && IsDate(bytes, true) &&
                     IsTime(bytes.substr(4), false));
  if (!good) return Wrong("the bytes are no date or time");
  return std::nullopt;
}

}  // namespace loadlock::verify
