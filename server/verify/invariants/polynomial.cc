#include "server/verify/invariants/polynomial.h"

#include <algorithm>

namespace loadlock::verify {
namespace {

// A row of 10^7 doubles takes 80 MB; the policy has the same bound.
constexpr int64_t kMaxColumns = 10'000'000;

struct Degrees {
  int64_t least = 0;
  int64_t most = 0;
};

// n over k; nullopt above kMaxColumns. Each step's product is a binomial coefficient, and grows.
std::optional<int64_t> Choose(int64_t n, int64_t k) {
  k = std::min(k, n - k);
  if (k < 0) return 0;
  int64_t result = 1;
  for (int64_t i = 1; i <= k; ++i) {
    if (n - k + i > kMaxColumns) return std::nullopt;
    result = result * (n - k + i) / i;
    if (result > kMaxColumns) return std::nullopt;
  }
  return result;
}

// Products of 1 to `degree` different features.
std::optional<int64_t> Interactions(int64_t features, int64_t least, int64_t most) {
  int64_t sum = 0;
  for (int64_t i = std::max<int64_t>(1, least); i <= std::min(most, features); ++i) {
    const std::optional<int64_t> count = Choose(features, i);
    if (!count) return std::nullopt;
    sum += *count;
  }
  return sum;
}

// The number of terms as scikit-learn's _num_combinations counts them, without the bias.
std::optional<int64_t> Terms(int64_t features, Degrees degrees, bool interaction_only) {
  if (interaction_only) return Interactions(features, degrees.least, degrees.most);
  const std::optional<int64_t> all = Choose(features + degrees.most, degrees.most);
  if (!all || degrees.least == 0) return all ? std::optional(*all - 1) : std::nullopt;
  const std::optional<int64_t> below = Choose(features + degrees.least - 1, degrees.least - 1);
  return below ? std::optional(*all - *below) : std::nullopt;
}

std::optional<int64_t> IntOf(const Scope& scope, const Instance& object, absl::string_view key) {
  const std::optional<Value> value = object.Get(key);
  return value ? scope.Int(*value) : std::nullopt;
}

std::optional<bool> BoolOf(const Scope& scope, const Instance& object, absl::string_view key) {
  const std::optional<Value> value = object.Get(key);
  return value ? scope.Bool(*value) : std::nullopt;
}

// What fit makes of the parameter `degree`: a number, or the least and the most.
std::optional<Degrees> DegreesOf(const Scope& scope, const Instance& transformer) {
  const std::optional<Value> degree = transformer.Get("degree");
  if (!degree) return std::nullopt;
  Degrees degrees;
  if (const std::optional<int64_t> one = scope.Int(*degree)) {
    degrees.most = *one;
  } else {
    const Sequence both(scope.view(), *degree);
    const auto least = both.size() == 2 ? scope.Int(both[0]) : std::nullopt;
    const auto most = both.size() == 2 ? scope.Int(both[1]) : std::nullopt;
    if (!least || !most) return std::nullopt;
    degrees = {*least, *most};
  }
  // The policy bounds what is fitted by the same.
  constexpr int64_t kMaxDegree = 20;
  if (degrees.least < 0 || degrees.least > degrees.most || degrees.most > kMaxDegree) {
    return std::nullopt;
  }
  return degrees;
}

}  // namespace

Check CheckPolynomial(const Scope& scope, const Instance& transformer) {
  if (!transformer.Has("n_output_features_") && !transformer.Has("_n_out_full")) {
    return std::nullopt;
  }
  const std::optional<int64_t> features = IntOf(scope, transformer, "n_features_in_");
  if (!features || *features < 1 || *features > kMaxColumns) {
    return Broken{"n_features_in_", "n_features_in_ is missing or out of bounds"};
  }
  const std::optional<Degrees> degrees = DegreesOf(scope, transformer);
  if (!degrees || IntOf(scope, transformer, "_min_degree") != degrees->least ||
      IntOf(scope, transformer, "_max_degree") != degrees->most) {
    return Broken{"degree", "_min_degree and _max_degree are not what degree says"};
  }
  const std::optional<bool> bias = BoolOf(scope, transformer, "include_bias");
  const std::optional<bool> interactions = BoolOf(scope, transformer, "interaction_only");
  if (!bias || !interactions) return Broken{"include_bias", "a parameter is no bool"};
  const std::optional<int64_t> made = Terms(*features, *degrees, *interactions);
  const std::optional<int64_t> room = Terms(*features, {0, degrees->most}, *interactions);
  const int64_t first = *bias ? 1 : 0;
  if (!made || IntOf(scope, transformer, "n_output_features_") != *made + first) {
    return Broken{"n_output_features_", "it is not the number of terms of these degrees"};
  }
  if (!room || IntOf(scope, transformer, "_n_out_full") != *room + first) {
    return Broken{"_n_out_full", "it is not the number of terms up to the degree"};
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
