#include "sandbox/decoders/boosters/xgboost.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/charconv.h"
#include "sandbox/bytes/text.h"
#include "sandbox/decoders/boosters/fields.h"
#include "sandbox/decoders/boosters/xgboost_trees.h"

namespace loadlock::boosters {
namespace {

using document::Index;
using document::Type;
using graph::NodeId;

constexpr const char* kWhat = "xgboost model";
// More than any model has, and far from where products of them overflow.
constexpr int64_t kMaxFeatures = int64_t{1} << 20;
constexpr int64_t kMaxGroups = 10'000;

// Only the digits that JSON has for a number; "inf" and "0x1p3" are none.
std::optional<double> ParseFloat(std::string_view text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
  });
  float value = 0;
  const auto [end, error] = absl::from_chars(text.data(), text.data() + text.size(), value);
  if (!plain || error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

class XgboostLowering {
 public:
  XgboostLowering(const document::Document& model, const Target& target)
      : fields_(model, target.budget, kWhat), doc_(model), target_(target), record_(target) {}

  std::optional<graph::Refusal> Run(Index root, NodeId* out) {
    if (Model(root)) {
      *out = record_.Finish();
      if (target_.builder->exhausted()) fields_.Fail("");
    } else {
      // A column that could not be written leaves no reason of its own.
      fields_.Fail("its columns cannot be written");
    }
    return fields_.TakeRefusal();
  }

 private:
  bool Model(Index root) {
    if (!fields_.CheckKeys(root, "the model", {"learner", "version"})) return false;
    if (!Version(fields_.At(root, "version"))) return false;
    const Index learner = fields_.At(root, "learner");
    return fields_.CheckKeys(learner, "learner",
                             {"gradient_booster", "learner_model_param", "objective"},
                             {"attributes", "feature_names", "feature_types"}) &&
           Parameters(fields_.At(learner, "learner_model_param")) &&
           Attributes(doc_.Find(learner, "attributes")) &&
           Texts("feature_names", doc_.Find(learner, "feature_names")) &&
           Texts("feature_types", doc_.Find(learner, "feature_types")) &&
           Objective(fields_.At(learner, "objective")) &&
           Booster(fields_.At(learner, "gradient_booster"));
  }

  bool Version(Index version) {
    std::vector<int32_t> numbers;
    if (!fields_.AppendNumbers(version, "version", &numbers)) return false;
    if (numbers.size() != 3) return fields_.Fail("version is not three numbers");
    const NodeId list = target_.builder->List();
    for (const int32_t number : numbers) {
      const NodeId node = target_.builder->Int(number);
      target_.builder->Extend(list, {&node, 1});
    }
    record_.Put("version", list);
    return true;
  }

  bool Parameters(Index object) {
    if (!fields_.CheckKeys(object, "learner_model_param",
                           {"base_score", "num_class", "num_feature"},
                           {"boost_from_average", "num_target"})) {
      return false;
    }
    int64_t classes = 0;
    int64_t targets = 1;
    int64_t average = 1;
    if (!fields_.ReadParameter(object, "num_class", 0, kMaxGroups, &classes) ||
        !fields_.ReadParameter(object, "num_feature", 0, kMaxFeatures, &num_feature_)) {
      return false;
    }
    if (doc_.Find(object, "num_target") &&
        !fields_.ReadParameter(object, "num_target", 0, kMaxGroups, &targets)) {
      return false;
    }
    if (doc_.Find(object, "boost_from_average") &&
        !fields_.ReadParameter(object, "boost_from_average", 0, 1, &average)) {
      return false;
    }
    record_.PutInt("num_class", classes);
    record_.PutInt("num_feature", num_feature_);
    // Models of before 1.7 say 0 or nothing.
    record_.PutInt("num_target", std::max<int64_t>(targets, 1));
    record_.PutInt("boost_from_average", average);
    groups_ = std::max<int64_t>(classes, 1) * std::max<int64_t>(targets, 1);
    return BaseScore(fields_.At(object, "base_score"));
  }

  // "5E-1", since 3.1 "[5E-1]" with one number a group.
  bool BaseScore(Index value) {
    std::string_view text;
    if (!fields_.ReadText(value, "base_score", &text)) return false;
    const bool vector = text.size() >= 2 && text.front() == '[' && text.back() == ']';
    if (vector) text = text.substr(1, text.size() - 2);
    const NodeId list = target_.builder->List();
    for (bool more = true; more;) {
      more = text.find(',') != text.npos;
      const std::optional<double> number = ParseFloat(bytes::TakeUntil(',', &text));
      if (!number) return fields_.Fail("base_score is no finite number");
      const NodeId node = target_.builder->Float(*number);
      target_.builder->Extend(list, {&node, 1});
    }
    record_.Put("base_score", list);
    record_.PutInt("base_score_is_scalar", vector ? 0 : 1);
    return true;
  }

  NodeId Text(std::string_view text) { return target_.builder->Str(target_.builder->Keep(text)); }

  // An object whose values are all strings.
  bool StringDict(Index object, std::string_view name, NodeId* out) {
    if (!doc_.Is(object, Type::kObject))
      return fields_.Fail(bytes::Concat({name, " is no object"}));
    std::vector<NodeId> pairs;
    for (Index i = doc_.First(object); i < doc_.at(object).end; i = doc_.Next(doc_.Next(i))) {
      std::string_view text;
      if (!fields_.ReadText(doc_.Next(i), name, &text)) return false;
      pairs.push_back(Text(doc_.Text(i)));
      pairs.push_back(Text(text));
    }
    *out = target_.builder->Dict();
    target_.builder->Extend(*out, pairs);
    return true;
  }

  bool Attributes(std::optional<Index> object) {
    NodeId dict = target_.builder->Dict();
    if (object && !StringDict(*object, "attributes", &dict)) return false;
    record_.Put("attributes", dict);
    return true;
  }

  bool Texts(std::string_view key, std::optional<Index> array) {
    std::vector<std::string_view> texts;
    if (array && !fields_.ReadTexts(*array, key, &texts)) return false;
    if (!texts.empty() && texts.size() != static_cast<size_t>(num_feature_)) {
      return fields_.Fail(bytes::Concat({key, " has not one element a feature"}));
    }
    const NodeId list = target_.builder->List();
    for (const std::string_view text : texts) {
      const NodeId node = Text(text);
      target_.builder->Extend(list, {&node, 1});
    }
    record_.Put(key, list);
    return true;
  }

  bool Objective(Index object) {
    const std::optional<Index> name = doc_.Find(object, "name");
    std::string_view text;
    if (!name || !fields_.ReadText(*name, "the objective's name", &text)) {
      return fields_.Fail("the objective has no name");
    }
    record_.PutText("objective", text);
    std::vector<NodeId> pairs;
    for (Index i = doc_.First(object); i < doc_.at(object).end; i = doc_.Next(doc_.Next(i))) {
      if (doc_.Text(i) == "name") continue;
      // Position biases of lambdarank_unbiased: only training goes on from them.
      if (doc_.Text(i) == "ti+" || doc_.Text(i) == "tj-") continue;
      NodeId dict = 0;
      if (!StringDict(doc_.Next(i), "a parameter of the objective", &dict)) return false;
      pairs.push_back(Text(doc_.Text(i)));
      pairs.push_back(dict);
    }
    const NodeId all = target_.builder->Dict();
    target_.builder->Extend(all, pairs);
    record_.Put("objective_params", all);
    return true;
  }

  bool Booster(Index object) {
    const std::optional<Index> name = doc_.Find(object, "name");
    std::string_view text;
    if (!name || !fields_.ReadText(*name, "the booster's name", &text)) {
      return fields_.Fail("the booster has no name");
    }
    record_.PutText("booster", text);
    if (text == "gblinear") return Linear(object);
    if (text == "gbtree") return Trees(object, std::nullopt);
    if (text == "dart") {
      if (!fields_.CheckKeys(object, "dart", {"gbtree", "name", "weight_drop"})) return false;
      return Trees(fields_.At(object, "gbtree"), fields_.At(object, "weight_drop"));
    }
    return fields_.Fail(bytes::Concat({"the booster '", graph::Quote(text), "' is not known"}));
  }

  bool Linear(Index object) {
    if (!fields_.CheckKeys(object, "gblinear", {"model", "name"})) return false;
    const Index model = fields_.At(object, "model");
    if (!fields_.CheckKeys(model, "gblinear", {"weights"}, {"boosted_rounds"})) return false;
    int64_t rounds = 0;
    constexpr int64_t kMaxRounds = int64_t{1} << 30;
    if (const auto value = doc_.Find(model, "boosted_rounds");
        value && !fields_.ReadNumber(*value, "boosted_rounds", 0, kMaxRounds, &rounds)) {
      return false;
    }
    std::vector<float> weights;
    if (!fields_.AppendNumbers(fields_.At(model, "weights"), "weights", &weights)) return false;
    record_.PutInt("boosted_rounds", rounds);
    return record_.PutColumn("weights", weights);
  }

  bool Trees(Index object, std::optional<Index> weight_drop) {
    std::string_view name;
    if (!fields_.CheckKeys(object, "gbtree", {"model", "name"}) ||
        !fields_.ReadText(fields_.At(object, "name"), "gbtree", &name)) {
      return false;
    }
    if (name != "gbtree") return fields_.Fail("dart holds another booster than gbtree");
    XgboostTrees trees(&fields_, num_feature_, groups_);
    if (!trees.Read(fields_.At(object, "model"), weight_drop)) return false;
    return trees.Put(&record_);
  }

  Fields fields_;
  const document::Document& doc_;
  Target target_;
  Record record_;
  int64_t num_feature_ = 0;
  int64_t groups_ = 1;
};

}  // namespace

std::optional<graph::Refusal> LowerXgboost(const document::Document& model, Index root,
                                           const Target& target, NodeId* out) {
  return XgboostLowering(model, target).Run(root, out);
}

std::optional<graph::Refusal> LowerXgboostHandle(bytes::Bytes handle, uint64_t base,
                                                 const Target& target, NodeId* out) {
  constexpr std::string_view kOld = "binf";
  constexpr std::string_view kOldConfig = "CONFIG-offset:";
  const std::string_view text(reinterpret_cast<const char*>(handle.data()), handle.size());
  if (text.substr(0, kOld.size()) == kOld || text.substr(0, kOldConfig.size()) == kOldConfig) {
    return graph::Refuse("UNKNOWN_FORMAT",
                         "the Booster holds xgboost's old binary form, which no longer loads; save "
                         "it as JSON or UBJSON with the version that wrote it (xgboost before 3.1)",
                         base);
  }
  document::Document doc(target.budget);
  if (auto refusal = document::ReadUbjson(handle, base, &doc)) return refusal;
  const std::optional<Index> model = doc.Find(0, "Model");
  if (!model || doc.at(0).size != 2 || !doc.Find(0, "Config")) {
    return graph::Refuse("MALFORMED",
                         "xgboost model: the handle of a Booster is not {Config, Model}", base);
  }
  return LowerXgboost(doc, *model, target, out);
}

}  // namespace loadlock::boosters
