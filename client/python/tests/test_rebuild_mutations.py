"""Graphs changed at random: each is rebuilt or refused with RebuildError, nothing else."""

import random
import warnings

import numpy as np
import pytest
from conftest import built
from encoder import Encoder
from models import MAKERS

from loadlock import RebuildError
from loadlock._rebuild import kinds as k

VALUE = {
    "a": [1, 2.5, None, (1, ("x",)), {3, "y"}, frozenset({1})],
    "b": {"k": 1, "l": 2},
    "c": np.arange(6.0).reshape(2, 3),
    "d": np.array([None, "a", [1]], dtype=object),
    "e": np.zeros(2, dtype=[("x", "<i4"), ("y", "<f8")]),
    "f": np.random.RandomState(0),
    "g": [slice(1, 2), range(3), 2**80, b"abc", np.float64(1)],
}
ROUNDS = 1500


def mutate(graph, rng):
    names = ["kinds", "operand_counts", "operands", "ints", "buffer_sources", "buffer_offsets",
             "buffer_lengths"]  # fmt: skip
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        name = rng.choice([name for name in names if len(getattr(graph, name))])
        column = getattr(graph, name)
        i = rng.randrange(len(column))
        small = rng.choice([0, 1, 2, 3, rng.randrange(64), rng.randrange(len(graph.kinds))])
        large = {
            "kinds": [rng.randrange(k.END)] * 3,
            "ints": [-1, 2**62, -(2**62), column[i] + 1],
            "buffer_sources": [2, 3],
            "buffer_offsets": [2**63, 2**64 - 1],
            "buffer_lengths": [2**63, 2**64 - 1],
        }.get(name, [0xFFFFFFFF, rng.randrange(2**32)])
        column[i] = rng.choice([small, *large])


@pytest.mark.parametrize("name", ["values", "pipeline", "k_neighbors", "gradient_boosting", "svc"])
def test_a_changed_graph_is_rebuilt_or_refused(name):
    original = Encoder().encode(VALUE if name == "values" else MAKERS[name]()[0])
    graph = original.graph.SerializeToString()
    refused = 0
    for seed in range(ROUNDS if name == "values" else ROUNDS // 10):
        rng = random.Random(seed)
        original.graph.ParseFromString(graph)
        mutate(original.graph, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                built(original)
            except RebuildError:
                refused += 1
    assert refused > 50
