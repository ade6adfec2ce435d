"""The comparison of graphs sees what differs; else the tests beside it could not fail."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LinearRegression

from .graphs import difference


def model(**state: Any) -> LinearRegression:
    made = LinearRegression()
    made.__dict__.update(state)
    return made


SHARED = np.arange(3)
PAIRS = {
    "value": (model(a=1), model(a=2)),
    "kind": (model(a=1), model(a=1.0)),
    "numpy": (model(a=np.float64(1)), model(a=1.0)),
    "zero": (model(a=0.0), model(a=-0.0)),
    "missing": (model(a=1), model()),
    "array": (model(a=np.arange(3)), model(a=np.arange(3)[::-1].copy())),
    "dtype": (model(a=np.arange(3)), model(a=np.arange(3, dtype="i4"))),
    "order": (model(a=np.ones((2, 3))), model(a=np.asfortranarray(np.ones((2, 3))))),
    "shared": (model(a=SHARED, b=SHARED.copy()), model(a=SHARED, b=SHARED)),
    "not-shared": (model(a=SHARED, b=SHARED), model(a=SHARED, b=SHARED.copy())),
    "keys": (model(a={"x": 1, "y": 2}), model(a={"y": 2, "x": 1})),
    "nested": (model(a=[model(b=1)]), model(a=[model(b=2)])),
    "sparse": (sparse.csr_matrix([[1, 0]]), sparse.csr_matrix([[0, 1]])),
    "random": (np.random.RandomState(1), np.random.RandomState(2)),
    "mask": (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[0, 0])),
    "objects": (np.array([1, "a"], object), np.array([1, "b"], object)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_difference_is_seen(name: str) -> None:
    ours, theirs = PAIRS[name]
    assert difference(ours, theirs)
    assert not difference(copy.deepcopy(theirs), theirs)
