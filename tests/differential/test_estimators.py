"""Every estimator of scikit-learn, in every way that it can be fitted: loaded as pickle loads it."""

from __future__ import annotations

import io
import os
import pickle
import warnings
from typing import Any

import joblib
import loadlock
import pytest

from corpora.models import COMPRESSORS, write_joblib, write_pickle
from corpora.zoo import Fitted, all_fitted
from corpora.zoo.recipes import classes
from integration.daemon import Daemon

from . import uses

pytestmark = pytest.mark.models
LONG = os.environ.get("LOADLOCK_LONG") == "1"
# Without LONG: the plain fit of every estimator, and this share of the other ways.
SHARE = 12
WRITERS = {
    **{f"pickle-{protocol}": (write_pickle, protocol) for protocol in range(6)},
    **{f"joblib-{compressor}": (write_joblib, 4, compressor) for compressor in COMPRESSORS},
    **{f"joblib-protocol-{protocol}": (write_joblib, protocol) for protocol in (2, 3, 5)},
}


def wanted(name: str) -> bool:
    return LONG or name in classes() or sum(name.encode()) % SHARE == 0


def models_of(estimator: str) -> list[Fitted]:
    def mine(name: str) -> bool:
        return name.partition("@")[0].partition("[")[0].partition("-")[0] == estimator and wanted(name)

    return list(all_fitted(mine, constrained=LONG))


def writers_for(number: int) -> list[str]:
    """All of them, or two that change from model to model."""
    names = list(WRITERS)
    return names if LONG else [names[number % len(names)], names[(number * 7 + 3) % len(names)]]


def written(model: Any, writer: str) -> bytes:
    function, *arguments = WRITERS[writer]
    return function(model, *arguments)


def reference(data: bytes, writer: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pickle.loads(data) if writer.startswith("pickle") else joblib.load(io.BytesIO(data))


@pytest.mark.parametrize("estimator", classes())
def test_loads_as_pickle_does(estimator: str, daemon: Daemon, client: loadlock.Client) -> None:
    found = models_of(estimator)
    assert found, "the estimator cannot be fitted"
    wrong = []
    for number, fitted in enumerate(found):
        for place, writer in enumerate(writers_for(number)):
            data = written(fitted.model, writer)
            path = daemon.write("model.bin", data)
            try:
                ours = client.load(path)
            except (loadlock.Refused, loadlock.RebuildError) as error:
                wrong.append(f"{fitted.name} {writer}: {str(error)[:300]}")
                continue
            if place == 0:
                wrong += [
                    f"{fitted.name} {writer}: {why}"
                    for why in uses.differences(ours, reference(data, writer), fitted.data)
                ]
            elif why := uses.difference(ours, reference(data, writer)):
                wrong.append(f"{fitted.name} {writer}: {why}")
    assert not wrong, "\n".join(wrong[:20])
