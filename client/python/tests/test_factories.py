"""What stands behind a call: only what the tables know, with arguments of the known form."""

import collections
import functools

import numpy as np
import pytest
import scipy.sparse
from encoder import ABSENT, Encoder

from loadlock import RebuildError
from loadlock._rebuild import factories
from loadlock._rebuild import kinds as k

FACTORY, BY_NAME, NAME = k.TRUST_FACTORY, k.TRUST_BY_NAME_AND_PARAMS, k.TRUST_NAME


def call(writer, callee, args, trust=FACTORY, **rest):
    node = writer.name(*callee.rsplit(".", 1), trust)
    return writer.call(node, writer.node(k.TUPLE, *args), **rest)


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
    made = root(call(writer, "collections.defaultdict", [default], pairs=pairs))
    assert type(made) is collections.defaultdict
    assert made.default_factory is kind
    assert made == {1: None}


@pytest.mark.parametrize("default", ["builtins.eval", "builtins.type", "os.system", "bare.list"])
def test_a_default_that_is_called_for_more_is_refused(writer, root, default):
    name = writer.name(*default.rsplit(".", 1), NAME)
    with pytest.raises(RebuildError, match="plain type"):
        root(call(writer, "collections.defaultdict", [name]))


def partial(writer, function, args, keywords):
    wrapped = writer.name(*function.rsplit(".", 1), NAME)
    state = writer.node(k.TUPLE, wrapped, args, keywords, writer.none())
    return call(writer, "functools.partial", [wrapped], state=state)


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
        root(call(writer, "functools.partial", [good], state=state))


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
        root(call(writer, callee, [writer.str("echo called >&2")], trust))


@pytest.mark.parametrize("name", sorted(factories._CALLS))
@pytest.mark.parametrize("trust", [0, NAME, k.TRUST_NEW_DICT, k.TRUST_NEW_SETSTATE, 6])
def test_known_calls_need_trust(writer, root, name, trust):
    with pytest.raises(RebuildError, match=r"may not be called|not allowed"):
        root(call(writer, str(name), [], trust))


@pytest.mark.parametrize("name", sorted(factories._CALLS))
def test_known_calls_refuse_odd_arguments(writer, root, name):
    odd = [writer.str("x"), writer.name("os", "system", NAME), writer.node(k.LIST)]
    with pytest.raises(RebuildError):
        root(call(writer, str(name), odd * 5))
    with pytest.raises(RebuildError):
        root(call(writer, str(name), [], items=odd[2], pairs=odd[2], state=odd[0]))


def test_a_half_made_argument_is_refused(writer, root):
    node = writer.reserve(k.CALL, 5)
    pairs = writer.node(k.DICT, writer.int(1), node)
    callee = writer.name("collections", "Counter", FACTORY)
    args = writer.node(k.TUPLE, pairs)
    writer.patch(node, callee, args, ABSENT, ABSENT, ABSENT)
    for start in (node, pairs):
        with pytest.raises(RebuildError, match="cycle"):
            root(start)


# scikit-learn's compiled classes.


def tree_parts(**changes):
    """Arguments and state of the tree of a fitted model, changed."""
    from sklearn.tree import DecisionTreeClassifier

    x = np.arange(20.0).reshape(10, 2)
    model = DecisionTreeClassifier().fit(x, np.arange(10) % 3)
    _, (features, classes, outputs), state = model.tree_.__reduce__()
    args = {"features": features, "classes": classes, "outputs": outputs}
    parts = {**args, **state}
    for key, change in changes.items():
        parts[key] = change(parts[key])
    return [parts.pop(key) for key in args], parts


def tree(writer_class, args, state):
    encoder = writer_class()
    args = encoder.node(k.TUPLE, *map(encoder.visit, args))
    state = encoder.visit(state)
    encoder.graph.root = encoder.call(
        encoder.name("sklearn.tree._tree", "Tree", FACTORY), args, state
    )
    return encoder


def build(encoder):
    from conftest import built

    return built(encoder)


def test_a_tree_predicts_as_before():
    from sklearn.tree import DecisionTreeClassifier

    x = np.arange(20.0).reshape(10, 2)
    model = DecisionTreeClassifier().fit(x, np.arange(10) % 3)
    made = build(tree(Encoder, *tree_parts()))
    assert made.predict(x.astype("f4")).tobytes() == model.tree_.predict(x.astype("f4")).tobytes()


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("classes", lambda c: c[:0]),
        ("classes", lambda c: np.concatenate([c, c])),
        ("classes", lambda c: c * 0),
        ("classes", lambda c: c * -1),
        ("classes", lambda c: c.astype("i4")),
        ("classes", lambda c: c.tolist()),
        ("outputs", lambda n: 0),
        ("outputs", lambda n: -1),
        ("outputs", lambda n: 1000),
        ("outputs", lambda n: "1"),
        ("features", lambda n: -1),
        ("node_count", lambda n: -1),
        ("node_count", lambda n: n + 1),
        ("node_count", lambda n: True),
        ("max_depth", lambda n: -1),
        ("nodes", lambda n: n[:-1]),
        ("nodes", lambda n: n.reshape(1, -1)),
        ("nodes", lambda n: n["threshold"].copy()),
        ("nodes", lambda n: None),
        ("values", lambda v: v[:-1]),
        ("values", lambda v: v[:, :, :0]),
        ("values", lambda v: v[..., None]),
        ("values", lambda v: v.astype("i8")),
        ("values", lambda v: None),
    ],
)
def test_a_tree_whose_parts_lie_is_refused(part, change):
    with pytest.raises(RebuildError):
        build(tree(Encoder, *tree_parts(**{part: change})))


def test_a_tree_needs_its_state_and_nothing_more():
    args, state = tree_parts()
    with pytest.raises(RebuildError):
        build(tree(Encoder, args, None))
    with pytest.raises(RebuildError):
        build(tree(Encoder, args, {**state, "extra": 1}))


def neighbours(change=lambda state: state, cls=None):
    """A writer with the call that makes the k-d tree of a fitted model."""
    from sklearn.neighbors import KDTree

    original = KDTree(np.arange(30.0).reshape(15, 2), leaf_size=2)
    function, args, state = original.__reduce__()
    encoder = Encoder()
    arguments = encoder.node(k.TUPLE, *map(encoder.visit, cls or args))
    encoded = encoder.visit(change(state))
    callee = encoder.name(function.__module__, function.__name__, FACTORY)
    encoder.graph.root = encoder.call(callee, arguments, encoded)
    return original, encoder


def test_neighbours_are_found_as_before():
    original, encoder = neighbours()
    made = build(encoder)
    x = np.random.default_rng(0).random((20, 2)) * 30
    assert made.query(x, 3)[1].tolist() == original.query(x, 3)[1].tolist()


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s[:-1],
        lambda s: None,
        lambda s: list(s),
        lambda s: (s[0][:0], *s[1:]),
        lambda s: (s[0], s[1][:-1], *s[2:]),
        lambda s: (*s[:2], s[2][:-1], *s[3:]),
        lambda s: (*s[:3], s[3][:1], *s[4:]),
        lambda s: (*s[:3], None, *s[4:]),
        lambda s: (*s[:4], 0, *s[5:]),
        lambda s: (*s[:6], s[6] + 1, *s[7:]),
        lambda s: (*s[:11], None, s[12]),
        lambda s: (*s[:12], np.zeros(3)),
    ],
)
def test_neighbours_whose_parts_lie_are_refused(change):
    _, encoder = neighbours(change)
    with pytest.raises(RebuildError):
        build(encoder)


def test_neighbours_of_another_class_are_refused():
    from sklearn.metrics import DistanceMetric
    from sklearn.neighbors import BallTree

    for cls in (dict, BallTree, DistanceMetric):
        _, encoder = neighbours(cls=(cls,))
        with pytest.raises(RebuildError):
            build(encoder)


@pytest.mark.parametrize(
    "name", ["PyFuncDistance64", "MinkowskiDistance64", "newObj", "DistanceMetric64"]
)
def test_metrics_with_parameters_are_refused(writer, root, name):
    module = "sklearn.metrics._dist_metrics"
    with pytest.raises(RebuildError):
        root(call(writer, f"{module}.newObj", [writer.name(module, name, NAME)]))


def test_a_loss_is_called_with_its_parameter(writer, root):
    module = "sklearn._loss._loss"
    made = root(call(writer, f"{module}.CyPinballLoss", [writer.float(0.25)]))
    assert type(made).__name__ == "CyPinballLoss"
    assert made.quantile == 0.25
    cls = writer.name(module, "CyHalfMultinomialLoss", NAME)
    args = [cls, writer.int(238750788), writer.node(k.TUPLE)]
    made = root(call(writer, f"{module}.__pyx_unpickle_CyHalfMultinomialLoss", args))
    assert type(made).__name__ == "CyHalfMultinomialLoss"


def test_a_loss_of_another_class_is_refused(writer, root):
    module = "sklearn._loss._loss"
    for cls in ((module, "CyHalfGammaLoss"), ("os", "CyHalfMultinomialLoss"), ("os", "system")):
        args = [writer.name(*cls, NAME), writer.int(1), writer.none()]
        with pytest.raises(RebuildError, match="own class"):
            root(call(writer, f"{module}.__pyx_unpickle_CyHalfMultinomialLoss", args))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_of_no_number_is_refused(writer, root, value):
    with pytest.raises(RebuildError, match="finite"):
        root(call(writer, "sklearn._loss._loss.CyPinballLoss", [writer.float(value)]))


# scipy's sparse matrices.

SPARSE = ["csr_matrix", "csc_matrix", "bsr_matrix", "coo_matrix", "csr_array", "coo_array"]


@pytest.mark.parametrize("name", SPARSE)
def test_sparse_matrices(round_trip, name):
    value = getattr(scipy.sparse, name)(np.arange(12.0).reshape(4, 3) * (np.arange(3) > 0))
    made = round_trip(value)
    assert type(made) is type(value)
    assert made.toarray().tobytes() == value.toarray().tobytes()


def sparse(name, **changes):
    value = getattr(scipy.sparse, name)(np.arange(12.0).reshape(4, 3))
    encoder = Encoder()
    state = {**value.__dict__, **changes}
    cls = encoder.name(type(value).__module__, name, BY_NAME)
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
    build(sparse(name))
    with pytest.raises(RebuildError):
        build(sparse(name, **changes))


@pytest.mark.parametrize("column", [np.full(11, 3), np.full(11, -1), np.zeros(3, dtype=int), None])
def test_coordinates_that_lie_are_refused(column):
    value = scipy.sparse.coo_matrix(np.arange(12.0).reshape(4, 3))
    changes = {"coords": (value.row, column)} if "coords" in vars(value) else {"col": column}
    with pytest.raises(RebuildError):
        build(sparse("coo_matrix", **changes))


@pytest.mark.parametrize("trust", [0, NAME, k.TRUST_NEW_DICT, FACTORY])
def test_sparse_matrices_are_not_made_bare(trust):
    encoder = sparse("csr_matrix")
    name = (encoder.graph.globals[0].module, "csr_matrix")
    encoder.trusts[name] = trust
    with pytest.raises(RebuildError):
        build(encoder)


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
