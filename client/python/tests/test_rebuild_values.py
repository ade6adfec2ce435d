"""Plain values and containers: content, types, identity, cycles, malformed columns."""

import collections
import math
import sys

import pytest
from encoder import ABSENT
from protocol import proto_kinds

from loadlock import RebuildError
from loadlock._rebuild import Columns
from loadlock._rebuild import kinds as k

VALUES = [
    None,
    True,
    False,
    ...,
    0,
    -1,
    2**63 - 1,
    -(2**63),
    2**63,
    -(2**200),
    1.5,
    -0.0,
    math.inf,
    complex(1, -2),
    "",
    "häß",
    b"",
    b"x" * 5000,
    [],
    [1, 2, 3],
    [1.0, 2.0],
    ["a", "b"],
    [1, "a", None, [2]],
    (),
    (1,),
    (1, 2.0, ("x",)),
    ("a", "b"),
    {},
    {"a": 1, "b": 2},
    {"a": 1.0, "b": 2.0},
    {"a": None, "b": [1]},
    {1: "a", (1, "b"): 2, None: 3},
    {1, 2, "a"},
    frozenset({1, 2}),
    slice(1, None, 2),
    range(0, 10, 3),
    collections.OrderedDict([("b", 1), ("a", 2)]),
]


def test_the_numbers_of_kinds_are_those_of_the_proto():
    ours = {n: v for n, v in vars(k).items() if n.isupper() and isinstance(v, int)}
    for name, number in proto_kinds("NODE_KIND_").items():
        if number:
            assert ours[name] == number
    for name, number in proto_kinds("TRUST_").items():
        assert ours.get(f"TRUST_{name}", number) == number
    assert set(k.OPERANDS) | set(k.REPEATING) == set(proto_kinds("NODE_KIND_").values()) - {0}


@pytest.mark.parametrize("pack", [True, False], ids=["packed", "unpacked"])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_come_back(round_trip, value, pack):
    made = round_trip(value, pack)
    assert type(made) is type(value)
    assert made == value
    if isinstance(value, dict):
        assert list(made) == list(value)
    if isinstance(value, float):
        assert math.copysign(1, made) == math.copysign(1, value)


def test_bytearray_is_a_copy_of_its_own(round_trip):
    made = round_trip([bytearray(b"abc")])
    made[0][0] = 0
    assert made == [bytearray(b"\0bc")]


def test_identity_is_kept(round_trip):
    shared = [None]
    made = round_trip({"a": shared, "b": shared, "c": (shared,)})
    assert made["a"] is made["b"] is made["c"][0]
    made = round_trip([[None], [None]])
    assert made[0] is not made[1]


def test_a_list_in_itself(round_trip):
    value = [None]
    value.append(value)
    made = round_trip(value)
    assert made[1] is made
    assert made[0] is None


def test_a_dict_in_a_tuple_in_itself(round_trip):
    value = {"x": None}
    value["self"] = (value, value)
    made = round_trip(value)
    assert made["self"][0] is made


def test_a_tuple_that_is_met_below_itself(writer, root):
    # t = ([t],): walked from t, the list is left before t is there.
    items = writer.reserve(k.LIST, 1)
    outer = writer.node(k.TUPLE, items)
    writer.patch(items, outer)
    made = root(outer)
    assert made[0][0] is made


def test_a_dict_value_that_is_met_below_itself(writer, root):
    inner = writer.reserve(k.DICT_STR, 2)
    outer = writer.node(k.TUPLE, inner)
    writer.patch(inner, writer.string("up"), outer)
    made = root(outer)
    assert made[0]["up"] is made


def test_nesting_is_not_recursion(writer, root):
    node = writer.none()
    for _ in range(20 * sys.getrecursionlimit()):
        node = writer.node(k.LIST, node)
    made = root(node)
    depth = 0
    while made is not None:
        (made,) = made
        depth += 1
    assert depth == 20 * sys.getrecursionlimit()


def test_keys_of_a_state_are_shared_strings(round_trip):
    first, second = round_trip([{"some_key_": None}, {"some_key_": None}])
    assert next(iter(first)) is next(iter(second)) is sys.intern("some_key_")


@pytest.mark.parametrize("kind", [k.TUPLE, k.FROZENSET])
def test_a_tuple_in_itself_is_refused(writer, root, kind):
    node = writer.reserve(kind, 1)
    writer.patch(node, node)
    with pytest.raises(RebuildError):
        root(node)


def test_two_tuples_in_each_other_are_refused(writer, root):
    first = writer.reserve(k.TUPLE, 1)
    second = writer.node(k.TUPLE, first)
    writer.patch(first, second)
    with pytest.raises(RebuildError, match="cycle"):
        root(writer.node(k.LIST, first))


@pytest.mark.parametrize("kind", [k.LIST, k.DICT])
def test_unhashable_keys_and_members_are_refused(writer, root, kind):
    key = writer.node(kind)
    with pytest.raises(RebuildError, match="plain value"):
        root(writer.node(k.DICT, key, key))
    with pytest.raises(RebuildError, match="plain value"):
        root(writer.node(k.SET, key))
    with pytest.raises(RebuildError, match="plain value"):
        root(writer.node(k.FROZENSET, writer.node(k.TUPLE, key)))


def test_an_instance_is_no_key(writer, root):
    instance = writer.object(writer.name("bare", "Plain", k.TRUST_NEW_DICT))
    with pytest.raises(RebuildError, match="plain value"):
        root(writer.node(k.DICT, instance, instance))
    with pytest.raises(RebuildError, match="plain value"):
        root(writer.node(k.SET, writer.node(k.TUPLE, instance)))


def test_a_key_twice_is_refused(writer, root):
    one, value = writer.int(1), writer.none()
    with pytest.raises(RebuildError, match="twice"):
        root(writer.node(k.DICT, one, value, one, value))
    with pytest.raises(RebuildError, match="twice"):
        root(writer.node(k.DICT, one, value, writer.node(k.TRUE), value))
    key = writer.string("a")
    with pytest.raises(RebuildError, match="twice"):
        root(writer.node(k.DICT_STR, key, key, value, value))
    writer.graph.strings.extend(["b", "b"])
    first = len(writer.graph.strings) - 2
    items = writer.run_of(writer.graph.ints, [1, 2])
    with pytest.raises(RebuildError, match="twice"):
        root(writer.node(k.DICT_STR_INT, first, items, 2))


@pytest.mark.parametrize(
    ("kind", "operands"),
    [
        (k.INT, (7,)),
        (k.STR, (7,)),
        (k.BYTES, (7,)),
        (k.BYTES_BUFFER, (7,)),
        (k.LIST, (7,)),
        (k.LIST, (ABSENT,)),
        (k.LIST_INT, (0, 1)),
        (k.TUPLE_STR, (ABSENT, 1)),
        (k.DICT_STR_INT, (0, 0, 1)),
        (k.DICT_STR, (7, 0)),
        (k.GLOBAL, (7,)),
        (k.DTYPE, (7,)),
        (k.NDARRAY, (7, 7, 7, 7, 7)),
        (k.OBJECT, (7, 7, 7, 7, 7)),
    ],
)
def test_indices_out_of_range_are_refused(writer, root, kind, operands):
    with pytest.raises(RebuildError):
        root(writer.node(kind, *operands))


@pytest.mark.parametrize(
    ("kind", "operands"),
    [(k.NONE, (0,)), (k.INT, ()), (k.OBJECT, (0,)), (k.SLICE, (0, 0)), (k.DICT, (0,)),
     (k.DICT_STR, (0,)), (k.DTYPE_RECORD, ()), (0, ()), (59, ()), (99, ()), (15, ())],
)  # fmt: skip
def test_wrong_counts_and_kinds_are_refused(writer, root, kind, operands):
    writer.int(1)
    with pytest.raises(RebuildError):
        root(writer.node(kind, *operands))


def test_columns_that_do_not_fit_are_refused(writer):
    writer.none()
    writer.graph.operand_counts[0] = 2**32 - 1
    with pytest.raises(RebuildError):
        Columns.from_graph(writer.graph)
    writer.graph.operand_counts.append(0)
    with pytest.raises(RebuildError):
        Columns.from_graph(writer.graph)


def test_root_out_of_range_is_refused(writer, root):
    with pytest.raises(RebuildError, match="root"):
        root(0)
    writer.none()
    with pytest.raises(RebuildError, match="root"):
        root(1)


def test_unequal_columns_of_buffers_are_refused(writer, root):
    node = writer.node(k.BYTES_BUFFER, writer.buffer(b"abc"))
    writer.graph.buffer_offsets.append(0)
    with pytest.raises(RebuildError, match="buffers"):
        root(node)


def test_a_range_takes_integers_only(writer, root):
    one, half = writer.int(1), writer.float(0.5)
    with pytest.raises(RebuildError):
        root(writer.node(k.RANGE, one, half, one))
