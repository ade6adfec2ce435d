"""Searches, votes, clusters, splines and their kin with parts that lead outside or are called."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.ma import MaskedArray
from scipy import stats
from sklearn.cluster._kmeans import _kmeans_single_lloyd
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.utils import Bunch

Change = Callable[[Any], None]
Edits = Iterator[tuple[str, str, Change, tuple[str, ...]]]
RULE = ("STATE_RULE",)


def state(**changes: Any) -> Change:
    return lambda model: model.__dict__.update(changes)


def within(find: Callable[[Any], Any], **changes: Any) -> Change:
    """Sets attributes of a part."""
    return lambda model: find(model).__dict__.update(changes)


def ensembles() -> Edits:
    bunch = ("INVARIANT_BUNCH",)
    for model in ("voting", "stacking"):
        for name, value, rules in (
            ("function", Bunch(lr=np.mean), ()),
            ("unlisted", Bunch(lr=print), ()),
            ("interface", Bunch(__array_interface__={}), bunch),
            ("list", Bunch(lr=[LinearRegression()]), bunch),
            ("dict", {"lr": LinearRegression()}, RULE),
            ("other", LinearRegression(), RULE),
        ):
            yield model, f"named-{name}", state(named_estimators_=value), rules
        yield model, "parts-function", state(estimators_=[np.mean]), ()
        yield model, "parts-text", state(estimators_="lr"), RULE
    for name, method in {"score": "score", "fit": "fit_transform", "dunder": "__init__"}.items():
        yield "stacking", f"method-{name}", state(stack_method_=["predict", method]), RULE
        yield "stacking", f"asked-{name}", state(stack_method=method), RULE
    yield "stacking", "method-function", state(stack_method_=[np.mean]), ()
    yield "stacking", "final-function", state(final_estimator_=np.mean), ()
    yield "stacking", "encoder", state(_label_encoder=LinearRegression()), RULE
    yield "voting", "voting", state(voting="other"), RULE
    yield "voting", "encoder-none", state(le_=None), ()
    far = ("INVARIANT_VOTING",)
    for name, key, value in (
        ("far", "classes_", np.array([0, 1, 2**40])),
        ("next", "classes_", np.array([0, 1, 3])),
        ("wide", "classes_", np.array([0, 1, 2**63], "u8")),
        ("constant", "constant", 2**40),
        ("constants", "constant", np.array([2**40])),
        ("outlier", "outlier_label_", 2**40),
    ):
        yield "voting", f"answer-{name}", within(lambda m: m.estimators_[0], **{key: value}), far


def searches() -> Edits:
    tried = ("INVARIANT_SEARCH",)
    for name, values in {
        "memory": {"pipe__memory": [None, "/tmp/folder"]},
        "path": {"memory": "/tmp/folder"},
        "file": {"text__input": ["content", "filename"]},
        "array": {"input": np.array(["filename"])},
        "objects": {"a__b__input": np.array(["filename", None], object)},
        "jobs": {"n_jobs": [10**6]},
        "drawn": {"memory": stats.uniform()},
        "dtype": {"dtype": ["f8,f8"]},
        "ngrams": {"ngram_range": [(1, 10**9)]},
    }.items():
        for key in ("param_grid", "best_params_", "cv_results_"):
            nested = {"params": [values]} if key == "cv_results_" else values
            yield "grid", f"{key}-{name}", state(**{key: nested}), tried
    for name, value in {
        "unlisted": print,
        "native": _kmeans_single_lloyd,
        "class": LogisticRegression,
        "getattr": getattr,
    }.items():
        yield "grid", f"tries-{name}", state(param_grid={"func": [value]}), ()
        yield "grid", f"tried-{name}", state(best_params_={"func": value}), ()
    yield "grid", "elsewhere", state(cv={"func": [np.mean]}), ()
    yield "grid", "shared", _shared_list, ()
    for name, value in {"function": np.mean, "unlisted": print, "text": "accuracy"}.items():
        yield "grid", f"scorer-{name}", state(scorer_=value), ()
        yield "grid", f"refit-{name}", state(refit=value, best_estimator_=value), ()
    own = within(lambda m: m.scorer_["own"], _score_func=np.mean)
    yield "grid-pipeline", "score-function", own, ()
    method = within(lambda m: m.scorer_["own"], _response_method="transform")
    yield "grid-pipeline", "score-method", method, RULE
    keywords = within(lambda m: m.scorer_["own"], _kwargs={"f": np.mean})
    yield "grid-pipeline", "score-keywords", keywords, ()
    for model in ("fixed", "tuned"):
        yield model, "method", state(_response_method="fit", response_method="fit"), RULE
        yield model, "function", state(estimator_=np.mean), ()
    yield "halving", "memory", state(param_grid={"memory": ["/tmp"]}), tried


def _shared_list(model: Any) -> None:
    """A list of functions that stands where it may, and where it may not."""
    functions = [np.log1p]
    model.param_grid = {"func": functions}
    model.best_estimator_.__dict__["names"] = functions


def draws() -> Edits:
    def frozen(model: Any) -> Any:
        return model.param_distributions["C"]

    for name, changes in {
        "text": {"args": ("1",)},
        "infinite": {"args": (np.inf,)},
        "nan": {"args": (), "kwds": {"a": np.nan}},
        "many": {"args": tuple(range(9))},
        "function": {"kwds": {"size": np.mean}},
        "list": {"args": [1]},
        "of-function": {"dist": np.mean},
        "of-estimator": {"dist": LinearRegression()},
        "of-none": {"dist": None},
    }.items():
        yield "random", f"draws-{name}", within(frozen, **changes), ()
    named = within(lambda m: frozen(m).dist, name="norm")
    yield "random", "draws-as-another", named, ("INVARIANT_DISTRIBUTION",)


def edits() -> Edits:
    """Those whose model this version cannot make are left out by who takes them."""
    for generator in (ensembles, searches, draws):
        yield from generator()


def _partial(**changes: Any) -> Callable[[Any], Any]:
    """Of what functools.partial is pickled as: the function, then all of it once more."""

    def edit(reduction: Any) -> Any:
        kind, args, (function, given, keywords, attributes) = reduction[:3]
        made = {
            "made": args,
            "function": function,
            "given": given,
            "keywords": keywords,
            "attributes": attributes,
        }
        made.update(changes)
        return kind, made["made"], (made["function"], made["given"], made["keywords"], made["attributes"])

    return edit


def partial_edits() -> Iterator[tuple[str, Any]]:
    for name, changes in {
        "made-of-another": {"made": (print,)},
        "another": {"function": print},
        "both": {"made": (len,), "function": len},
        "given": {"given": (1,)},
        "estimator": {"keywords": {"estimator": LinearRegression()}},
        "types": {"keywords": {"dtype": [print]}},
        "keyword": {"keywords": {"accept_sparse": True}},
        "finite": {"keywords": {"force_all_finite": np.mean}},
        "attributes": {"attributes": {"func": print}},
        "keywords-list": {"keywords": []},
        "listed-function": {"keywords": {"dtype": [np.mean]}},
    }.items():
        yield f"partial-{name}", _partial(**changes)
    yield "partial-no-build", lambda reduction: reduction[:2]


def _masked(place: int, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def edit(reduction: Any) -> Any:
        values = list(reduction[2])
        values[place] = change(values[place])
        return (*reduction[:2], tuple(values))

    return edit


def masked_edits() -> Iterator[tuple[str, Any]]:
    """(1, shape, dtype, order, data, mask, fill): none of it is believed."""
    for name, place, change in (
        ("version", 0, lambda v: 2),
        ("shape-long", 1, lambda s: (10**6,)),
        ("shape-negative", 1, lambda s: (-1,)),
        ("shape-huge", 1, lambda s: (2**40, 2**40)),
        ("shape-list", 1, lambda s: [2]),
        ("dtype", 2, lambda d: np.dtype("f4") if d.kind == "O" else np.dtype("O")),
        ("dtype-text", 2, lambda d: "O"),
        ("order", 3, lambda o: 3),
        ("data-none", 4, lambda d: None),
        ("data-short", 4, lambda d: d[:1]),
        ("mask-short", 5, lambda m: m[:1]),
        ("mask-none", 5, lambda m: None),
        ("fill-function", 6, lambda f: np.mean),
        ("fill-estimator", 6, lambda f: LinearRegression()),
    ):
        yield f"masked-{name}", _masked(place, change)
    for name, args in {
        "class": (LinearRegression, np.ndarray, (0,), b"b"),
        "base": (MaskedArray, np.matrix, (0,), b"b"),
        "turned": (np.ndarray, MaskedArray, (0,), b"b"),
        "few": (MaskedArray,),
    }.items():
        yield f"masked-{name}", lambda reduction, args=args: (reduction[0], args, reduction[2])
    yield "masked-no-build", lambda reduction: reduction[:2]


NATIVE = (
    ("hist-mixed", functools.partial, partial_edits),
    ("grid", MaskedArray, masked_edits),
    ("random", MaskedArray, masked_edits),
)
