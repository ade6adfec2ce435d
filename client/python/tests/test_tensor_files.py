"""A file's tensors by name, without torch: which dict they are in, and what is asked of it."""

import struct

import numpy as np
import pytest

from loadlock import RebuildError
from loadlock._rebuild import Columns, InlineBuffers, TensorOptions, rebuild
from loadlock._rebuild import kinds as k
from loadlock._tensors import TensorFile, state_dict

FLOATS = struct.pack("<24f", *range(24))
NUMPY = TensorOptions("numpy")


@pytest.fixture
def opened(writer):
    """A file with that root."""

    def build(root, key=None):
        writer.graph.root = root
        columns = Columns.from_graph(writer.graph)
        return TensorFile(columns, InlineBuffers(writer.buffers), writer.trusts, NUMPY, key)

    return build


@pytest.fixture
def state(writer):
    """The state dict of a file with that root."""

    def build(root, key=None):
        writer.graph.root = root
        columns = Columns.from_graph(writer.graph)
        made = rebuild(columns, InlineBuffers(writer.buffers), writer.trusts, NUMPY)
        return state_dict(made, NUMPY, key)

    return build


@pytest.fixture
def weights(writer):
    """Nodes: a view, an array, a parameter."""
    storage = writer.storage("float32", FLOATS, 4)
    view = writer.tensor(storage, "float32", [2, 3], [12, 2], offset=1)
    array = writer.array(writer.dtype("<i8"), struct.pack("<2q", 1, 2), (2,))
    parameter = writer.node(k.PARAMETER, view, 1, k.ABSENT)
    return {"b.view": view, "a.array": array, "parameter": parameter}


def pairs(writer, nodes):
    return [part for name, node in nodes.items() for part in (writer.str(name), node)]


@pytest.mark.parametrize("kind", ["DICT_STR", "DICT", "ORDERED_DICT", "STATE_DICT"])
def test_every_sort_of_dict_opens(writer, weights, opened, state, kind):
    if kind == "DICT_STR":
        root = writer.dict_str(weights)
    elif kind == "STATE_DICT":
        root = writer.node(k.STATE_DICT, writer.dict_str({}), *pairs(writer, weights))
    else:
        root = writer.node(getattr(k, kind), *pairs(writer, weights))
    with opened(root) as file:
        assert file.keys() == list(weights)
        assert list(file) == file.keys()
        assert len(file) == 3
        assert "a.array" in file
        assert "none" not in file
        assert file.tensor("b.view").tolist() == [[1, 3, 5], [13, 15, 17]]
        assert file.tensor("a.array").tolist() == [1, 2]
        assert file.tensor("parameter") is file.tensor("b.view")
        with pytest.raises(KeyError):
            file.tensor("none")
    made = state(root)
    assert list(made) == list(weights)
    assert made["b.view"].tolist() == [[1, 3, 5], [13, 15, 17]]


def test_a_slice_is_a_copy(writer, weights, opened):
    file = opened(writer.dict_str(weights))
    part = file.slice("b.view")
    assert part.shape == (2, 3)
    assert part.dtype == np.dtype("<f4")
    row = part[1]
    row[0] = -1
    assert file.tensor("b.view")[1, 0] == 13
    assert part[0, 2] == 5


def test_a_closed_file_gives_nothing(writer, weights, opened):
    file = opened(writer.dict_str(weights))
    kept = file.tensor("b.view")
    file.close()
    with pytest.raises(RebuildError, match="closed"):
        file.tensor("b.view")
    assert kept[0, 0] == 1


def test_only_what_is_asked_for_is_made(writer, weights, opened):
    # An array that lies would be found by whoever makes it.
    broken = writer.array(writer.dtype("<f8"), b"\0" * 8, (2,))
    file = opened(writer.dict_str({**weights, "broken": broken}))
    assert file.tensor("a.array").tolist() == [1, 2]
    with pytest.raises(RebuildError, match="does not fill"):
        file.tensor("broken")


def test_a_key_leads_into_a_checkpoint(writer, weights, opened, state):
    inner = writer.dict_str(weights)
    root = writer.dict_str({"epoch": writer.int(3), "model": inner, "ema\x1b": inner})
    assert len(opened(root, "model")) == 3
    assert len(state(root, "model")) == 3
    for build in (opened, state):
        with pytest.raises(RebuildError, match=r"'epoch' is no tensor.*'model', 'ema\\x1b'"):
            build(root)
        for key in ("none", "epoch"):
            with pytest.raises(RebuildError):
                build(root, key)


def test_extra_state_is_no_mistake(writer, weights, opened, state):
    root = writer.dict_str({**weights, "layer._extra_state": writer.int(1)})
    assert opened(root).keys() == list(weights)
    assert state(root)["layer._extra_state"] == 1


def test_what_is_no_dict_of_names_is_refused(writer, weights, opened, state):
    view = weights["b.view"]
    for root in (
        view,
        writer.node(k.LIST, view),
        writer.node(k.DICT, writer.int(1), view),
        writer.none(),
    ):
        for build in (opened, state):
            with pytest.raises(RebuildError):
                build(root)
