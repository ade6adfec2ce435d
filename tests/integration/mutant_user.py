"""Loads model after model and calls what can be called; dies in the test's place.

Reads `NAME PATH` lines, answers each by one line: refused, failed (to rebuild), raised or answered.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import warnings
from typing import Any

import loadlock
import numpy as np
from scipy import sparse

from corpora import crashes
from corpora.mutants import all_models

METHODS = (
    "predict", "predict_proba", "decision_function", "transform", "score_samples", "decision_path",
    "kneighbors", "apply", "dbscan_clustering", "staged_predict",
)  # fmt: skip
# So that what runs out of bounds or grows without end fails here and not on the machine.
MEMORY = 6 << 30


def repeated(inputs: Any) -> Any:
    """More rows: room in which small errors of the index become large."""
    if sparse.issparse(inputs):
        return sparse.vstack([inputs] * 40).tocsr()
    if isinstance(inputs, np.ndarray):
        return np.concatenate([inputs] * 40)
    return list(inputs) * 40


def use(model: Any, inputs: Any) -> str:
    verdict = "answered"
    for method in METHODS:
        for rows in (inputs, repeated(inputs)):
            try:
                answer = getattr(model, method)(0.5 if method == "dbscan_clustering" else rows)
                if method == "staged_predict":
                    answer = list(answer)
                if sparse.issparse(answer):
                    answer.toarray()
            except AttributeError:
                break
            except Exception:
                verdict = "raised"
    return verdict


def train(model: Any, inputs: Any, target: Any) -> None:
    """More training where there is any, after all answers; an error is as good as a success."""
    if hasattr(model, "partial_fit"):
        count = len(inputs) if isinstance(inputs, list) else inputs.shape[0]
        with contextlib.suppress(Exception):
            model.partial_fit(inputs, None if target is None else target[:count])


def main(address: str) -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what verbose models print is no answer
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    found = {**all_models(), **crashes.models()}
    with loadlock.Client(address) as client:
        print("ready", file=answers)
        for line in sys.stdin:
            name, path = line.split()
            try:
                model = client.load(path)
            except loadlock.Refused:
                print("refused", file=answers)
            except Exception as error:
                text = str(error).replace("\n", " ")[:200]
                print("failed", type(error).__name__, text, file=answers)
            else:
                verdict = use(model, found[name].inputs)
                train(model, found[name].inputs, found[name].target)
                print(verdict, file=answers)


main(sys.argv[1])
