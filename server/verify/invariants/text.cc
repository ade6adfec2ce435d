#include "server/verify/invariants/text.h"

#include <vector>

#include "absl/container/flat_hash_set.h"
#include "server/verify/invariants/sparse.h"

namespace loadlock::verify {
namespace {

// Words once each, numbers 0..len-1 once each.
Check CheckPermutation(const Scope& scope, Value value) {
  const absl::string_view key = "vocabulary_";
  const Mapping words(scope.view(), value);
  if (!words.ok() || !words.str_keys()) return Broken{key, "vocabulary_ is no dict of words"};
  absl::flat_hash_set<absl::string_view> seen_words;
  seen_words.reserve(words.size());
  std::vector<uint8_t> seen(words.size(), 0);
  for (uint32_t i = 0; i < words.size(); ++i) {
    const std::optional<int64_t> column = scope.Int(words.value(i));
    if (!column || *column < 0 || *column >= int64_t{words.size()} ||
        seen[static_cast<size_t>(*column)] != 0) {
      return Broken{key, "the numbers of the words are no permutation"};
    }
    seen[static_cast<size_t>(*column)] = 1;
    if (!seen_words.insert(words.str_key(i)).second) return Broken{key, "a word stands twice"};
  }
  return std::nullopt;
}

}  // namespace

Check CheckVocabulary(const Scope& scope, const Instance& vectorizer) {
  const std::optional<Value> vocabulary = vectorizer.Get("vocabulary_");
  if (!vocabulary) return std::nullopt;
  if (Check broken = CheckPermutation(scope, *vocabulary)) return broken;
  const std::optional<Value> weights = vectorizer.Get("_tfidf");
  if (!weights) return std::nullopt;
  const auto transformer = scope.InstanceWith(*weights, policy::Invariant::kTfidf);
  if (!transformer) return Broken{"_tfidf", "_tfidf is no TfidfTransformer"};
  const std::optional<Value> features = transformer->Get("n_features_in_");
  if (features && scope.Int(*features) != static_cast<int64_t>(*scope.Length(*vocabulary))) {
    return Broken{"_tfidf", "_tfidf has not one weight a word"};
  }
  return std::nullopt;
}

Check CheckTfidf(const Scope& scope, const Instance& transformer) {
  const std::optional<Value> weights = transformer.Get("idf_");
  const std::optional<Value> diagonal = transformer.Get("_idf_diag");
  if (!weights && !diagonal) return std::nullopt;
  const std::optional<Value> features_value = transformer.Get("n_features_in_");
  // No array has a negative length, so a missing number fits none.
  const int64_t features = features_value ? scope.Int(*features_value).value_or(-1) : -1;
  if (features < 0) return Broken{"n_features_in_", "n_features_in_ is missing"};
  if (weights) {
    const std::optional<Array> array = scope.ArrayOf(*weights);
    if (!array || array->dtype.kind != 'f' || !array->dtype.native() ||
        !array->IsVector(static_cast<uint64_t>(features))) {
      return Broken{"idf_", "idf_ has not one weight a feature"};
    }
  }
  if (diagonal) {
    const std::optional<SparseShape> shape = SparseShapeOf(scope, *diagonal);
    if (!shape || shape->rows != features || shape->columns != features) {
      return Broken{"_idf_diag", "_idf_diag is no square matrix of the features"};
    }
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
