#include "sandbox/decoders/numpy/dtype.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sandbox/bytes/checked.h"
#include "sandbox/graph/refusal.h"

namespace loadlock::numpy {
namespace {

constexpr size_t kMaxFieldRank = 8;

constexpr std::string_view kUnits[] = {"Y",  "M",  "W",  "D",  "h",  "m", "s",
                                       "ms", "us", "ns", "ps", "fs", "as"};

// Canonical decimal, at most kMaxItemSize.
std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t value = 0;
  if (text.empty() || (text[0] == '0' && text.size() > 1)) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > kMaxItemSize) {
    return std::nullopt;
  }
  return value;
}

bool IsAllowedNumber(char kind, uint64_t size) {
  switch (kind) {
    case 'b':
      return size == 1;
    case 'i':
    case 'u':
      return size == 1 || size == 2 || size == 4 || size == 8;
    case 'f':
      return size == 2 || size == 4 || size == 8;
    case 'c':
      return size == 8 || size == 16;
    default:
      return false;
  }
}

// "[D]", "[25us]"; the multiple is left out if it is 1.
bool IsUnit(std::string_view text) {
  if (text.size() < 3 || text.front() != '[' || text.back() != ']') return false;
  text = text.substr(1, text.size() - 2);
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits > 0) {
    const std::optional<uint64_t> multiple = ParseNumber(text.substr(0, digits));
    if (!multiple.has_value() || *multiple < 2) return false;
  }
  text.remove_prefix(digits);
  return std::find(std::begin(kUnits), std::end(kUnits), text) != std::end(kUnits);
}

}  // namespace

std::optional<Dtype> ParseTypestr(std::string_view text) {
  Dtype dtype;
  char order = '=';
  if (!text.empty() && std::string_view("<>=|").find(text[0]) != std::string_view::npos) {
    order = text[0];
    text.remove_prefix(1);
  }
  if (text.empty()) return std::nullopt;
  dtype.kind = text[0];
  std::string_view rest = text.substr(1);
  std::string unit;
  if (dtype.kind == 'O') {
    if (!rest.empty() && rest != "8") return std::nullopt;
    dtype.itemsize = 8;
  } else if (dtype.kind == 'M' || dtype.kind == 'm') {
    if (rest.empty() || rest[0] != '8' || (rest.size() > 1 && !IsUnit(rest.substr(1)))) {
      return std::nullopt;
    }
    dtype.itemsize = 8;
    unit = rest.substr(1);
  } else {
    const std::optional<uint64_t> size = ParseNumber(rest);
    if (!size.has_value()) return std::nullopt;
    const bool text_kind = dtype.kind == 'S' || dtype.kind == 'U' || dtype.kind == 'V';
    if (!text_kind && !IsAllowedNumber(dtype.kind, *size)) return std::nullopt;
    dtype.itemsize = dtype.kind == 'U' ? *size * 4 : *size;
    if (dtype.itemsize > kMaxItemSize) return std::nullopt;
  }
  const bool orderless = dtype.kind == 'b' || dtype.kind == 'S' || dtype.kind == 'V' ||
                         dtype.kind == 'O' || (dtype.itemsize == 1 && dtype.kind != 'U');
  if (orderless) {
    dtype.order = '|';
  } else if (order == '|') {
    return std::nullopt;
  } else {
    dtype.order = order == '>' ? '>' : '<';
  }
  dtype.typestr = std::string(1, dtype.order) + dtype.kind;
  if (dtype.kind != 'O') {
    absl::StrAppend(&dtype.typestr, dtype.kind == 'U' ? dtype.itemsize / 4 : dtype.itemsize, unit);
  }
  return dtype;
}

std::string WhyNoDtype(std::string_view text) {
  const std::string quoted = graph::Quote(text);
  if (text.find_first_of("<>=|") == 0) text.remove_prefix(1);
  for (const std::string_view wide : {"f10", "f12", "f16", "c20", "c24", "c32", "g", "G"}) {
    if (text == wide) {
      return absl::StrCat("the dtype '", quoted,
                          "' is a long double, whose bytes mean something else on other "
                          "machines; save it with astype('f8') or astype('c16')");
    }
  }
  return absl::StrCat("the dtype '", quoted, "' is not one that models use");
}

std::optional<std::string> SubarrayTypestr(absl::Span<const int64_t> shape,
                                           std::string_view typestr) {
  const std::optional<Dtype> item = ParseTypestr(typestr);
  if (!item || item->kind == 'O' || item->itemsize == 0 || shape.empty() ||
      shape.size() > kMaxFieldRank || std::count(shape.begin(), shape.end(), 0) != 0) {
    return std::nullopt;
  }
  const std::optional<uint64_t> size = ArrayBytes(shape, item->itemsize);
  if (!size || *size > kMaxItemSize) return std::nullopt;
  return absl::StrCat("(", absl::StrJoin(shape, ","), shape.size() == 1 ? "," : "", ")",
                      item->typestr);
}

std::optional<uint64_t> ArrayBytes(absl::Span<const int64_t> shape, uint64_t itemsize) {
  uint64_t total = itemsize;
  bool empty = itemsize == 0;
  if (shape.size() > kMaxRank) return std::nullopt;
  // As numpy: the product of the other dimensions must fit even if one is zero.
  for (const int64_t dim : shape) {
    if (dim < 0) return std::nullopt;
    if (dim == 0) {
      empty = true;
      continue;
    }
    const uint64_t factor = total == 0 ? 1 : total;
    if (!bytes::CheckedMul<uint64_t>(factor, static_cast<uint64_t>(dim), &total)) {
      return std::nullopt;
    }
  }
  if (total > INT64_MAX) return std::nullopt;
  return empty ? 0 : total;
}

uint64_t ItemSize(const graph::Builder& builder, graph::NodeId dtype) {
  if (builder.kind(dtype) == graph::Kind::kDtypeRecord) {
    return static_cast<uint64_t>(builder.int_value(builder.edges(dtype)[0]));
  }
  std::string_view text = builder.text(dtype);
  uint64_t items = 1;
  if (text.starts_with('(')) {
    // As SubarrayTypestr() wrote it.
    const size_t end = text.find(')');
    uint64_t extent = 0;
    for (const char c : text.substr(1, end)) {
      if (c >= '0' && c <= '9') {
        extent = extent * 10 + static_cast<uint64_t>(c - '0');
      } else {
        // A comma follows a single extent, and nothing then.
        items *= extent == 0 ? 1 : extent;
        extent = 0;
      }
    }
    text.remove_prefix(end + 1);
  }
  const std::optional<Dtype> parsed = ParseTypestr(text);
  return parsed.has_value() ? parsed->itemsize * items : 0;
}

}  // namespace loadlock::numpy
