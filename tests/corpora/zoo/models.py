"""Puts recipes and data together: every estimator, in every way that this version can fit."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import composed, composed_more, constraints, variants, variants_more
from .data import Data, data
from .holders import needed
from .recipes import WANTED, classes, make

# Data that each estimator is tried on beside its own; what it cannot be fitted with is left out.
FLAVOURS = (
    ("f4", ""),
    ("csr", ""),
    ("csc", ""),
    ("csr-array", ""),
    ("fortran", ""),
    ("ints", ""),
    ("one", "numbers"),
    ("holes", ""),
    ("column", ""),
    ("", "text"),
    ("", "objects"),
    ("", "binary"),
    ("", "text-binary"),
    ("", "bool"),
    ("", "numbers"),
    ("", "outputs"),
    ("", "multiclass-outputs"),
    ("", "labels"),
    ("f4", "numbers"),
    ("csr", "outputs"),
    ("table", ""),
    ("documents", ""),
    ("csr-f4", "binary"),
)


@dataclass
class Fitted:
    """A fitted model and what it was fitted with."""

    name: str
    model: Any
    data: Data

    @property
    def estimator(self) -> str:
        return type(self.model).__name__


@dataclass
class Plan:
    """How a model is made; fitting may show that this version cannot."""

    name: str
    make: Callable[[], Any]
    inputs: str
    targets: str
    # It must be possible to fit it.
    required: bool = False
    failed: list[str] = field(default_factory=list)

    def fit(self) -> Fitted | None:
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                given = data(self.inputs, self.targets)
                model = self.make()
                fit(model, given)
        except Exception as error:
            if self.required:
                raise
            self.failed.append(repr(error)[:200])
            return None
        return Fitted(self.name, model, given)


def fit(model: Any, given: Data) -> None:
    if type(model).__name__ in ("LabelBinarizer", "LabelEncoder"):
        model.fit(given.y)
    elif type(model).__name__ == "MultiLabelBinarizer":
        model.fit(given.X)
    else:
        model.fit(copy.deepcopy(given.X), given.y)


def _plain(name: str) -> Callable[[], Any]:
    return lambda: make(name, **needed(name))


def _variant(name: str, given: dict[str, Any]) -> Callable[[], Any]:
    return lambda: make(name, **{**needed(name), **copy.deepcopy(given)})


def _label(value: Any) -> str:
    text = getattr(value, "__name__", None) or str(value)
    return "".join(character if character.isalnum() or character in "-._" else "_" for character in text)[:30]


def plans(*, constrained: bool = False) -> Iterator[Plan]:
    known = classes()
    for name in known:
        inputs, targets = WANTED.get(name, ("", ""))
        yield Plan(name, _plain(name), inputs, targets, required=True)
        if name in ("FrozenEstimator",):
            continue
        for inputs, targets in FLAVOURS:
            yield Plan(f"{name}@{'+'.join(filter(None, (inputs, targets)))}", _plain(name), inputs, targets)
    more = (constraints.variants,) if constrained else ()
    for family in (*variants.FAMILIES, *variants_more.FAMILIES, *more):
        for name, given, inputs, targets in family():
            if name not in known:
                continue
            wanted = WANTED.get(name, ("", ""))
            inputs, targets = inputs or wanted[0], targets or wanted[1]
            text = ",".join(f"{key}={_label(value)}" for key, value in given.items())
            where = "+".join(filter(None, (inputs, targets)))
            yield Plan(f"{name}[{text}]@{where}", _variant(name, given), inputs, targets)
    for family in (*composed.FAMILIES, *composed_more.FAMILIES):
        try:
            for name, maker, inputs, targets in family():
                yield Plan(name, maker, inputs, targets)
        except (ImportError, KeyError):
            continue  # a version without one of the names


def all_fitted(
    wanted: Callable[[str], bool] = lambda name: True, *, constrained: bool = False
) -> Iterator[Fitted]:
    """Every model whose name is wanted and that this version can fit and pickle; each name once.

    constrained: with every parameter at values that its constraints allow, too.
    """
    seen: set[str] = set()
    for plan in plans(constrained=constrained):
        if plan.name in seen or not wanted(plan.name):
            continue
        fitted = plan.fit()
        if fitted is None:
            continue
        try:
            pickle.dumps(fitted.model)
        except Exception:
            continue  # holds a function of this process
        seen.add(plan.name)
        yield fitted
