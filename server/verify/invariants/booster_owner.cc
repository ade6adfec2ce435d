#include "server/verify/invariants/booster_owner.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

namespace loadlock::verify {
namespace {

// Parameters of LightGBM 4.7 (LGBM_DumpParamAliases) but for those that name files, machines,
// devices, columns, threads, or what to predict. Sorted.
constexpr std::array<absl::string_view, 205> kParameters = {
    "alpha",
    "app",
    "application",
    "auc_mu_weights",
    "bagging",
    "bagging_by_query",
    "bagging_fraction",
    "bagging_fraction_seed",
    "bagging_freq",
    "bagging_seed",
    "bin_construct_sample_cnt",
    "boost",
    "boost_from_average",
    "boosting",
    "boosting_type",
    "bundle",
    "cat_column",
    "cat_feature",
    "cat_l2",
    "cat_smooth",
    "categorical_column",
    "categorical_feature",
    "categorical_features",
    "cegb_penalty_feature_coupled",
    "cegb_penalty_feature_lazy",
    "cegb_penalty_split",
    "cegb_tradeoff",
    "colsample_bynode",
    "colsample_bytree",
    "data_random_seed",
    "data_sample_strategy",
    "data_seed",
    "deterministic",
    "device",
    "device_type",
    "drop_rate",
    "drop_seed",
    "early_stopping",
    "early_stopping_min_delta",
    "early_stopping_round",
    "early_stopping_rounds",
    "enable_bundle",
    "enable_sparse",
    "eta",
    "eval_at",
    "extra_seed",
    "extra_tree",
    "extra_trees",
    "fair_c",
    "fc",
    "feature_contri",
    "feature_contrib",
    "feature_fraction",
    "feature_fraction_bynode",
    "feature_fraction_seed",
    "feature_penalty",
    "feature_pre_filter",
    "first_metric_only",
    "force_col_wise",
    "force_row_wise",
    "fp",
    "hist_pool_size",
    "histogram_pool_size",
    "interaction_constraints",
    "is_enable_bundle",
    "is_enable_sparse",
    "is_provide_training_metric",
    "is_sparse",
    "is_training_metric",
    "is_unbalance",
    "l1_regularization",
    "l2_regularization",
    "label_gain",
    "lambda",
    "lambda_l1",
    "lambda_l2",
    "lambdarank_norm",
    "lambdarank_position_bias_regularization",
    "lambdarank_truncation_level",
    "learning_rate",
    "linear_lambda",
    "linear_tree",
    "linear_trees",
    "loss",
    "map_at",
    "map_eval_at",
    "max_bin",
    "max_bin_by_feature",
    "max_bins",
    "max_cat_threshold",
    "max_cat_to_onehot",
    "max_delta_step",
    "max_depth",
    "max_drop",
    "max_iter",
    "max_leaf",
    "max_leaf_nodes",
    "max_leaf_output",
    "max_leaves",
    "max_tree_output",
    "mc",
    "mc_method",
    "mc_penalty",
    "metric",
    "metric_types",
    "metrics",
    "min_child_samples",
    "min_child_weight",
    "min_data",
    "min_data_in_bin",
    "min_data_in_leaf",
    "min_data_per_group",
    "min_data_per_leaf",
    "min_gain_to_split",
    "min_hessian",
    "min_samples_leaf",
    "min_split_gain",
    "min_sum_hessian",
    "min_sum_hessian_in_leaf",
    "min_sum_hessian_per_leaf",
    "monotone_constraining_method",
    "monotone_constraint",
    "monotone_constraints",
    "monotone_constraints_method",
    "monotone_penalty",
    "monotone_splits_penalty",
    "monotonic_cst",
    "ms_penalty",
    "multi_error_top_k",
    "n_estimators",
    "n_iter",
    "n_iter_no_change",
    "ndcg_at",
    "ndcg_eval_at",
    "neg_bagging",
    "neg_bagging_fraction",
    "neg_sub_row",
    "neg_subsample",
    "nrounds",
    "num_boost_round",
    "num_class",
    "num_classes",
    "num_grad_quant_bins",
    "num_iteration",
    "num_iterations",
    "num_leaf",
    "num_leaves",
    "num_round",
    "num_rounds",
    "num_tree",
    "num_trees",
    "objective",
    "objective_seed",
    "objective_type",
    "other_rate",
    "path_smooth",
    "poisson_max_delta_step",
    "pos_bagging",
    "pos_bagging_fraction",
    "pos_sub_row",
    "pos_subsample",
    "pred_early_stop",
    "pred_early_stop_freq",
    "pred_early_stop_margin",
    "quant_train_renew_leaf",
    "random_seed",
    "random_state",
    "rate_drop",
    "refit_decay_rate",
    "reg_alpha",
    "reg_lambda",
    "reg_sqrt",
    "saved_feature_importance_type",
    "scale_pos_weight",
    "seed",
    "shrinkage_rate",
    "sigmoid",
    "skip_drop",
    "sparse",
    "stochastic_rounding",
    "sub_feature",
    "sub_feature_bynode",
    "sub_row",
    "subsample",
    "subsample_for_bin",
    "subsample_freq",
    "top_k",
    "top_rate",
    "topk",
    "train_metric",
    "training_metric",
    "tree",
    "tree_learner",
    "tree_learner_type",
    "tree_type",
    "tweedie_variance_power",
    "unbalance",
    "unbalanced_sets",
    "uniform_drop",
    "use_missing",
    "use_quantized_grad",
    "verbose",
    "verbosity",
    "xgboost_dart_mode",
    "zero_as_missing"};
static_assert(std::is_sorted(kParameters.begin(), kParameters.end()));

// Lists of lists are the deepest that a parameter has (interaction_constraints).
constexpr int kMaxDepth = 3;

// The number at a key of the record that stands for the model; nullopt if there is no Booster.
std::optional<int64_t> NumberOfModel(const Scope& scope, const Instance& owner,
                                     absl::string_view handle, absl::string_view key) {
  const std::optional<Value> value = owner.Get("_Booster");
  const std::optional<Instance> booster = value ? scope.InstanceOf(*value) : std::nullopt;
  const std::optional<Value> record = booster ? booster->Get(handle) : std::nullopt;
  const std::optional<Value> number =
      record ? Mapping(scope.view(), *record).Find(key) : std::nullopt;
  return number ? scope.Int(*number) : std::nullopt;
}

bool IsWord(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) > ' '; });
}

// Numbers, truths, None, words, and lists of them.
bool IsParameter(const Scope& scope, Value value, int depth) {
  switch (scope.KindOf(value)) {
    case v1::VALUE_KIND_NONE:
    case v1::VALUE_KIND_BOOL:
    case v1::VALUE_KIND_INT:
    case v1::VALUE_KIND_FLOAT:
      return true;
    case v1::VALUE_KIND_STR: {
      // numpy's str_ is no Str.
      const auto text = scope.view().Str(value);
      return text && IsWord(*text);
    }
    case v1::VALUE_KIND_LIST:
    case v1::VALUE_KIND_TUPLE: {
      const Sequence items(scope.view(), value);
      if (depth == kMaxDepth || !scope.view().Spend(items.size())) return false;
      for (uint32_t i = 0; i < items.size(); ++i) {
        if (!IsParameter(scope, items[i], depth + 1)) return false;
      }
      return true;
    }
    default:
      return false;
  }
}

Check CheckParameters(const Scope& scope, const Instance& owner) {
  const std::optional<Value> others = owner.Get("_other_params");
  const Mapping mapping(scope.view(), others.value_or(Value::Node(owner.node)));
  if (others && (!mapping.ok() || !mapping.str_keys())) return Broken{"_other_params", "no dict"};
  for (uint32_t i = 0; i < mapping.size(); ++i) {
    if (!std::binary_search(kParameters.begin(), kParameters.end(), mapping.str_key(i)) ||
        !IsParameter(scope, mapping.value(i), 0)) {
      return Broken{"_other_params", "it holds something else than parameters of the training"};
    }
  }
  for (uint32_t i = 0; i < owner.state.size(); ++i) {
    const auto text = scope.view().Str(owner.state.value(i));
    if (text && !IsWord(*text)) return Broken{owner.state.str_key(i), "a parameter holds a space"};
  }
  const std::optional<Value> places = owner.Get("_eval_at");
  if (places && !IsParameter(scope, *places, 0)) return Broken{"_eval_at", "no parameter"};
  return std::nullopt;
}

}  // namespace

Check CheckXgboostOwner(const Scope& scope, const Instance& owner) {
  const auto classes = NumberOfModel(scope, owner, "handle", "num_class");
  const std::optional<Value> own = owner.Get("n_classes_");
  if (!classes || !own) return std::nullopt;
  const std::optional<int64_t> number = scope.Int(*own);
  // Two classes are one column, unless the objective is multi:*.
  const bool same = number && (*number == *classes || (*number <= 2 && *classes <= 1));
  if (same) return std::nullopt;
  return Broken{"n_classes_", "not the number of classes of the model"};
}

Check CheckLightgbmOwner(const Scope& scope, const Instance& owner) {
  if (Check broken = CheckParameters(scope, owner); broken) return broken;
  const auto classes = NumberOfModel(scope, owner, "_handle", "num_class");
  const auto last = NumberOfModel(scope, owner, "_handle", "max_feature_idx");
  if (!classes || !last) return std::nullopt;
  const std::optional<Value> own = owner.Get("_n_classes");
  const std::optional<int64_t> number = own ? scope.Int(*own) : std::nullopt;
  // -1 is what a regressor has.
  if (number && *number != *classes && !(*number <= 2 && *classes == 1)) {
    return Broken{"_n_classes", "not the number of classes of the model"};
  }
  for (const absl::string_view key : {"_n_features", "_n_features_in"}) {
    const std::optional<Value> value = owner.Get(key);
    const std::optional<int64_t> width = value ? scope.Int(*value) : std::nullopt;
    if (width && *width != *last + 1) {
      return Broken{key, "not the number of features of the model"};
    }
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
