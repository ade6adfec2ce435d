// Sound fitted estimators for tests of invariants, as attributes to be broken one by one.
#ifndef LOADLOCK_SERVER_VERIFY_TESTING_MODELS_H_
#define LOADLOCK_SERVER_VERIFY_TESTING_MODELS_H_

#include <vector>

#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {

// A Tree over 2 features: node 0 with leaves 1 and 2, unless said otherwise.
struct TreeSpec {
  int64_t n_features = 2;
  std::vector<int64_t> n_classes = {1};
  int64_t n_outputs = 1;
  std::vector<int64_t> left = {1, -1, -1};
  std::vector<int64_t> right = {2, -1, -1};
  std::vector<int64_t> feature = {1, -2, -2};
  int64_t max_depth = 1;
  int64_t node_count = 3;
  std::vector<int64_t> values_shape = {3, 1, 1};
  // 56 as before scikit-learn 1.3, or 64.
  size_t node_size = 64;
  // Name of the last field of the node type.
  const char* last_field = "";
  const char* left_type = "<i8";
};
Maker MakeTree(const TreeSpec& spec);

// Attributes of a DecisionTreeRegressor over the tree.
Attrs TreeOwner(const TreeSpec& spec);
Maker RegressionTree(const TreeSpec& spec = {});

}  // namespace loadlock::verify::testing

#endif  // LOADLOCK_SERVER_VERIFY_TESTING_MODELS_H_
