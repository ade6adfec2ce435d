#include "server/observe/trace_context.h"

#include <algorithm>

namespace loadlock::observe {
namespace {

// version "-" trace-id "-" parent-id "-" flags, all of fixed length.
constexpr size_t kTraceId = 3;
constexpr size_t kParentId = kTraceId + 32 + 1;
constexpr size_t kFlags = kParentId + 16 + 1;
constexpr size_t kLength = kFlags + 2;

bool IsHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(absl::string_view text) {
  return text.find_first_not_of('0') == absl::string_view::npos;
}

}  // namespace

TraceContext ParseTraceparent(absl::string_view text) {
  if (text.size() < kLength) return {};
  const absl::string_view version = text.substr(0, 2);
  const absl::string_view trace = text.substr(kTraceId, 32);
  const absl::string_view parent = text.substr(kParentId, 16);
  const bool hex = IsHex(version) && IsHex(trace) && IsHex(parent) && IsHex(text.substr(kFlags, 2));
  const bool dashes =
      text[kTraceId - 1] == '-' && text[kParentId - 1] == '-' && text[kFlags - 1] == '-';
  if (!hex || !dashes || version == "ff" || IsZero(trace) || IsZero(parent)) return {};
  // Later versions may say more after another dash.
  if (text.size() > kLength && (version == "00" || text[kLength] != '-')) return {};
  return {std::string(trace), std::string(parent)};
}

}  // namespace loadlock::observe
