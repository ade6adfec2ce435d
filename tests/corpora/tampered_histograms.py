"""Histogram gradient boosting whose nodes, bitsets and bins lead outside, and a function's thresholds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.linear_model import LinearRegression

PREDICTOR, MAPPER, MODEL = (
    ("INVARIANT_HIST_PREDICTOR",),
    ("INVARIANT_BIN_MAPPER",),
    ("INVARIANT_HIST_GRADIENT_BOOSTING",),
)
Change = Callable[[Any], None]


def _predictor(model: Any) -> Any:
    return model._predictors[0][0]


def node(**fields: Any) -> Change:
    """Changes the first node of the first tree, or what `at` says."""
    at = fields.pop("at", 0)

    def change(model: Any) -> None:
        nodes = _predictor(model).nodes.copy()
        for name, value in fields.items():
            kind = nodes.dtype[name]
            # The index of a feature has 4 bytes without a sign up to 1.2, 8 with one since; what is
            # outside of the type would wrap to a good value.
            fits = kind.kind not in "iu" or np.iinfo(kind).min <= value <= np.iinfo(kind).max
            nodes[name][at] = value if fits else np.iinfo(kind).max
        _predictor(model).nodes = nodes

    return change


def predictor(**state: Any) -> Change:
    return lambda model: _predictor(model).__dict__.update(state)


def mapper(**state: Any) -> Change:
    return lambda model: model._bin_mapper.__dict__.update(state)


def state(**changes: Any) -> Change:
    return lambda model: model.__dict__.update(changes)


def nodes_and_bitsets() -> Iterator[tuple[str, Change, tuple[str, ...]]]:
    for name, fields in {
        "left-itself": {"left": 0}, "right-itself": {"right": 0}, "left-out": {"left": 2**31},
        "right-out": {"right": 10**6}, "shared-child": {"left": 1, "right": 1},
        "bitset-out": {"is_categorical": 1, "bitset_idx": 10**6},
    }.items():  # fmt: skip
        yield f"node-{name}", node(**fields), PREDICTOR
    yield "last-is-no-leaf", node(at=-1, is_leaf=0, left=0, right=0), PREDICTOR
    for name, index in {"negative": -1, "lowest": -(2**63)}.items():
        # Without a sign it is only too large, which the model and not the tree knows.
        yield f"feature-{name}", node(feature_idx=index), PREDICTOR + MODEL
    yield "feature-out", node(feature_idx=400), MODEL
    yield "feature-far", node(feature_idx=2**62), MODEL
    narrow = np.zeros((1, 1), "u4")
    for name, change in {
        "nodes-none": {"nodes": None}, "nodes-floats": {"nodes": np.zeros(3)},
        "bitsets-narrow": {"raw_left_cat_bitsets": narrow, "binned_left_cat_bitsets": narrow},
        "bitsets-unlike": {"raw_left_cat_bitsets": np.zeros((3, 8), "u4")},
        "bitsets-none": {"raw_left_cat_bitsets": None},
    }.items():  # fmt: skip
        yield name, predictor(**change), PREDICTOR

    def empty(model: Any) -> None:
        _predictor(model).nodes = _predictor(model).nodes[:0]

    yield "nodes-empty", empty, PREDICTOR


def bins() -> Iterator[tuple[str, Change, tuple[str, ...]]]:
    for name, change in {
        "thresholds-few": {"bin_thresholds_": []}, "thresholds-none": {"bin_thresholds_": [None] * 4},
        "thresholds-many": {"bin_thresholds_": [np.zeros(10**4)] * 4},
        "categories-far": {"is_categorical_": np.ones(4, "u1"), "bin_thresholds_": [np.array([1e6])] * 4},
        "categories-nan": {"is_categorical_": np.ones(4, "u1"), "bin_thresholds_": [np.array([np.nan])] * 4},
        "counts-short": {"n_bins_non_missing_": np.zeros(1, "u4")},
        "missing-far": {"missing_values_bin_idx_": 10**6},
        "flags-wide": {"is_categorical_": np.full(4, 9, "u1")},
    }.items():  # fmt: skip
        yield name, mapper(**change), MAPPER
    yield (
        "flags-short",
        mapper(
            is_categorical_=np.zeros(1, "u1"),
            bin_thresholds_=[np.zeros(1)],
            n_bins_non_missing_=np.ones(1, "u4"),
        ),
        MODEL,
    )
    for name, change in {
        "mapper-none": {"_bin_mapper": None}, "features": {"n_features_in_": 400},
        "trees": {"n_trees_per_iteration_": 7}, "baseline-wide": {"_baseline_prediction": np.zeros((1, 50))},
        "iteration-empty": {"_predictors": [[]]}, "predictors-none": {"_predictors": None},
        "flags-of-model": {"is_categorical_": np.ones(1, bool)},
    }.items():  # fmt: skip
        yield name, state(**change), ()
    yield "other-predictor", state(_predictors=[[LinearRegression()]]), ()
    yield "method", state(_raw_predict=np.mean), ()
    yield "loss-function", state(_loss=np.mean), ()


def edits() -> Iterator[tuple[str, str, Change, tuple[str, ...]]]:
    for generator in (nodes_and_bitsets, bins):
        for name, change, rules in generator():
            yield "hist", f"hist-{name}", change, rules
    for key in ("X_thresholds_", "y_thresholds_"):
        for name, value in {
            "none": None, "short": np.zeros(1), "empty": np.zeros(0), "objects": np.array([None, None]),
            "wide": np.zeros((2, 2)),
        }.items():  # fmt: skip
            yield "isotonic", f"{key}-{name}", state(**{key: value}), ()
    nan = np.array([0.0, np.nan])
    yield "isotonic", "nan", state(X_thresholds_=nan, y_thresholds_=np.zeros(2)), ()
    yield "isotonic", "unsorted", state(X_thresholds_=np.array([2.0, 1.0]), y_thresholds_=np.zeros(2)), ()
    yield "isotonic", "function", state(f_=np.mean), ()
