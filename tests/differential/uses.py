"""What a model is asked after loading: its answers, its parameters, more training, saving again."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import clone

from corpora.zoo.data import Data

from .graphs import difference

METHODS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "transform",
    "inverse_transform",
    "score_samples",
    "decision_path",
    "kneighbors",
    "apply",
    "staged_predict",
    "get_feature_names_out",
    "score",
)


def answer(model: Any, method: str, given: Data) -> Any:
    """The answer, or the kind and text of the error: what a model cannot do, its copy cannot either."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            function = getattr(model, method)
            if method == "get_feature_names_out":
                return function()
            if method == "score":
                return function(given.X, given.y)
            if method == "inverse_transform":
                return function(model.transform(given.rows))
            found = function(copy.deepcopy(given.rows))
            return list(found) if method == "staged_predict" else found
    except Exception as error:
        return type(error).__name__


def differing_answers(ours: Any, theirs: Any, given: Data) -> Iterator[str]:
    for method in METHODS:
        if hasattr(theirs, method) != hasattr(ours, method):
            yield f"{method}: only one has it"
        elif hasattr(theirs, method):
            why = difference(answer(ours, method, given), answer(theirs, method, given))
            if why:
                yield f"{method}: {why}"


def differing_parameters(ours: Any, theirs: Any) -> Iterator[str]:
    """get_params, set_params and clone; what forced values change is left out of the comparison."""
    left, right = ours.get_params(), theirs.get_params()
    if left.keys() != right.keys():
        yield f"get_params: {left.keys() ^ right.keys()}"
    ours.set_params(**ours.get_params(deep=False))
    why = difference(clone(ours), clone(theirs))
    if why:
        yield f"clone: {why}"


def differing_training(ours: Any, theirs: Any, given: Data) -> Iterator[str]:
    """One more step on both."""
    if not hasattr(theirs, "partial_fit"):
        return
    ends = []
    for model in (ours, theirs):
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                model.partial_fit(copy.deepcopy(given.X), given.y)
            ends.append("")
        except Exception as error:
            ends.append(type(error).__name__)
    if ends[0] != ends[1]:
        yield f"partial_fit: {ends}"
    why = difference(ours, theirs)
    if why:
        yield f"after partial_fit: {why}"


def differences(ours: Any, theirs: Any, given: Data) -> Iterator[str]:
    """All that differs between what loadlock loaded and what pickle does."""
    why = difference(ours, theirs)
    if why:
        yield why
    yield from differing_answers(ours, theirs, given)
    yield from differing_parameters(ours, theirs)
    yield from differing_training(ours, theirs, given)
    why = difference(pickle.loads(pickle.dumps(ours)), pickle.loads(pickle.dumps(theirs)))
    if why:
        yield f"saved again: {why}"
