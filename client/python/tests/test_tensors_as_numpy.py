"""Tensors where torch is not wanted or not there; times and paths that stand beside them."""

import datetime
import importlib
import math
import pathlib
import struct

import numpy as np
import pytest

from loadlock import Error, RebuildError
from loadlock._rebuild import TensorOptions
from loadlock._rebuild import kinds as k
from loadlock._rebuild.tensors.dtypes import ELEMENTS

FLOATS = struct.pack("<24f", *range(24))


IN_NUMPY = [element for element in ELEMENTS.values() if element.typestr]


@pytest.fixture
def no_torch(monkeypatch):
    """As if torch were not installed."""
    real = importlib.import_module

    def missing(name, *rest):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", missing)


@pytest.mark.parametrize("element", IN_NUMPY, ids=lambda element: element.name)
def test_what_numpy_has_comes_as_arrays(writer, root, element):
    data = bytes(i % 2 for i in range(6 * element.size))
    storage = writer.storage(element.name, data, element.size)
    made = root(writer.tensor(storage, element.name, [2, 3], [3, 1]), tensors="numpy")
    assert made.dtype == np.dtype(element.typestr)
    assert made.tobytes() == data
    assert made.shape == (2, 3)


@pytest.mark.parametrize("element", [e.name for e in ELEMENTS.values() if not e.typestr])
def test_what_numpy_lacks_names_torch(writer, root, no_torch, element):
    storage = writer.storage("uint8", bytes(8), 1)
    with pytest.raises(RebuildError, match=f"{element}, which numpy has not; pip install torch"):
        root(writer.tensor(storage, element, [1], [1]))


def test_views_share_their_storage(writer, root, no_torch):
    storage = writer.storage("float32", FLOATS, 4)
    whole = writer.tensor(storage, "float32", [24], [1])
    strided = writer.tensor(storage, "float32", [2, 3], [12, 2], offset=1)
    turned = writer.tensor(storage, "float32", [6, 4], [1, 6])
    empty = writer.tensor(storage, "float32", [0, 3], [3, 1], offset=24)
    scalar = writer.tensor(storage, "float32", [], [], offset=5)
    parameter = writer.node(k.PARAMETER, whole, 1, k.ABSENT)
    made = root(writer.node(k.LIST, whole, strided, turned, empty, scalar, parameter))
    base = np.arange(24, dtype="<f4")
    assert made[0].tolist() == base.tolist()
    assert made[1].tolist() == [[1, 3, 5], [13, 15, 17]]
    assert made[2].tolist() == base.reshape(4, 6).T.tolist()
    assert made[3].shape == (0, 3)
    assert made[4].shape == ()
    assert made[5] is made[0]
    made[0][1] = -1
    assert made[1][0, 0] == -1


@pytest.mark.parametrize(
    "view",
    [([25], [1], 0), ([1], [1], 24), ([2], [24], 0), ([2**61], [0], 0), ([-1], [1], 0),
     ([2], [-1], 5), ([0], [1], 25), ([2**33, 2**33], [2**31, 2**31], 0)],
)  # fmt: skip
def test_what_leaves_its_storage_is_refused(writer, root, view):
    storage = writer.storage("float32", FLOATS, 4)
    with pytest.raises(RebuildError):
        root(writer.tensor(storage, "float32", *view), tensors="numpy")


def test_lazy_bits_are_worked_out(writer, root):
    storage = writer.storage("complex64", struct.pack("<2f", 1, 2), 8)
    halves = writer.storage("float32", struct.pack("<2f", 1, 2), 4)
    conj = writer.tensor(storage, "complex64", [1], [1], flags=2)
    neg = writer.tensor(halves, "float32", [2], [1], flags=4)
    made = root(writer.node(k.LIST, conj, neg), tensors="numpy")
    assert made[0].tolist() == [1 - 2j]
    assert made[1].tolist() == [-1, -2]


def test_what_is_torchs_alone_needs_torch(writer, root, no_torch):
    tensor = writer.vector("float32", FLOATS, 4)
    storage = writer.storage("qint8", bytes(4), 1)
    at = writer.run_of(writer.graph.ints, [1])
    meta = writer.node(k.STORAGE, writer.string("float32"), k.ABSENT, at)
    attribute = writer.dict_str({"x": writer.none()})
    for node in (
        writer.sparse("sparse_coo", [3, 3], [tensor, tensor]),
        writer.quantized(storage, "qint8", [4], [1], 1.0, 0),
        writer.tensor(meta, "float32", [1], [1]),
        writer.node(k.TENSOR_WITH_STATE, tensor, attribute),
        writer.node(k.PARAMETER, tensor, 1, attribute),
        writer.node(k.TORCH_DEVICE, writer.string("cpu"), k.ABSENT),
        writer.name("torch", "float32", k.TRUST_NAME),
        writer.object(writer.name("torch.nn.modules.linear", "Linear", k.TRUST_NEW_DICT)),
        storage,
    ):
        with pytest.raises(RebuildError, match="pip install torch"):
            root(node)
    with pytest.raises(RebuildError, match="pip install torch"):
        root(tensor, tensors="torch")
    with pytest.raises(RebuildError, match="pip install torch"):
        root(tensor, device="cpu")


def test_odd_options_are_refused():
    for options in ({"kind": "jax"}, {"kind": "numpy", "device": "cpu"}):
        with pytest.raises(Error):
            TensorOptions(**options)


def test_paths_are_pure(writer, root):
    for name in ("PosixPath", "PurePosixPath", "Path"):
        made = root(writer.call_by_name(f"pathlib.{name}", [writer.str("/tmp"), writer.str("x")]))
        assert type(made) is pathlib.PurePosixPath
        assert str(made) == "/tmp/x"
    made = root(writer.call_by_name("pathlib.WindowsPath", [writer.str("C:\\x")]))
    assert type(made) is pathlib.PureWindowsPath
    with pytest.raises(RebuildError):
        root(writer.call_by_name("pathlib.PosixPath", [writer.int(1)]))


TIMES = [
    datetime.datetime(2024, 2, 29, 23, 59, 58, 123456),
    datetime.datetime(1, 1, 1),
    datetime.datetime(2024, 10, 27, 2, 30, fold=1),
    datetime.date(9999, 12, 31),
    datetime.time(23, 59, 58, 999999),
    datetime.time(2, 30, fold=1),
]


@pytest.mark.parametrize("time", TIMES, ids=str)
def test_times(writer, root, time):
    packed = time.__reduce_ex__(4)[1][0]
    node = writer.node(k.BYTES, writer.blob(packed))
    made = root(writer.call_by_name(f"datetime.{type(time).__name__}", [node]))
    assert made == time
    assert getattr(made, "fold", 0) == getattr(time, "fold", 0)


@pytest.mark.parametrize(
    "packed", [b"", b"\0" * 4, b"\0" * 10, b"\7\xe8\x0d\1", b"\7\xe8\2\x1e", b"x" * 11]
)
def test_times_that_are_none(writer, root, packed):
    for name in ("date", "datetime", "time"):
        node = writer.node(k.BYTES, writer.blob(packed))
        with pytest.raises(RebuildError):
            root(writer.call_by_name(f"datetime.{name}", [node]))


def test_times_in_a_zone(writer, root):
    def delta(*parts):
        return writer.call_by_name("datetime.timedelta", list(map(writer.int, parts)))

    noon = datetime.datetime(2024, 2, 29, 12)
    packed = writer.node(k.BYTES, writer.blob(noon.__reduce_ex__(4)[1][0]))
    utc = writer.call_by_name("datetime.timezone", [delta(0, 0, 0)])
    made = root(writer.call_by_name("datetime.datetime", [packed, utc]))
    assert made == noon.replace(tzinfo=datetime.timezone.utc)
    assert made.tzinfo is datetime.timezone.utc
    named = root(writer.call_by_name("datetime.timezone", [delta(-1, 82800, 0), writer.str("X")]))
    assert named == datetime.timezone(datetime.timedelta(hours=-1), "X")
    assert named.tzname(None) == "X"
    for wrong in ([delta(2, 0, 0)], [writer.int(1)], [delta(0, 0, 0), writer.int(1)], []):
        with pytest.raises(RebuildError):
            root(writer.call_by_name("datetime.timezone", wrong))
    with pytest.raises(RebuildError):
        root(writer.call_by_name("datetime.datetime", [packed, delta(0, 0, 0)]))


def test_time_differences(writer, root):
    made = root(writer.call_by_name("datetime.timedelta", list(map(writer.int, (1, 2, 3)))))
    assert made == datetime.timedelta(1, 2, 3)
    for wrong in ([2**40, 0, 0], [1, 2]):
        with pytest.raises(RebuildError):
            root(writer.call_by_name("datetime.timedelta", list(map(writer.int, wrong))))
    assert math.isfinite(made.total_seconds())
