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
    "cluster._unsupervised": (
        "calinski_harabasz_score",
        "davies_bouldin_score",
        "silhouette_score",
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
# Distributions that searches draw parameters from, by the class that scipy pickles: all that scipy
# makes under the class's name, but those that take arrays of parameters.
_CONTINUOUS = (
    "alpha anglit arcsine argus beta betaprime bradford burr burr12 cauchy chi chi2 cosine "
    "crystalball dgamma dpareto_lognorm dweibull erlang expon exponnorm exponpow exponweib f "
    "fatiguelife fisk foldcauchy foldnorm gamma gausshyper genexpon genextreme gengamma "
    "genhalflogistic genhyperbolic geninvgauss genlogistic gennorm genpareto gibrat gompertz "
    "gumbel_l gumbel_r halfcauchy halfgennorm halflogistic halfnorm hypsecant invgamma invgauss "
    "invweibull irwinhall jf_skew_t johnsonsb johnsonsu kappa3 kappa4 ksone kstwo kstwobign "
    "landau laplace laplace_asymmetric levy levy_l loggamma logistic loglaplace lognorm lomax "
    "maxwell mielke moyal nakagami ncf nct ncx2 norm norminvgauss pareto pearson3 powerlaw "
    "powerlognorm powernorm rayleigh rdist recipinvgauss reciprocal rel_breitwigner rice "
    "semicircular skew_norm skewcauchy skewnorm studentized_range t trapezoid triang truncexpon "
    "truncnorm truncpareto truncweibull_min tukeylambda uniform vonmises wald weibull_max "
    "weibull_min wrapcauchy "
)
_DISCRETE = (
    "bernoulli betabinom betanbinom binom boltzmann dlaplace geom hypergeom logser nbinom "
    "nchypergeom_fisher nchypergeom_wallenius nhypergeom planck poisson randint skellam yulesimon "
    "zipf zipfian "
)
CONTINUOUS_DISTRIBUTIONS = tuple(f"{CONTINUOUS}.{name}_gen" for name in _CONTINUOUS.split())
# Only these are pickled with a method that numpy.vectorize holds.
DISCRETE_DISTRIBUTIONS = tuple(f"{DISCRETE}.{name}_gen" for name in _DISCRETE.split())
FROZEN = tuple(f"scipy.stats._distn_infrastructure.rv_{kind}_frozen" for kind in ("continuous", "discrete"))

VECTORIZERS = tuple(
    f"sklearn.feature_extraction.text.{name}"
    for name in ("CountVectorizer", "HashingVectorizer", "TfidfVectorizer")
)
# As pickle and getattr name them; each takes the text that it is called with.
METHODS_OF_STR = ("casefold", "lower", "split", "strip", "upper")
INTERPOLATION = "scipy.interpolate._interpolate.interp1d"

FUNCTIONS = [
    *(
        Entry(
            f"joblib.{name}",
            "NAME",
            at=(
                "sklearn.pipeline.Pipeline.memory",
                *(
                    f"sklearn.cluster._agglomerative.{cls}.memory"
                    for cls in ("AgglomerativeClustering", "FeatureAgglomeration")
                ),
            ),
            why="left out: None takes its place",
        )
        for name in ("memory.Memory", "_store_backends.FileSystemStoreBackend")
    ),
    *(
        Entry(
            f"builtins.str.{name}",
            "NAME",
            at=tuple(
                f"{cls}.{key}"
                for cls in VECTORIZERS
                for key in (("analyzer", "tokenizer") if name == "split" else ("preprocessor",))
            ),
            why="of the text that it is called with",
        )
        for name in METHODS_OF_STR
    ),
    *(
        Entry(
            f"{INTERPOLATION}.{name}",
            "NAME",
            at=(f"{INTERPOLATION}._call",),
            why="left out: the constructor finds it again",
        )
        for name in (
            "_call_linear",
            "_call_linear_np",
            "_call_nan_spline",
            "_call_nearest",
            "_call_previousnext",
            "_call_spline",
        )
    ),
    *(
        Entry(
            f"sklearn.metrics.{module}.{name}",
            "NAME",
            at=("_score_func", "eval_metric", "@PARTIAL", *SEARCHED),
            why="scores predictions; numbers in, a number out",
        )
        for module, names in METRICS.items()
        for name in names
    ),
    *(
        Entry(
            f"sklearn.metrics.pairwise.{name}",
            "NAME",
            at=(
                *(
                    f"sklearn.svm._classes.{cls}.kernel"
                    for cls in ("SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM")
                ),
                *SEARCHED,
            ),
            why="two matrices in, one out, their widths compared",
        )
        for name in (
            "additive_chi2_kernel",
            "chi2_kernel",
            "cosine_similarity",
            "laplacian_kernel",
            "linear_kernel",
            "polynomial_kernel",
            "rbf_kernel",
            "sigmoid_kernel",
        )
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
            at=("score_func", "@PARTIAL", *SEARCHED),
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
    Entry(
        "numpy.clip",
        "NAME",
        at=(f"{TRANSFORMER}.func", f"{TRANSFORMER}.inverse_func", "@PARTIAL", *SEARCHED),
        why="bounds by number, proven by FUNCTION",
    ),
    *(
        Entry(
            f"sklearn.cluster._kmeans._kmeans_single_{kind}",
            "NAME",
            at=(f"{BISECTING}._kmeans_single",),
            why="native, called by fit with its own arrays",
        )
        for kind in ("lloyd", "elkan")
    ),
    Entry(
        "sklearn.utils.validation.check_array",
        "NAME",
        at=("@PARTIAL", f"{TRANSFORMER}.func"),
        why="checks an array",
    ),
    # A bound method, and what caches one: nothing of it arrives.
    Entry(
        "builtins.getattr",
        "NAME",
        at=(
            f"{HGB}Classifier._raw_predict",
            f"{HGB}Regressor._raw_predict",
            *(f"{name}.vecentropy" for name in DISCRETE_DISTRIBUTIONS),
            f"{INTERPOLATION}._call",
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
        at=tuple(f"{name}.vecentropy" for name in DISCRETE_DISTRIBUTIONS),
        why="left out: scipy's own object has it",
    ),
]
