"""Edits of what native objects hand to the pickler: trees, neighbour trees, random states."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import BallTree, KDTree
from sklearn.tree._tree import Tree

Reduction = tuple[Any, ...]
Edit = Callable[[Reduction], Reduction]


def tree_edits() -> Iterator[tuple[str, Edit]]:
    """Children, features and shapes that lead the native loops out of the arrays, or around."""

    def nodes(field: str, index: int, value: int) -> Edit:
        def edit(reduction: Reduction) -> Reduction:
            kind, args, state = reduction[:3]
            changed = state["nodes"].copy()
            changed[field][index] = value
            return kind, args, {**state, "nodes": changed}

        return edit

    def state(**changes: Any) -> Edit:
        return lambda reduction: (reduction[0], reduction[1], {**reduction[2], **changes})

    def args(*new: Any) -> Edit:
        return lambda reduction: (
            reduction[0],
            tuple(old if n is None else n for old, n in zip(reduction[1], new, strict=True)),
            reduction[2],
        )  # fmt: skip

    for field in ("left_child", "right_child"):
        for value in (0, 10**6, -2, 2**62, -(2**62)):
            yield f"{field}-{value}", nodes(field, 0, value)
        yield f"{field}-leaf-on-one-side", nodes(field, 0, -1)
        yield f"{field}-self", nodes(field, 1, 1)
        yield f"{field}-twice", nodes(field, 0, 2)
    for value in (4, 10**6, -5, 2**40):
        yield f"feature-{value}", nodes("feature", 0, value)
    yield "max_depth-0", state(max_depth=0)
    yield "max_depth-negative", state(max_depth=-1)
    yield "max_depth-text", state(max_depth="9")
    yield "max_depth-huge", state(max_depth=2**31 - 1)
    yield "node_count-negative", state(node_count=-1)
    yield "node_count-huge", state(node_count=10**6)
    yield "values-none", state(values=None)
    yield "values-flat", state(values=np.zeros(3))
    yield "values-empty", state(values=np.zeros((0, 1, 3)))
    yield "values-f4", state(values=np.zeros((3, 1, 3), "f4"))
    yield "nodes-none", state(nodes=None)
    yield "nodes-f8", state(nodes=np.zeros(3))
    yield "nodes-empty", lambda r: (r[0], r[1], {**r[2], "nodes": r[2]["nodes"][:0], "node_count": 0})
    yield "features-grown", args(400, None, None)
    yield "features-shrunk", args(1, None, None)
    yield "outputs-7", args(None, None, 7)
    yield "outputs-0", args(None, None, 0)
    yield "classes-huge", args(None, np.array([10**6]), None)
    yield "classes-zero", args(None, np.array([0]), None)
    yield "classes-f8", args(None, np.array([3.0]), None)
    yield "no-build", lambda reduction: reduction[:2]
    yield "state-none", lambda reduction: (*reduction[:2], ())
    yield "args-short", lambda reduction: (reduction[0], reduction[1][:2], reduction[2])
    yield "another-class", lambda reduction: (LinearRegression, (), reduction[2])


def neighbour_tree_edits() -> Iterator[tuple[str, Edit]]:
    """KDTree and BallTree: 13 values, believed as they come."""

    def part(place: int, change: Callable[[Any], Any]) -> Edit:
        def edit(reduction: Reduction) -> Reduction:
            state = list(reduction[2])
            state[place] = change(copy.deepcopy(state[place]))
            return (*reduction[:2], tuple(state))

        return edit

    def field(name: str, index: int, value: int) -> Callable[[Any], Any]:
        def change(nodes: Any) -> Any:
            nodes[name][index] = value
            return nodes

        return change

    def item(index: int, value: int) -> Callable[[Any], Any]:
        def change(array: Any) -> Any:
            array[index] = value
            return array

        return change

    yield "data-narrow", part(0, lambda data: data[:, :1].copy())
    yield "data-short", part(0, lambda data: data[:3].copy())
    yield "data-empty", part(0, lambda data: data[:0].copy())
    yield "data-fortran", part(0, np.asfortranarray)
    for value in (10**6, -1, 2**40):
        yield f"index-{value}", part(1, item(0, value))
    yield "index-twice", part(1, lambda index: np.zeros_like(index))
    yield "index-short", part(1, lambda index: index[:2])
    for name, value in (("idx_start", -5), ("idx_end", 10**6), ("idx_start", 10**6), ("is_leaf", 0)):
        yield f"node-{name}-{value}", part(2, field(name, -1, value))
    yield "nodes-short", part(2, lambda nodes: nodes[:1])
    yield "bounds-narrow", part(3, lambda bounds: bounds[:, :, :1].copy())
    yield "bounds-short", part(3, lambda bounds: bounds[:, :1].copy())
    yield "leaf-size-0", part(4, lambda size: 0)
    yield "nodes-count", part(6, lambda count: count + 100)
    yield "metric-none", part(11, lambda metric: None)
    yield "metric-text", part(11, lambda metric: "euclidean")
    yield "state-short", lambda reduction: (*reduction[:2], reduction[2][:5])
    yield "state-none", lambda reduction: reduction[:2]
    yield "another-class", lambda reduction: (reduction[0], (LinearRegression,), reduction[2])
    yield (
        "both-classes",
        lambda reduction: (reduction[0], (BallTree if KDTree in reduction[1] else KDTree,), reduction[2]),
    )


def random_state_edits() -> Iterator[tuple[str, Edit]]:
    def state(change: Callable[[dict[str, Any]], Any]) -> Edit:
        def edit(reduction: Reduction) -> Reduction:
            full = copy.deepcopy(np.random.RandomState(7).get_state(legacy=False))
            changed = change(full)
            return np.random._pickle.__randomstate_ctor, ("MT19937",), full if changed is None else changed

        return edit

    def inner(**changes: Any) -> Edit:
        return state(lambda full: full["state"].update(changes))

    yield "pos-huge", inner(pos=10**6)
    yield "pos-625", inner(pos=625)
    yield "pos-negative", inner(pos=-1)
    yield "pos-float", inner(pos=1.5)
    yield "key-short", inner(key=np.zeros(3, "u4"))
    yield "key-i8", inner(key=np.zeros(624, "i8"))
    yield "key-none", inner(key=None)
    yield "generator-name", state(lambda full: full.update(bit_generator="posix.system"))
    yield "has-gauss-text", state(lambda full: full.update(has_gauss="x"))
    yield "state-none", state(lambda full: ())


NATIVE: tuple[tuple[str, type, Callable[[], Iterator[tuple[str, Edit]]]], ...] = (
    ("forest", Tree, tree_edits),
    ("boosting", Tree, tree_edits),
    ("knn-kd_tree", KDTree, neighbour_tree_edits),
    ("knn-ball_tree", BallTree, neighbour_tree_edits),
    ("density-kd_tree", KDTree, neighbour_tree_edits),
    ("density-ball_tree", BallTree, neighbour_tree_edits),
    ("kmeans-state", np.random.RandomState, random_state_edits),
)
