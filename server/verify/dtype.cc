#include "server/verify/dtype.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace loadlock::verify {
namespace {

// numpy keeps an item's size in an int.
constexpr uint32_t kMaxItemSize = 0x7FFFFFFF;
constexpr int64_t kMaxFieldRank = 8;

bool IsTimeUnit(absl::string_view unit) {
  // "[ns]" or "[25s]"; empty is the generic unit.
  if (unit.empty()) return true;
  if (!absl::ConsumePrefix(&unit, "[") || !absl::ConsumeSuffix(&unit, "]")) return false;
  size_t digits = 0;
  while (digits < unit.size() && unit[digits] >= '0' && unit[digits] <= '9') ++digits;
  // The multiple, which numpy keeps in an int too and leaves out if it is 1.
  uint32_t multiple = 0;
  if (digits > 0 && (unit.front() == '0' || !absl::SimpleAtoi(unit.substr(0, digits), &multiple) ||
                     multiple < 2 || multiple > kMaxItemSize)) {
    return false;
  }
  unit.remove_prefix(digits);
  for (const absl::string_view known :
       {"Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"}) {
    if (unit == known) return true;
  }
  return false;
}

bool IsNumberSize(char kind, uint64_t size) {
  switch (kind) {
    case 'b':
      return size == 1;
    case 'i':
    case 'u':
      return size == 1 || size == 2 || size == 4 || size == 8;
    case 'f':
      return size == 2 || size == 4 || size == 8 || size == 16;
    case 'c':
      return size == 8 || size == 16 || size == 32;
    case 'M':
    case 'm':
      return size == 8;
    default:
      return false;
  }
}

}  // namespace

std::optional<DType> ParseTypestr(absl::string_view text) {
  if (text == "|O") return DType{'|', 'O', 0};
  if (text.size() < 3) return std::nullopt;
  DType dtype{text[0], text[1], 0};
  if (dtype.order != '<' && dtype.order != '>' && dtype.order != '|') return std::nullopt;
  text.remove_prefix(2);
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  uint64_t size = 0;
  if (digits == 0 || digits > 10 || (digits > 1 && text[0] == '0') ||
      !absl::SimpleAtoi(text.substr(0, digits), &size)) {
    return std::nullopt;
  }
  const absl::string_view unit = text.substr(digits);
  const bool time = dtype.kind == 'M' || dtype.kind == 'm';
  if (time ? !IsTimeUnit(unit) : !unit.empty()) return std::nullopt;
  if (dtype.kind == 'U') {
    size *= 4;
  } else if (dtype.kind != 'S' && dtype.kind != 'V' && !IsNumberSize(dtype.kind, size)) {
    return std::nullopt;
  }
  if (size > kMaxItemSize) return std::nullopt;
  // Byte order is told exactly where it means something, so that each dtype has one spelling.
  const bool ordered = dtype.kind == 'U' || (dtype.kind != 'S' && dtype.kind != 'V' && size > 1);
  if (ordered == (dtype.order == '|')) return std::nullopt;
  dtype.itemsize = static_cast<uint32_t>(size);
  return dtype;
}

std::optional<uint64_t> SubarraySize(absl::string_view text) {
  const size_t end = text.find(')');
  if (!absl::ConsumePrefix(&text, "(") || end == absl::string_view::npos) return std::nullopt;
  absl::string_view shape = text.substr(0, end - 1);
  const std::optional<DType> item = ParseTypestr(text.substr(end));
  if (!item || item->kind == 'O' || item->itemsize == 0) return std::nullopt;
  uint64_t size = item->itemsize;
  // One dimension has a comma behind it, several have commas between them.
  const auto commas = std::count(shape.begin(), shape.end(), ',');
  if (commas == 0 || commas >= kMaxFieldRank || (absl::ConsumeSuffix(&shape, ",") && commas > 1)) {
    return std::nullopt;
  }
  for (const absl::string_view text_of_extent : absl::StrSplit(shape, ',')) {
    uint64_t extent = 0;
    if (text_of_extent.empty() || text_of_extent.size() > 10 || text_of_extent[0] == '0' ||
        !std::all_of(text_of_extent.begin(), text_of_extent.end(),
                     [](char c) { return c >= '0' && c <= '9'; }) ||
        !absl::SimpleAtoi(text_of_extent, &extent)) {
      return std::nullopt;
    }
    size *= extent;
    if (size > kMaxItemSize) return std::nullopt;
  }
  return size;
}

}  // namespace loadlock::verify
