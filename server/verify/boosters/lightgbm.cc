#include "server/verify/boosters/lightgbm.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "server/verify/boosters/decimals.h"
#include "server/verify/boosters/lightgbm_trees.h"
#include "server/verify/boosters/record.h"

namespace loadlock::verify {
namespace {

constexpr int64_t kMaxFeatures = int64_t{1} << 20;
constexpr int64_t kMaxClasses = 10'000;

constexpr absl::string_view kHeaderKeys[] = {"version",           "objective",
                                             "num_class",         "num_tree_per_iteration",
                                             "label_index",       "max_feature_idx",
                                             "average_output",    "feature_names",
                                             "feature_infos",     "monotone_constraints",
                                             "pandas_categorical"};

constexpr std::array<absl::string_view, 16> kObjectives = {"regression",    "regression_l1",
                                                           "huber",         "fair",
                                                           "poisson",       "quantile",
                                                           "mape",          "gamma",
                                                           "tweedie",       "binary",
                                                           "multiclass",    "multiclassova",
                                                           "cross_entropy", "cross_entropy_lambda",
                                                           "lambdarank",    "rank_xendcg"};
constexpr std::array<absl::string_view, 6> kParameters = {
    "sigmoid", "num_class", "tweedie_variance_power", "alpha", "fair_c", "poisson_max_delta_step"};

template <size_t n>
bool Contains(const std::array<absl::string_view, n>& all, absl::string_view text) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

class LightgbmChecker {
 public:
  LightgbmChecker(const Scope& scope, Value value) : scope_(scope), record_(scope, value) {}

  Check Run() {
    std::vector<absl::string_view> keys(std::begin(kHeaderKeys), std::end(kHeaderKeys));
    keys.insert(keys.end(), kLightgbmTreeKeys.begin(), kLightgbmTreeKeys.end());
    if (record_.HasKeys(keys) && Header() && Objective() && Features() && Monotone() && Pandas() &&
        CheckLightgbmTrees(&record_, features_, classes_)) {
      return std::nullopt;
    }
    return Broken{"_handle", record_.message()};
  }

 private:
  bool Header() {
    absl::string_view version;
    int64_t trees = 0;
    int64_t label = 0;
    int64_t last = 0;
    int64_t average = 0;
    if (!record_.Text("version", &version) ||
        !record_.Int("num_class", 1, kMaxClasses, &classes_) ||
        !record_.Int("num_tree_per_iteration", 1, kMaxClasses, &trees) ||
        !record_.Int("label_index", 0, kMaxFeatures, &label) ||
        !record_.Int("max_feature_idx", 0, kMaxFeatures, &last) ||
        !record_.Int("average_output", 0, 1, &average)) {
      return false;
    }
    features_ = last + 1;
    if (version != "v3" && version != "v4") return record_.Fail("the version is not v3 or v4");
    return trees == classes_ ||
           record_.Fail("num_tree_per_iteration and num_class are not the same");
  }

  // None (a function of the user's trained it), or a known name and its parameters.
  bool Objective() {
    const Value value = record_.At("objective");
    if (scope_.view().IsNone(value)) return true;
    absl::string_view text;
    if (!record_.Text("objective", &text)) return false;
    const std::vector<absl::string_view> parts = absl::StrSplit(text, ' ');
    if (!Contains(kObjectives, parts[0])) {
      return record_.Fail("the objective is none that loadlock knows");
    }
    bool counted = false;
    for (size_t i = 1; i < parts.size(); ++i) {
      if (parts[i] == "sqrt") continue;
      const std::pair<absl::string_view, absl::string_view> pair =
          absl::StrSplit(parts[i], absl::MaxSplits(':', 1));
      if (!Contains(kParameters, pair.first) || !IsDecimal(pair.second)) {
        return record_.Fail("the objective has a parameter that loadlock does not know");
      }
      if (pair.first != "num_class") continue;
      counted = true;
      if (pair.second != absl::StrCat(classes_)) {
        return record_.Fail("num_class of the objective is another");
      }
    }
    return counted == (classes_ > 1) || record_.Fail("the objective does not say num_class");
  }

  bool Features() {
    Sequence names(scope_.view(), record_.At("feature_names"));
    Sequence infos(scope_.view(), record_.At("feature_infos"));
    const auto count = static_cast<uint64_t>(features_);
    if (!record_.Texts("feature_names", count, &names) ||
        !record_.Texts("feature_infos", count, &infos)) {
      return false;
    }
    for (uint32_t i = 0; i < names.size(); ++i) {
      // Both stand in lines of their own, with spaces between them.
      if (!IsWord(*scope_.view().Str(names[i])) || !IsInfo(*scope_.view().Str(infos[i]))) {
        return record_.Fail("a feature's name or info holds a space, or nothing");
      }
    }
    return true;
  }

  static bool IsWord(absl::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(),
                                        [](char c) { return static_cast<unsigned char>(c) > ' '; });
  }
  static bool IsInfo(absl::string_view text) {
    constexpr absl::string_view kLetters =
        "0123456789.:+-[]none"
        "if";
    return !text.empty() && text.find_first_not_of(kLetters) == absl::string_view::npos;
  }

  bool Monotone() {
    const Value value = record_.At("monotone_constraints");
    if (scope_.view().IsNone(value)) return true;
    const Sequence signs(scope_.view(), value);
    if (signs.size() != static_cast<uint64_t>(features_)) {
      return record_.Fail("monotone_constraints has not one element a feature");
    }
    for (uint32_t i = 0; i < signs.size(); ++i) {
      const std::optional<int64_t> sign = scope_.Int(signs[i]);
      if (!sign || *sign < -1 || *sign > 1) return record_.Fail("monotone_constraints");
    }
    return true;
  }

  // None, or for each column of categories a list of their names.
  bool Pandas() {
    const Value value = record_.At("pandas_categorical");
    if (scope_.view().IsNone(value)) return true;
    const Sequence columns(scope_.view(), value);
    if (scope_.KindOf(value) != v1::VALUE_KIND_LIST) return record_.Fail("pandas_categorical");
    for (uint32_t i = 0; i < columns.size(); ++i) {
      const Sequence names(scope_.view(), columns[i]);
      if (scope_.KindOf(columns[i]) != v1::VALUE_KIND_LIST || !scope_.view().Spend(names.size())) {
        return record_.Fail("pandas_categorical is no list of lists");
      }
      for (uint32_t j = 0; j < names.size(); ++j) {
        const v1::ValueKind kind = scope_.KindOf(names[j]);
        if (kind != v1::VALUE_KIND_STR && kind != v1::VALUE_KIND_INT &&
            kind != v1::VALUE_KIND_FLOAT && kind != v1::VALUE_KIND_BOOL &&
            kind != v1::VALUE_KIND_NONE) {
          return record_.Fail("pandas_categorical holds something else than plain values");
        }
      }
    }
    return true;
  }

  const Scope& scope_;
  Record record_;
  int64_t classes_ = 1;
  int64_t features_ = 0;
};

}  // namespace

Check CheckLightgbm(const Scope& scope, const Instance& booster) {
  const std::optional<Value> handle = booster.Get("_handle");
  if (!handle) return Broken{"_handle", "the native model is missing"};
  return LightgbmChecker(scope, *handle).Run();
}

}  // namespace loadlock::verify
