#include "server/verify/invariants/encoders.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/verify/invariants/labels.h"

namespace loadlock::verify {
namespace {

constexpr absl::string_view kMappings = "_default_to_infrequent_mappings";
constexpr absl::string_view kInfrequent = "_infrequent_indices";
// What drops columns: this since 1.3, drop_idx_ before.
constexpr absl::string_view kDropGrouped = "_drop_idx_after_grouping";

// What fit computes for one feature, from which everything else follows.
struct Feature {
  int64_t categories = 0;
  // NaN is the last category.
  bool ends_with_nan = false;
  // From category to number; empty if each is its own.
  std::vector<int64_t> mapping;
  // How many numbers there are: infrequent categories share the last one.
  int64_t numbers = 0;

  int64_t NumberOf(int64_t category) const {
    return mapping.empty() ? category : mapping[static_cast<size_t>(category)];
  }
};

Check ReadCategories(const Scope& scope, const Instance& encoder, std::vector<Feature>* features) {
  const absl::string_view key = "categories_";
  const Sequence categories(scope.view(), encoder.Get(key).value_or(Value::Node(kAbsent)));
  const std::optional<Value> width = encoder.Get("n_features_in_");
  if (!width || !categories.ok() || scope.Int(*width) != int64_t{categories.size()}) {
    return Broken{key, "categories_ are not one array a feature"};
  }
  for (uint32_t i = 0; i < categories.size(); ++i) {
    const std::optional<Labels> labels = LabelsOf(scope, categories[i]);
    if (!labels) {
      return Broken{key, absl::StrCat("the categories of feature ", i, " are no sorted vector")};
    }
    features->push_back({labels->count, labels->ends_with_nan, {}, labels->count});
  }
  return std::nullopt;
}

bool IsSet(const Scope& scope, const Instance& encoder, absl::string_view key) {
  const std::optional<Value> value = encoder.Get(key);
  return value && !scope.view().IsNone(*value);
}

// As fit decides it; of encoders of versions that cannot group, false.
bool GroupsByParameters(const Scope& scope, const Instance& encoder) {
  if (IsSet(scope, encoder, "min_frequency")) return true;
  const std::optional<Value> most = encoder.Get("max_categories");
  return most && scope.Number(*most).value_or(0) >= 1;
}

// Which categories of `total` are infrequent: ascending indices, at least one.
std::optional<std::vector<uint8_t>> ReadInfrequent(const Scope& scope, Value value, int64_t total) {
  const std::optional<Array> array = scope.ArrayOf(value);
  if (!array || !array->dtype.Is('i', 8) || array->rank() != 1 || array->size() < 1) {
    return std::nullopt;
  }
  std::vector<uint8_t> infrequent(static_cast<size_t>(total), 0);
  int64_t last = -1;
  for (uint64_t i = 0; i < array->size(); ++i) {
    const auto index = array->At<int64_t>(i);
    if (index <= last || index >= total) return std::nullopt;
    infrequent[static_cast<size_t>(index)] = 1;
    last = index;
  }
  return infrequent;
}

// Frequent categories are numbered in their order, infrequent ones share the number after them.
std::vector<int64_t> MappingOf(const std::vector<uint8_t>& infrequent) {
  std::vector<int64_t> mapping;
  int64_t frequent = 0;
  for (const uint8_t rare : infrequent) mapping.push_back(rare != 0 ? -1 : frequent++);
  for (int64_t& number : mapping) {
    if (number < 0) number = frequent;
  }
  return mapping;
}

bool Holds(const Array& array, const std::vector<int64_t>& wanted) {
  if (!array.dtype.Is('i', 8) || !array.IsVector(wanted.size())) return false;
  for (uint64_t i = 0; i < wanted.size(); ++i) {
    if (array.At<int64_t>(i) != wanted[i]) return false;
  }
  return true;
}

// `spared`: the last category is left out of the grouping, as OrdinalEncoder does with NaN.
Check GroupFeature(const Scope& scope, Value mapping, Value indices, bool spared,
                   Feature* feature) {
  if (scope.view().IsNone(mapping) && scope.view().IsNone(indices)) return std::nullopt;
  const int64_t total = feature->categories - (spared ? 1 : 0);
  const auto infrequent = ReadInfrequent(scope, indices, total);
  if (!infrequent) return Broken{kInfrequent, "no ascending indices of categories"};
  feature->mapping = MappingOf(*infrequent);
  const std::optional<Array> array = scope.ArrayOf(mapping);
  if (!array || !Holds(*array, feature->mapping)) {
    return Broken{kMappings, "a mapping does not follow from the infrequent indices"};
  }
  int64_t largest = 0;
  for (const int64_t number : feature->mapping) largest = std::max(largest, number);
  feature->numbers = largest + 1;
  return std::nullopt;
}

// `spare_nan`: see GroupFeature.
Check ReadGroups(const Scope& scope, const Instance& encoder, bool required, bool spare_nan,
                 std::vector<Feature>* features) {
  const absl::string_view key = "_infrequent_enabled";
  const std::optional<Value> value = encoder.Get(key);
  const std::optional<bool> enabled = value ? scope.Bool(*value) : std::nullopt;
  if ((value || required) && enabled != GroupsByParameters(scope, encoder)) {
    return Broken{key, "it is not what min_frequency and max_categories say"};
  }
  if (!enabled.value_or(false)) {
    if (!encoder.Has(kMappings) && !encoder.Has(kInfrequent)) return std::nullopt;
    return Broken{kMappings, "mappings although no category is infrequent"};
  }
  const Sequence mappings(scope.view(), encoder.Get(kMappings).value_or(Value::Node(kAbsent)));
  const Sequence indices(scope.view(), encoder.Get(kInfrequent).value_or(Value::Node(kAbsent)));
  if (!mappings.ok() || !indices.ok() || mappings.size() != features->size() ||
      indices.size() != features->size()) {
    return Broken{kMappings, "not one mapping and one array of indices a feature"};
  }
  for (uint32_t i = 0; i < mappings.size(); ++i) {
    Feature& feature = (*features)[i];
    const bool spared = spare_nan && feature.ends_with_nan;
    if (Check broken = GroupFeature(scope, mappings[i], indices[i], spared, &feature)) {
      return broken;
    }
  }
  return std::nullopt;
}

// One number or None a feature; no value is None for all. nullopt if it is anything else.
using Drops = std::vector<std::optional<int64_t>>;
std::optional<Drops> ReadDrops(const Scope& scope, Value value, size_t features) {
  if (scope.view().IsNone(value)) return Drops(features);
  if (!scope.view().Is(value, v1::NODE_KIND_OBJECT_NDARRAY)) return std::nullopt;
  const absl::Span<const uint32_t> operands = scope.view().operands(value.index);
  const Sequence elements(scope.view(), Value::Node(operands[0]));
  if (operands[2] != 1 || elements.size() != features) return std::nullopt;
  Drops drops;
  for (uint32_t i = 0; i < elements.size(); ++i) {
    const bool none = scope.view().IsNone(elements[i]);
    const std::optional<int64_t> number = none ? std::nullopt : scope.Int(elements[i]);
    if (!none && !number) return std::nullopt;
    drops.push_back(number);
  }
  return drops;
}

// What the parameter `drop` makes of a feature, as far as it says: 'first' drops number 0,
// 'if_binary' number 0 of two, a list of categories one of each feature.
bool AgreesWithDrop(const Scope& scope, Value drop, const Feature& feature,
                    std::optional<int64_t> dropped) {
  if (scope.view().IsNone(drop)) return !dropped;
  const auto text = scope.view().Str(drop);
  if (!text) return dropped.has_value();
  if (*text == "first") return dropped == 0;
  if (*text != "if_binary") return false;
  return feature.numbers == 2 ? dropped == 0 : !dropped;
}

// The public drop_idx_ is the first category of the number that is dropped.
bool IsPublicForm(const Feature& feature, std::optional<int64_t> category,
                  std::optional<int64_t> dropped) {
  if (!category || !dropped) return category.has_value() == dropped.has_value();
  // Versions before 1.3 take it for the number itself: it must be one for them too.
  return *category >= 0 && *category < feature.categories && *category < feature.numbers &&
         feature.NumberOf(*category) == *dropped;
}

Check ReadDropped(const Scope& scope, const Instance& encoder, const std::vector<Feature>& features,
                  Drops* dropped) {
  const absl::string_view key = "drop_idx_";
  const std::optional<Value> value = encoder.Get(key);
  const std::optional<Value> drop = encoder.Get("drop");
  if (!value || !drop) return Broken{key, "drop or drop_idx_ is missing"};
  const std::optional<Value> grouped = encoder.Get(kDropGrouped);
  const auto categories = ReadDrops(scope, *value, features.size());
  const auto numbers = grouped ? ReadDrops(scope, *grouped, features.size()) : categories;
  if (!categories || !numbers) return Broken{key, "not one number or None a feature"};
  if (grouped && scope.view().IsNone(*grouped) != scope.view().IsNone(*value)) {
    return Broken{kDropGrouped, "it disagrees with drop_idx_"};
  }
  for (size_t i = 0; i < features.size(); ++i) {
    const std::optional<int64_t> number = (*numbers)[i];
    if (number && (*number < 0 || *number >= features[i].numbers)) {
      return Broken{key, "a number to drop is out of range"};
    }
    if (!AgreesWithDrop(scope, *drop, features[i], number)) {
      return Broken{key, "it disagrees with drop"};
    }
    if (grouped && !IsPublicForm(features[i], (*categories)[i], number)) {
      return Broken{kDropGrouped, "it disagrees with drop_idx_"};
    }
  }
  *dropped = *numbers;
  return std::nullopt;
}

// _missing_indices: for each feature whose last category is NaN, the index of it.
Check CheckMissing(const Scope& scope, const Instance& encoder,
                   const std::vector<Feature>& features) {
  const absl::string_view key = "_missing_indices";
  const std::optional<Value> value = encoder.Get(key);
  if (!value) return std::nullopt;
  const Mapping indices(scope.view(), *value);
  if (!indices.ok()) return Broken{key, "no dict"};
  std::vector<uint8_t> seen(features.size(), 0);
  for (uint32_t i = 0; i < indices.size(); ++i) {
    const std::optional<int64_t> feature = scope.Int(indices.key(i));
    if (!feature || *feature < 0 || *feature >= static_cast<int64_t>(features.size()) ||
        scope.Int(indices.value(i)) != features[static_cast<size_t>(*feature)].categories - 1) {
      return Broken{key, "no index of the last category of a feature"};
    }
    seen[static_cast<size_t>(*feature)] = 1;
  }
  for (size_t i = 0; i < features.size(); ++i) {
    if ((seen[i] != 0) != features[i].ends_with_nan) {
      return Broken{key, "it does not name the features whose last category is NaN"};
    }
  }
  return std::nullopt;
}

}  // namespace

Check CheckOneHot(const Scope& scope, const Instance& encoder) {
  if (!encoder.Has("categories_")) return std::nullopt;
  std::vector<Feature> features;
  if (Check broken = ReadCategories(scope, encoder, &features)) return broken;
  if (Check broken = ReadGroups(scope, encoder, true, false, &features)) return broken;
  Drops dropped;
  if (Check broken = ReadDropped(scope, encoder, features, &dropped)) return broken;
  const absl::string_view key = "_n_features_outs";
  const Sequence outs(scope.view(), encoder.Get(key).value_or(Value::Node(kAbsent)));
  if (outs.size() != features.size()) return Broken{key, "not one number a feature"};
  for (uint32_t i = 0; i < outs.size(); ++i) {
    if (scope.Int(outs[i]) != features[i].numbers - (dropped[i] ? 1 : 0)) {
      return Broken{key, absl::StrCat("feature ", i, " has another number of columns")};
    }
  }
  return std::nullopt;
}

Check CheckOrdinal(const Scope& scope, const Instance& encoder) {
  if (!encoder.Has("categories_")) return std::nullopt;
  std::vector<Feature> features;
  if (Check broken = ReadCategories(scope, encoder, &features)) return broken;
  if (Check broken = ReadGroups(scope, encoder, false, true, &features)) return broken;
  return CheckMissing(scope, encoder, features);
}

}  // namespace loadlock::verify
