"""Hand-written: functions, each at its place, and what scipy's and numpy's pickles call."""

from __future__ import annotations

from model import Entry

# Scores of predictions against truths; called by the caller's own score() and by fit.
METRICS = {
    "_classification": (
        "accuracy_score",
        "balanced_accuracy_score",
        "brier_score_loss",
        "cohen_kappa_score",
        "f1_score",
        "fbeta_score",
        "hamming_loss",
        "hinge_loss",
        "jaccard_score",
        "log_loss",
        "matthews_corrcoef",
        "precision_score",
        "recall_score",
        "zero_one_loss",
        "positive_likelihood_ratio",
        "negative_likelihood_ratio",
        "d2_log_loss_score",
        "d2_brier_score",
    ),
    "_ranking": (
        "average_precision_score",
        "roc_auc_score",
        "ndcg_score",
        "dcg_score",
        "top_k_accuracy_score",
        "label_ranking_average_precision_score",
        "label_ranking_loss",
        "coverage_error",
    ),
    "_regression": (
        "d2_absolute_error_score",
        "d2_pinball_score",
        "d2_tweedie_score",
        "explained_variance_score",
        "max_error",
        "mean_absolute_error",
        "mean_absolute_percentage_error",
        "mean_gamma_deviance",
        "mean_pinball_loss",
        "mean_poisson_deviance",
        "mean_squared_error",
        "mean_squared_log_error",
        "mean_tweedie_deviance",
        "median_absolute_error",
        "r2_score",
        "root_mean_squared_error",
        "root_mean_squared_log_error",
    ),
    "cluster._supervised": (
        "adjusted_mutual_info_score",
        "adjusted_rand_score",
        "completeness_score",
        "fowlkes_mallows_score",
        "homogeneity_score",
        "mutual_info_score",
        "normalized_mutual_info_score",
        "rand_score",
        "v_measure_score",
    ),
    "_scorer": ("negative_likelihood_ratio", "positive_likelihood_ratio"),
}
SEARCHES = tuple(
    f"sklearn.model_selection.{name}"
    for name in (
        "_search.GridSearchCV",
        "_search.RandomizedSearchCV",
        "_search_successive_halving.HalvingGridSearchCV",
        "_search_successive_halving.HalvingRandomSearchCV",
    )
)
# Parameters that a search tries, and what it writes down of them.
TRIED = ("param_grid", "param_distributions", "best_params_", "cv_results_")
SEARCHED = ("$searched",)
SEARCHED_PLACES = {"searched": [f"{search}.{key}" for search in SEARCHES for key in TRIED]}
POOLING = ("mean", "median", "max", "min", "amax", "amin", "sum")
SELECTIONS = (
    "_univariate_selection.f_classif",
    "_univariate_selection.f_oneway",
    "_univariate_selection.f_regression",
    "_univariate_selection.r_regression",
    "_univariate_selection.chi2",
    "_mutual_info.mutual_info_classif",
    "_mutual_info.mutual_info_regression",
)
TRANSFORMER = "sklearn.preprocessing._function_transformer.FunctionTransformer"
BISECTING = "sklearn.cluster._bisect_k_means.BisectingKMeans"
HGB = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoosting"
DISCRETE, CONTINUOUS = "scipy.stats._discrete_distns", "scipy.stats._continuous_distns"
# Distributions that searches draw parameters from, by the class that scipy pickles.
DISTRIBUTIONS = (
    *(
        f"{CONTINUOUS}.{name}_gen"
        for name in (
            "uniform",
            "reciprocal",
            "norm",
            "expon",
            "gamma",
            "beta",
            "lognorm",
            "truncnorm",
            "triang",
            "t",
            "chi2",
            "halfnorm",
            "halfcauchy",
            "cauchy",
            "laplace",
            "logistic",
            "pareto",
            "powerlaw",
            "rayleigh",
            "truncexpon",
            "weibull_min",
            "invgamma",
            "f",
            "gumbel_r",
            "gumbel_l",
            "expon",
            "loggamma",
        )
    ),
    *(f"{DISCRETE}.{name}_gen" for name in ("randint", "poisson", "binom", "geom", "nbinom", "bernoulli")),
    f"{DISCRETE}.zipf_gen",
)
DISTRIBUTIONS = tuple(dict.fromkeys(DISTRIBUTIONS))
FROZEN = tuple(f"scipy.stats._distn_infrastructure.rv_{kind}_frozen" for kind in ("continuous", "discrete"))

FUNCTIONS = [
    *(
        Entry(
            f"sklearn.metrics.{module}.{name}",
            "NAME",
            at=("_score_func", *SEARCHED),
            why="scores predictions; numbers in, a number out",
        )
        for module, names in METRICS.items()
        for name in names
    ),
    Entry(
        "sklearn.metrics._scorer._passthrough_scorer",
        "NAME",
        at=tuple(f"{s}.scorer_" for s in SEARCHES),
        why="calls the score method of the estimator itself",
    ),
    *(
        Entry(
            f"sklearn.feature_selection.{name}",
            "NAME",
            at=("score_func", *SEARCHED),
            why="called by fit only",
        )
        for name in SELECTIONS
    ),
    *(
        Entry(
            f"numpy.{name}",
            "NAME",
            at=("sklearn.cluster._agglomerative.FeatureAgglomeration.pooling_func", *SEARCHED),
            why="pools columns of one cluster",
        )
        for name in POOLING
    ),
    Entry("numpy.clip", "NAME", at=(f"{TRANSFORMER}.func",), why="bounds by number, proven by FUNCTION"),
    *(
        Entry(
            f"sklearn.cluster._kmeans._kmeans_single_{kind}",
            "NAME",
            at=(f"{BISECTING}._kmeans_single",),
            why="native, called by fit with its own arrays",
        )
        for kind in ("lloyd", "elkan")
    ),
    Entry("sklearn.utils.validation.check_array", "NAME", at=("@PARTIAL",), why="checks an array"),
    # A bound method, and what caches one: nothing of it arrives.
    Entry(
        "builtins.getattr",
        "NAME",
        at=(
            f"{HGB}Classifier._raw_predict",
            f"{HGB}Regressor._raw_predict",
            *(f"{name}.{key}" for name in DISTRIBUTIONS for key in ("vecentropy", "generic_moment")),
        ),
        why="left out: the class's own method is found again",
    ),
    Entry(
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "NAME",
        at=("scipy.interpolate._bsplines.BSpline._asarray",),
        why="left out: the constructor finds it again",
    ),
    Entry(
        "numpy.vectorize",
        "NAME",
        at=tuple(f"{name}.{key}" for name in DISTRIBUTIONS for key in ("vecentropy", "generic_moment")),
        why="left out: scipy's own object has it",
    ),
]
