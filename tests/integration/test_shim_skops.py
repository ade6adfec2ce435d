"""`loadlock.shim()` in the place of skops.io."""

from __future__ import annotations

import io

import loadlock
import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from .daemon import Daemon


def test_skops_loads_through_the_daemon(daemon: Daemon) -> None:
    rows = np.random.default_rng(0).normal(size=(40, 3))
    model = LogisticRegression().fit(rows, rows[:, 0] > 0)
    path = daemon.root / "model.skops"
    skops.io.dump(model, path)
    real = (skops.io.load, skops.io.loads)
    with loadlock.shim(address=f"unix:{daemon.socket}", modules=("skops",)):
        for made in (
            skops.io.load(path),
            skops.io.load(str(path), trusted=["anything.AtAll"]),
            skops.io.load(io.BytesIO(path.read_bytes())),
            skops.io.loads(path.read_bytes(), trusted=None),
        ):
            assert (made.predict_proba(rows) == model.predict_proba(rows)).all()
        for trusted in (True, "acme.Model"):
            with pytest.raises(TypeError, match="the policy decides"):
                skops.io.load(path, trusted=trusted)
        with pytest.raises(loadlock.Error):
            skops.io.loads(b"\x80\x04K\x01.")
    assert (skops.io.load, skops.io.loads) == real
