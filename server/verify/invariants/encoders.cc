#include "server/verify/invariants/encoders.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"

namespace loadlock::verify {
namespace {

std::optional<int64_t> IntOf(const Scope& scope, const Instance& object, absl::string_view key) {
  const std::optional<Value> value = object.Get(key);
  return value ? scope.Int(*value) : std::nullopt;
}

// Elements of a list or of a vector of objects.
Sequence Elements(const Scope& scope, Value value) {
  if (scope.view().Is(value, v1::NODE_KIND_OBJECT_NDARRAY)) {
    return Sequence(scope.view(), Value::Node(scope.view().operands(value.index)[0]));
  }
  return Sequence(scope.view(), value);
}

// Number of categories of each feature.
Check ReadCategories(const Scope& scope, const Instance& encoder, std::vector<int64_t>* counts) {
  const absl::string_view key = "categories_";
  const Sequence categories(scope.view(), encoder.Get(key).value_or(Value::Node(kAbsent)));
  const std::optional<int64_t> features = IntOf(scope, encoder, "n_features_in_");
  if (!features || !categories.ok() || int64_t{categories.size()} != *features) {
    return Broken{key, "categories_ are not one array a feature"};
  }
  for (uint32_t i = 0; i < categories.size(); ++i) {
    const v1::ValueKind kind = scope.KindOf(categories[i]);
    const std::optional<uint64_t> count = scope.Length(categories[i]);
    if ((kind != v1::VALUE_KIND_ARRAY && kind != v1::VALUE_KIND_OBJECT_ARRAY) || !count ||
        *count < 1) {
      return Broken{key, absl::StrCat("the categories of feature ", i, " are no array")};
    }
    counts->push_back(static_cast<int64_t>(*count));
  }
  return std::nullopt;
}

bool AllBelow(const Array& array, int64_t limit) {
  for (uint64_t i = 0; i < array.size(); ++i) {
    const std::optional<int64_t> index = IntAt(array, i);
    if (!index || *index < 0 || *index >= limit) return false;
  }
  return true;
}

// Infrequent categories share one number: after this, `counts` are how many numbers each
// feature has.
Check ApplyInfrequent(const Scope& scope, const Instance& encoder, std::vector<int64_t>* counts) {
  const absl::string_view key = "_default_to_infrequent_mappings";
  const std::optional<Value> value = encoder.Get(key);
  const std::optional<Value> enabled = encoder.Get("_infrequent_enabled");
  const bool used = enabled && scope.Bool(*enabled).value_or(true);
  if (!value) {
    if (used) return Broken{key, "the mappings are missing"};
    return std::nullopt;
  }
  const Sequence mappings(scope.view(), *value);
  const std::optional<Value> indices_value = encoder.Get("_infrequent_indices");
  const Sequence indices(scope.view(), indices_value ? *indices_value : Value::Node(kAbsent));
  if (mappings.size() != counts->size() || indices.size() != counts->size()) {
    return Broken{key, "not one mapping a feature"};
  }
  for (uint32_t i = 0; i < mappings.size(); ++i) {
    if (scope.view().IsNone(mappings[i])) continue;
    int64_t& count = (*counts)[i];
    const std::optional<Array> mapping = scope.ArrayOf(mappings[i]);
    const std::optional<Array> infrequent = scope.ArrayOf(indices[i]);
    if (!mapping || !mapping->dtype.Is('i', 8) ||
        !mapping->IsVector(static_cast<uint64_t>(count)) || !AllBelow(*mapping, count)) {
      return Broken{key, absl::StrCat("the mapping of feature ", i, " is out of range")};
    }
    if (!infrequent || infrequent->rank() != 1 || infrequent->size() < 1 ||
        !AllBelow(*infrequent, count)) {
      return Broken{"_infrequent_indices",
                    absl::StrCat("the indices of feature ", i, " are out of range")};
    }
    int64_t largest = 0;
    for (uint64_t j = 0; j < mapping->size(); ++j) {
      largest = std::max(largest, mapping->At<int64_t>(j));
    }
    count = largest + 1;
  }
  return std::nullopt;
}

// drop_idx_ (and what it is after grouping) names at most one number a feature.
Check ReadDropped(const Scope& scope, const Instance& encoder, absl::string_view key,
                  const std::vector<int64_t>& limits, std::vector<uint8_t>* dropped) {
  const std::optional<Value> value = encoder.Get(key);
  if (!value || scope.view().IsNone(*value)) return std::nullopt;
  dropped->assign(limits.size(), 0);
  if (const std::optional<Array> array = scope.ArrayOf(*value)) {
    if (!array->IsVector(limits.size())) return Broken{key, "not one number a feature"};
    for (uint64_t i = 0; i < limits.size(); ++i) {
      const std::optional<int64_t> index = IntAt(*array, i);
      if (!index || *index < 0 || *index >= limits[i]) return Broken{key, "out of range"};
      (*dropped)[i] = 1;
    }
    return std::nullopt;
  }
  const Sequence elements = Elements(scope, *value);
  if (elements.size() != limits.size()) return Broken{key, "not one number a feature"};
  for (uint32_t i = 0; i < elements.size(); ++i) {
    if (scope.view().IsNone(elements[i])) continue;
    const std::optional<int64_t> index = scope.Int(elements[i]);
    if (!index || *index < 0 || *index >= limits[i]) return Broken{key, "out of range"};
    (*dropped)[i] = 1;
  }
  return std::nullopt;
}

}  // namespace

Check CheckOneHot(const Scope& scope, const Instance& encoder) {
  if (!encoder.Has("categories_")) return std::nullopt;
  std::vector<int64_t> categories;
  if (Check broken = ReadCategories(scope, encoder, &categories)) return broken;
  std::vector<int64_t> counts = categories;
  if (Check broken = ApplyInfrequent(scope, encoder, &counts)) return broken;
  std::vector<uint8_t> dropped(counts.size(), 0);
  if (Check broken = ReadDropped(scope, encoder, "drop_idx_", categories, &dropped)) return broken;
  if (Check broken = ReadDropped(scope, encoder, "_drop_idx_after_grouping", counts, &dropped)) {
    return broken;
  }
  const absl::string_view key = "_n_features_outs";
  const std::optional<Value> outs_value = encoder.Get(key);
  const Sequence outs(scope.view(), outs_value ? *outs_value : Value::Node(kAbsent));
  if (outs.size() != counts.size()) return Broken{key, "not one number a feature"};
  for (uint32_t i = 0; i < outs.size(); ++i) {
    if (scope.Int(outs[i]) != counts[i] - dropped[i]) {
      return Broken{key, absl::StrCat("feature ", i, " has another number of columns")};
    }
  }
  return std::nullopt;
}

Check CheckOrdinal(const Scope& scope, const Instance& encoder) {
  if (!encoder.Has("categories_")) return std::nullopt;
  std::vector<int64_t> counts;
  if (Check broken = ReadCategories(scope, encoder, &counts)) return broken;
  const std::vector<int64_t> categories = counts;
  if (Check broken = ApplyInfrequent(scope, encoder, &counts)) return broken;
  const std::optional<Value> missing = encoder.Get("_missing_indices");
  if (!missing) return std::nullopt;
  const Mapping indices(scope.view(), *missing);
  if (!indices.ok()) return Broken{"_missing_indices", "no dict"};
  for (uint32_t i = 0; i < indices.size(); ++i) {
    const std::optional<int64_t> feature = scope.Int(indices.key(i));
    const std::optional<int64_t> index = scope.Int(indices.value(i));
    if (!feature || *feature < 0 || *feature >= static_cast<int64_t>(categories.size()) || !index ||
        *index < 0 || *index >= categories[static_cast<size_t>(*feature)]) {
      return Broken{"_missing_indices", "an index is out of range"};
    }
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
