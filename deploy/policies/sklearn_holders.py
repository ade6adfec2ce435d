"""Hand-written: estimators that hold others, searches, scorers and splitters."""

from __future__ import annotations

from model import Entry, Rule
from sklearn_calls import LOSS_CLASSES, TRIPLET
from sklearn_functions import CONTINUOUS_DISTRIBUTIONS, DISCRETE_DISTRIBUTIONS, FROZEN, HGB, INTERPOLATION
from sklearn_terms import (
    BOOL,
    DICT,
    DTYPE,
    INT,
    LIST,
    NAME,
    NONE,
    NUMBER,
    OBJECT,
    PLAIN,
    SCORERS,
    SPLITTING,
    STR,
    TUPLE,
    Classes,
    any_of,
    dropped,
    made,
    strings,
)

CLASSES = Classes()
add = CLASSES.add

LABEL_ENCODER = "sklearn.preprocessing._label.LabelEncoder"
LABEL_BINARIZER = "sklearn.preprocessing._label.LabelBinarizer"
ONE = any_of(also=[STR])
MANY = Rule([LIST, TUPLE, OBJECT], why="listed estimators, acyclic")
BASE = dict.fromkeys(("estimator", "estimator_", "_estimator", "base_estimator", "base_estimator_"), ONE)
RESPONSES = ("predict", "predict_proba", "predict_log_proba", "decision_function")

# Ensembles: each part checks its own input again.
add(
    "sklearn.ensemble._bagging.{BaggingClassifier,BaggingRegressor}",
    why="each part proven by itself",
    estimators_=MANY,
    oob_score=Rule([BOOL]),
    **BASE,
)
add(
    "sklearn.ensemble._weight_boosting.{AdaBoostClassifier,AdaBoostRegressor}",
    why="each part proven by itself",
    estimators_=MANY,
    **BASE,
)
BUNCHES = ("sklearn.utils.Bunch", "sklearn.utils._bunch.Bunch")
VOTING = {
    "estimators": Rule([LIST, OBJECT]),
    "estimators_": MANY,
    "named_estimators_": Rule([OBJECT], classes=BUNCHES),
    "le_": made(LABEL_ENCODER),
}
add(
    "sklearn.ensemble._voting.{VotingClassifier,VotingRegressor}",
    "VOTING",
    why="each part proven by itself, answers that are counted in range",
    voting=strings("hard", "soft"),
    **VOTING,
)
add(
    "sklearn.ensemble._stacking.{StackingClassifier,StackingRegressor}",
    why="methods by name: of some classes others would write files",
    stack_method=strings("auto", *RESPONSES),
    stack_method_=Rule([LIST], one_of=[repr(name) for name in RESPONSES]),
    final_estimator=ONE,
    final_estimator_=made(),
    _label_encoder=Rule([OBJECT, LIST], classes=[LABEL_ENCODER]),
    cv=Rule([INT, NONE, STR, OBJECT, LIST]),
    **{key: rule for key, rule in VOTING.items() if key != "le_"},
)
add(
    [f"{HGB}Classifier", f"{HGB}Regressor"],
    "HIST_GRADIENT_BOOSTING",
    why="trees, features, bitsets and categories proven in range",
    _predictors=Rule([LIST, OBJECT], classes=[f"{HGB.rsplit('.', 2)[0]}.predictor.TreePredictor"]),
    _bin_mapper=any_of(f"{HGB.rsplit('.', 2)[0]}.binning._BinMapper"),
    _preprocessor=any_of("sklearn.compose._column_transformer.ColumnTransformer"),
    _label_encoder=any_of(LABEL_ENCODER),
    _loss=made(*LOSS_CLASSES),
    loss=Rule([STR]),
    _scorer=Rule([NONE, OBJECT]),
    scoring=Rule([NONE, STR, OBJECT]),
    _raw_predict=dropped("early stopping leaves the class's own method on the instance"),
    learning_rate=Rule(NUMBER),
)

# One estimator behind another.
GETTER = Rule([STR], why="attributes that are looked up, of a grammar")
SCORING = Rule([NONE, STR, LIST, TUPLE, DICT, OBJECT])
add(
    "sklearn.feature_selection._from_model.SelectFromModel",
    why="its importances by public names",
    importance_getter=GETTER,
    **BASE,
)
add(
    "sklearn.feature_selection._rfe.{RFE,RFECV}",
    why="its importances by public names",
    importance_getter=GETTER,
    scoring=SCORING,
    cv=SPLITTING,
    **BASE,
)
add(
    "sklearn.feature_selection._sequential.SequentialFeatureSelector",
    why="scored by fit only",
    scoring=SCORING,
    cv=SPLITTING,
    **BASE,
)
CALIBRATED = "sklearn.calibration._CalibratedClassifier"
CALIBRATORS = (
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.isotonic.IsotonicRegression",
)
add(
    "sklearn.calibration.CalibratedClassifierCV",
    why="each part proven by itself",
    cv=SPLITTING,
    calibrated_classifiers_=Rule([LIST, OBJECT], classes=[CALIBRATED]),
    **BASE,
)
add(
    CALIBRATED,
    why="each part proven by itself",
    calibrators=Rule([LIST, OBJECT], classes=CALIBRATORS),
    method=strings("sigmoid", "isotonic", "temperature"),
    **BASE,
)
add("sklearn.calibration.{_SigmoidCalibration,_TemperatureScaling}", why=PLAIN)
add("sklearn.frozen._frozen.FrozenEstimator", why="answers as what it holds", **BASE)
add(
    "sklearn.model_selection._classification_threshold.{FixedThresholdClassifier,TunedThresholdClassifierCV}",
    why="answers by a listed method",
    response_method=strings("auto", "decision_function", "predict_proba"),
    _response_method=strings("decision_function", "predict_proba"),
    scoring=SCORING,
    cv=SPLITTING,
    _curve_scorer=made(
        "sklearn.metrics._scorer._CurveScorer",
        "sklearn.model_selection._classification_threshold._CurveScorer",
    ),
    **BASE,
)
MULTICLASS = "sklearn.multiclass."
add(
    f"{MULTICLASS}{{OneVsRestClassifier,OneVsOneClassifier,OutputCodeClassifier}}",
    why="each part proven by itself",
    estimators_=MANY,
    label_binarizer_=made(LABEL_BINARIZER),
    **BASE,
)
add(f"{MULTICLASS}_ConstantPredictor", why=PLAIN)
add(
    "sklearn.multioutput.{MultiOutputClassifier,MultiOutputRegressor}",
    why="each part proven by itself",
    estimators_=MANY,
    **BASE,
)
add(
    "sklearn.multioutput.{ClassifierChain,RegressorChain}",
    why="methods by name",
    estimators_=MANY,
    chain_method=strings(*RESPONSES),
    chain_method_=strings(*RESPONSES),
    cv=SPLITTING,
    **BASE,
)
add(
    "sklearn.linear_model._ransac.RANSACRegressor",
    why="loss by name",
    loss=strings("absolute_error", "squared_error"),
    is_data_valid=Rule([NONE]),
    is_model_valid=Rule([NONE]),
    **BASE,
)
add("sklearn.semi_supervised._self_training.SelfTrainingClassifier", why="each part proven by itself", **BASE)

# Searches.
PASSTHROUGH = "sklearn.metrics._scorer._PassthroughScorer"
SCORED = (*SCORERS, PASSTHROUGH, "sklearn.metrics._scorer._passthrough_scorer")
FOUND = Rule([DICT, LIST, OBJECT], why="parameters may be listed estimators and distributions")
add(
    [
        "sklearn.model_selection._search.GridSearchCV",
        "sklearn.model_selection._search.RandomizedSearchCV",
        "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV",
        "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV",
    ],
    "SEARCH",
    why="answers as its best estimator, proven by itself",
    best_estimator_=made(),
    param_grid=FOUND,
    param_distributions=FOUND,
    best_params_=FOUND,
    cv_results_=FOUND,
    scoring=SCORING,
    scorer_=Rule([OBJECT, NAME, DICT], classes=SCORED),
    refit=Rule([BOOL, STR]),
    cv=SPLITTING,
    _checked_cv_orig=made(),
    **BASE,
)

# Scorers: a listed function over the answers of a listed method.
REQUEST, METHOD = (
    f"sklearn.utils._metadata_requests.{name}" for name in ("MetadataRequest", "MethodMetadataRequest")
)
SCORER = {
    "_score_func": Rule([NAME, OBJECT], why="a listed metric, or a partial of one"),
    "_kwargs": Rule([DICT]),
    "_response_method": Rule(
        [STR, TUPLE, LIST], one_of=[repr(name) for name in ("predict", "predict_proba", "decision_function")]
    ),
    "_metadata_request": made(REQUEST),
}
add(list(SCORERS), "FUNCTION", why="a listed metric over listed methods", **SCORER)
add(
    PASSTHROUGH,
    why="the estimator's own score",
    _estimator=Rule([OBJECT], back=True, why="the model that holds it, where it scored its own fit"),
    _metadata_request=made(REQUEST),
)
OWNER = Rule([STR, OBJECT], back=True, why="who asks; named in messages only")
METHODS = (
    "fit",
    "partial_fit",
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score",
    "split",
    "transform",
    "inverse_transform",
)
add(REQUEST, why="which metadata a method asks for", owner=OWNER, **{name: made(METHOD) for name in METHODS})
add(METHOD, why="names of metadata", owner=OWNER, _requests=Rule([DICT]), method=strings(*METHODS))

add(
    "sklearn.compose._column_transformer._RemainderColsList",
    why="columns, as a list of its own",
    data=Rule([LIST]),
    warning_was_emitted=Rule([BOOL]),
    warning_enabled=Rule([BOOL]),
    future_dtype=Rule([STR, NONE]),
)
SELECTED = Rule([NONE, STR, LIST, TUPLE, NAME, DTYPE])
add(
    "sklearn.compose._column_transformer.make_column_selector",
    why="called by fit only",
    dtype_include=SELECTED,
    dtype_exclude=SELECTED,
    pattern=Rule([NONE, STR]),
)

# Splitters: called by fit.
SPLIT = "sklearn.model_selection._split."
add(
    f"{SPLIT}{{KFold,StratifiedKFold,GroupKFold,StratifiedGroupKFold,ShuffleSplit,StratifiedShuffleSplit,"
    "GroupShuffleSplit,TimeSeriesSplit,LeaveOneOut,LeavePOut,LeaveOneGroupOut,LeavePGroupsOut,PredefinedSplit,"
    "_CVIterableWrapper}",
    why=PLAIN,
)
for repeated, splitter in (("RepeatedKFold", "KFold"), ("RepeatedStratifiedKFold", "StratifiedKFold")):
    add(
        f"{SPLIT}{repeated}",
        why="repeats one listed splitter",
        cv=Rule([NAME], classes=[f"{SPLIT}{splitter}"]),
        cvargs=Rule([DICT]),
    )

BY_NAME = [
    *(
        Entry(
            name,
            "BY_NAME_AND_PARAMS",
            "DISTRIBUTION",
            state={"vecentropy": dropped("scipy's own object has it")}
            if name in DISCRETE_DISTRIBUTIONS
            else {},
            why="the library's own object of this name; its state is not read",
        )
        for name in (*CONTINUOUS_DISTRIBUTIONS, *DISCRETE_DISTRIBUTIONS)
    ),
    *(
        Entry(
            name,
            "BY_NAME_AND_PARAMS",
            "FROZEN_DISTRIBUTION",
            why="a distribution by name, called with few numbers",
        )
        for name in FROZEN
    ),
    Entry(
        "scipy.interpolate._bsplines.BSpline",
        "BY_NAME_AND_PARAMS",
        "BSPLINE",
        state={"_asarray": dropped("the constructor sets it")},
        why="built by its constructor from knots and coefficients of proven lengths",
    ),
    Entry(
        INTERPOLATION,
        "BY_NAME_AND_PARAMS",
        "INTERP1D",
        state={"_call": dropped("the constructor finds it again")},
        why="built by its constructor from places that ascend and as many values",
    ),
    *(
        Entry(
            f"scipy.spatial.{name}",
            "BY_NAME_AND_PARAMS",
            "KD_TREE",
            why="built by its constructor from points; its nodes are not read",
        )
        for name in ("_ckdtree.cKDTree", "_kdtree.KDTree")
    ),
    Entry(
        TRIPLET,
        "BY_NAME_AND_PARAMS",
        "IMPUTER_TRIPLET",
        why="a named tuple of a column, columns, an estimator",
    ),
    *(
        Entry(name, "BY_NAME_AND_PARAMS", "BUNCH", why="a dict of listed objects or plain values")
        for name in BUNCHES
    ),
    Entry("functools.partial", "FACTORY", "PARTIAL", why="of a listed function, where that may stand"),
    Entry(
        "numpy.ma.core._mareconstruct",
        "FACTORY",
        "MASKED_ARRAY",
        why="numpy.ma.MaskedArray over proven bytes",
    ),
    Entry("numpy.matrix", "FACTORY", "MATRIX", why="a view of a proven array"),
    *(
        Entry(f"numpy.ma.{name}", "NAME", at=("@MASKED_ARRAY",), why="argument of its constructor")
        for name in ("MaskedArray", "core.MaskedArray")
    ),
]
