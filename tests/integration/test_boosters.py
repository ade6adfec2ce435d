"""xgboost and LightGBM: good models answer as before, broken ones never end the process that loads."""

from __future__ import annotations

import json
import os
import pickle
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightgbm as lgb
import loadlock
import pytest
import xgboost as xgb

from corpora import booster_mutants
from corpora.boosters import Model, all_models, answers
from corpora.models import COMPRESSORS, same, write_joblib, write_pickle

from .children import User
from .daemon import Daemon

LONG = os.environ.get("LOADLOCK_LONG") == "1"
MUTANTS = int(os.environ.get("LOADLOCK_MUTANTS", "20500" if LONG else "250"))
SEED = 7


@pytest.fixture(scope="module")
def client(daemon: Daemon) -> Iterator[loadlock.Client]:
    with loadlock.Client(f"unix:{daemon.socket}") as connected:
        yield connected


def native_files(model: Model) -> Iterator[tuple[str, bytes]]:
    if isinstance(model.booster, xgb.Booster):
        yield "json", bytes(model.booster.save_raw("json"))
        yield "ubj", bytes(model.booster.save_raw("ubj"))
        yield (
            "json-indented",
            json.dumps(json.loads(bytes(model.booster.save_raw("json"))), indent=1).encode(),
        )
    elif model.booster is not None:
        yield "txt", model.booster.model_to_string(num_iteration=-1).encode()


def pickled_files(model: Model) -> Iterator[tuple[str, bytes]]:
    for protocol in range(6):
        yield f"pickle-{protocol}", write_pickle(model.fitted, protocol)
    for compressor in COMPRESSORS:
        yield f"joblib-{compressor}", write_joblib(model.fitted, 4, compressor)
    yield "joblib-5", write_joblib(model.fitted, 5)


@pytest.mark.parametrize("name", all_models())
def test_a_good_model_answers_as_before(name: str, daemon: Daemon, client: loadlock.Client) -> None:
    model = all_models()[name]
    files = [
        *((model.fitted, variant, data) for variant, data in pickled_files(model)),
        *((model.booster, variant, data) for variant, data in native_files(model)),
    ]
    asked = model.booster is not None
    wrong = []
    for original, variant, data in files:
        path = daemon.write("model.bin", data)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                loaded = client.load(path)
        except loadlock.Error as error:
            wrong.append(f"{variant}: {error}")
            continue
        assert type(loaded) is type(original)
        if not asked:
            continue
        expected, given = answers(original, model.rows), answers(loaded, model.rows)
        if len(expected) != len(given) or not all(map(same, expected, given)):
            wrong.append(f"{variant}: answers differ")
    path.unlink()
    assert not wrong, f"{len(wrong)} of {len(files)}:\n" + "\n".join(wrong)


def test_what_belongs_to_a_booster_comes_through(daemon: Daemon, client: loadlock.Client) -> None:
    original = all_models()["xgboost/categories-1"].booster
    loaded = client.load(daemon.write("model.bin", write_pickle(original, 5)))
    assert loaded.attributes() == original.attributes()
    assert loaded.feature_names == original.feature_names
    assert loaded.feature_types == original.feature_types
    assert bytes(loaded.save_raw("json")) == bytes(original.save_raw("json"))
    early = all_models()["xgboost/early"].fitted
    loaded = client.load(daemon.write("model.bin", write_pickle(early, 5)))
    assert (loaded.best_iteration, loaded.best_score) == (early.best_iteration, early.best_score)
    assert loaded.evals_result() == early.evals_result()
    early = all_models()["lightgbm/early"].fitted
    loaded = client.load(daemon.write("model.bin", write_pickle(early, 5)))
    assert loaded.best_iteration_ == early.best_iteration_
    assert loaded.best_score_ == early.best_score_
    assert loaded.feature_name_ == early.feature_name_
    for name in ("lightgbm/categories", "lightgbm/linear", "lightgbm/stumps"):
        text = all_models()[name].booster.model_to_string(num_iteration=-1)
        again = client.load(daemon.write("model.bin", text.encode())).model_to_string(num_iteration=-1)
        assert again.partition("feature_importances")[0] == text.partition("feature_importances")[0]


def test_what_pandas_categories_are_called_comes_through(daemon: Daemon, client: loadlock.Client) -> None:
    text = all_models()["lightgbm/categories"].booster.model_to_string()
    names = [["a", "\u00e9", "c d"], [1, 2.5, True]]
    text = text.replace("pandas_categorical:null", "pandas_categorical:" + json.dumps(names))
    assert client.load(daemon.write("model.bin", text.encode())).pandas_categorical == names


def with_state(cls: type, state: dict[str, Any]) -> bytes:
    """NEWOBJ of the class, BUILD of the state."""
    inner = pickle.dumps(state, 2)[2:-1]
    return b"\x80\x02c" + f"{cls.__module__}\n{cls.__name__}\n".encode() + b")\x81" + inner + b"b."


GOOD_XGB = "xgboost/reg-squarederror"
GOOD_LGB = "lightgbm/regression"


def hostile_states() -> dict[str, bytes]:
    handle = all_models()[GOOD_XGB].booster.__getstate__()["handle"]
    text = all_models()[GOOD_LGB].booster.__getstate__()["_handle"]
    xgboost: dict[str, Any] = {
        "int": 12345,
        "none": None,
        "bytes": bytes(handle),
        "str": "x" * 100,
        "dict": {},
        "json": bytearray(all_models()[GOOD_XGB].booster.save_raw("json")),
        "model-only": bytearray(all_models()[GOOD_XGB].booster.save_raw("ubj")),
        "old": bytearray(b"CONFIG-offset:" + b"\0" * 200),
        "empty": bytearray(),
        "deep": bytearray(b"[" * 1_000_000),
    }
    lightgbm: dict[str, Any] = {
        "int": 1,
        "bytes": text.encode(),
        "empty": "",
        "nul": text[:200] + "\0" + text[200:],
    }
    return {
        **{f"xgboost-{name}": with_state(xgb.Booster, {"handle": value}) for name, value in xgboost.items()},
        **{
            f"lightgbm-{name}": with_state(lgb.Booster, {"_handle": value})
            for name, value in lightgbm.items()
        },
        "xgboost-missing": with_state(xgb.Booster, {}),
        "xgboost-shadow": with_state(xgb.Booster, {"handle": handle, "predict": 1}),
        "xgboost-dunder": with_state(xgb.Booster, {"handle": handle, "__array_interface__": {}}),
        "lightgbm-old-place": with_state(lgb.Booster, {"handle": text}),
        "lightgbm-network": with_state(lgb.Booster, {"_handle": text, "_network": True}),
        "xgboost-objective": with_state(xgb.XGBRegressor, {"objective": len}),
        "xgboost-callbacks": with_state(xgb.XGBRegressor, {"callbacks": [print]}),
        "xgboost-booster": with_state(xgb.XGBRegressor, {"_Booster": 1}),
        "lightgbm-objective": with_state(lgb.LGBMRegressor, {"_objective": len}),
        "lightgbm-threads": with_state(lgb.LGBMRegressor, {"_other_params": {"num_threads": 10**6}}),
        "lightgbm-shape": with_state(
            lgb.LGBMRegressor, {"_other_params": {}, "boosting_type": "gbdt predict_disable_shape_check=true"}
        ),
    }


@pytest.mark.parametrize("name", hostile_states())
def test_a_hostile_state_is_refused(name: str, daemon: Daemon, client: loadlock.Client) -> None:
    with pytest.raises(loadlock.Refused):
        client.load(daemon.write("state.pkl", hostile_states()[name]))


def test_catboost_is_refused_with_what_to_do(daemon: Daemon, client: loadlock.Client) -> None:
    pickled = b"\x80\x02ccatboost.core\nCatBoostClassifier\n)\x81}U\x07__modelU\x04CBM1sb."
    for data, rules in (
        (b"CBM1\x10\0\0\0" + b"\0" * 64, {"UNKNOWN_FORMAT"}),
        (pickled, {"UNKNOWN_FORMAT", "NAME_NOT_LISTED"}),
    ):
        report = client.audit(daemon.write("model.cbm", data))
        assert {finding.rule_id for finding in report.findings} == rules
        assert "ask for ONNX" in report.findings[0].message


@pytest.fixture
def user(daemon: Daemon, tmp_path: Path) -> Iterator[User]:
    started = User("integration.booster_user", daemon, tmp_path / "child.log")
    yield started
    started.stop()


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_no_accepted_mutant_ends_the_process(library: str, daemon: Daemon, user: User) -> None:
    models = [
        model
        for name, model in all_models().items()
        if name.startswith(library) and model.booster is not None
    ]
    make = getattr(booster_mutants, f"{library}_mutants")
    outcomes: Counter[str] = Counter()
    wrong = []
    for mutant in make(models, MUTANTS, SEED):
        path = daemon.write("mutant.bin", mutant.data)
        answer = user.ask("-", path)
        outcome = answer.split()[0]
        outcomes[outcome] += 1
        if outcome in ("died", "hangs", "failed"):
            wrong.append(f"{mutant.name}: {answer}")
    path.unlink()
    print(library, dict(outcomes))
    assert outcomes["refused"], outcomes
    assert outcomes["answered"], outcomes
    assert not wrong, f"{len(wrong)} of {outcomes.total()} {dict(outcomes)}:\n" + "\n".join(wrong)
    # What the daemon accepts, the library takes.
    assert outcomes["unbuilt"] <= outcomes.total() // 100, outcomes
