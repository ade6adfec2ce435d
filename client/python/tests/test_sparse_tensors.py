"""Sparse and quantized tensors of torch: by constructors that check, and indices that lie."""

import math
import struct
import warnings

import pytest
import torch

from loadlock import RebuildError
from loadlock._rebuild import kinds as k

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Said by torch of its own accord, once, of every such tensor.
        warnings.filterwarnings("ignore", "Sparse (CSR|CSC|BSR|BSC|invariant) tensor")
        warnings.filterwarnings("ignore", "torch.quantize_per_tensor, torch.quantize_per_channel")
        warnings.filterwarnings("ignore", ".*check_sparse_tensor_invariants.*")
        yield


# Sparse tensors.


def longs(writer, *values):
    return writer.vector("int64", struct.pack(f"<{len(values)}q", *values), 8)


def matrix(writer, rows):
    data = [value for row in rows for value in row]
    storage = writer.storage("int64", struct.pack(f"<{len(data)}q", *data), 8)
    return writer.tensor(storage, "int64", [len(rows), len(rows[0])], [len(rows[0]), 1])


def floats(writer, count, shape=None, strides=None):
    data = struct.pack(f"<{count}f", *range(1, count + 1))
    storage = writer.storage("float32", data, 4)
    return writer.tensor(storage, "float32", shape or [count], strides or [1])


def test_coo(writer, root):
    indices = matrix(writer, [[0, 1, 2], [2, 0, 1]])
    plain = writer.sparse("sparse_coo", [3, 3], [indices, floats(writer, 3)])
    sorted_ = writer.sparse("sparse_coo", [3, 3], [indices, floats(writer, 3)], 8 | 1)
    hybrid = writer.sparse("sparse_coo", [3, 3, 2], [indices, floats(writer, 6, [3, 2], [2, 1])])
    made = root(writer.node(k.LIST, plain, sorted_, hybrid))
    dense = torch.tensor([[0.0, 0, 1], [2, 0, 0], [0, 3, 0]])
    assert torch.equal(made[0].to_dense(), dense)
    assert not made[0].is_coalesced()
    assert made[1].is_coalesced()
    assert made[1].requires_grad
    assert torch.equal(made[1].to_dense(), dense)
    assert made[2].to_dense()[2, 1].tolist() == [5, 6]


@pytest.mark.parametrize("wrong", [3, -1, 2**40, -(2**40), 2**62])
def test_coo_indices_out_of_range_are_refused(writer, root, wrong):
    indices = matrix(writer, [[0, 1, wrong], [2, 0, 1]])
    for flags in (0, 8):
        with pytest.raises(RebuildError):
            root(writer.sparse("sparse_coo", [3, 3], [indices, floats(writer, 3)], flags))


@pytest.mark.parametrize("rows", [[[1, 0], [0, 1]], [[0, 0], [1, 1]], [[0, 0], [1, 0]]])
def test_what_is_not_coalesced_may_not_say_so(writer, root, rows):
    parts = [matrix(writer, rows), floats(writer, 2)]
    assert root(writer.sparse("sparse_coo", [3, 3], parts)).is_sparse
    with pytest.raises(RebuildError):
        root(writer.sparse("sparse_coo", [3, 3], parts, 8))


def compressed(writer, layout, crow, col, values=None, sizes=(3, 3), flags=0):
    parts = [longs(writer, *crow), longs(writer, *col), values or floats(writer, len(col))]
    return writer.sparse(layout, list(sizes), parts, flags)


def test_compressed_layouts(writer, root):
    layouts = ("sparse_csr", "sparse_csc")
    made = [root(compressed(writer, name, [0, 1, 1, 2], [2, 0])) for name in layouts]
    assert made[0].to_dense().tolist() == [[0, 0, 1], [0, 0, 0], [2, 0, 0]]
    assert torch.equal(made[1].to_dense(), made[0].to_dense().T)
    blocks = floats(writer, 8, [2, 2, 2], [4, 2, 1])
    for name in ("sparse_bsr", "sparse_bsc"):
        made = root(compressed(writer, name, [0, 1, 2], [1, 0], blocks, (4, 4)))
        assert made.layout == getattr(torch, name)
        assert made.values().flatten().tolist() == list(range(1, 9))


@pytest.mark.parametrize(
    ("crow", "col"),
    [
        ([0, 2, 1, 2], [2, 0]), ([0, 1, 1, 9], [2, 0]), ([0, 1, 2], [2, 0]), ([1, 1, 1, 2], [2, 0]),
        ([0, 1, 1, 2], [3, 0]), ([0, 1, 1, 2], [-1, 0]), ([0, 1, 1, 2], [2**40, 0]),
        ([0, 2, 2, 2], [1, 0]), ([0, 2, 2, 2], [1, 1]), ([0, -1, 1, 2], [0, 1]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("layout", ["sparse_csr", "sparse_csc"])
def test_compressed_indices_that_lie_are_refused(writer, root, layout, crow, col):
    with pytest.raises(RebuildError):
        root(compressed(writer, layout, crow, col))


def test_other_sparse_nonsense_is_refused(writer, root):
    indices, values = matrix(writer, [[0], [1]]), floats(writer, 1)
    for layout, sizes, parts, flags in (
        ("strided", [3, 3], [indices, values], 0),
        ("os", [3, 3], [indices, values], 0),
        ("sparse_coo", [3], [indices, values], 0),
        ("sparse_coo", [3, 3], [indices], 0),
        ("sparse_coo", [3, 3], [indices, values, values], 0),
        ("sparse_csr", [3, 3], [indices, values], 0),
        ("sparse_coo", [3, -3], [indices, values], 0),
        ("sparse_coo", [3, 3], [values, values], 0),
        ("sparse_coo", [3, 3], [indices, writer.none()], 0),
        ("sparse_coo", [3, 3], [indices, values], 2),
        ("sparse_coo", [1] * 65, [indices, values], 0),
    ):
        with pytest.raises(RebuildError):
            root(writer.sparse(layout, sizes, parts, flags))
    blocks = floats(writer, 0, [0, 0, 2], [0, 2, 1])
    with pytest.raises(RebuildError):
        root(compressed(writer, "sparse_bsr", [0, 0], [], blocks, (2, 2)))


# Quantized tensors.


@pytest.mark.parametrize(
    ("name", "code", "zero"), [("qint8", "b", -5), ("quint8", "B", 7), ("qint32", "i", 2**20)]
)
def test_quantized_tensors_are_views(writer, root, name, code, zero):
    data = struct.pack(f"<6{code}", *range(100, 106))
    size = len(data) // 6
    storage = writer.storage(name, data, size)
    nodes = [
        writer.quantized(storage, name, [2, 3], [3, 1], 0.25, zero),
        writer.quantized(storage, name, [3, 2], [1, 3], 0.25, zero),
        writer.quantized(storage, name, [2], [1], 0.25, zero, offset=4),
    ]
    made = root(writer.node(k.LIST, *nodes))
    expected = torch.arange(100, 106).reshape(2, 3)
    for tensor, ints in zip(made, (expected, expected.T, expected.flatten()[4:]), strict=True):
        assert tensor.dtype == getattr(torch, name)
        assert tensor.int_repr().tolist() == ints.tolist()
        assert tensor.q_scale() == 0.25
        assert tensor.q_zero_point() == zero
    assert made[1].stride() == (1, 3)
    assert made[2].storage_offset() == 4
    assert made[0].data_ptr() == made[1].data_ptr()


@pytest.mark.parametrize(
    ("scale", "zero"),
    [(0.0, 0), (-1.0, 0), (math.nan, 0), (math.inf, 0), (1.0, 128), (1.0, -129), (1.0, 2**40)],
)
def test_scales_that_lie_are_refused(writer, root, scale, zero):
    storage = writer.storage("qint8", bytes(4), 1)
    with pytest.raises(RebuildError, match="quantized"):
        root(writer.quantized(storage, "qint8", [4], [1], scale, zero))


def test_quantized_elements_without_a_scale_are_refused(writer, root):
    storage = writer.storage("qint8", bytes(4), 1)
    with pytest.raises(RebuildError):
        root(writer.tensor(storage, "qint8", [4], [1]))
    with pytest.raises(RebuildError):
        root(writer.quantized(storage, "int8", [4], [1], 1.0, 0))
    with pytest.raises(RebuildError):
        root(writer.quantized(storage, "qint8", [5], [1], 1.0, 0))
    with pytest.raises(RebuildError):
        root(storage)


def channels(writer, scales, zeros, axis, sizes=(2, 3), dtype="float64"):
    storage = writer.storage("qint8", bytes(range(6)), 1)
    code, size = ("d", 8) if dtype == "float64" else ("f", 4)
    data = struct.pack(f"<{len(scales)}{code}", *scales)
    parts = [writer.vector(dtype, data, size), longs(writer, *zeros)]
    first = writer.run_of(writer.graph.ints, [0, *sizes, sizes[1], 1])
    at = writer.run_of(writer.graph.ints, [axis])
    name = writer.string("qint8")
    return writer.node(k.CHANNEL_QUANTIZED_TENSOR, storage, name, 2, first, *parts, at)


def test_quantized_channels(writer, root):
    made = root(channels(writer, [0.5, 0.25], [1, 2], 0))
    assert made.q_per_channel_scales().tolist() == [0.5, 0.25]
    assert made.q_per_channel_zero_points().tolist() == [1, 2]
    assert made.q_per_channel_axis() == 0
    assert made.int_repr().tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("scales", "zeros", "axis", "dtype"),
    [
        ([0.5], [1, 2], 0, "float64"), ([0.5, 0.5], [1], 0, "float64"),
        ([0.5, 0.5], [1, 2], 1, "float64"), ([0.5, 0.5], [1, 2], 2, "float64"),
        ([0.5, 0.5], [1, 2], -1, "float64"), ([0.5, 0.5], [1, 2], 2**40, "float64"),
        ([0.5, 0.0], [1, 2], 0, "float64"), ([0.5, 0.5], [1, 300], 0, "float64"),
        ([0.5, 0.5], [1, 2], 0, "float32"),
    ],
)  # fmt: skip
def test_channels_that_lie_are_refused(writer, root, scales, zeros, axis, dtype):
    with pytest.raises(RebuildError):
        root(channels(writer, scales, zeros, axis, dtype=dtype))
