"""What stands behind a call: only what the tables know, with arguments of the known form."""

import collections
import functools

import numpy as np
import pytest
from encoder import ABSENT

from loadlock import RebuildError
from loadlock._rebuild import factories
from loadlock._rebuild import kinds as k

FACTORY, BY_NAME, NAME = k.TRUST_FACTORY, k.TRUST_BY_NAME_AND_PARAMS, k.TRUST_NAME


def test_collections(round_trip):
    for value in (
        collections.Counter("abca"),
        collections.deque([1, "a", None], 5),
        collections.deque([1]),
    ):
        made = round_trip(value)
        assert type(made) is type(value)
        assert made == value
    assert round_trip(collections.deque([1], 5)).maxlen == 5


@pytest.mark.parametrize("kind", [list, dict, int, float, set, str])
def test_default_dicts(writer, root, kind):
    pairs = writer.node(k.DICT, writer.int(1), writer.none())
    default = writer.name("builtins", kind.__name__, NAME)
    made = root(writer.call_by_name("collections.defaultdict", [default], pairs=pairs))
    assert type(made) is collections.defaultdict
    assert made.default_factory is kind
    assert made == {1: None}


@pytest.mark.parametrize("default", ["builtins.eval", "builtins.type", "os.system", "bare.list"])
def test_a_default_that_is_called_for_more_is_refused(writer, root, default):
    name = writer.name(*default.rsplit(".", 1), NAME)
    with pytest.raises(RebuildError, match="plain type"):
        root(writer.call_by_name("collections.defaultdict", [name]))


def partial(writer, function, args, keywords):
    wrapped = writer.name(*function.rsplit(".", 1), NAME)
    state = writer.node(k.TUPLE, wrapped, args, keywords, writer.none())
    return writer.call_by_name("functools.partial", [wrapped], state=state)


def test_the_partial_of_check_array(writer, root):
    from sklearn.utils.validation import check_array

    keywords = writer.dict_str({"dtype": writer.str("f8")})
    made = root(
        partial(writer, "sklearn.utils.validation.check_array", writer.node(k.TUPLE), keywords)
    )
    assert type(made) is functools.partial
    assert made.func is check_array
    assert made.keywords == {"dtype": "f8"}


@pytest.mark.parametrize(
    ("function", "args", "key"),
    [
        ("os.system", [], "dtype"),
        ("sklearn.utils.validation.check_array", ["x"], "dtype"),
        ("sklearn.utils.validation.check_array", [], "estimator"),
        ("sklearn.utils.validation.check_X_y", [], "dtype"),
    ],
)
def test_other_partials_are_refused(writer, root, function, args, key):
    keywords = writer.dict_str({key: writer.str("f8")})
    with pytest.raises(RebuildError):
        root(partial(writer, function, writer.node(k.TUPLE, *map(writer.str, args)), keywords))


def test_a_partial_whose_state_is_another_function_is_refused(writer, root):
    good = writer.name("sklearn.utils.validation", "check_array", NAME)
    bad = writer.name("os", "system", NAME)
    state = writer.node(k.TUPLE, bad, writer.node(k.TUPLE), writer.node(k.DICT), writer.none())
    with pytest.raises(RebuildError, match="partial"):
        root(writer.call_by_name("functools.partial", [good], state=state))


@pytest.mark.parametrize(
    "callee",
    [
        "os.system",
        "builtins.eval",
        "builtins.getattr",
        "builtins.bytearray",
        "numpy._core.multiarray._reconstruct",
        "numpy.random._pickle.__generator_ctor",
        "operator.attrgetter",
        "copyreg._reconstructor",
        "bare.function",
        "bare.Plain",
    ],
)
@pytest.mark.parametrize("trust", range(8))
def test_what_no_table_knows_is_never_called(writer, root, callee, trust):
    with pytest.raises(RebuildError):
        root(writer.call_by_name(callee, [writer.str("echo called >&2")], trust))


@pytest.mark.parametrize("name", sorted(factories._CALLS))
@pytest.mark.parametrize("trust", [0, NAME, k.TRUST_NEW_DICT, k.TRUST_NEW_SETSTATE, 6])
def test_known_calls_need_trust(writer, root, name, trust):
    with pytest.raises(RebuildError, match=r"may not be called|not allowed"):
        root(writer.call_by_name(str(name), [], trust))


@pytest.mark.parametrize("name", sorted(factories._CALLS))
def test_known_calls_refuse_odd_arguments(writer, root, name):
    odd = [writer.str("x"), writer.name("os", "system", NAME), writer.node(k.LIST)]
    with pytest.raises(RebuildError):
        root(writer.call_by_name(str(name), odd * 5))
    with pytest.raises(RebuildError):
        root(writer.call_by_name(str(name), [], items=odd[2], pairs=odd[2], state=odd[0]))


def test_a_half_made_argument_is_refused(writer, root):
    node = writer.reserve(k.CALL, 5)
    pairs = writer.node(k.DICT, writer.int(1), node)
    callee = writer.name("collections", "Counter", FACTORY)
    args = writer.node(k.TUPLE, pairs)
    writer.patch(node, callee, args, ABSENT, ABSENT, ABSENT)
    for start in (node, pairs):
        with pytest.raises(RebuildError, match="cycle"):
            root(start)


def test_a_bunch_has_items_and_no_state(writer, root):
    cls = writer.name("sklearn.utils._bunch", "Bunch", k.TRUST_NEW_SETSTATE)
    pairs = writer.dict_str({"x": writer.int(1)})
    state = writer.dict_str({"x": writer.int(2)})
    made = root(writer.object(cls, state, pairs=pairs))
    assert type(made).__name__ == "Bunch"
    assert made.x == 1
    assert "x" not in vars(made)
    with pytest.raises(RebuildError):
        root(writer.object(cls, pairs=writer.dict_str({"__class__": writer.int(1)})))
    with pytest.raises(RebuildError):
        root(writer.object(cls, pairs=writer.node(k.DICT, writer.int(1), writer.int(1))))


def test_masked_arrays(round_trip):
    value = np.ma.array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]], fill_value=9)
    made = round_trip(value)
    assert made.tolist() == value.tolist()
    assert made.fill_value == 9


def test_seed_sequences(round_trip):
    value = np.random.SeedSequence(12345, spawn_key=(1,))
    value.spawn(2)
    made = round_trip(value)
    assert (
        made.spawn(1)[0].generate_state(4).tolist() == value.spawn(1)[0].generate_state(4).tolist()
    )
