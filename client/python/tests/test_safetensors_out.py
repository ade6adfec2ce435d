"""What safetensors files are written of, read back by the format's own description."""

import json
import struct

import numpy as np
import pytest

from loadlock import NotExpressible, RebuildError
from loadlock._rebuild import Columns, InlineBuffers
from loadlock._rebuild import kinds as k
from loadlock._rebuild.tensors.dtypes import ELEMENTS
from loadlock._safetensors import safetensors_files

FLOATS = struct.pack("<24f", *range(24))


@pytest.fixture
def written(writer):
    """Header and data of the file for a dict of nodes."""

    def write(nodes, key=None):
        if isinstance(nodes, dict):
            nodes = writer.dict_str(nodes)
        writer.graph.root = nodes
        columns = Columns.from_graph(writer.graph)
        (file,) = safetensors_files(columns, InlineBuffers(writer.buffers), writer.trusts, key)
        data = b"".join(file.chunks())
        (length,) = struct.unpack_from("<Q", data)
        assert length % 8 == 0
        header = json.loads(data[8 : 8 + length])
        metadata = header.pop("__metadata__", None)
        body = data[8 + length :]
        arrays = {name: body[slice(*entry["data_offsets"])] for name, entry in header.items()}
        assert sum(map(len, arrays.values())) == len(body)
        for name, entry in header.items():
            assert entry["data_offsets"][0] % ITEM[entry["dtype"]] == 0, name
        return header, arrays, metadata

    return write


ITEM = {element.safetensors: element.size for element in ELEMENTS.values()}
WRITABLE = [element for element in ELEMENTS.values() if element.safetensors]


@pytest.mark.parametrize("element", WRITABLE, ids=lambda element: element.name)
def test_every_element_type_is_written_as_it_lies(writer, written, element):
    data = bytes(i % 2 for i in range(6 * element.size))
    storage = writer.storage(element.name, data, element.size)
    header, arrays, metadata = written({"w": writer.tensor(storage, element.name, [2, 3], [3, 1])})
    assert header["w"]["dtype"] == element.safetensors
    assert header["w"]["shape"] == ([2, 6] if element.safetensors == "F4" else [2, 3])
    assert arrays["w"] == data
    assert metadata == {"format": "pt"}


@pytest.mark.parametrize("element", [e for e in ELEMENTS.values() if not e.safetensors])
def test_other_element_types_are_named(writer, written, element):
    storage = writer.storage("uint8", bytes(16), 1)
    with pytest.raises(NotExpressible, match=f"no type for 'w', of dtype {element.name}"):
        written({"w": writer.tensor(storage, element.name, [1], [1])})


def test_views_are_written_in_order(writer, written):
    storage = writer.storage("float32", FLOATS, 4)
    halves = writer.storage("bfloat16", bytes(range(24)), 2)
    base = np.arange(24, dtype="<f4")
    header, arrays, _ = written(
        {
            "turned": writer.tensor(storage, "float32", [6, 2], [1, 6]),
            "rest": writer.tensor(storage, "float32", [3], [2], offset=12),
            "scalar": writer.tensor(storage, "float32", [], [], offset=23),
            "empty": writer.tensor(storage, "float32", [0, 5], [5, 1]),
            "nothing": writer.tensor(storage, "float32", [0, 1 << 40], [1 << 40, 8192]),
            "halves": writer.tensor(halves, "bfloat16", [3, 4], [1, 3]),
        }
    )
    assert arrays["turned"] == base[:12].reshape(2, 6).T.tobytes()
    assert arrays["rest"] == base[12:18:2].tobytes()
    assert arrays["scalar"] == base[23:].tobytes()
    assert header["empty"]["shape"] == [0, 5]
    assert header["nothing"]["shape"] == [0, 1 << 40]
    expected = np.frombuffer(bytes(range(24)), "<u2").reshape(4, 3).T
    assert arrays["halves"] == expected.tobytes()


def test_lazy_bits_are_worked_out(writer, written):
    pairs = writer.storage("complex64", struct.pack("<2f", 1, 2), 8)
    storage = writer.storage("float32", struct.pack("<2f", 1, 2), 4)
    _, arrays, _ = written(
        {
            "conj": writer.tensor(pairs, "complex64", [1], [1], flags=2),
            "neg": writer.tensor(storage, "float32", [2], [1], flags=4),
        }
    )
    assert arrays["conj"] == struct.pack("<2f", 1, -2)
    assert arrays["neg"] == struct.pack("<2f", -1, -2)


def test_large_tensors_come_in_pieces(writer):
    data = np.arange(3 << 20, dtype="<u4")
    storage = writer.storage("uint32", data.tobytes(), 4)
    whole = writer.tensor(storage, "uint32", [3 << 20], [1])
    turned = writer.tensor(
        writer.storage("uint32", data.tobytes(), 4), "uint32", [1 << 20, 3], [1, 1 << 20]
    )
    writer.graph.root = writer.dict_str({"a": whole, "b": turned})
    columns = Columns.from_graph(writer.graph)
    (file,) = safetensors_files(columns, InlineBuffers(writer.buffers), {}, None)
    _, *chunks = file.chunks()
    assert max(map(len, chunks)) <= 4 << 20
    assert len(chunks) < 16
    assert b"".join(chunks) == data.tobytes() + data.reshape(3, -1).T.tobytes()


def test_one_name_is_kept_of_those_for_the_same_tensor(writer, written):
    tensor = writer.vector("float32", FLOATS, 4)
    storage = writer.graph.operands[-5]
    again = writer.tensor(storage, "float32", [24], [1])
    parameter = writer.node(k.PARAMETER, again, 1, k.ABSENT)
    header, _, metadata = written({"head": tensor, "embed": parameter, "again": again})
    assert list(header) == ["again"]
    assert metadata == {"format": "pt", "embed": "again", "head": "again"}


@pytest.mark.parametrize(
    ("sizes", "strides", "offset"), [([12], [1], 0), ([12], [1], 12), ([6, 4], [1, 6], 0)]
)
def test_what_shares_a_part_is_refused_by_name(writer, written, sizes, strides, offset):
    tensor = writer.vector("float32", FLOATS, 4)
    storage = writer.graph.operands[-5]
    part = writer.tensor(storage, "float32", sizes, strides, offset=offset)
    with pytest.raises(NotExpressible, match="'a' and 'b' share a part"):
        written({"a": tensor, "b": part})


def test_parts_that_do_not_overlap_are_apart(writer, written):
    storage = writer.storage("float32", FLOATS, 4)
    _, arrays, metadata = written(
        {
            "a": writer.tensor(storage, "float32", [12], [1]),
            "b": writer.tensor(storage, "float32", [12], [1], offset=12),
        }
    )
    assert arrays == {"a": FLOATS[:48], "b": FLOATS[48:]}
    assert metadata == {"format": "pt"}


def test_the_weights_of_a_checkpoint(writer, written):
    inner = writer.dict_str({"w": writer.vector("float32", FLOATS, 4)})
    checkpoint = {"state_dict": inner, "epoch": writer.int(3), "ema": inner}
    for key in (None, "state_dict", "ema"):
        assert list(written(checkpoint, key)[0]) == ["w"]
    for key in ("epoch", "none"):
        with pytest.raises(NotExpressible):
            written(checkpoint, key)
    metadata = writer.dict_str({})
    tensor = writer.vector("float32", FLOATS, 4)
    assert list(written(writer.node(k.STATE_DICT, metadata, writer.str("v"), tensor))[0]) == ["v"]


def test_what_is_no_dict_of_tensors_is_named(writer, written):
    tensor = writer.vector("float32", FLOATS, 4)
    at = writer.run_of(writer.graph.ints, [1])
    meta = writer.node(k.STORAGE, writer.string("float32"), k.ABSENT, at)
    for nodes, why in (
        ({"a": writer.node(k.LIST)}, "'a' is a builtins.list"),
        ({"a": writer.sparse("sparse_coo", [3, 3], [tensor, tensor])}, "'a' is no plain tensor"),
        ({"a": writer.tensor(meta, "float32", [1], [1])}, "meta device"),
        ({"__metadata__": tensor}, "__metadata__"),
        (writer.node(k.LIST, tensor), "this is a builtins.list"),
        (writer.node(k.DICT, writer.int(1), writer.none()), "this is a builtins.dict"),
        ({"a": writer.vector("bfloat16", bytes(2), 2, flags=4)}, "lazy negative"),
    ):
        with pytest.raises(NotExpressible, match=why):
            written(nodes)
    storage = writer.storage("float32", FLOATS, 4)
    with pytest.raises(RebuildError):
        written({"a": writer.tensor(storage, "float32", [25], [1])})
