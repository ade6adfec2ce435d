"""Hand-written: kernels, features, calibration curves and the trees of histograms."""

from __future__ import annotations

from model import Rule
from sklearn_terms import (
    ARRAY,
    DICT,
    INT,
    KERNEL,
    LIST,
    NAME,
    NONE,
    NUMBER,
    OBJECT,
    OBJECT_ARRAY,
    PLAIN,
    SPARSE_OR_ARRAY,
    STR,
    TUPLE,
    Classes,
    any_of,
    dropped,
    made,
    strings,
    widths,
)

CLASSES = Classes()
add = CLASSES.add

# Kernels.
SCALAR_KERNELS = "ConstantKernel,DotProduct,ExpSineSquared,Matern,RBF,RationalQuadratic,WhiteKernel"
GP = "sklearn.gaussian_process.kernels."
ALL_KERNELS = tuple(
    f"{GP}{name}"
    for name in (
        *SCALAR_KERNELS.split(","),
        "PairwiseKernel",
        "Sum",
        "Product",
        "Exponentiation",
        "CompoundKernel",
    )
)
add(f"{GP}{{{SCALAR_KERNELS}}}", why=PLAIN)
add(f"{GP}PairwiseKernel", why="a kernel by name", metric=KERNEL, pairwise_kernels_kwargs=Rule([NONE, DICT]))
add(f"{GP}{{Sum,Product}}", why="kernels, acyclic", k1=made(*ALL_KERNELS), k2=made(*ALL_KERNELS))
add(f"{GP}Exponentiation", why="a kernel", kernel=made(*ALL_KERNELS))
add(f"{GP}CompoundKernel", why="kernels", kernels=Rule([LIST, OBJECT], classes=ALL_KERNELS))
OPTIMIZER = strings("fmin_l_bfgs_b", none=True)
LAPLACE = "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace"
PROCESS = {"kernel": any_of(*ALL_KERNELS), "kernel_": any_of(*ALL_KERNELS), "optimizer": OPTIMIZER}
add(
    ["sklearn.gaussian_process._gpr.GaussianProcessRegressor", LAPLACE],
    why="kernels, optimized by name",
    **PROCESS,
)
add(
    "sklearn.gaussian_process._gpc.GaussianProcessClassifier",
    why="kernels, optimized by name",
    base_estimator_=made(
        LAPLACE, "sklearn.multiclass.OneVsOneClassifier", "sklearn.multiclass.OneVsRestClassifier"
    ),
    **PROCESS,
)
add(
    "sklearn.kernel_ridge.KernelRidge",
    why="kernels by name, or kernel objects",
    X_fit_=SPARSE_OR_ARRAY,
    kernel=Rule([STR, OBJECT], classes=ALL_KERNELS),
    kernel_params=Rule([NONE, DICT]),
)
add(
    "sklearn.kernel_approximation.AdditiveChi2Sampler",
    why="a bounded number of steps",
    sample_steps=Rule([INT], min=1, max=1000),
    sample_interval_=Rule(NUMBER),
)
add(
    "sklearn.kernel_approximation.Nystroem",
    why="kernels by name",
    kernel=KERNEL,
    components_=SPARSE_OR_ARRAY,
    kernel_params=Rule([NONE, DICT]),
)
add(
    "sklearn.kernel_approximation.{PolynomialCountSketch,RBFSampler,SkewedChi2Sampler}",
    why=PLAIN,
    degree=Rule([INT], min=1, max=100),
)

# Features.
add(
    "sklearn.random_projection.{GaussianRandomProjection,SparseRandomProjection}",
    why="matrices proven",
    components_=SPARSE_OR_ARRAY,
)
ENCODER = "sklearn.preprocessing._encoders.OneHotEncoder"
add(
    "sklearn.preprocessing._discretization.KBinsDiscretizer",
    why="codes by a proven encoder",
    bin_edges_=Rule([OBJECT_ARRAY]),
    _encoder=made(ENCODER),
    encode=strings("onehot", "onehot-dense", "ordinal"),
)
add(
    "sklearn.preprocessing._polynomial.SplineTransformer",
    "SPLINES",
    why="proven splines, one a feature",
    bsplines_=Rule([LIST, OBJECT], classes=["scipy.interpolate._bsplines.BSpline"]),
    degree=Rule([INT], min=0, max=20),
    extrapolation=strings("error", "constant", "linear", "continue", "periodic"),
)
add(
    "sklearn.preprocessing._target_encoder.TargetEncoder",
    "ORDINAL",
    why="codes within proven categories",
    classes_=Rule([ARRAY, OBJECT_ARRAY, NONE]),
    _label_binarizer=any_of("sklearn.preprocessing._label.LabelBinarizer"),
    _label_encoder=any_of("sklearn.preprocessing._label.LabelEncoder"),
)
add(
    "sklearn.feature_extraction._dict_vectorizer.DictVectorizer",
    "VOCABULARY",
    why="names numbered without a gap",
    dtype=Rule([NAME, STR, "DTYPE"]),
)
add(
    "sklearn.feature_extraction._hash.FeatureHasher",
    why="a number of columns to divide by",
    n_features=Rule([INT], min=1, max=2**31 - 1),
    input_type=strings("dict", "pair", "string"),
    dtype=Rule([NAME, STR, "DTYPE"]),
)
add(
    "sklearn.feature_extraction.image.PatchExtractor",
    why="patches of at least one pixel: strides go by them",
    patch_size=Rule([TUPLE, NONE], min=1),
)
add(
    "sklearn.feature_selection._univariate_selection.{SelectFdr,SelectFpr,SelectFwe,GenericUnivariateSelect}",
    "FUNCTION",
    why="score_func is called by fit only",
    score_func=Rule([NAME, OBJECT]),
    **widths("scores_", "pvalues_"),
)
CLASSES.entries.append(
    CLASSES.entry(
        "sklearn.isotonic.IsotonicRegression",
        "NEW_SETSTATE",
        "ISOTONIC",
        why="__setstate__ is pure Python and makes interp1d from two proven vectors",
        f_=dropped("made anew"),
        out_of_bounds=strings("nan", "clip", "raise"),
    )
)

# Boosting by histograms.
HGB = "sklearn.ensemble._hist_gradient_boosting."
PREDICTOR, MAPPER = f"{HGB}predictor.TreePredictor", f"{HGB}binning._BinMapper"
add(PREDICTOR, "HIST_PREDICTOR", why="nodes are a tree, bitsets are there")
add(MAPPER, "BIN_MAPPER", why="thresholds and categories, one a feature")
