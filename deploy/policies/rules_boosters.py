"""Hand-written: xgboost's and LightGBM's Boosters and estimators.

A Booster's model is proven as columns and written anew; what its library reads is never a byte of
the artifact. CatBoost stands on no policy: its flatbuffer cannot be proven from outside.
"""

from __future__ import annotations

from model import Entry, Policy, Rule
from sklearn_terms import ARRAY, BOOL, DICT, INT, LIST, NAME, NONE, NUMBER, OBJECT, STR, TUPLE, made

XGB = "xgboost.core.Booster"
LGB = "lightgbm.basic.Booster"
RECORD = Rule([DICT], required=True, why="a record of columns")

XGB_STATE = {
    "_Booster": made(XGB, also=[NONE]),
    "objective": Rule([STR, NONE], why="a function would be called by fit"),
    "eval_metric": Rule([STR, LIST, NONE, NAME], why="called by fit: a listed metric"),
    "callbacks": Rule([NONE]),
    "kwargs": Rule([DICT, NONE]),
    "missing": Rule([*NUMBER, NONE]),
    "feature_types": Rule([LIST, STR, NONE]),
    "n_classes_": Rule([INT], min=0, max=10_000),
}

# What predict() hands to the library as text.
LGB_SETTING = Rule([BOOL, *NUMBER, STR, NONE])
LGB_STATE = {
    **dict.fromkeys(
        (
            "boosting_type",
            "num_leaves",
            "max_depth",
            "learning_rate",
            "n_estimators",
            "subsample_for_bin",
            "min_split_gain",
            "min_child_weight",
            "min_child_samples",
            "subsample",
            "subsample_freq",
            "colsample_bytree",
            "reg_alpha",
            "reg_lambda",
            "importance_type",
        ),
        LGB_SETTING,
    ),
    "_Booster": made(LGB, also=[NONE]),
    "objective": Rule([STR, NONE], why="a function would be called by fit"),
    "_objective": Rule([STR, NONE], why="a function would be called by fit"),
    "_fobj": Rule([NONE]),
    "class_weight": Rule([DICT, STR, NONE]),
    "_class_weight": Rule([DICT, STR, NONE]),
    "_class_map": Rule([DICT, NONE]),
    "_le": made("sklearn.preprocessing._label.LabelEncoder", also=[NONE]),
    "_best_score": Rule([DICT, OBJECT], classes=["collections.defaultdict"]),
    "_evals_result": Rule([DICT, NONE, OBJECT], classes=["collections.defaultdict"]),
    "_other_params": Rule([DICT]),
    "_classes": Rule([ARRAY, NONE]),
    "_eval_at": Rule([LIST, TUPLE]),
    "_n_classes": Rule([INT], min=-1, max=10_000),
}  # fmt: skip
LGB_BOOSTER_STATE = {
    "_handle": RECORD,
    "handle": Rule([NONE], why="the old place of the model"),
    "_network": Rule([BOOL], one_of=["False"]),
    "train_set": Rule([NONE]),
    "pandas_categorical": Rule([NONE, LIST]),
    "params": Rule([DICT]),
    "best_iteration": Rule([INT]),
    "best_score": Rule([DICT, OBJECT], classes=["collections.defaultdict"]),
    "_Booster__init_predictor": Rule([NONE]),
    "_Booster__num_class": Rule([INT], min=1, max=10_000),
    "_Booster__num_dataset": Rule([INT], min=0, max=1_000_000),
    "_Booster__num_inner_eval": Rule([INT], min=0, max=1_000_000),
    "_Booster__inner_predict_buffer": Rule(drop=True, why="native code writes into it"),
    "_Booster__is_predicted_cur_iter": Rule(drop=True, why="belongs to that buffer"),
}

XGB_NAMES = ("XGBClassifier", "XGBModel", "XGBRanker", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor")
LGB_NAMES = ("LGBMClassifier", "LGBMModel", "LGBMRanker", "LGBMRegressor")

POLICY = Policy(
    name="boosters",
    description="xgboost and LightGBM, their native models proven and written anew.",
    extends=("sklearn",),
    entries=[
        Entry(XGB, "REWRITTEN", "XGBOOST", state={"handle": RECORD}, why="UBJSON of our own"),
        Entry(LGB, "REWRITTEN", "LIGHTGBM", state=LGB_BOOSTER_STATE, why="text of our own"),
        *(
            Entry(
                f"xgboost.sklearn.{name}",
                "NEW_DICT",
                invariants=("XGBOOST_OWNER",),
                state=XGB_STATE,
                why="plain settings beside a proven Booster",
            )
            for name in XGB_NAMES
        ),
        *(
            Entry(
                f"lightgbm.sklearn.{name}",
                "NEW_DICT",
                invariants=("LIGHTGBM_OWNER",),
                state=LGB_STATE,
                why="plain settings beside a proven Booster",
            )
            for name in LGB_NAMES
        ),
    ],
)
