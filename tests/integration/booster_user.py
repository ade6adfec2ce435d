"""A child that loads model files and asks the models all that they can say, until it dies."""

from __future__ import annotations

import os
import resource
import sys
import warnings

import lightgbm as lgb
import loadlock
import numpy as np
import xgboost as xgb

MEMORY = 3 << 30


def use(model: object) -> str:
    """Predictions, explanations and dumps; what the library raises is an answer as well."""
    verdict = "answered"
    rng = np.random.RandomState(0)
    if isinstance(model, xgb.Booster):
        rows = rng.normal(size=(40, model.num_features()))
        rows[:, :1] = np.abs(rows[:, :1] * 9).astype(int)
        data = xgb.DMatrix(rows, feature_names=model.feature_names)
        calls = [
            lambda: model.predict(data),
            lambda: model.predict(data, pred_leaf=True),
            lambda: model.predict(data, pred_contribs=True),
            lambda: model.predict(data, pred_contribs=True, approx_contribs=True),
            lambda: model.inplace_predict(rows),
            lambda: model.get_dump(with_stats=True),
            lambda: model.get_dump(dump_format="json"),
            lambda: model.get_score(importance_type="gain"),
            lambda: model[:1].predict(data),
            lambda: model.save_raw(),
        ]
    elif isinstance(model, lgb.Booster):
        rows = rng.normal(size=(40, model.num_feature()))
        rows[:, :1] = np.abs(rows[:, :1] * 9).astype(int)
        calls = [
            lambda: model.predict(rows),
            lambda: model.predict(rows, raw_score=True),
            lambda: model.predict(rows, pred_leaf=True),
            lambda: model.predict(rows, pred_contrib=True),
            lambda: model.dump_model(),
            lambda: model.feature_importance("gain"),
            lambda: model.model_to_string(),
            lambda: model.lower_bound() + model.upper_bound(),
        ]
    else:
        return f"failed {type(model)}"
    for call in calls:
        try:
            call()
        except Exception:
            verdict = "raised"
    return verdict


def use_or_raise(model: object) -> str:
    """As use; a model that cannot even say its number of features raises before."""
    try:
        return use(model)
    except Exception:
        return "raised"


def main(address: str) -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with loadlock.Client(address) as client:
        print("ready", file=answers)
        for line in sys.stdin:
            _, path = line.split()
            try:
                model = client.load(path)
            except loadlock.Refused:
                print("refused", file=answers)
            except loadlock.RebuildError:
                # The library itself did not take what was written for it.
                print("unbuilt", file=answers)
            except Exception as error:
                text = str(error).replace("\n", " ")[:200]
                print("failed", type(error).__name__, text, file=answers)
            else:
                print(use_or_raise(model), file=answers)


main(sys.argv[1])
