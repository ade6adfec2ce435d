#include "sandbox/graph/key.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>
#include <vector>

#include "sandbox/bytes/utf8.h"

namespace loadlock::graph {
namespace {

// Keys of real models are strings, numbers or pairs of them. Tuples of shared tuples double
// with each level, so both depth and size are bounded.
constexpr int kMaxKeyDepth = 16;
constexpr size_t kMaxKeyBytes = size_t{1} << 20;

constexpr double kTwoTo63 = 9223372036854775808.0;

template <typename T>
void AppendRaw(char tag, const T& value, std::string* out) {
  out->push_back(tag);
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void AppendText(char tag, std::string_view text, std::string* out) {
  AppendRaw(tag, static_cast<uint64_t>(text.size()), out);
  out->append(text);
}

void AppendInt(int64_t value, std::string* out) { AppendRaw('i', value, out); }

// An integral float equals the int. Big floats would equal big ints: no form for them.
bool AppendFloat(double value, NodeId node, std::string* out) {
  if (std::isnan(value)) {
    AppendRaw('n', node, out);  // equal to itself only
  } else if (value >= -kTwoTo63 && value < kTwoTo63 && std::trunc(value) == value) {
    AppendInt(static_cast<int64_t>(value), out);
  } else if (std::isinf(value) || std::fabs(value) < kTwoTo63) {
    AppendRaw('f', value, out);
  } else {
    return false;
  }
  return true;
}

// Zero if `raw` is not exactly one T.
template <typename T>
T Load(absl::Span<const uint8_t> raw, bool swap) {
  uint8_t ordered[sizeof(T)] = {};
  T value{};
  if (raw.size() != sizeof(T)) return value;
  std::memcpy(ordered, raw.data(), sizeof(T));
  if (swap) std::reverse(ordered, ordered + sizeof(T));
  std::memcpy(&value, ordered, sizeof(T));
  return value;
}

// UCS-4 text of a numpy.str_, trailing zeros dropped as numpy drops them.
bool AppendUcs4(absl::Span<const uint8_t> raw, bool swap, std::string* out) {
  std::string text;
  size_t end = raw.size() / 4;
  while (end > 0 && Load<uint32_t>(raw.subspan((end - 1) * 4, 4), false) == 0) --end;
  for (size_t i = 0; i < end; ++i) {
    const auto code_point = Load<uint32_t>(raw.subspan(i * 4, 4), swap);
    if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point < 0xE000)) return false;
    bytes::AppendUtf8(code_point, &text);
  }
  AppendText('s', text, out);
  return true;
}

bool AppendIntegerScalar(char kind, absl::Span<const uint8_t> raw, bool swap, std::string* out) {
  const bool is_signed = kind == 'i';
  switch (raw.size()) {
    case 1:
      AppendInt(is_signed ? Load<int8_t>(raw, swap) : Load<uint8_t>(raw, swap), out);
      return true;
    case 2:
      AppendInt(is_signed ? Load<int16_t>(raw, swap) : Load<uint16_t>(raw, swap), out);
      return true;
    case 4:
      AppendInt(is_signed ? int64_t{Load<int32_t>(raw, swap)} : Load<uint32_t>(raw, swap), out);
      return true;
    case 8: {
      const auto value = Load<int64_t>(raw, swap);
      if (!is_signed && value < 0) return false;  // would equal a big int
      AppendInt(value, out);
      return true;
    }
    default:
      return false;
  }
}

bool AppendScalar(const Builder& builder, NodeId node, std::string* out) {
  const ScalarInfo& scalar = builder.scalar(node);
  if (builder.kind(scalar.dtype) != Kind::kDtype) return false;
  const std::string_view typestr = builder.text(scalar.dtype);
  const bool swap = typestr[0] == '>';
  const absl::Span<const uint8_t> raw = scalar.raw;
  switch (typestr[1]) {
    case 'b':
      AppendInt(Load<uint8_t>(raw, false) != 0 ? 1 : 0, out);
      return true;
    case 'i':
    case 'u':
      return AppendIntegerScalar(typestr[1], raw, swap, out);
    case 'f':
      if (raw.size() == 8) return AppendFloat(Load<double>(raw, swap), node, out);
      return raw.size() == 4 && AppendFloat(Load<float>(raw, swap), node, out);
    case 'U':
      return AppendUcs4(raw, swap, out);
    case 'S': {
      std::string_view text(reinterpret_cast<const char*>(raw.data()), raw.size());
      while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
      AppendText('y', text, out);
      return true;
    }
    default:
      return false;
  }
}

bool AppendAt(const Builder& builder, NodeId node, int depth, std::string* out);

bool AppendMembers(const Builder& builder, NodeId node, int depth, std::string* out) {
  const absl::Span<const NodeId> members = builder.edges(node);
  const bool ordered = builder.kind(node) == Kind::kTuple;
  AppendRaw(ordered ? 't' : 'z', static_cast<uint64_t>(members.size()), out);
  if (ordered) {
    return std::all_of(members.begin(), members.end(),
                       [&](NodeId member) { return AppendAt(builder, member, depth + 1, out); });
  }
  std::vector<std::string> forms(members.size());
  size_t total = 0;
  for (size_t i = 0; i < members.size(); ++i) {
    if (!AppendAt(builder, members[i], depth + 1, &forms[i])) return false;
    total += forms[i].size();
    if (total > kMaxKeyBytes) return false;
  }
  std::sort(forms.begin(), forms.end());
  for (const std::string& form : forms) out->append(form);
  return true;
}

bool AppendAt(const Builder& builder, NodeId node, int depth, std::string* out) {
  if (depth > kMaxKeyDepth || out->size() > kMaxKeyBytes) return false;
  switch (builder.kind(node)) {
    case Kind::kNone:
    case Kind::kEllipsis:
    case Kind::kNotImplemented:
      AppendRaw('o', builder.kind(node), out);
      return true;
    case Kind::kTrue:
    case Kind::kFalse:
      AppendInt(builder.kind(node) == Kind::kTrue ? 1 : 0, out);
      return true;
    case Kind::kInt:
      AppendInt(builder.int_value(node), out);
      return true;
    case Kind::kFloat:
      return AppendFloat(builder.float_value(node), node, out);
    case Kind::kBigInt: {
      const absl::Span<const uint8_t> raw = builder.big_int(node);
      AppendText('b', {reinterpret_cast<const char*>(raw.data()), raw.size()}, out);
      return true;
    }
    case Kind::kStr:
      AppendText('s', builder.text(node), out);
      return true;
    case Kind::kBytes: {
      const absl::Span<const uint8_t> data = builder.buffer(node).data;
      if (data.size() != builder.buffer(node).length) return false;
      AppendText('y', {reinterpret_cast<const char*>(data.data()), data.size()}, out);
      return true;
    }
    case Kind::kGlobal:
      AppendText('g', builder.global(node).module, out);
      AppendText('.', builder.global(node).name, out);
      return true;
    case Kind::kParameter:
      AppendRaw('p', node, out);  // torch compares keys by identity
      return true;
    case Kind::kScalar:
      return AppendScalar(builder, node, out);
    case Kind::kTuple:
    case Kind::kFrozenSet:
      return AppendMembers(builder, node, depth, out);
    default:
      return false;
  }
}

}  // namespace

bool AppendKey(const Builder& builder, NodeId node, std::string* out) {
  return AppendAt(builder, node, 0, out);
}

}  // namespace loadlock::graph
