"""Trees of clusters, steps of imputers, splines and functions whose parts lead outside or are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression

from .tampered_holders import RULE, Change, Edits, state, within


def clusters() -> Edits:
    birch, halves = ("INVARIANT_BIRCH",), ("INVARIANT_BISECTING",)
    for name, changes in {
        "norms-short": {"_subcluster_norms": np.zeros(1)},
        "norms-text": {"_subcluster_norms": np.array(["a"])},
        "centers-narrow": {"subcluster_centers_": np.zeros((4, 1))},
        "labels-none": {"subcluster_labels_": None},
        "root-estimator": {"root_": LinearRegression()},
        "leaf-none": {"dummy_leaf_": None},
    }.items():
        yield "birch", name, state(**changes), ()
    yield "birch", "leaves-endless", _endless, birch
    yield "birch", "leaf-itself", _itself, birch
    yield "birch", "root-missing", lambda model: model.__dict__.pop("root_"), birch
    yield "birch", "child-function", within(lambda m: m.root_.subclusters_[0], child_=np.mean), ()
    yield "birch", "child-above", _child_above, ("OBJECT_CYCLE",)
    yield "birch", "children-estimators", within(lambda m: m.root_, subclusters_=[LinearRegression()]), RULE

    def left(model: Any) -> Any:
        return model._bisecting_tree.left

    for model in ("bisecting", "bisecting-sparse"):
        for name, changes in {
            "narrow": {"center": np.zeros(1)},
            "wide": {"center": np.zeros(400)},
            "ints": {"center": np.zeros(4, int)},
            "none": {"center": None},
            "no-half": {"left": None, "right": KMeans},
        }.items():
            yield model, f"center-{name}", within(left, **changes), ()
        yield model, "matrix", within(left, center=np.matrix(np.zeros((1, 400)))), halves
        yield model, "matrix-tall", within(left, center=np.matrix(np.zeros((4, 1)))), halves
        yield model, "tree-none", state(_bisecting_tree=None), RULE
        yield model, "function", state(_kmeans_single=np.mean), ()
    yield "bisecting", "halves-one", _one_half, halves
    yield "bisecting", "cycle", _half_above, ("OBJECT_CYCLE",)
    yield "bisecting", "mean", state(_X_mean=np.zeros(1)), RULE
    yield "bisecting", "width", state(n_features_in_=400), ()
    for name, value in {
        "far": 2**40,
        "negative": -1,
        "lowest": -(2**63),
        "one-more": 10**4,
    }.items():
        yield "hdbscan", f"linkage-{name}", _linkage(value), ("INVARIANT_HDBSCAN",)
    for name, value in {"none": None, "floats": np.zeros((3, 4)), "list": [1]}.items():
        yield "hdbscan", f"linkage-{name}", state(_single_linkage_tree_=value), ("INVARIANT_HDBSCAN",)


def _endless(model: Any) -> None:
    leaf = model.dummy_leaf_.next_leaf_
    leaf.next_leaf_ = model.dummy_leaf_


def _itself(model: Any) -> None:
    model.dummy_leaf_.next_leaf_ = model.dummy_leaf_


def _child_above(model: Any) -> None:
    model.root_.subclusters_[0].child_ = model.root_


def _one_half(model: Any) -> None:
    model._bisecting_tree.right = model._bisecting_tree.left


def _half_above(model: Any) -> None:
    model._bisecting_tree.left = model._bisecting_tree


def _linkage(value: int) -> Change:
    def change(model: Any) -> None:
        tree = model._single_linkage_tree_.copy()
        tree["left_node"][0] = value
        model._single_linkage_tree_ = tree

    return change


def columns() -> Edits:
    labels = ("INVARIANT_FEATURE_LABELS",)
    for name, value in {
        "far": np.array([0, 1, 2, 2**40]),
        "negative": np.array([0, -1, 0, 1]),
        "short": np.zeros(3, int),
        "floats": np.zeros(4),
        "none": None,
    }.items():
        yield "agglomeration", f"labels-{name}", state(labels_=value), labels
    yield "agglomeration", "n_clusters_-many", state(n_clusters_=10**9), labels
    yield "agglomeration", "_n_features_out-many", state(_n_features_out=10**9), ("STATE_RULE",)
    for name, value in {
        "unlisted": print,
        "ufunc": np.log1p,
        "text": "mean",
        "estimator": LinearRegression(),
    }.items():
        yield "agglomeration-max", f"pool-{name}", state(pooling_func=value), ()
    for name, changes in {
        "tree-none": {"tree_": None},
        "width": {"n_features_in_": 400},
        "bandwidth-0": {"bandwidth_": 0.0},
        "bandwidth-nan": {"bandwidth_": np.nan},
        "bandwidth-text": {"bandwidth_": "scott"},
        "bandwidth-infinite": {"bandwidth_": np.inf},
        "kernel": {"kernel": "other"},
        "function": {"kernel": np.mean},
        "estimator": {"tree_": LinearRegression()},
    }.items():
        yield "density-kd_tree", name, state(**changes), ()
    for name, size in {
        "zero": (0, 2),
        "negative": (-3, 2),
        "text": ("1", 2),
        "truth": (True, 2),
        "list": [2, 2],
        "nan": (np.nan, 2),
    }.items():
        yield "patches", f"size-{name}", state(patch_size=size), RULE


def steps() -> Edits:
    triplet = ("INVARIANT_IMPUTER_TRIPLET",)
    for name, changes in {
        "negative": {"feat_idx": -1},
        "text": {"feat_idx": "0"},
        "columns-floats": {"neighbor_feat_idx": np.zeros(3)},
        "columns-negative": {"neighbor_feat_idx": np.array([-1])},
        "columns-square": {"neighbor_feat_idx": np.eye(2, dtype=int)},
        "columns-list": {"neighbor_feat_idx": [0, 1]},
        "none": {"estimator": None},
        "text-estimator": {"estimator": "x"},
        "numbers": {"estimator": [1]},
    }.items():

        def change(model: Any, changes: dict[str, Any] = changes) -> None:
            model.imputation_sequence_[0] = model.imputation_sequence_[0]._replace(**changes)

        yield "imputer", f"step-{name}", change, triplet
    for name, value in {"function": np.mean, "unlisted": print}.items():

        def call(model: Any, value: Any = value) -> None:
            model.imputation_sequence_[0] = model.imputation_sequence_[0]._replace(estimator=value)

        yield "imputer", f"step-{name}", call, ()
    yield (
        "imputer",
        "steps-tuples",
        lambda m: m.__dict__.update(imputation_sequence_=[(0, 1, LinearRegression())]),
        RULE,
    )


def splines() -> Edits:
    def first(model: Any) -> Any:
        return model.bsplines_[0].__dict__

    def part(key: str, edit: Callable[[Any], Any]) -> Change:
        def change(model: Any) -> None:
            inside = first(model)
            name = key if key in inside else f"_{key}"  # scipy 1.15 renamed what it stores
            inside[name] = edit(inside[name])

        return change

    for model in ("splines", "splines-periodic"):
        for name, key, edit in (
            ("c-short", "c", lambda c: c[:1].copy()),
            ("c-empty", "c", lambda c: c[:0].copy()),
            ("c-flat", "c", lambda c: c[:, 0].copy()),
            ("c-f4", "c", lambda c: c.astype("f4")),
            ("c-narrow", "c", lambda c: c[:, :1].copy()),
            ("c-none", "c", lambda c: None),
            ("t-short", "t", lambda t: t[: len(t) // 2].copy()),
            ("t-empty", "t", lambda t: t[:0].copy()),
            ("t-nan", "t", lambda t: np.full_like(t, np.nan)),
            ("t-turned", "t", lambda t: t[::-1].copy()),
            ("t-same", "t", np.zeros_like),
            ("t-function", "t", lambda t: np.mean),
            ("k-none", "k", lambda k: None),
            ("k-negative", "k", lambda k: -1),
            ("k-huge", "k", lambda k: 2**31 - 1),
            ("k-more", "k", lambda k: k + 1),
            ("beyond", "extrapolate", lambda e: "other"),
            ("axis", "axis", lambda a: 1),
        ):
            yield model, f"spline-{name}", part(key, edit), ()
        yield model, "splines-few", lambda m: m.bsplines_.pop(), ("INVARIANT_SPLINES",)
        yield model, "splines-other", state(bsplines_=[LinearRegression()] * 4), RULE
        yield model, "width", state(n_features_out_=10**9), ("INVARIANT_SPLINES",)
        yield model, "degree", state(degree=1), ("INVARIANT_SPLINES",)
        yield model, "features", state(n_features_in_=400), ("INVARIANT_SPLINES",)


def functions() -> Edits:
    arguments = ("INVARIANT_FUNCTION",)
    out = np.zeros((15, 4))
    for name, keywords in {
        "out": {"a_min": 0, "a_max": 1, "out": out},
        "where": {"where": True},
        "arrays": {"a_min": out, "a_max": out},
        "text": {"a_min": "0"},
        "casting": {"casting": "unsafe"},
        "list": {"a_min": [0]},
    }.items():
        yield "clip", f"clip-{name}", state(kw_args=keywords), arguments
        yield "clip", f"inverse-{name}", state(inv_kw_args={"out": out}, inverse_func=np.log1p), arguments
    yield "clip", "other", state(func=np.log1p, kw_args={"out": 1}), arguments
    yield "clip", "no-function", state(func=None, kw_args={"out": 1}), arguments
    for name, value in {
        "mean": np.mean,
        "unlisted": print,
        "inverse": np.max,
        "estimator": LinearRegression(),
    }.items():
        yield "clip", f"function-{name}", state(func=value, kw_args=None), ()
    yield "clip", "inverse-out", state(inverse_func=np.clip, inv_kw_args={"out": out}), arguments


def edits() -> Edits:
    """Those whose model this version cannot make are left out by who takes them."""
    for generator in (clusters, columns, steps, splines, functions):
        yield from generator()
