#include "server/verify/boosters/record.h"

#include <algorithm>

namespace loadlock::verify {

bool Record::HasKeys(absl::Span<const absl::string_view> keys) {
  if (!mapping_.ok() || mapping_.ordered() || !mapping_.str_keys()) {
    return Fail("the native model is no record");
  }
  // As many keys as wanted and each wanted one there: none twice, no other.
  const bool all = std::all_of(keys.begin(), keys.end(), [this](absl::string_view key) {
    return mapping_.Find(key).has_value();
  });
  return (all && mapping_.size() == keys.size()) || Fail("the record's keys");
}

bool Record::Int(absl::string_view key, int64_t low, int64_t high, int64_t* out) {
  const std::optional<int64_t> number = scope_.Int(At(key));
  if (!number || *number < low || *number > high) {
    return Fail(absl::StrCat(key, " is out of range"));
  }
  *out = *number;
  return true;
}

bool Record::Text(absl::string_view key, absl::string_view* out) {
  const auto text = scope_.view().Str(At(key));
  if (!text) return Fail(absl::StrCat(key, " is no str"));
  *out = *text;
  return true;
}

bool Record::Texts(absl::string_view key, uint64_t length, Sequence* out) {
  const Value value = At(key);
  if (scope_.KindOf(value) != v1::VALUE_KIND_LIST) return Fail(absl::StrCat(key, " is no list"));
  *out = Sequence(scope_.view(), value);
  if (out->size() != length) return Fail(absl::StrCat(key, " has another length"));
  if (!scope_.view().Spend(length)) return Fail("the checks cost too much");
  for (uint32_t i = 0; i < out->size(); ++i) {
    if (!scope_.view().Str((*out)[i])) return Fail(absl::StrCat(key, " holds no str"));
  }
  return true;
}

std::optional<Array> Record::Vector(absl::string_view key, char letter, uint32_t size) const {
  std::optional<Array> array = scope_.ArrayOf(At(key));
  if (!array || array->rank() != 1 || !array->dtype.Is(letter, size)) return std::nullopt;
  // One byte has no order.
  if (size > 1 && !array->dtype.native()) return std::nullopt;
  return array;
}

}  // namespace loadlock::verify
