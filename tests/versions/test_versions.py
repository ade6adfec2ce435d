"""Files of older versions of scikit-learn, loaded by the newest: as pickle loads them, or an error."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import warnings
from pathlib import Path
from typing import Any

import joblib
import loadlock
import numpy as np
import pytest
import sklearn
from sklearn.exceptions import InconsistentVersionWarning

from corpora.zoo.data import data
from corpora.zoo.recipes import WANTED
from differential.graphs import difference
from differential.uses import answer
from integration.daemon import ROOT, Daemon

OTHERS = {"1.2": "venv-debian", "1.3": "venv-sk13", "1.5": "venv-sk15", "1.7": "venv-sk17"}
# An environment that cannot fit its estimators would make a test that cannot fail.
FEWEST = 150


def by_pickle(path: Path) -> Any:
    data = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pickle.loads(data) if path.suffix == ".pkl" else joblib.load(io.BytesIO(data))


def what_is_wrong(client: loadlock.Client, path: Path, version: str) -> str:
    """Empty if it loads as pickle loads it, with a warning; or if neither can load it."""
    try:
        theirs = by_pickle(path)
    except Exception as failed:
        theirs = failed
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            ours = client.load(path)
        except loadlock.Refused as refused:
            return f"refused: {str(refused)[:300]}"
        except loadlock.RebuildError as failed:
            return "" if isinstance(theirs, Exception) else f"only pickle loads it: {failed!s:.300}"
    notes = [str(one.message) for one in told if one.category is InconsistentVersionWarning]
    if not any(version in note and sklearn.__version__ in note for note in notes):
        return f"no warning of another version: {notes}"
    if isinstance(theirs, Exception):
        return "" if predicts_as_there(ours, path) else f"pickle does not load it: {theirs!r:.300}"
    return difference(ours, theirs)


def predicts_as_there(ours: Any, path: Path) -> bool:
    """A name of an older version that loadlock knows and pickle does not: its answers must be those."""
    given = data(*WANTED.get(path.stem, ("", "")))
    theirs = np.load(path.with_suffix(".npy"))
    return bool(np.allclose(answer(ours, "predict", given), theirs))


@pytest.mark.parametrize("version", OTHERS)
def test_an_older_file_loads_with_a_warning(version: str, daemon: Daemon, client: loadlock.Client) -> None:
    folder = daemon.root / version
    subprocess.run(
        [str(ROOT / "build" / OTHERS[version] / "bin" / "python"), "-W", "ignore", "-m", "versions.write",
         str(folder)],
        cwd=ROOT / "tests", check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    paths = sorted(path for path in folder.iterdir() if path.suffix != ".npy")
    assert len(paths) >= FEWEST
    found = {path.name: what_is_wrong(client, path, version) for path in paths}
    wrong = [f"{name}: {why}" for name, why in found.items() if why]
    assert not wrong, f"{len(wrong)} of {len(paths)}\n" + "\n".join(wrong[:40])
