"""Hand-written: what the state of each scikit-learn class must look like.

A class is made by cls.__new__ and its __dict__ is written; no __setstate__ runs. What native
code believes is proven by the invariants that server/verify implements. An object may stand
only at a key whose rule here says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from model import Entry, Policy, Rule

NONE, BOOL, INT, FLOAT, STR = "NONE", "BOOL", "INT", "FLOAT", "STR"
LIST, TUPLE, DICT, SET = "LIST", "TUPLE", "DICT", "SET"
ARRAY, OBJECT_ARRAY, OBJECT, NAME, DTYPE = "ARRAY", "OBJECT_ARRAY", "OBJECT", "NAME", "DTYPE"
NUMBER = (INT, FLOAT)

WIDTH = "n_features_in_"


def strings(*values: str, none: bool = False) -> Rule:
    """One of these strings; a callable never."""
    return Rule(one_of=[*(["None"] if none else []), *(repr(value) for value in values)])


def widths(*keys: str) -> dict[str, Rule]:
    """Vectors with one number a feature (or None)."""
    return {key: Rule([ARRAY, NONE], shape=[WIDTH]) for key in keys}


def rows(*keys: str) -> dict[str, Rule]:
    """Matrices as wide as the features."""
    return {key: Rule([ARRAY], shape=["*", WIDTH]) for key in keys}


def made(*classes: str, also: Sequence[str] = ()) -> Rule:
    """An instance of one of these classes (any listed one if none is given)."""
    return Rule([OBJECT, *also], classes=classes)


NESTED = Rule([LIST, OBJECT], why="steps are any listed estimator, acyclic")
ANY = Rule([OBJECT, NONE, STR], why="a listed estimator")

# Sparse matrices that estimators hold.
SPARSE_CLASSES = [
    f"scipy.sparse._{kind}.{kind}_{form}" for kind in ("csr", "csc") for form in ("matrix", "array")
]
SPARSE = (*SPARSE_CLASSES, "scipy.sparse._dia.dia_matrix", "scipy.sparse._dia.dia_array")
SPARSE_OR_ARRAY = Rule([ARRAY, OBJECT], classes=SPARSE)

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
CY_CALLS = (
    *(f"{CY}.{name}" for name in CY_LOSSES),
    *(f"{CY}.__pyx_unpickle_{name}" for name in CY_LOSSES),
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

DISTANCES = tuple(
    f"{name}Distance{bits}" for name in ("Euclidean", "Manhattan", "Haversine") for bits in ("", "64")
)
METRICS = "sklearn.metrics._dist_metrics"
KD, BALL = "sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree"

FACTORIES = [
    Entry("sklearn.tree._tree.Tree", "FACTORY", "TREE", why="every node proven in range"),
    Entry(f"{KD}.newObj", "FACTORY", "NEW_OBJ", why="KDTree only, indices proven"),
    Entry(f"{BALL}.newObj", "FACTORY", "NEW_OBJ", why="BallTree only, indices proven"),
    Entry(f"{METRICS}.newObj", "FACTORY", "NEW_OBJ", why="distances without parameters"),
    Entry(f"{KD}.KDTree", "NAME", at=("@NEW_OBJ",), why="argument of its newObj"),
    Entry(f"{BALL}.BallTree", "NAME", at=("@NEW_OBJ",), why="argument of its newObj"),
    *(Entry(f"{METRICS}.{name}", "NAME", at=("@NEW_OBJ",), why="no parameters") for name in DISTANCES),
    # Called by 1.9, an argument of __pyx_unpickle in 1.2: the schema allows exactly that.
    *(Entry(f"{CY}.{name}", "FACTORY", "CY_LOSS", why="no pointer in it") for name in CY_LOSSES),
    *(
        Entry(f"{CY}.__pyx_unpickle_{name}", "FACTORY", "PYX_UNPICKLE_LOSS", why="its own class")
        for name in CY_LOSSES
    ),
    *(Entry(f"{SGD}.{name}", "FACTORY", "SGD_LOSS", why="no pointer in it") for name in SGD_LOSSES),
    *(
        Entry(name, "BY_NAME_AND_PARAMS", "SPARSE", why="built by its constructor")
        for name in (
            *SPARSE,
            *(f"scipy.sparse._coo.coo_{form}" for form in ("matrix", "array")),
        )
    ),
]

# Functions, each at its place.
UFUNC_PLACES = tuple(
    f"{cls}.{key}"
    for cls in (
        "sklearn.preprocessing._function_transformer.FunctionTransformer",
        "sklearn.compose._target.TransformedTargetRegressor",
    )
    for key in ("func", "inverse_func")
)
UFUNCS = (
    *(f"numpy.{name}" for name in ("absolute", "expm1", "log1p", "log", "exp", "sqrt", "square")),
    *(
        f"numpy.{core}._multiarray_umath.{name}"
        for core in ("core", "_core")
        for name in ("absolute", "expm1", "log1p", "log", "exp", "sqrt", "square")
    ),
    "scipy.special._ufuncs.expit",
    "scipy.special._special_ufuncs.expit",
)
FUNCTIONS = [
    *(Entry(name, "NAME", at=UFUNC_PLACES, why="ufunc of one argument") for name in UFUNCS),
    *(
        Entry(f"sklearn.feature_selection.{name}", "NAME", at=("score_func",), why="called by fit only")
        for name in (
            "_univariate_selection.f_classif",
            "_univariate_selection.f_regression",
            "_univariate_selection.chi2",
            "_mutual_info.mutual_info_classif",
        )
    ),
]

CLASSES: list[Entry] = []


def add(names: str | Sequence[str], *invariants: str, why: str = "", **state: Rule) -> None:
    """Classes of one module prefix with the same rules: "module.{A,B}" or a list of names."""
    if isinstance(names, str):
        prefix, _, rest = names.partition("{")
        names = [prefix + name for name in rest.rstrip("}").split(",")] if rest else [names]
    for name in names:
        CLASSES.append(Entry(name, "NEW_DICT", invariants=invariants, state=state, why=why))


PLAIN = "plain Python and numpy"

# Losses and links.
add(list(LINKS), why=PLAIN)
add(INTERVAL, why=PLAIN, low=Rule(NUMBER), high=Rule(NUMBER))
add(
    list(LOSS_CLASSES),
    why=PLAIN,
    closs=made(*CY_CALLS),
    link=made(*LINKS),
    interval_y_true=made(INTERVAL),
    interval_y_pred=made(INTERVAL),
    n_classes=Rule([INT, NONE]),
    xp=Rule([NONE]),
    device=Rule([NONE]),
)
add(list(OLD_GB_LOSS_CLASSES), why="K sizes the output; checked by its owner", K=Rule([INT]))

# Linear models.
LOSS_FUNCTION = made(*SGD_CALLS)
LINEAR = {"coef_": SPARSE_OR_ARRAY, "sparse_coef_": Rule(drop=True)}
LM = "sklearn.linear_model."
add(f"{LM}_base.LinearRegression", "LINEAR", why=PLAIN, **LINEAR)
add(f"{LM}_ridge.{{Ridge,RidgeCV}}", "LINEAR", why=PLAIN, scoring=strings(none=True), **LINEAR)
add(
    f"{LM}_ridge.{{RidgeClassifier,RidgeClassifierCV}}",
    "LINEAR",
    why=PLAIN,
    _label_binarizer=made("sklearn.preprocessing._label.LabelBinarizer"),
    scoring=strings(none=True),
    **LINEAR,
)
add(
    f"{LM}_coordinate_descent.{{Lasso,LassoCV,ElasticNet,ElasticNetCV,MultiTaskLasso,"
    "MultiTaskLassoCV,MultiTaskElasticNet,MultiTaskElasticNetCV}",
    "LINEAR",
    why=PLAIN,
    **LINEAR,
)
add(f"{LM}_least_angle.{{Lars,LarsCV,LassoLars,LassoLarsCV,LassoLarsIC}}", "LINEAR", why=PLAIN, **LINEAR)
add(f"{LM}_bayes.{{BayesianRidge,ARDRegression}}", "LINEAR", why=PLAIN, **LINEAR)
add(f"{LM}_huber.HuberRegressor", "LINEAR", why=PLAIN, **LINEAR)
add(f"{LM}_theil_sen.TheilSenRegressor", "LINEAR", why=PLAIN, **LINEAR)
add(f"{LM}_quantile.QuantileRegressor", "LINEAR", why=PLAIN, **LINEAR)
add(
    f"{LM}_omp.{{OrthogonalMatchingPursuit,OrthogonalMatchingPursuitCV}}",
    "LINEAR",
    why=PLAIN,
    **LINEAR,
)
add(
    f"{LM}_glm.glm.{{PoissonRegressor,GammaRegressor,TweedieRegressor}}",
    "LINEAR",
    why=PLAIN,
    _base_loss=made(*LOSS_CLASSES),
    link=strings("auto", "identity", "log"),
    **LINEAR,
)
add(f"{LM}_logistic.LogisticRegression", "LINEAR", why="sparse coef_ proven", **LINEAR)
add(
    f"{LM}_logistic.LogisticRegressionCV",
    "LINEAR",
    why="sparse coef_ proven",
    scoring=Rule([NONE, STR]),
    **LINEAR,
)
add(
    [
        f"{LM}_stochastic_gradient.SGDClassifier",
        f"{LM}_stochastic_gradient.SGDRegressor",
        f"{LM}_stochastic_gradient.SGDOneClassSVM",
        f"{LM}_perceptron.Perceptron",
        f"{LM}_passive_aggressive.PassiveAggressiveClassifier",
        f"{LM}_passive_aggressive.PassiveAggressiveRegressor",
    ],
    "LINEAR",
    why="partial_fit goes on natively over coefficients of proven shape",
    loss=Rule([STR]),
    loss_function_=LOSS_FUNCTION,
    _loss_function_=LOSS_FUNCTION,
    **LINEAR,
)
add("sklearn.svm._classes.{LinearSVC,LinearSVR}", "LINEAR", why=PLAIN, **LINEAR)

# Support vector machines on libsvm.
KERNEL = strings("linear", "poly", "rbf", "sigmoid", "precomputed")
SVM = {
    "kernel": KERNEL,
    "support_vectors_": SPARSE_OR_ARRAY,
    "dual_coef_": SPARSE_OR_ARRAY,
    "_dual_coef_": SPARSE_OR_ARRAY,
    "degree": Rule([INT], min=0, max=100),
    "gamma": Rule([STR, *NUMBER]),
    "_gamma": Rule(NUMBER),
    "coef0": Rule(NUMBER),
    "class_weight_": Rule([ARRAY], dtypes=["f8"]),
}
add("sklearn.svm._classes.{SVC,NuSVC}", "SVC", why="lengths proven for libsvm", **SVM)
add("sklearn.svm._classes.{SVR,NuSVR,OneClassSVM}", "SVR", why="lengths proven for libsvm", **SVM)

# Trees and forests.
TREES = tuple(
    f"sklearn.tree._classes.{name}"
    for name in (
        "DecisionTreeClassifier",
        "DecisionTreeRegressor",
        "ExtraTreeClassifier",
        "ExtraTreeRegressor",
    )
)
add(
    list(TREES),
    "TREE_OWNER",
    why="one proven Tree of the same width",
    tree_=made("sklearn.tree._tree.Tree"),
    criterion=Rule([STR]),
)
TREE_PARAMETER = Rule([OBJECT, NONE, STR], classes=TREES)
FOREST = {
    "estimator": TREE_PARAMETER,
    "estimator_": TREE_PARAMETER,
    "_estimator": TREE_PARAMETER,
    "base_estimator": TREE_PARAMETER,
    "base_estimator_": TREE_PARAMETER,
    "estimators_": Rule([LIST, OBJECT], classes=TREES),
    "criterion": Rule([STR]),
    "oob_score": Rule([BOOL], why="a callable scores otherwise"),
}
add(
    "sklearn.ensemble._forest.{RandomForestClassifier,RandomForestRegressor,ExtraTreesClassifier,"
    "ExtraTreesRegressor}",
    "FOREST",
    why="all trees as wide as the forest",
    **FOREST,
)
add(
    "sklearn.ensemble._forest.RandomTreesEmbedding",
    "FOREST",
    why="all trees as wide as the forest",
    one_hot_encoder_=made("sklearn.preprocessing._encoders.OneHotEncoder"),
    **FOREST,
)
add("sklearn.ensemble._iforest.IsolationForest", "ISOLATION_FOREST", why="columns proven", **FOREST)
add(
    "sklearn.ensemble._gb.{GradientBoostingClassifier,GradientBoostingRegressor}",
    "GRADIENT_BOOSTING",
    why="as many trees, loss and init columns as the output has",
    estimators_=Rule([OBJECT_ARRAY, OBJECT], classes=TREES),
    _loss=made(*LOSS_CLASSES, *OLD_GB_LOSS_CLASSES),
    loss=Rule([STR]),
    criterion=Rule([STR]),
    init=ANY,
    init_=Rule([OBJECT, STR]),
    learning_rate=Rule(NUMBER),
)

# Neighbours.
DISTANCE = strings(
    "euclidean", "l2", "l1", "manhattan", "cityblock", "minkowski", "p", "infinity", "chebyshev",
    "haversine", "cosine", "canberra", "braycurtis", "nan_euclidean", "hamming", "jaccard",
    "sqeuclidean",
)  # fmt: skip
NEIGHBORS = {
    "_fit_X": SPARSE_OR_ARRAY,
    "_tree": Rule([OBJECT, NONE], classes=[f"{KD}.newObj", f"{BALL}.newObj"]),
    "metric": DISTANCE,
    "effective_metric_": DISTANCE,
    "metric_params": Rule([NONE]),
    "effective_metric_params_": Rule([DICT]),
    "weights": strings("uniform", "distance", none=True),
    "algorithm": strings("auto", "ball_tree", "kd_tree", "brute"),
    "p": Rule([NONE, *NUMBER], min=1),
    "n_neighbors": Rule([INT, NONE], min=1),
}
add(
    [
        "sklearn.neighbors._classification.KNeighborsClassifier",
        "sklearn.neighbors._classification.RadiusNeighborsClassifier",
        "sklearn.neighbors._regression.KNeighborsRegressor",
        "sklearn.neighbors._regression.RadiusNeighborsRegressor",
        "sklearn.neighbors._unsupervised.NearestNeighbors",
        "sklearn.neighbors._graph.KNeighborsTransformer",
        "sklearn.neighbors._graph.RadiusNeighborsTransformer",
    ],
    "NEIGHBORS",
    why="training data as wide as the features, trees proven",
    **NEIGHBORS,
)

# Neural networks.
ACTIVATION = strings("identity", "logistic", "tanh", "relu", "softmax")
OPTIMIZERS = tuple(
    f"sklearn.neural_network._stochastic_optimizers.{name}"
    for name in ("AdamOptimizer", "SGDOptimizer")
)
add(list(OPTIMIZERS), why=PLAIN)
add(
    "sklearn.neural_network._multilayer_perceptron.{MLPClassifier,MLPRegressor}",
    "MLP",
    why="the layers form a chain",
    activation=ACTIVATION,
    out_activation_=ACTIVATION,
    solver=strings("adam", "sgd", "lbfgs"),
    _optimizer=made(*OPTIMIZERS),
    _label_binarizer=made("sklearn.preprocessing._label.LabelBinarizer"),
)

# Clusters and decomposition.
add(
    "sklearn.cluster._kmeans.{KMeans,MiniBatchKMeans}",
    "KMEANS",
    why="centers as wide as the features",
    init=Rule([STR, ARRAY]),
    algorithm=Rule([STR]),
)
add(
    ["sklearn.decomposition._pca.PCA", "sklearn.decomposition._incremental_pca.IncrementalPCA"],
    why=PLAIN,
    **rows("components_"),
    **widths("mean_", "var_"),
)
add("sklearn.decomposition._truncated_svd.TruncatedSVD", why=PLAIN, **rows("components_"))

# Naive Bayes and dummies.
add("sklearn.naive_bayes.GaussianNB", why=PLAIN, **rows("theta_", "var_"))
add(
    "sklearn.naive_bayes.{MultinomialNB,BernoulliNB,ComplementNB}",
    why=PLAIN,
    **rows("feature_count_", "feature_log_prob_"),
)
DUMMY = strings(
    "prior", "stratified", "most_frequent", "uniform", "constant", "mean", "median", "quantile"
)
add("sklearn.dummy.{DummyClassifier,DummyRegressor}", why=PLAIN, strategy=DUMMY, _strategy=DUMMY)

# Preprocessing.
SCALED = widths("mean_", "var_", "scale_", "min_", "data_min_", "data_max_", "data_range_", "max_abs_",
                "center_")  # fmt: skip
add(
    "sklearn.preprocessing._data.{StandardScaler,MinMaxScaler,MaxAbsScaler,RobustScaler,Normalizer,"
    "Binarizer}",
    why=PLAIN,
    **SCALED,
)
add(
    "sklearn.preprocessing._data.PowerTransformer",
    why=PLAIN,
    method=strings("yeo-johnson", "box-cox"),
    _scaler=made("sklearn.preprocessing._data.StandardScaler"),
    **widths("lambdas_"),
)
add(
    "sklearn.preprocessing._data.QuantileTransformer",
    why=PLAIN,
    output_distribution=strings("uniform", "normal"),
    **rows("quantiles_"),
)
DEGREE = Rule([INT, TUPLE, LIST], min=0, max=20, why="its native loop over degrees has no end")
add(
    "sklearn.preprocessing._polynomial.PolynomialFeatures",
    why="degrees bounded",
    degree=DEGREE,
    _min_degree=Rule([INT], min=0, max=20),
    _max_degree=Rule([INT], min=0, max=20),
    n_output_features_=Rule([INT], min=0, max=10**7),
    _n_out_full=Rule([INT], min=0, max=10**7),
)
add("sklearn.preprocessing._label.LabelEncoder", why=PLAIN, classes_=Rule([ARRAY, OBJECT_ARRAY]))
add("sklearn.preprocessing._label.LabelBinarizer", why=PLAIN, classes_=Rule([ARRAY, OBJECT_ARRAY]))
add(
    "sklearn.preprocessing._label.MultiLabelBinarizer",
    why="its cache is made anew",
    classes_=Rule([ARRAY, OBJECT_ARRAY]),
    _cached_dict=Rule(drop=True, why="indices in it would make a sparse matrix out of range"),
)
CATEGORIES = {
    "dtype": Rule([NAME, DTYPE]),
    "handle_unknown": strings(
        "error", "ignore", "infrequent_if_exist", "use_encoded_value", "warn"
    ),
}
add(
    "sklearn.preprocessing._encoders.OneHotEncoder",
    "ONE_HOT",
    why="column numbers proven",
    feature_name_combiner=strings("concat"),
    **CATEGORIES,
)
add("sklearn.preprocessing._encoders.OrdinalEncoder", "ORDINAL", why=PLAIN, **CATEGORIES)
FUNCTION = Rule([NONE, NAME])
add(
    "sklearn.preprocessing._function_transformer.FunctionTransformer",
    why="only listed ufuncs, without arguments",
    func=FUNCTION,
    inverse_func=FUNCTION,
    kw_args=Rule([NONE]),
    inv_kw_args=Rule([NONE]),
    feature_names_out=strings("one-to-one", none=True),
)
add("sklearn.impute._base.MissingIndicator", why=PLAIN)
add(
    "sklearn.impute._base.SimpleImputer",
    why=PLAIN,
    strategy=strings("mean", "median", "most_frequent", "constant"),
    indicator_=Rule([OBJECT, NONE], classes=["sklearn.impute._base.MissingIndicator"]),
    statistics_=Rule([ARRAY, OBJECT_ARRAY], shape=[WIDTH]),
)
add("sklearn.feature_selection._variance_threshold.VarianceThreshold", why=PLAIN, **widths("variances_"))
add(
    "sklearn.feature_selection._univariate_selection.{SelectKBest,SelectPercentile}",
    why="score_func is called by fit only",
    score_func=Rule([NAME]),
    **widths("scores_", "pvalues_"),
)

# Text.
PATTERN = strings("(?u)\\b\\w\\w+\\b", "(?u)\\b\\w+\\b", "\\b\\w+\\b", "\\w+", "[a-zA-Z]+", none=True)
VECTORIZER = {
    "input": strings("content"),
    "encoding": strings("utf-8", "utf8", "latin-1", "latin1", "ascii", "iso-8859-1", "cp1252", "utf-16"),
    "decode_error": strings("strict", "ignore", "replace"),
    "strip_accents": strings("ascii", "unicode", none=True),
    "analyzer": strings("word", "char", "char_wb"),
    "preprocessor": Rule([NONE]),
    "tokenizer": Rule([NONE]),
    "token_pattern": PATTERN,
    "stop_words": Rule([NONE, STR, LIST]),
    "ngram_range": Rule([TUPLE, LIST]),
    "dtype": Rule([NAME, DTYPE]),
    "norm": strings("l1", "l2", none=True),
}
add(
    "sklearn.feature_extraction.text.{CountVectorizer,TfidfVectorizer}",
    "VOCABULARY",
    why="words numbered without a gap; no callables, no paths, known patterns",
    vocabulary=Rule([NONE, LIST, DICT, SET]),
    _tfidf=made("sklearn.feature_extraction.text.TfidfTransformer"),
    **VECTORIZER,
)
add(
    "sklearn.feature_extraction.text.HashingVectorizer",
    why="no callables, no paths, known patterns",
    n_features=Rule([INT], min=1, max=2**31 - 1),
    **VECTORIZER,
)
add(
    "sklearn.feature_extraction.text.TfidfTransformer",
    "TFIDF",
    why="one weight a word",
    norm=strings("l1", "l2", none=True),
    _idf_diag=made(*SPARSE),
)

# What holds other estimators.
add(
    "sklearn.pipeline.Pipeline",
    why="steps are listed estimators",
    steps=NESTED,
    transform_input=Rule([NONE, LIST]),
)
add(
    "sklearn.pipeline.FeatureUnion",
    why="parts are listed estimators",
    transformer_list=NESTED,
    verbose_feature_names_out=Rule([BOOL], why="a str would be a format string"),
)
add(
    "sklearn.compose._column_transformer.ColumnTransformer",
    why="parts are listed estimators",
    transformers=NESTED,
    transformers_=NESTED,
    remainder=ANY,
    _remainder=Rule([TUPLE, OBJECT]),
    _columns=Rule([LIST, OBJECT], classes=["sklearn.compose._column_transformer._RemainderColsList"]),
    _transformer_to_input_indices=Rule([DICT]),
    _name_to_fitted_passthrough=Rule([DICT, OBJECT]),
    verbose_feature_names_out=Rule([BOOL], why="a str would be a format string"),
)
add(
    "sklearn.compose._target.TransformedTargetRegressor",
    why="only listed ufuncs",
    func=FUNCTION,
    inverse_func=FUNCTION,
    regressor=ANY,
    regressor_=made(),
    transformer=ANY,
    transformer_=made(),
)

POLICY = Policy(
    name="sklearn",
    description="scikit-learn 1.2 to 1.9: fitted estimators, with proven native state.",
    extends=("numpy",),
    entries=[*FACTORIES, *FUNCTIONS, *CLASSES],
)

DEFAULT = Policy(
    name="default",
    description="What is used when a request names no policy.",
    extends=("sklearn",),
)

# "Defining class.attribute": class attributes that real fitted states hold under the same name,
# mostly because one version computes what another one stores. Each is a property (which wins over
# an entry of __dict__) or a plain default.
STATE_KEYS = {
    "sklearn.linear_model._least_angle.Lars.positive": "default of a parameter",
    "sklearn.linear_model._least_angle.LassoLars.positive": "default of a parameter",
    "sklearn.feature_extraction.text.TfidfTransformer.idf_": "property before 1.5",
    "sklearn.ensemble._base.BaseEnsemble.estimator_": "property in 1.2",
    "sklearn.linear_model._ridge._RidgeClassifierMixin.classes_": "property in 1.2",
}
