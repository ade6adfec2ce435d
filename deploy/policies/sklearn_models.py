"""Hand-written: losses, predictors, clusters and decompositions."""

from __future__ import annotations

from model import Rule
from sklearn_calls import BALL, CY_CALLS, INTERVAL, KD, LINKS, LOSS_CLASSES, OLD_GB_LOSS_CLASSES, SGD_CALLS
from sklearn_terms import (
    ANY,
    ARRAY,
    BOOL,
    DICT,
    DISTANCE,
    INT,
    LIST,
    NAME,
    NONE,
    NUMBER,
    OBJECT,
    OBJECT_ARRAY,
    PLAIN,
    SCORED,
    SPARSE_OR_ARRAY,
    SPLITTING,
    STR,
    Classes,
    made,
    rows,
    strings,
    widths,
)

CLASSES = Classes()
add = CLASSES.add

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
add(f"{LM}_ridge.{{Ridge,RidgeCV}}", "LINEAR", why=PLAIN, scoring=SCORED, cv=SPLITTING, **LINEAR)
add(
    f"{LM}_ridge.{{RidgeClassifier,RidgeClassifierCV}}",
    "LINEAR",
    why=PLAIN,
    _label_binarizer=made("sklearn.preprocessing._label.LabelBinarizer"),
    scoring=SCORED,
    cv=SPLITTING,
    **LINEAR,
)
add(
    f"{LM}_coordinate_descent.{{Lasso,LassoCV,ElasticNet,ElasticNetCV,MultiTaskLasso,"
    "MultiTaskLassoCV,MultiTaskElasticNet,MultiTaskElasticNetCV}",
    "LINEAR",
    why=PLAIN,
    cv=SPLITTING,
    **LINEAR,
)
add(
    f"{LM}_least_angle.{{Lars,LarsCV,LassoLars,LassoLarsCV,LassoLarsIC}}",
    "LINEAR",
    why=PLAIN,
    cv=SPLITTING,
    positive=Rule([BOOL], why="the class has one as well"),
    **LINEAR,
)
add(f"{LM}_bayes.{{BayesianRidge,ARDRegression}}", "LINEAR", why=PLAIN, **LINEAR)
add(f"{LM}_huber.HuberRegressor", "LINEAR", why=PLAIN, **LINEAR)
add(f"{LM}_theil_sen.TheilSenRegressor", "LINEAR", why=PLAIN, **LINEAR)
add(f"{LM}_quantile.QuantileRegressor", "LINEAR", why=PLAIN, **LINEAR)
add(
    f"{LM}_omp.{{OrthogonalMatchingPursuit,OrthogonalMatchingPursuitCV}}",
    "LINEAR",
    why=PLAIN,
    cv=SPLITTING,
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
    scoring=SCORED,
    cv=SPLITTING,
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
SVM = {
    "kernel": Rule([STR, NAME], why="libsvm's own, or a listed function"),
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
NEIGHBORS = {
    "_fit_X": SPARSE_OR_ARRAY,
    "_tree": Rule([OBJECT, NONE], classes=[f"{KD}.newObj", f"{BALL}.newObj"]),
    "metric": DISTANCE,
    "effective_metric_": DISTANCE,
    "metric_params": Rule([NONE, DICT], why="read by fit only"),
    "effective_metric_params_": Rule([DICT]),
    "weights": strings("uniform", "distance", none=True),
    "algorithm": strings("auto", "ball_tree", "kd_tree", "brute"),
    "p": Rule([NONE, *NUMBER], min=0),
    "n_neighbors": Rule([INT, NONE], min=1),
}
add(
    [
        "sklearn.neighbors._classification.KNeighborsClassifier",
        "sklearn.neighbors._classification.RadiusNeighborsClassifier",
        "sklearn.neighbors._regression.KNeighborsRegressor",
        "sklearn.neighbors._regression.RadiusNeighborsRegressor",
        "sklearn.neighbors._unsupervised.NearestNeighbors",
        "sklearn.neighbors._lof.LocalOutlierFactor",
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
    f"sklearn.neural_network._stochastic_optimizers.{name}" for name in ("AdamOptimizer", "SGDOptimizer")
)
add(list(OPTIMIZERS), why=PLAIN)
add(
    "sklearn.neural_network._multilayer_perceptron.{MLPClassifier,MLPRegressor}",
    "MLP",
    why="the layers form a chain",
    activation=ACTIVATION,
    # Of the Poisson loss, since 1.7.
    out_activation_=strings("identity", "logistic", "tanh", "relu", "softmax", "exp"),
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
DUMMY = strings("prior", "stratified", "most_frequent", "uniform", "constant", "mean", "median", "quantile")
add("sklearn.dummy.{DummyClassifier,DummyRegressor}", why=PLAIN, strategy=DUMMY, _strategy=DUMMY)
