#include "server/verify/invariants/labels.h"

#include <cmath>
#include <limits>

#include "absl/container/flat_hash_set.h"

namespace loadlock::verify {
namespace {

template <typename T>
std::optional<Labels> AscendingNumbers(const Array& array) {
  Labels labels{static_cast<int64_t>(array.size()), false};
  for (uint64_t i = 0; i < array.size(); ++i) {
    const T value = array.At<T>(i);
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(value)) {
        if (i + 1 != array.size()) return std::nullopt;
        labels.ends_with_nan = true;
        return labels;
      }
    }
    if (i > 0 && !(array.At<T>(i - 1) < value)) return std::nullopt;
  }
  return labels;
}

template <typename Small, typename Short, typename Word, typename Long>
std::optional<Labels> AscendingIntegers(const Array& array) {
  switch (array.dtype.itemsize) {
    case 1:
      return AscendingNumbers<Small>(array);
    case 2:
      return AscendingNumbers<Short>(array);
    case 4:
      return AscendingNumbers<Word>(array);
    default:
      return AscendingNumbers<Long>(array);
  }
}

// numpy compares fixed-width strings character by character, padded with zeros.
template <typename Character>
std::optional<Labels> AscendingStrings(const Array& array) {
  const uint64_t width = array.dtype.itemsize / sizeof(Character);
  for (uint64_t i = 1; i < array.size(); ++i) {
    uint64_t at = 0;
    const auto character = [&](uint64_t item) { return array.At<Character>(item * width + at); };
    while (at < width && character(i - 1) == character(i)) ++at;
    if (at == width || character(i - 1) > character(i)) return std::nullopt;
  }
  return Labels{static_cast<int64_t>(array.size()), false};
}

// Bools of other bytes than 0 and 1 compare in more than two ways.
bool AreBools(const Array& array) {
  for (const uint8_t byte : array.bytes) {
    if (byte > 1) return false;
  }
  return true;
}

// Dates and spans; the one that is none is the smallest number, and numpy sorts it last.
std::optional<Labels> AscendingTimes(const Array& array) {
  constexpr int64_t kNone = std::numeric_limits<int64_t>::min();
  for (uint64_t i = 0; i < array.size(); ++i) {
    const auto time = array.At<int64_t>(i);
    if (time == kNone && i + 1 != array.size()) return std::nullopt;
    if (time != kNone && i > 0 && array.At<int64_t>(i - 1) >= time) return std::nullopt;
  }
  return Labels{static_cast<int64_t>(array.size()), false};
}

std::optional<Labels> LabelsOfArray(const Array& array) {
  if (array.rank() != 1 || array.size() < 1 || !array.dtype.native()) return std::nullopt;
  switch (array.dtype.kind) {
    case 'b':
      return AreBools(array) ? AscendingNumbers<uint8_t>(array) : std::nullopt;
    case 'i':
      return AscendingIntegers<int8_t, int16_t, int32_t, int64_t>(array);
    case 'u':
      return AscendingIntegers<uint8_t, uint16_t, uint32_t, uint64_t>(array);
    case 'f':
      if (array.dtype.itemsize == 4) return AscendingNumbers<float>(array);
      if (array.dtype.itemsize == 8) return AscendingNumbers<double>(array);
      return std::nullopt;
    case 'M':
    case 'm':
      return AscendingTimes(array);
    case 'S':
      return AscendingStrings<uint8_t>(array);
    case 'U':
      return AscendingStrings<uint32_t>(array);
    default:
      return std::nullopt;
  }
}

// A Python number that is no NaN; bools compare as numbers.
std::optional<double> NumberOf(const Scope& scope, Value value) {
  if (const std::optional<bool> truth = scope.Bool(value)) return *truth ? 1.0 : 0.0;
  const std::optional<double> number = scope.Number(value);
  return number && !std::isnan(*number) ? number : std::nullopt;
}

bool IsNan(const Scope& scope, Value value) {
  const std::optional<double> number = scope.Number(value);
  return number && std::isnan(*number);
}

bool AreDifferentStrings(const Scope& scope, const Sequence& elements, uint32_t count) {
  absl::flat_hash_set<absl::string_view> seen;
  for (uint32_t i = 0; i < count; ++i) {
    const auto text = scope.view().Str(elements[i]);
    if (!text || !seen.insert(*text).second) return false;
  }
  return true;
}

bool AreAscendingNumbers(const Scope& scope, const Sequence& elements, uint32_t count) {
  std::optional<double> last;
  for (uint32_t i = 0; i < count; ++i) {
    const std::optional<double> number = NumberOf(scope, elements[i]);
    if (!number || (last && *last >= *number)) return false;
    last = number;
  }
  return true;
}

// The list of the elements of a one-dimensional array of objects.
std::optional<Sequence> ElementsOf(const Scope& scope, Value value) {
  if (!scope.view().Is(value, v1::NODE_KIND_OBJECT_NDARRAY)) return std::nullopt;
  const absl::Span<const uint32_t> operands = scope.view().operands(value.index);
  if (operands[2] != 1) return std::nullopt;
  Sequence elements(scope.view(), Value::Node(operands[0]));
  if (!elements.ok() || elements.size() < 1) return std::nullopt;
  return elements;
}

std::optional<Labels> LabelsOfObjects(const Scope& scope, const Sequence& elements) {
  Labels labels{int64_t{elements.size()}, IsNan(scope, elements[elements.size() - 1])};
  uint32_t plain = elements.size() - (labels.ends_with_nan ? 1 : 0);
  if (plain > 0 && scope.view().IsNone(elements[plain - 1])) --plain;
  if (AreDifferentStrings(scope, elements, plain) || AreAscendingNumbers(scope, elements, plain)) {
    return labels;
  }
  return std::nullopt;
}

bool AreClassesOfOne(const Scope& scope, Value value) {
  if (const std::optional<Array> array = scope.ArrayOf(value)) {
    return array->rank() == 1 && array->size() >= 1 && array->dtype.native() &&
           absl::string_view("biufUSMm").find(array->dtype.kind) != absl::string_view::npos;
  }
  return ElementsOf(scope, value).has_value();
}

}  // namespace

std::optional<Labels> LabelsOf(const Scope& scope, Value value) {
  if (const std::optional<Array> array = scope.ArrayOf(value)) return LabelsOfArray(*array);
  const std::optional<Sequence> elements = ElementsOf(scope, value);
  return elements ? LabelsOfObjects(scope, *elements) : std::nullopt;
}

std::optional<uint64_t> LabelCount(const Scope& scope, Value value) {
  const std::optional<Labels> labels = LabelsOf(scope, value);
  if (!labels) return std::nullopt;
  return static_cast<uint64_t>(labels->count);
}

Check CheckLabels(const Scope& scope, const Instance& object) {
  const std::optional<Value> classes = object.Get("classes_");
  if (!classes || LabelsOf(scope, *classes)) return std::nullopt;
  return Broken{"classes_", "classes_ are no sorted vector of labels"};
}

bool AreClasses(const Scope& scope, Value value) {
  const Sequence outputs(scope.view(), value);
  if (!outputs.ok()) return AreClassesOfOne(scope, value);
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    if (!AreClassesOfOne(scope, outputs[i])) return false;
  }
  return outputs.size() > 0;
}

}  // namespace loadlock::verify
