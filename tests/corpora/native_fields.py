"""Changes of what native objects hand to the pickler, field by field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.neighbors import BallTree, KDTree
from sklearn.tree._tree import Tree

Reduction = tuple[Any, ...]
Edit = Callable[[Reduction], Reduction]
KINDS: tuple[type, ...] = (Tree, KDTree, BallTree)
NUMBERS = (0, -1, 1, 2**30, -(2**31))


def record_fields(array: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """One field of a record array at its first, last or every element."""
    for name in array.dtype.names or ():
        for place in (slice(0, 1), slice(-1, None), slice(None)):
            for number in (*NUMBERS, len(array), len(array) - 1):
                changed = array.copy()
                with np.errstate(all="ignore"):
                    changed[name][place] = np.asarray(number).astype(array.dtype[name])
                yield f"{name}-{place.start}-{place.stop}-{number}", changed


def parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What one part of a reduction is replaced by."""
    yield "none", None
    if isinstance(value, np.ndarray):
        yield "empty", value[:0]
        yield "shorter", value[:-1]
        yield "longer", np.concatenate([value, value[-1:]])
        yield "reversed", value[::-1].copy()
        if value.dtype.names:
            yield from record_fields(value)
        else:
            yield "float", value.astype("f4")
            for number in (*NUMBERS, len(value)):
                changed = value.copy()
                changed.flat[:1] = number
                yield f"first-{number}", changed
        if value.ndim > 1:
            yield "narrow", value[..., :-1].copy()
            yield "fortran", np.asfortranarray(value)
    elif isinstance(value, int | np.integer):
        for number in (*NUMBERS, int(value) + 1, int(value) - 1, 2**62):
            yield f"{number}", number


def _in_state(key: Any, new: Any) -> Edit:
    def edit(reduction: Reduction) -> Reduction:
        state = reduction[2]
        if isinstance(state, dict):
            changed: Any = {**state, key: new}
        else:
            changed = tuple(new if place == key else part for place, part in enumerate(state))
        return (*reduction[:2], changed)

    return edit


def _in_arguments(place: int, new: Any) -> Edit:
    def edit(reduction: Reduction) -> Reduction:
        arguments = tuple(new if i == place else part for i, part in enumerate(reduction[1]))
        return (reduction[0], arguments, *reduction[2:])

    return edit


def reduction_edits(thing: Any) -> Iterator[tuple[str, Edit]]:
    reduction = thing.__reduce__()
    for place, part in enumerate(reduction[1]):
        for change, new in parts(part) if not isinstance(part, type) else ():
            yield f"argument-{place}-{change}", _in_arguments(place, new)
    state = reduction[2]
    items = state.items() if isinstance(state, dict) else enumerate(state)
    for key, part in items:
        for change, new in parts(part):
            yield f"state-{key}-{change}", _in_state(key, new)


def natives(model: Any) -> dict[type, Any]:
    """One object of each native type in the model."""
    found: dict[type, Any] = {}
    stack, seen = [model], set()
    while stack:
        thing = stack.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, KINDS):
            found.setdefault(type(thing), thing)
        elif isinstance(thing, dict):
            stack += thing.values()
        elif isinstance(thing, list | tuple) or (isinstance(thing, np.ndarray) and thing.dtype == object):
            stack += list(np.ravel(thing)) if isinstance(thing, np.ndarray) else list(thing)
        elif type(getattr(thing, "__dict__", None)) is dict and not isinstance(thing, type):
            stack += vars(thing).values()
    return found


def native_mutations(model: Any) -> Iterator[tuple[type, str, Edit]]:
    """Type, change, and the edit of its reduction; all objects of the type get the same state."""
    for kind, thing in natives(model).items():
        for change, edit in reduction_edits(thing):
            yield kind, change, edit
