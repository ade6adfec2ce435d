#include "server/verify/general_rules.h"

#include <algorithm>
#include <array>
#include <thread>

#include "absl/strings/match.h"
#include "server/verify/invariants/labels.h"
#include "server/verify/texts.h"

namespace loadlock::verify {
namespace {

// scikit-learn gives this number to OpenMP; a negative one ends the process, a huge one makes
// that many threads. More than there are CPUs help nobody.
int64_t MaxThreads() { return std::max<int64_t>(1, std::thread::hardware_concurrency()); }

// A text of n words has n n-grams of each length, and words of a vocabulary are short: longer
// n-grams than this are in no model, and each length costs a pass over the text.
constexpr int64_t kMaxNgram = 64;

// Methods that callers of a model call by name. A policy's attribute sets hold all attributes
// of each class; this holds for classes whose entry has no set.
constexpr std::array<absl::string_view, 24> kMethods = {
    "apply",
    "decision_function",
    "decision_path",
    "fit",
    "fit_predict",
    "fit_transform",
    "get_feature_names_out",
    "get_metadata_routing",
    "get_params",
    "inverse_transform",
    "kneighbors",
    "partial_fit",
    "predict",
    "predict_log_proba",
    "predict_proba",
    "query",
    "score",
    "score_samples",
    "set_output",
    "set_params",
    "staged_predict",
    "transform",
    "toarray",
    "tocsr",
};

constexpr int64_t kMaxFeatures = 10'000'000;

// Names of one number, truth or object: numpy.dtype() reads much more from a text, as records and
// items of any size.
bool IsPlainDtype(absl::string_view text) {
  constexpr std::array<absl::string_view, 17> kNames = {
      "float", "float16", "float32", "float64", "int",    "int8", "int16",  "int32", "int64",
      "uint8", "uint16",  "uint32",  "uint64",  "double", "bool", "object", "single"};
  if (std::find(kNames.begin(), kNames.end(), text) != kNames.end()) return true;
  if (!text.empty() && absl::StrContains("<>=|", text[0])) text.remove_prefix(1);
  if (text.size() == 1) return absl::StrContains("?bBhHiIlLqQefdO", text[0]);
  return text.size() == 2 && absl::StrContains("biuf", text[0]) &&
         absl::StrContains("1248", text[1]);
}

bool IsNgramRange(const Scope& scope, Value value) {
  const Sequence range(scope.view(), value);
  if (range.size() != 2) return false;
  const std::optional<int64_t> shortest = scope.Int(range[0]);
  const std::optional<int64_t> longest = scope.Int(range[1]);
  return shortest && longest && *shortest >= 1 && *shortest <= *longest && *longest <= kMaxNgram;
}

}  // namespace

absl::string_view KeyRuleBroken(absl::string_view key) {
  if (absl::StartsWith(key, "__")) return "DUNDER_KEY";
  for (const absl::string_view prefix : {"_doc_link", "_html_repr", "_repr_"}) {
    if (absl::StartsWith(key, prefix)) return "SHADOWS_CLASS_ATTRIBUTE";
  }
  if (key == "_skl_callbacks") return "SHADOWS_CLASS_ATTRIBUTE";
  return IsMethodName(key) ? "SHADOWS_CLASS_ATTRIBUTE" : "";
}

bool IsMethodName(absl::string_view key) {
  return std::find(kMethods.begin(), kMethods.end(), key) != kMethods.end();
}

Demand DemandOn(const Scope& scope, absl::string_view key, Value value) {
  Demand demand;
  if (key == "memory" || key == "n_jobs") {
    // memory is a folder whose files are unpickled at fit; n_jobs starts processes.
    if (!scope.view().IsNone(value)) demand.forced = policy::Literal(std::monostate());
  } else if (key == "_n_threads") {
    const std::optional<int64_t> threads = scope.Int(value);
    if (!threads) {
      demand.refused = "_n_threads is no integer";
    } else if (*threads < 1 || *threads > MaxThreads()) {
      demand.forced = policy::Literal(std::clamp<int64_t>(*threads, 1, MaxThreads()));
    }
  } else if (key == "dtype") {
    const auto text = scope.view().Str(value);
    if (text && !IsPlainDtype(*text)) demand.refused = "dtype names no plain number type";
  } else if (key == "input") {
    // 'filename' and 'file' open what the caller passes as text.
    const auto text = scope.view().Str(value);
    if (!text || *text != "content") demand.refused = "input must be 'content'";
  } else if (key == "ngram_range") {
    if (!IsNgramRange(scope, value)) demand.refused = "no lengths from 1 to 64, shortest first";
  } else if (key == "token_pattern") {
    const auto text = scope.view().Str(value);
    if (text && !IsTokenPattern(*text)) demand.refused = "no pattern of one run of characters";
  } else if (key == "importance_getter") {
    const auto text = scope.view().Str(value);
    if (text && !IsImportance(*text)) demand.refused = "names no coefficients or importances";
  } else if (key == "_n_features_out") {
    // So many names are made by get_feature_names_out.
    const std::optional<int64_t> features = scope.Int(value);
    if (!features || *features < 0 || *features > kMaxFeatures)
      demand.refused = "too many features";
  } else if (key == "classes_") {
    // Predictions are looked up in them by numbers of a proven range.
    if (!AreClasses(scope, value)) demand.refused = "no vector of labels, nor one an output";
  }
  return demand;
}

}  // namespace loadlock::verify
