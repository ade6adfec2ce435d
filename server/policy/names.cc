#include "server/policy/names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace loadlock::policy {

bool IsIdentifier(absl::string_view text) {
  if (text.empty() || absl::ascii_isdigit(static_cast<unsigned char>(text.front()))) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
  });
}

bool IsDottedName(absl::string_view text) {
  // A module and an attribute of at most 512 bytes each, as in a graph.
  constexpr size_t kMaxName = 1024;
  if (text.size() > kMaxName || text.find('.') == absl::string_view::npos) return false;
  for (const absl::string_view part : absl::StrSplit(text, '.')) {
    if (!IsIdentifier(part)) return false;
  }
  return true;
}

bool IsPolicyName(absl::string_view text) {
  constexpr size_t kMaxPolicyName = 64;
  if (text.empty() || text.size() > kMaxPolicyName) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-';
  });
}

}  // namespace loadlock::policy
