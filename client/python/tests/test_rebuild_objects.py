"""Instances: what may be named, made bare and given which state. Hostile graphs are refused."""

import bare
import pytest
from encoder import ABSENT

from loadlock import RebuildError
from loadlock._rebuild import kinds as k

NEW_DICT, NEW_SETSTATE, NAME, FACTORY = (
    k.TRUST_NEW_DICT,
    k.TRUST_NEW_SETSTATE,
    k.TRUST_NAME,
    k.TRUST_FACTORY,
)


@pytest.fixture
def plain(writer):
    """The node of class Plain, which may be made bare."""
    return writer.name("bare", "Plain", NEW_DICT)


def with_state(writer, cls, **state):
    return writer.object(cls, writer.dict_str(state))


def test_an_instance_gets_its_state_and_runs_nothing(writer, root, plain):
    made = root(with_state(writer, plain, coef_=writer.int(1), _private=writer.none()))
    assert type(made) is bare.Plain
    assert made.__dict__ == {"coef_": 1, "_private": None}
    assert made.predict() == "the class's own"


def test_an_instance_without_state(writer, root, plain):
    assert root(writer.object(plain)).__dict__ == {}
    assert root(writer.object(plain, writer.none())).__dict__ == {}
    assert root(writer.object(plain, writer.node(k.DICT), writer.node(k.TUPLE))).__dict__ == {}


def test_a_packed_state(writer, root, plain):
    keys = writer.run_of(writer.graph.strings, ["a", "b"])
    items = writer.run_of(writer.graph.ints, [1, 2])
    made = root(writer.object(plain, writer.node(k.DICT_STR_INT, keys, items, 2)))
    assert made.__dict__ == {"a": 1, "b": 2}


def test_the_dict_of_an_instance_belongs_to_nobody_else(writer, root, plain):
    state = writer.dict_str({"x": writer.int(1)})
    made, shared = root(writer.node(k.LIST, writer.object(plain, state), state))
    shared["x"] = 2
    assert made.x == 1


def test_cycles_through_instances(writer, root, plain):
    node = writer.reserve(k.OBJECT, 5)
    state = writer.dict_str({"me": node, "pair": writer.node(k.TUPLE, node, node)})
    writer.patch(node, plain, ABSENT, state, ABSENT, ABSENT)
    made = root(node)
    assert made.me is made
    assert made.pair[1] is made


def test_an_instance_below_the_tuple_that_it_holds(writer, root, plain):
    node = writer.reserve(k.OBJECT, 5)
    outer = writer.node(k.TUPLE, node)
    state = writer.dict_str({"outer": outer})
    writer.patch(node, plain, ABSENT, state, ABSENT, ABSENT)
    made = root(outer)
    assert made[0].outer is made


@pytest.mark.parametrize(
    "key",
    ["__array_interface__", "__class__", "__dict__", "__reduce_ex__", "__array__", "__", "__x",
     "_doc_link_template", "_html_repr", "_repr_html_inner", "_skl_callbacks"],
)  # fmt: skip
def test_reserved_keys_are_refused(writer, root, plain, key):
    with pytest.raises(RebuildError, match="reserved"):
        root(with_state(writer, plain, x=writer.none(), **{key: writer.none()}))


@pytest.mark.parametrize("key", ["predict", "computed", "flag", "mro"])
def test_keys_that_hide_attributes_of_the_class_are_refused(writer, root, plain, key):
    state = with_state(writer, plain, **{key: writer.node(k.TRUE)})
    if key == "mro":
        # Of the metaclass: instances do not find it, so nothing is hidden.
        assert root(state).mro is True
    else:
        with pytest.raises(RebuildError, match="hide"):
            root(state)


def test_a_hidden_method_is_refused_in_every_instance(writer, root, plain):
    good = with_state(writer, plain, x=writer.none())
    bad = with_state(writer, plain, x=writer.none(), predict=writer.none())
    with pytest.raises(RebuildError, match="hide"):
        root(writer.node(k.LIST, good, good, bad))


def test_positive_is_a_parameter_if_it_is_a_bool(writer, root, plain):
    assert root(with_state(writer, plain, positive=writer.node(k.TRUE))).positive is True
    for value in (writer.int(1), writer.none(), writer.node(k.LIST)):
        with pytest.raises(RebuildError, match="hide"):
            root(with_state(writer, plain, positive=value))


def test_positive_is_checked_in_every_instance(writer, root, plain):
    good = with_state(writer, plain, positive=writer.node(k.TRUE))
    bad = with_state(writer, plain, positive=writer.int(1))
    with pytest.raises(RebuildError, match="hide"):
        root(writer.node(k.LIST, bad, good))
    with pytest.raises(RebuildError, match="hide"):
        root(writer.node(k.LIST, good, bad))


@pytest.mark.parametrize("make", ["int", "str", "list", "tuple", "dict"])
def test_other_states_are_refused(writer, root, plain, make):
    one = writer.int(1)
    state = {
        "int": one,
        "str": writer.str("x"),
        "list": writer.node(k.LIST, one),
        # (None, slots) is what objects with __slots__ have.
        "tuple": writer.node(k.TUPLE, writer.none(), writer.node(k.DICT)),
        "dict": writer.node(k.DICT, one, one),
    }[make]
    with pytest.raises(RebuildError):
        root(writer.object(plain, state))


def test_arguments_and_items_are_refused(writer, root, plain):
    one = writer.int(1)
    with pytest.raises(RebuildError, match="arguments"):
        root(writer.object(plain, args=writer.node(k.TUPLE, one)))
    with pytest.raises(RebuildError, match="arguments"):
        root(writer.object(plain, args=writer.node(k.TUPLE_INT, 0, 1)))
    with pytest.raises(RebuildError, match="items"):
        root(writer.object(plain, items=writer.node(k.LIST, one)))
    with pytest.raises(RebuildError, match="items"):
        root(writer.object(plain, pairs=writer.node(k.DICT, one, one)))


@pytest.mark.parametrize("trust", [0, NAME, FACTORY, k.TRUST_BY_NAME_AND_PARAMS, 6, 7])
def test_other_trust_makes_no_instance(writer, root, trust):
    cls = writer.name("bare", "Plain", trust)
    with pytest.raises(RebuildError, match=r"allowed|instantiated"):
        root(writer.object(cls))


def test_a_name_that_the_report_lacks_is_refused(writer, root, plain):
    with pytest.raises(RebuildError, match="not allowed by the report"):
        root(writer.object(plain), {})
    with pytest.raises(RebuildError, match="not allowed by the report"):
        root(writer.object(plain), {("bare", "Slotted"): NEW_DICT})


@pytest.mark.parametrize("name", ["function", "module_like", "missing", "VALUE"])
def test_only_classes_are_made_bare(writer, root, name):
    with pytest.raises(RebuildError):
        root(writer.object(writer.name("bare", name, NEW_DICT)))


@pytest.mark.parametrize("name", ["Slotted", "InheritsDict"])
def test_classes_without_a_plain_instance_dict_are_refused(writer, root, name):
    with pytest.raises(RebuildError, match=r"bare instances|__dict__"):
        root(writer.object(writer.name("bare", name, NEW_DICT)))


@pytest.mark.parametrize("name", ["int", "type", "object", "function", "BaseException"])
def test_builtins_are_not_made_bare(writer, root, name):
    with pytest.raises(RebuildError):
        root(writer.object(writer.name("builtins", name, NEW_DICT)))


def test_new_of_the_class_does_not_run(writer, root):
    made = root(writer.object(writer.name("bare", "OwnNew", NEW_DICT)))
    assert type(made) is bare.OwnNew


def test_setstate_runs_where_the_policy_says_so(writer, root):
    cls = writer.name("bare", "Restored", NEW_SETSTATE)
    made = root(with_state(writer, cls, x=writer.int(1)))
    assert made.__dict__ == {"restored": {"x": 1}}
    with pytest.raises(RebuildError, match="reserved"):
        root(with_state(writer, cls, __class__=writer.none()))


def test_setstate_gets_no_half_made_state(writer, root):
    cls = writer.name("bare", "Restored", NEW_SETSTATE)
    node = writer.reserve(k.OBJECT, 5)
    outer = writer.node(k.TUPLE, node)
    state = writer.dict_str({"outer": outer})
    writer.patch(node, cls, ABSENT, state, ABSENT, ABSENT)
    with pytest.raises(RebuildError, match="cycle"):
        root(outer)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("bare", "module_like.system"),
        ("bare", "Plain.predict"),
        ("bare", "__builtins__.eval"),
        ("bare.Plain", "predict"),
        ("bare", ""),
        ("", "Plain"),
        (".bare", "Plain"),
        ("bare ", "Plain"),
        ("bare\n", "Plain"),
        ("bare", "Plain\n"),
        ("ba\u200bre", "Plain"),
        ("__main__", "Plain"),
        ("no_such_module_here", "Plain"),
    ],
)
def test_odd_names_are_refused(writer, root, module, name):
    for trust, make in ((NEW_DICT, writer.object), (NAME, lambda node: node)):
        node = make(writer.name(module, name, trust))
        with pytest.raises(RebuildError):
            root(node)


def test_a_name_as_a_value(writer, root):
    assert root(writer.name("bare", "function", NAME)) is bare.function
    assert root(writer.name("math", "pi", NAME)) == 3.141592653589793


@pytest.mark.parametrize("trust", [0, NEW_DICT, NEW_SETSTATE, FACTORY, 5, 6])
def test_other_trust_gives_no_value(writer, root, trust):
    with pytest.raises(RebuildError, match=r"allowed|value"):
        root(writer.name("bare", "function", trust))


def test_a_module_is_no_value(writer, root):
    with pytest.raises(RebuildError, match="module"):
        root(writer.name("bare", "module_like", NAME))


def test_module_getattr_does_not_run(writer, root, monkeypatch):
    ran = []
    monkeypatch.setattr(bare, "__getattr__", ran.append, raising=False)
    with pytest.raises(RebuildError):
        root(writer.name("bare", "made_up", NAME))
    assert ran == []


def test_only_listed_modules_are_imported(writer, root, tmp_path, monkeypatch):
    (tmp_path / "imported_by_accident.py").write_text("raise SystemExit('ran')")
    monkeypatch.syspath_prepend(tmp_path)
    writer.name("imported_by_accident", "x", 0)
    assert root(writer.none()) is None
    with pytest.raises(RebuildError):
        root(writer.name("imported_by_accident", "x", 0))


def test_a_class_that_is_no_name_is_refused(writer, root):
    with pytest.raises(RebuildError, match="not a name"):
        root(writer.object(writer.str("bare.Plain")))
    with pytest.raises(RebuildError, match="not a name"):
        root(writer.call(writer.none(), writer.node(k.TUPLE)))


def test_names_of_other_numpy_versions(writer, root):
    import numpy as np

    for module in ("numpy.core._multiarray_umath", "numpy._core._multiarray_umath"):
        assert root(writer.name(module, "absolute", NAME)) is np.absolute


def test_names_of_python_2(writer, root):
    assert root(writer.name("__builtin__", "list", NAME)) is list
