"""scipy's sparse matrices: indices that would be followed out of range are refused."""

import numpy as np
import pytest
import scipy.sparse
from conftest import built
from encoder import Encoder

from loadlock import RebuildError
from loadlock._rebuild import kinds as k

SPARSE = ["csr_matrix", "csc_matrix", "bsr_matrix", "coo_matrix", "csr_array", "coo_array"]
SPARSE += ["dia_matrix", "dia_array"]


@pytest.mark.parametrize("name", SPARSE)
def test_sparse_matrices(round_trip, name):
    value = getattr(scipy.sparse, name)(np.arange(12.0).reshape(4, 3) * (np.arange(3) > 0))
    made = round_trip(value)
    assert type(made) is type(value)
    assert made.toarray().tobytes() == value.toarray().tobytes()


@pytest.mark.parametrize("name", ["csr_matrix", "csc_array"])
def test_wide_indices_stay_wide(round_trip, name):
    value = getattr(scipy.sparse, name)(np.arange(12.0).reshape(4, 3))
    value.indices, value.indptr = value.indices.astype("i8"), value.indptr.astype("i8")
    made = round_trip(value)
    assert made.indices.dtype == made.indptr.dtype == np.int64
    assert made.toarray().tobytes() == value.toarray().tobytes()


def sparse(name, **changes):
    value = getattr(scipy.sparse, name)(np.arange(12.0).reshape(4, 3))
    encoder = Encoder()
    state = {**value.__dict__, **changes}
    cls = encoder.name(type(value).__module__, name, k.TRUST_BY_NAME_AND_PARAMS)
    encoder.graph.root = encoder.object(cls, encoder.visit(state))
    return encoder


@pytest.mark.parametrize(
    "changes",
    [
        {"indices": np.full(11, 3, dtype="i4")},
        {"indices": np.full(11, -1, dtype="i4")},
        {"indices": np.zeros(3, dtype="i4")},
        {"indptr": np.array([0, 2, 1, 8, 11], dtype="i4")},
        {"indptr": np.array([0, 2, 5, 8, 1000], dtype="i4")},
        {"indptr": np.array([-1, 2, 5, 8, 11], dtype="i4")},
        {"indptr": np.zeros(4, dtype="i4")},
        {"data": np.zeros(1)},
        {"data": None},
        {"data": np.array([None] * 11)},
        {"_shape": (1, 3)},
        {"_shape": (4, 1)},
        {"_shape": (-4, 3)},
        {"_shape": (4,)},
        {"_shape": [4, 3]},
        {"_shape": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["csr_matrix", "csr_array"])
def test_sparse_matrices_that_lie_are_refused(name, changes):
    built(sparse(name))
    with pytest.raises(RebuildError):
        built(sparse(name, **changes))


@pytest.mark.parametrize("column", [np.full(11, 3), np.full(11, -1), np.zeros(3, dtype=int), None])
def test_coordinates_that_lie_are_refused(column):
    value = scipy.sparse.coo_matrix(np.arange(12.0).reshape(4, 3))
    changes = {"coords": (value.row, column)} if "coords" in vars(value) else {"col": column}
    with pytest.raises(RebuildError):
        built(sparse("coo_matrix", **changes))


@pytest.mark.parametrize("trust", [0, k.TRUST_NAME, k.TRUST_NEW_DICT, k.TRUST_FACTORY])
def test_sparse_matrices_are_not_made_bare(trust):
    encoder = sparse("csr_matrix")
    name = (encoder.graph.globals[0].module, "csr_matrix")
    encoder.trusts[name] = trust
    with pytest.raises(RebuildError):
        built(encoder)


@pytest.mark.parametrize(
    "changes",
    [
        {"offsets": np.array([0, 0, 1, 2, 3, 4], "i4")},
        {"offsets": np.array([0, 1], "i4")},
        {"offsets": np.array([0, 1, 2, -1, -2, 2**31 - 1], "i4")},
        {"offsets": np.array([0, 1, 2, -1, -2, -(2**31)], "i4")},
        {"offsets": np.array([0.0, 1, 2, -1, -2, -3])},
        {"data": np.zeros((6, 9))},
        {"data": np.zeros(18)},
        {"data": None},
        {"_shape": (4, 1)},
        {"_shape": (-4, 3)},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["dia_matrix", "dia_array"])
def test_diagonals_that_lie_are_refused(name, changes):
    built(sparse(name))
    with pytest.raises(RebuildError):
        built(sparse(name, **changes))
