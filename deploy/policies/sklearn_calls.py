"""Hand-written: what scikit-learn's pickles call, and functions at their places."""

from __future__ import annotations

from model import Entry
from sklearn_functions import SEARCHED
from sklearn_terms import SPARSE

# Losses in Cython, called with their parameter, and what 1.2 calls instead.
CY = "sklearn._loss._loss"
CY_LOSSES = (
    "CyHalfSquaredError", "CyAbsoluteError", "CyPinballLoss", "CyHuberLoss", "CyHalfPoissonLoss",
    "CyHalfGammaLoss", "CyHalfTweedieLoss", "CyHalfTweedieLossIdentity", "CyHalfBinomialLoss",
    "CyHalfMultinomialLoss", "CyExponentialLoss",
)  # fmt: skip
SGD = "sklearn.linear_model._sgd_fast"
SGD_LOSSES = (
    "Hinge", "SquaredHinge", "Log", "ModifiedHuber", "SquaredLoss", "Huber", "EpsilonInsensitive",
    "SquaredEpsilonInsensitive",
)  # fmt: skip
# scikit-learn 1.4 and 1.5 were built with a module that calls itself _loss.
CY_MODULES = (CY, "_loss")
CY_CALLS = tuple(
    f"{module}.{prefix}{name}"
    for module in CY_MODULES
    for prefix in ("", "__pyx_unpickle_")
    for name in CY_LOSSES
)
SGD_CALLS = (*(f"{SGD}.{name}" for name in SGD_LOSSES), *CY_CALLS)
LINKS = tuple(
    f"sklearn._loss.link.{name}"
    for name in ("IdentityLink", "LogLink", "LogitLink", "HalfLogitLink", "MultinomialLogit")
)
INTERVAL = "sklearn._loss.link.Interval"
LOSSES = (
    "HalfSquaredError", "AbsoluteError", "PinballLoss", "HuberLoss", "HalfPoissonLoss",
    "HalfGammaLoss", "HalfTweedieLoss", "HalfTweedieLossIdentity", "HalfBinomialLoss",
    "HalfMultinomialLoss", "ExponentialLoss",
)  # fmt: skip
LOSS_CLASSES = tuple(f"sklearn._loss.loss.{name}" for name in LOSSES)
OLD_GB_LOSSES = (
    "LeastSquaresError", "LeastAbsoluteError", "HuberLossFunction", "QuantileLossFunction",
    "BinomialDeviance", "MultinomialDeviance", "ExponentialLoss",
)  # fmt: skip
OLD_GB_LOSS_CLASSES = tuple(f"sklearn.ensemble._gb_losses.{name}" for name in OLD_GB_LOSSES)

# Mahalanobis writes into a buffer, PyFunc calls a function: never.
DISTANCES = tuple(
    f"{name}Distance{bits}"
    for name in (
        "Euclidean", "Manhattan", "Chebyshev", "Minkowski", "SEuclidean", "Haversine", "BrayCurtis",
        "Canberra", "Dice", "Hamming", "Jaccard", "Kulsinski", "Matching", "RogersTanimoto",
        "RussellRao", "SokalMichener", "SokalSneath",
    )
    for bits in ("", "64")
)  # fmt: skip
METRICS = "sklearn.metrics._dist_metrics"
TRIPLET = "sklearn.impute._iterative._ImputerTriplet"
KD, BALL = "sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree"

# Sparse matrices that no estimator holds.
OTHERS = ("coo", "bsr", "lil", "dok")

FACTORIES = [
    Entry("sklearn.tree._tree.Tree", "FACTORY", "TREE", why="every node proven in range"),
    Entry(f"{KD}.newObj", "FACTORY", "NEW_OBJ", why="KDTree only, indices proven"),
    Entry(f"{BALL}.newObj", "FACTORY", "NEW_OBJ", why="BallTree only, indices proven"),
    Entry(f"{METRICS}.newObj", "FACTORY", "NEW_OBJ", why="distances, vectors proven"),
    Entry(f"{KD}.KDTree", "NAME", at=("@NEW_OBJ",), why="argument of its newObj"),
    Entry(f"{BALL}.BallTree", "NAME", at=("@NEW_OBJ",), why="argument of its newObj"),
    *(Entry(f"{METRICS}.{name}", "NAME", at=("@NEW_OBJ",), why="a distance") for name in DISTANCES),
    # Called by 1.9, an argument of __pyx_unpickle in 1.2: the schema allows exactly that.
    *(
        Entry(f"{module}.{name}", "FACTORY", "CY_LOSS", why="called with its number; no pointer in it")
        for module in CY_MODULES
        for name in CY_LOSSES
    ),
    *(
        Entry(f"{module}.__pyx_unpickle_{name}", "FACTORY", "PYX_UNPICKLE_LOSS", why="calls its own class")
        for module in CY_MODULES
        for name in CY_LOSSES
    ),
    *(Entry(f"{SGD}.{name}", "FACTORY", "SGD_LOSS", why="no pointer in it") for name in SGD_LOSSES),
    *(
        Entry(name, "BY_NAME_AND_PARAMS", "SPARSE", why="built by its constructor")
        for name in (
            *SPARSE,
            *(f"scipy.sparse._{kind}.{kind}_{form}" for kind in OTHERS for form in ("matrix", "array")),
            *(f"scipy.sparse._arrays.{kind}_array" for kind in OTHERS),
        )
    ),
]

# Functions, each at its place.
UFUNCS_AT = ("$transformed", *SEARCHED)
TRANSFORMED_PLACES = {
    "transformed": [
        f"{cls}.{key}"
        for cls in (
            "sklearn.preprocessing._function_transformer.FunctionTransformer",
            "sklearn.compose._target.TransformedTargetRegressor",
        )
        for key in ("func", "inverse_func")
    ]
}
# One array in, one out, nothing else touched.
ONE_ARRAY = (
    "absolute", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "cbrt", "ceil",
    "conjugate", "cos", "cosh", "deg2rad", "degrees", "exp", "exp2", "expm1", "fabs", "floor",
    "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2", "logical_not", "negative",
    "positive", "rad2deg", "radians", "reciprocal", "rint", "sign", "signbit", "sin", "sinh", "sqrt",
    "square", "tan", "tanh", "trunc",
)  # fmt: skip
ONE_ARRAY_SPECIAL = (
    "cbrt", "erf", "erfc", "erfinv", "exp10", "exp2", "expit", "expm1", "gammaln", "log1p", "log_ndtr",
    "log_expit", "logit", "ndtr", "ndtri",
)  # fmt: skip
UFUNCS = (
    *(f"numpy.{name}" for name in ONE_ARRAY),
    *(f"numpy.{core}._multiarray_umath.{name}" for core in ("core", "_core") for name in ONE_ARRAY),
    *(
        f"scipy.special.{module}.{name}"
        for module in ("_ufuncs", "_special_ufuncs")
        for name in ONE_ARRAY_SPECIAL
    ),
)
# Python code of numpy and scikit-learn that keeps one row a row.
NUMPY_FUNCTIONS = (
    "around", "array", "asarray", "ascontiguousarray", "atleast_1d", "atleast_2d", "column_stack",
    "copy", "cumprod", "cumsum", "diff", "fix", "fliplr", "hstack", "imag", "nan_to_num", "ravel",
    "real", "round", "round_", "squeeze", "vstack",
)  # fmt: skip
SCALINGS = (
    "add_dummy_feature", "binarize", "maxabs_scale", "minmax_scale", "normalize", "power_transform",
    "quantile_transform", "robust_scale", "scale",
)  # fmt: skip
ARRAY_FUNCTIONS = (
    *(f"numpy.{name}" for name in NUMPY_FUNCTIONS),
    *(f"sklearn.preprocessing._data.{name}" for name in SCALINGS),
    *(f"scipy.special._logsumexp.{name}" for name in ("log_softmax", "softmax")),
)
FUNCTIONS = [
    *(Entry(name, "NAME", at=UFUNCS_AT, why="ufunc of one argument") for name in UFUNCS),
    *(
        Entry(name, "NAME", at=("@PARTIAL", *UFUNCS_AT), why="of one array; arguments proven by FUNCTION")
        for name in ARRAY_FUNCTIONS
    ),
]
