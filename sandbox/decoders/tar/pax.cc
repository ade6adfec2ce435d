#include <algorithm>
#include <array>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "sandbox/decoders/tar/header.h"

namespace loadlock::tar {
namespace {

using graph::Refuse;

// "LENGTH KEY=VALUE\n", the length of all of it in decimal.
bool TakeRecord(std::string_view* rest, std::string_view* key, std::string_view* value) {
  constexpr size_t kMaxDigits = 6;
  size_t length = 0;
  size_t digits = 0;
  for (; digits < rest->size() && (*rest)[digits] >= '0' && (*rest)[digits] <= '9'; ++digits) {
    if (digits == kMaxDigits) return false;
    length = length * 10 + static_cast<size_t>((*rest)[digits] - '0');
  }
  if (digits == 0 || rest->front() == '0' || length > rest->size() || length < digits + 3) {
    return false;
  }
  std::string_view record = rest->substr(0, length);
  rest->remove_prefix(length);
  record.remove_prefix(digits);
  if (record.front() != ' ' || record.back() != '\n') return false;
  record = record.substr(1, record.size() - 2);
  const size_t equals = record.find('=');
  if (equals == 0 || equals == record.npos) return false;
  *key = record.substr(0, equals);
  *value = record.substr(equals + 1);
  return true;
}

// Whose it is, and when it was changed: nothing of what it is.
bool IsHarmless(std::string_view key) {
  constexpr std::array<std::string_view, 8> kKeys = {"mtime", "atime", "ctime", "uid",
                                                     "gid",   "uname", "gname", "comment"};
  return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end() ||
         key.starts_with("LIBARCHIVE.creationtime");
}

}  // namespace

std::optional<graph::Refusal> ReadPax(Bytes records, uint64_t offset,
                                      std::optional<std::string>* name) {
  std::string_view rest(reinterpret_cast<const char*>(records.data()), records.size());
  absl::flat_hash_set<std::string_view> seen;
  while (!rest.empty()) {
    std::string_view key;
    std::string_view value;
    if (!TakeRecord(&rest, &key, &value)) {
      return Refuse("MALFORMED", "a record of a pax header is malformed", offset);
    }
    if (!seen.insert(key).second) {
      return Refuse("MALFORMED", "a key stands twice in a pax header", offset);
    }
    if (key == "path") {
      *name = std::string(value);
    } else if (!IsHarmless(key)) {
      return Refuse("TAR_UNSUPPORTED",
                    absl::StrCat("a pax header has the key '", graph::Quote(key),
                                 "', which may change what its member is"),
                    offset);
    }
  }
  return std::nullopt;
}

}  // namespace loadlock::tar
