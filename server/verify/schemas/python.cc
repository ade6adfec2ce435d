// pathlib and datetime, which torch's checkpoints hold.
#include <array>

#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

// More than any file system takes.
constexpr size_t kMaxPathBytes = 1 << 16;

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

// Hour, minute, second and three bytes of microseconds.
bool IsTime(absl::string_view bytes, bool may_fold) {
  const auto at = [&](size_t i) { return int64_t{static_cast<uint8_t>(bytes[i])}; };
  const int64_t hour = may_fold ? at(0) & 0x7F : at(0);
  return hour < 24 && at(1) < 60 && at(2) < 60 && (at(3) * 256 + at(4)) * 256 + at(5) < 1'000'000;
}

std::optional<absl::string_view> NameOfCall(const Scope& scope, Value value) {
  if (!scope.view().Is(value, v1::NODE_KIND_CALL)) return std::nullopt;
  const policy::CompiledEntry* entry = scope.EntryOfInstance(value.index);
  if (entry == nullptr || entry->schema() != policy::Schema::kDateTime) return std::nullopt;
  return entry->attribute();
}

Check CheckTimeDelta(const Scope& scope, const Sequence& args) {
  const bool good = args.size() == 3 && Within(scope.Int(args[0]), -999'999'999, 999'999'999) &&
                    Within(scope.Int(args[1]), 0, 86'399) && Within(scope.Int(args[2]), 0, 999'999);
  if (good) return std::nullopt;
  return Wrong("a timedelta is made of days, seconds and microseconds");
}

// Less than a day to either side, and a name.
Check CheckTimeZone(const Scope& scope, const Sequence& args) {
  const Check wrong = Wrong("a timezone is made of less than a day, and perhaps a name");
  if (args.size() < 1 || args.size() > 2 || NameOfCall(scope, args[0]) != "timedelta") return wrong;
  if (args.size() == 2 && !scope.view().Str(args[1])) return wrong;
  const Sequence offset = PartsOf(scope, args[0].index).args;
  if (offset.size() != 3) return wrong;
  const std::optional<int64_t> days = scope.Int(offset[0]);
  const bool whole_day = scope.Int(offset[1]) == 0 && scope.Int(offset[2]) == 0;
  if (days == 0 || (days == -1 && !whole_day)) return std::nullopt;
  return wrong;
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
  if (name == "timedelta") return CheckTimeDelta(scope, parts.args);
  if (name == "timezone") return CheckTimeZone(scope, parts.args);
  const bool date = name != "time";
  const bool time = name != "date";
  const uint32_t zones = parts.args.size() == 2 ? 1 : 0;
  if (parts.args.size() != 1 + zones || !scope.view().Is(parts.args[0], v1::NODE_KIND_BYTES) ||
      (zones == 1 && (!time || NameOfCall(scope, parts.args[1]) != "timezone"))) {
    return Wrong("it is made of packed bytes, and perhaps a timezone");
  }
  const absl::string_view bytes = scope.view().blob(scope.view().operands(parts.args[0].index)[0]);
  if (bytes.size() != (date ? 4U : 0U) + (time ? 6U : 0U) || (date && !IsDate(bytes, time)) ||
      (time && !IsTime(bytes.substr(date ? 4 : 0), !date))) {
    return Wrong("the bytes are no date");
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
