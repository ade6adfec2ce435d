"""Every parameter at the values that its own constraints allow: what nobody thought of by hand.

scikit-learn states them since 1.2. Thousands of fits, so for the long form of the tests only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .recipes import classes
from .variants import Variant

# Processes, and what is only printed.
LEFT_OUT = ("n_jobs", "verbose")
# Where an interval has no end.
LOWEST, WIDTH = -5, 8


def _of_interval(constraint: Any) -> list[Any]:
    left = LOWEST if constraint.left is None else constraint.left
    right = left + WIDTH if constraint.right is None else constraint.right
    if constraint.type.__name__ == "Integral":
        first = int(left) + (constraint.closed not in ("left", "both"))
        return [first, int(left) + 2, min(int(right), int(left) + 5), np.int64(int(left) + 2)]
    values = [left + 0.25, left + 0.75, np.float64(left + 0.5), np.float32(left + 0.5)]
    return [*values, np.inf] if constraint.right is None else [*values, (left + right) / 2]


def allowed(constraint: Any) -> list[Any]:
    """Some values that the constraint lets pass; none of what it says of objects and functions."""
    if constraint is None:
        return [None]
    if constraint in (bool, "boolean"):
        return [False, True]
    if isinstance(constraint, str):
        return [np.random.RandomState(3), None, 7] if constraint == "random_state" else []
    kind = type(constraint).__name__
    if kind == "Hidden":
        return allowed(constraint.constraint)
    if kind in ("StrOptions", "Options"):
        return sorted(constraint.options, key=str)
    return _of_interval(constraint) if kind == "Interval" else []


def variants() -> Iterator[Variant]:
    """One parameter at a time, for classes and for numbers."""
    for name, cls in classes().items():
        for key, constraints in getattr(cls, "_parameter_constraints", {}).items():
            if key in LEFT_OUT or isinstance(constraints, str):
                continue
            for constraint in constraints:
                for value in allowed(constraint):
                    yield name, {key: value}, "", ""
                    yield name, {key: value}, "", "numbers"
