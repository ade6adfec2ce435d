"""Arrays, dtypes, scalars and random states, and buffers that lie about themselves."""

import mmap

import numpy as np
import pytest

from loadlock import RebuildError
from loadlock._rebuild import Columns, MappedBuffers, StreamedBuffers, rebuild
from loadlock._rebuild import kinds as k

RECORD = np.dtype(
    {"names": ["a", "b"], "formats": ["<i4", "<f8"], "offsets": [1, 8], "itemsize": 24}
)
ARRAYS = [
    np.arange(6.0).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(3, dtype=">i4"),
    np.array(["a", "bcd"]),
    np.array([b"a", b"bcd"]),
    np.array([True, False]),
    np.array(7.0),
    np.zeros((0, 5)),
    np.zeros((3, 0), dtype="U0"),
    np.array([1 + 2j], dtype="c8"),
    np.array(["2020-01-01"], dtype="M8[D]"),
    np.zeros(3, dtype=RECORD),
    np.zeros(2, dtype=[("x", [("y", ">u2"), ("z", "S3")]), ("w", "?")]),
    np.array(["a", None, [1, 2]], dtype=object),
    np.array([[(), {}], [1, 2]], dtype=object),
    np.array([np.arange(2), np.arange(3)], dtype=object),
    np.asfortranarray(np.array([[1, "b"], [None, 2.0]], dtype=object)),
    np.array([], dtype=object),
    np.float64(1.5),
    np.int32(-1),
    np.str_("abc"),
    np.bool_(True),
    np.datetime64("2020-01-01T00:00"),
    np.array([(1, 2.0)], dtype=RECORD)[0],
    np.dtype("f8"),
    RECORD,
]


def equal(a, b):
    assert type(a) is type(b)
    if isinstance(a, np.dtype):
        assert a == b
        return
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    if a.dtype.hasobject:
        assert list(map(repr, a.ravel())) == list(map(repr, b.ravel()))
    elif a.dtype == RECORD:
        # What lies between the fields is nobody's.
        assert a.tolist() == b.tolist()
    else:
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("value", ARRAYS, ids=repr)
def test_arrays_come_back(round_trip, value):
    made = round_trip(value)
    equal(made, value)
    if isinstance(value, np.ndarray):
        assert made.flags.writeable
        assert made.flags.aligned
        assert made.flags.f_contiguous == value.flags.f_contiguous


def test_an_array_in_an_object_array_is_kept_whole(round_trip):
    value = np.empty(2, dtype=object)
    value[0], value[1] = np.array(5.0), np.arange(3)
    made = round_trip(value)
    assert type(made[0]) is np.ndarray
    assert made[0].shape == ()


@pytest.mark.parametrize(
    "typestr",
    ["f8,f8", "O8", "|O4", "object", "float64", "<f3", "<V", "(2,)f8", "{'names': ['a']}", "",
     "f8 ", "<M8[ns]]", "<M8[x]", "T", "U-1"],
)  # fmt: skip
def test_odd_dtypes_are_refused(writer, root, typestr):
    with pytest.raises(RebuildError):
        root(writer.dtype(typestr))


def record(writer, itemsize, fields):
    operands = [writer.run_of(writer.graph.ints, [itemsize])]
    for name, dtype, offset in fields:
        at = writer.run_of(writer.graph.ints, [offset])
        operands += [writer.string(name), writer.dtype(dtype), at]
    return writer.node(k.DTYPE_RECORD, *operands)


@pytest.mark.parametrize(
    ("itemsize", "fields"),
    [
        (8, [("a", "<f8", 1)]),
        (8, [("a", "<f8", -8)]),
        (8, [("a", "<f8", 2**30)]),
        (8, [("a", "|O", 0)]),
        (-8, [("a", "|V0", 0)]),
        (2**40, [("a", "<f8", 0)]),
        (8, [("a", "<i4", 0), ("a", "<i4", 4)]),
    ],
)
def test_records_that_lie_are_refused(writer, root, itemsize, fields):
    with pytest.raises(RebuildError):
        root(record(writer, itemsize, fields))


def test_a_record_in_itself_is_refused(writer, root):
    writer.graph.ints.extend([8, 0])
    node = writer.reserve(k.DTYPE_RECORD, 4)
    writer.patch(node, 0, writer.string("a"), node, 1)
    with pytest.raises(RebuildError, match="cycle"):
        root(node)


@pytest.mark.parametrize(
    ("shape", "size"),
    [((2,), 8), ((2,), 24), ((-1,), 8), ((-1, -2), 16), ((2**62, 4), 0), ((0, -1), 0), ((), 0)],
)
def test_sizes_that_lie_are_refused(writer, root, shape, size):
    with pytest.raises(RebuildError):
        root(writer.array(writer.dtype("<f8"), b"\0" * size, shape))


def test_an_array_of_pointers_is_refused(writer, root):
    with pytest.raises(RebuildError):
        root(writer.array(writer.dtype("|O"), b"\1" * 8, (1,)))
    with pytest.raises(RebuildError):
        root(writer.node(k.SCALAR, writer.dtype("|O"), writer.blob(b"\1" * 8)))


@pytest.mark.parametrize("order", [2, 7])
def test_an_unknown_order_is_refused(writer, root, order):
    with pytest.raises(RebuildError):
        root(writer.array(writer.dtype("<f8"), b"\0" * 8, (1,), order))


def test_a_dtype_that_is_none_is_refused(writer, root):
    for dtype in (writer.str("<f8"), writer.none(), writer.node(k.LIST)):
        with pytest.raises(RebuildError):
            root(writer.array(dtype, b"\0" * 8, (1,)))
        with pytest.raises(RebuildError):
            root(writer.node(k.SCALAR, dtype, writer.blob(b"\0" * 8)))


@pytest.mark.parametrize("size", [0, 7, 9, 16])
def test_a_scalar_of_another_size_is_refused(writer, root, size):
    with pytest.raises(RebuildError):
        root(writer.node(k.SCALAR, writer.dtype("<f8"), writer.blob(b"\0" * size)))


def test_the_wrong_number_of_elements_is_refused(writer, root):
    elements = writer.node(k.LIST, writer.none())
    for shape in ((2,), (0,), (-1,), (-1, -1)):
        first = writer.run_of(writer.graph.ints, shape)
        with pytest.raises(RebuildError):
            root(writer.node(k.OBJECT_NDARRAY, elements, 0, len(shape), first))
    with pytest.raises(RebuildError):
        root(writer.node(k.OBJECT_NDARRAY, writer.none(), 0, 0, 0))


# Buffers in mapped memory.


@pytest.fixture
def mapped(writer):
    """Builds with the buffers in a private mapping of these bytes."""

    def build(node, data, source=1):
        writer.graph.root = node
        memory = mmap.mmap(-1, len(data), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory[:] = data
        columns = Columns.from_graph(writer.graph)
        return rebuild(columns, MappedBuffers({source: memory}), writer.trusts), memory

    return build


def mapped_array(writer, offset, data, source=1):
    node = writer.array(writer.dtype("<f8"), data, (len(data) // 8,))
    writer.graph.buffer_offsets[-1] = offset
    writer.graph.buffer_sources[-1] = source
    return node


def test_an_aligned_array_is_not_copied_and_an_unaligned_one_is(writer, mapped):
    data = np.arange(8.0).tobytes()
    aligned = mapped_array(writer, 16, data[16:32])
    odd = mapped_array(writer, 41, data[41:57])
    (first, second), memory = mapped(writer.node(k.LIST, aligned, odd), data)
    assert first.tolist() == [2.0, 3.0]
    assert second.tobytes() == data[41:57]
    assert second.flags.aligned
    first[0] = -1
    assert memory[16:24] == np.float64(-1).tobytes()
    second[:] = 0
    assert memory[41:57] == data[41:57]


def test_arrays_never_share_memory(writer, mapped):
    data = np.arange(4.0).tobytes()
    overlapping = [mapped_array(writer, 0, data[:16]), mapped_array(writer, 8, data[8:24])]
    (first, second), _ = mapped(writer.node(k.LIST, *overlapping), data)
    assert not np.shares_memory(first, second)


def test_a_buffer_used_twice_is_copied(writer, mapped):
    data = np.arange(4.0).tobytes()
    array = mapped_array(writer, 0, data)
    dtype, buffer, *rest = writer.graph.operands[-5:]
    again = writer.node(k.NDARRAY, dtype, buffer, *rest)
    (first, second), _ = mapped(writer.node(k.LIST, array, again), data)
    assert not np.shares_memory(first, second)
    assert first.tolist() == second.tolist()


@pytest.mark.parametrize("offset", [1, 8, 64, 2**63, 2**64 - 8])
def test_a_buffer_outside_of_the_file_is_refused(writer, mapped, offset):
    with pytest.raises(RebuildError, match="outside"):
        mapped(mapped_array(writer, offset, b"\0" * 64), b"\0" * 64)


@pytest.mark.parametrize("source", [0, 2, 3])
def test_a_buffer_of_a_file_that_was_not_handed_over_is_refused(writer, mapped, source):
    with pytest.raises(RebuildError, match="outside"):
        mapped(mapped_array(writer, 0, b"\0" * 8, source), b"\0" * 8)


def test_received_buffers_must_be_those_of_the_graph(writer, root):
    node = writer.array(writer.dtype("<f8"), b"\0" * 8, (1,))
    writer.graph.buffer_lengths[0] = 16
    with pytest.raises(RebuildError, match="not those of the graph"):
        root(node)
    writer.graph.buffer_lengths[0] = 8
    writer.buffers.append(b"")
    with pytest.raises(RebuildError, match="not those of the graph"):
        root(node)


def test_streamed_buffers_are_used_in_place(writer):
    writer.graph.root = writer.array(writer.dtype("<f8"), np.arange(2.0).tobytes(), (2,))
    memory = bytearray(writer.buffers[0])
    columns = Columns.from_graph(writer.graph)
    made = rebuild(columns, StreamedBuffers([memory]), {})
    made[0] = 5
    assert memory[:8] == np.float64(5).tobytes()


# Random states.


@pytest.mark.parametrize("name", ["MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"])
def test_generators_go_on_where_they_were(round_trip, name):
    generator = np.random.Generator(getattr(np.random, name)(5))
    generator.random(3)
    generator.integers(0, 9, dtype=np.int32)
    made = round_trip(generator)
    assert made.random(1000).tobytes() == generator.random(1000).tobytes()
    assert made.integers(0, 9, 5).tolist() == generator.integers(0, 9, 5).tolist()


@pytest.mark.parametrize("draws", [1, 2])
def test_random_states_keep_the_second_normal(round_trip, draws):
    state = np.random.RandomState(3)
    state.normal(size=draws)
    made = round_trip(state)
    assert made.normal(size=5).tobytes() == state.normal(size=5).tobytes()


def test_shared_random_states_stay_shared(round_trip):
    state = np.random.RandomState(3)
    first, second = round_trip([state, state])
    assert first is second


def bits(writer, name, state):
    return writer.node(k.GENERATOR, writer.node(k.BIT_GENERATOR, writer.string(name), state))


@pytest.mark.parametrize("pos", [-1, 625, 1 << 40])
def test_positions_out_of_range_are_refused(writer, root, pos):
    key = writer.array(writer.dtype("<u4"), b"\0" * 2496, (624,))
    inner = writer.dict_str({"key": key, "pos": writer.int(pos)})
    with pytest.raises(RebuildError, match="out of range"):
        root(bits(writer, "MT19937", writer.dict_str({"state": inner})))


@pytest.mark.parametrize(("dtype", "count"), [("<u4", 623), ("<u8", 624), ("<u4", 0), (">u4", 624)])
def test_other_keys_are_refused(writer, root, dtype, count):
    size = np.dtype(dtype).itemsize * count
    key = writer.array(writer.dtype(dtype), b"\0" * size, (count,))
    inner = writer.dict_str({"key": key, "pos": writer.int(0)})
    with pytest.raises(RebuildError, match="words"):
        root(bits(writer, "MT19937", writer.dict_str({"state": inner})))


def test_a_field_that_is_an_array(writer, root):
    grid = np.arange(6, dtype="<i2").reshape(1, 2, 3)
    made = root(writer.array(record(writer, 12, [("grid", "(2,3)<i2", 0)]), grid.tobytes(), (1,)))
    assert made.dtype == np.dtype([("grid", "<i2", (2, 3))])
    assert (made["grid"] == grid).all()


@pytest.mark.parametrize(
    "typestr", ["(2,3)<i2", "(3)<i2", "(0,)<i2", "(2,)(2,)<i2", "(2,)O", "2<i2"]
)
def test_such_a_dtype_is_that_of_no_array(writer, root, typestr):
    with pytest.raises(RebuildError):
        root(writer.array(writer.dtype(typestr), bytes(12), (1,)))


@pytest.mark.parametrize("name", ["", "default_rng", "BitGenerator", "os", "MT19937\0"])
def test_other_generators_are_refused(writer, root, name):
    with pytest.raises(RebuildError, match="unknown bit generator"):
        root(bits(writer, name, writer.node(k.DICT)))


def test_a_generator_over_something_else_is_refused(writer, root):
    with pytest.raises(RebuildError, match="bit generator"):
        root(writer.node(k.GENERATOR, writer.none()))
    gauss = writer.run_of(writer.graph.floats, [0.0])
    with pytest.raises(RebuildError, match="bit generator"):
        root(writer.node(k.RANDOM_STATE, writer.node(k.LIST), 0, gauss))
