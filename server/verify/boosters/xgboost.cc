#include "server/verify/boosters/xgboost.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "server/verify/boosters/record.h"
#include "server/verify/boosters/xgboost_trees.h"

namespace loadlock::verify {
namespace {

constexpr int64_t kMaxFeatures = int64_t{1} << 20;
constexpr int64_t kMaxGroups = 10'000;

constexpr std::array<absl::string_view, 19> kObjectives = {
    "reg:squarederror",  "reg:squaredlogerror",
    "reg:logistic",      "reg:pseudohubererror",
    "reg:absoluteerror", "reg:quantileerror",
    "reg:gamma",         "reg:tweedie",
    "binary:logistic",   "binary:logitraw",
    "binary:hinge",      "count:poisson",
    "survival:cox",      "survival:aft",
    "multi:softmax",     "multi:softprob",
    "rank:ndcg",         "rank:map",
    "rank:pairwise"};

constexpr std::array<absl::string_view, 5> kFeatureTypes = {"q", "int", "float", "i", "c"};

constexpr absl::string_view kCommonKeys[] = {"version",
                                             "num_class",
                                             "num_feature",
                                             "num_target",
                                             "boost_from_average",
                                             "base_score",
                                             "base_score_is_scalar",
                                             "attributes",
                                             "feature_names",
                                             "feature_types",
                                             "objective",
                                             "objective_params",
                                             "booster"};
constexpr absl::string_view kLinearKeys[] = {"boosted_rounds", "weights"};

template <size_t n>
bool Contains(const std::array<absl::string_view, n>& all, absl::string_view text) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

class XgboostChecker {
 public:
  XgboostChecker(const Scope& scope, Value value) : scope_(scope), record_(scope, value) {}

  Check Run(Value value) {
    if (Keys(value) && Header() && Texts() && Objective() && Booster()) return std::nullopt;
    return Broken{"handle", record_.message()};
  }

 private:
  bool Keys(Value value) {
    // Which keys there are depends on the booster.
    const Mapping mapping(scope_.view(), value);
    const std::optional<Value> name = mapping.ok() ? mapping.Find("booster") : std::nullopt;
    const auto text = name ? scope_.view().Str(*name) : std::nullopt;
    if (!text) return record_.Fail("the native model is no record with a booster");
    booster_ = *text;
    std::vector<absl::string_view> keys(std::begin(kCommonKeys), std::end(kCommonKeys));
    if (booster_ == "gblinear") {
      keys.insert(keys.end(), std::begin(kLinearKeys), std::end(kLinearKeys));
    } else if (booster_ == "gbtree" || booster_ == "dart") {
      keys.insert(keys.end(), kXgboostTreeKeys.begin(), kXgboostTreeKeys.end());
      if (booster_ == "dart") keys.push_back("weight_drop");
    } else {
      return record_.Fail("the booster is none of gbtree, dart, gblinear");
    }
    return record_.HasKeys(keys);
  }

  bool Header() {
    int64_t targets = 0;
    int64_t average = 0;
    int64_t scalar = 0;
    if (!record_.Int("num_class", 0, kMaxGroups, &classes_) ||
        !record_.Int("num_feature", 0, kMaxFeatures, &features_) ||
        !record_.Int("num_target", 1, kMaxGroups, &targets) ||
        !record_.Int("boost_from_average", 0, 1, &average) ||
        !record_.Int("base_score_is_scalar", 0, 1, &scalar)) {
      return false;
    }
    groups_ = std::max<int64_t>(classes_, 1) * targets;
    if (groups_ > kMaxGroups) return record_.Fail("classes times targets are too many");
    return Version() && BaseScore(scalar == 1);
  }

  bool Version() {
    const Sequence version(scope_.view(), record_.At("version"));
    if (version.size() != 3) return record_.Fail("version is not three numbers");
    for (uint32_t i = 0; i < 3; ++i) {
      const std::optional<int64_t> number = scope_.Int(version[i]);
      if (!number || *number < 0 || *number >= 1000) return record_.Fail("version is out of range");
    }
    return true;
  }

  bool BaseScore(bool scalar) {
    const Sequence scores(scope_.view(), record_.At("base_score"));
    if (scores.size() != 1 && (scalar || scores.size() != static_cast<uint64_t>(groups_))) {
      return record_.Fail("base_score has neither one element nor one a group");
    }
    for (uint32_t i = 0; i < scores.size(); ++i) {
      const std::optional<double> score = scope_.Number(scores[i]);
      if (!score || !std::isfinite(*score)) return record_.Fail("base_score is not finite");
    }
    return true;
  }

  // A dict of str to str.
  bool StringDict(Value value, absl::string_view name) {
    const Mapping mapping(scope_.view(), value);
    if (!mapping.ok() || mapping.ordered() || !mapping.str_keys()) {
      return record_.Fail(absl::StrCat(name, " is no dict"));
    }
    if (!scope_.view().Spend(mapping.size())) return record_.Fail("the checks cost too much");
    for (uint32_t i = 0; i < mapping.size(); ++i) {
      if (!scope_.view().Str(mapping.value(i))) {
        return record_.Fail(absl::StrCat(name, " holds something else than strs"));
      }
    }
    return true;
  }

  bool Texts() {
    for (const absl::string_view key : {"feature_names", "feature_types"}) {
      const std::optional<uint64_t> length = scope_.Length(record_.At(key));
      Sequence texts(scope_.view(), record_.At(key));
      if (!length ||
          !record_.Texts(key, *length == 0 ? 0 : static_cast<uint64_t>(features_), &texts)) {
        return record_.Fail(absl::StrCat(key, " has not one element a feature"));
      }
      for (uint32_t i = 0; key == "feature_types" && i < texts.size(); ++i) {
        if (!Contains(kFeatureTypes, *scope_.view().Str(texts[i]))) {
          return record_.Fail("feature_types holds an unknown type");
        }
      }
    }
    return StringDict(record_.At("attributes"), "attributes");
  }

  bool Objective() {
    absl::string_view name;
    if (!record_.Text("objective", &name)) return false;
    if (!Contains(kObjectives, name)) {
      return record_.Fail("the objective is none that loadlock knows");
    }
    const Mapping groups(scope_.view(), record_.At("objective_params"));
    if (!groups.ok() || groups.ordered() || !groups.str_keys()) {
      return record_.Fail("objective_params is no dict");
    }
    for (uint32_t i = 0; i < groups.size(); ++i) {
      if (groups.str_key(i) == "name") return record_.Fail("objective_params has a name");
      if (!StringDict(groups.value(i), "objective_params")) return false;
      // The objective divides predictions by its own number of classes.
      const auto own = Mapping(scope_.view(), groups.value(i)).Find("num_class");
      int64_t number = 0;
      if (own && (!absl::SimpleAtoi(*scope_.view().Str(*own), &number) || number != classes_)) {
        return record_.Fail("num_class of the objective is another");
      }
    }
    return true;
  }

  bool Booster() {
    if (booster_ != "gblinear") {
      return CheckXgboostTrees(&record_, features_, groups_, booster_ == "dart");
    }
    constexpr int64_t kMaxRounds = int64_t{1} << 30;
    int64_t rounds = 0;
    Column<float> weights;
    if (!record_.Int("boosted_rounds", 0, kMaxRounds, &rounds) ||
        !record_.Get("weights", static_cast<uint64_t>((features_ + 1) * groups_), &weights)) {
      return false;
    }
    for (uint64_t i = 0; i < weights.size(); ++i) {
      if (!std::isfinite(weights[i]))
        return record_.Fail("weights hold a number that is not finite");
    }
    return true;
  }

  const Scope& scope_;
  Record record_;
  absl::string_view booster_;
  int64_t classes_ = 0;
  int64_t features_ = 0;
  int64_t groups_ = 1;
};

}  // namespace

Check CheckXgboost(const Scope& scope, const Instance& booster) {
  const std::optional<Value> handle = booster.Get("handle");
  if (!handle) return Broken{"handle", "the native model is missing"};
  return XgboostChecker(scope, *handle).Run(*handle);
}

}  // namespace loadlock::verify
