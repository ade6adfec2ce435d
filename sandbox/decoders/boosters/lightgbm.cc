#include "sandbox/decoders/boosters/lightgbm.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/bytes/text.h"
#include "sandbox/decoders/boosters/decimals.h"
#include "sandbox/decoders/boosters/fields.h"
#include "sandbox/decoders/boosters/lightgbm_trees.h"
#include "sandbox/decoders/document/document.h"
#include "sandbox/decoders/document/lower.h"

namespace loadlock::boosters {
namespace {

using graph::NodeId;

constexpr int64_t kMaxFeatures = int64_t{1} << 20;
constexpr int64_t kMaxClasses = 10'000;
constexpr std::string_view kEnd = "\nend of trees\n";
constexpr std::string_view kPandas = "\npandas_categorical:";

class LightgbmLowering {
 public:
  LightgbmLowering(std::string_view text, uint64_t base, const Target& target)
      : text_(text), lines_(text, base, target.budget), target_(target), record_(target) {}

  std::optional<graph::Refusal> Run(NodeId* out) {
    if (Parse()) {
      *out = record_.Finish();
      if (target_.builder->exhausted()) lines_.Fail("");
    } else {
      lines_.Fail("its columns cannot be written");
    }
    return lines_.TakeRefusal();
  }

 private:
  bool Parse() {
    // The library stops at a NUL, other readers do not.
    if (text_.find('\0') != text_.npos || text_.find('\r') != text_.npos) {
      return lines_.Fail("it holds a NUL or a carriage return");
    }
    const size_t end = text_.find(kEnd);
    if (end == text_.npos) return lines_.Truncated();
    lines_.CutAt(end + 1);
    if (!Header()) return false;
    LightgbmTrees trees(&lines_);
    while (!lines_.AtEnd()) {
      if (!trees.Read()) return false;
    }
    return trees.Put(target_, &record_) && PandasCategorical(text_.substr(end + kEnd.size()));
  }

  bool Header() {
    std::string_view line;
    if (!lines_.Next(&line) || line != "tree") return lines_.Fail("the first line is not 'tree'");
    while (lines_.Next(&line)) {
      if (line.empty()) break;
      if (line == "average_output") {
        if (average_output_) return lines_.Fail("average_output stands twice");
        average_output_ = true;
        continue;
      }
      if (!lines_.Store(line, kHeaderKeys, &values_)) return false;
    }
    return Numbers() && Names() && Monotone();
  }

  std::optional<std::string_view> Find(std::string_view key) const {
    for (size_t i = 0; i < kHeaderKeys.size(); ++i) {
      if (kHeaderKeys[i] == key) return values_[i];
    }
    return std::nullopt;
  }

  bool ReadInt(std::string_view key, int64_t low, int64_t high, int64_t* out) {
    const std::optional<std::string_view> text = Find(key);
    if (!text) return lines_.Fail(bytes::Concat({key, " is missing"}));
    const std::optional<int64_t> number = ParseInt(*text, low, high);
    if (!number) return lines_.Fail(bytes::Concat({key, " is no integer, or out of range"}));
    record_.PutInt(key, *number);
    *out = *number;
    return true;
  }

  bool Numbers() {
    int64_t classes = 0;
    int64_t trees = 0;
    int64_t label = 0;
    int64_t last = 0;
    if (!ReadInt("num_class", 1, kMaxClasses, &classes) ||
        !ReadInt("num_tree_per_iteration", 1, kMaxClasses, &trees) ||
        !ReadInt("label_index", 0, kMaxFeatures, &label) ||
        !ReadInt("max_feature_idx", 0, kMaxFeatures, &last)) {
      return false;
    }
    features_ = static_cast<size_t>(last) + 1;
    record_.PutInt("average_output", average_output_ ? 1 : 0);
    record_.PutText("version", Find("version").value_or(""));
    const std::optional<std::string_view> objective = Find("objective");
    if (objective) {
      record_.PutText("objective", *objective);
    } else {
      record_.Put("objective", target_.builder->None());
    }
    return true;
  }

  bool Texts(std::string_view key, bool (*sound)(std::string_view)) {
    const std::optional<std::string_view> run = Find(key);
    if (!run || CountTokens(*run) != features_) {
      return lines_.Fail(bytes::Concat({key, " has not one element a feature"}));
    }
    if (!target_.budget->ChargeHeap(features_ * sizeof(std::string_view))) return lines_.Fail("");
    std::vector<NodeId> nodes;
    nodes.reserve(features_);
    std::string_view rest = *run;
    for (size_t i = 0; i < features_; ++i) {
      const std::string_view token = NextToken(&rest);
      if (!sound(token)) return lines_.Fail(bytes::Concat({key, " has an unknown form"}));
      nodes.push_back(target_.builder->Str(token));
    }
    const NodeId list = target_.builder->List();
    target_.builder->Extend(list, nodes);
    record_.Put(key, list);
    return true;
  }

  static bool IsName(std::string_view text) {
    return !text.empty() &&
           std::none_of(text.begin(), text.end(), [](char c) { return (c & 0xE0) == 0; });
  }

  // "none", "[low:high]" or categories "3:-1:4".
  static bool IsInfo(std::string_view text) {
    if (text == "none") return true;
    const bool range = text.size() > 2 && text.front() == '[' && text.back() == ']';
    if (range) text = text.substr(1, text.size() - 2);
    if (range && std::count(text.begin(), text.end(), ':') != 1) return false;
    for (bool more = true; more;) {
      more = text.find(':') != text.npos;
      const std::string_view part = bytes::TakeUntil(':', &text);
      const bool sound = range ? IsDecimal(part) || part == "-inf" || part == "inf"
                               : ParseInt(part, -1, int64_t{1} << 31).has_value();
      if (!sound) return false;
    }
    return true;
  }

  bool Names() { return Texts("feature_names", IsName) && Texts("feature_infos", IsInfo); }

  bool Monotone() {
    const std::optional<std::string_view> run = Find("monotone_constraints");
    if (!run) {
      record_.Put("monotone_constraints", target_.builder->None());
      return true;
    }
    if (CountTokens(*run) != features_) {
      return lines_.Fail("monotone_constraints has not one element a feature");
    }
    const NodeId list = target_.builder->List();
    std::string_view rest = *run;
    for (size_t i = 0; i < features_; ++i) {
      const std::optional<int64_t> number = ParseInt(NextToken(&rest), -1, 1);
      if (!number) return lines_.Fail("monotone_constraints holds something else than -1, 0, 1");
      const NodeId node = target_.builder->Int(*number);
      target_.builder->Extend(list, {&node, 1});
    }
    record_.Put("monotone_constraints", list);
    return true;
  }

  // Importances and parameters are left out. The last line is the Python package's.
  bool PandasCategorical(std::string_view tail) {
    NodeId node = target_.builder->None();
    const size_t place = tail.rfind(kPandas);
    if (place != tail.npos) {
      std::string_view json = tail.substr(place + kPandas.size());
      if (!json.empty() && json.back() == '\n') json.remove_suffix(1);
      const auto base = static_cast<uint64_t>(json.data() - text_.data()) + lines_.base();
      document::Document doc(target_.budget);
      const bytes::Bytes raw(reinterpret_cast<const uint8_t*>(json.data()), json.size());
      if (auto refusal = document::ReadJson(raw, base, &doc)) {
        return lines_.Take(*std::move(refusal));
      }
      node = document::LowerPlain(doc, target_.builder);
      if (node == graph::kNoNode) return lines_.Fail("pandas_categorical holds unknown values");
    }
    record_.Put("pandas_categorical", node);
    return true;
  }

  static constexpr std::array<std::string_view, 10> kHeaderKeys = {
      "version",         "num_class",           "num_tree_per_iteration", "label_index",
      "max_feature_idx", "objective",           "feature_names",          "feature_infos",
      "tree_sizes",      "monotone_constraints"};

  std::string_view text_;
  TextLines lines_;
  Target target_;
  Record record_;
  std::array<std::optional<std::string_view>, kHeaderKeys.size()> values_;
  bool average_output_ = false;
  size_t features_ = 0;
};

}  // namespace

std::optional<graph::Refusal> LowerLightgbm(std::string_view text, uint64_t base,
                                            const Target& target, NodeId* out) {
  return LightgbmLowering(text, base, target).Run(out);
}

}  // namespace loadlock::boosters
