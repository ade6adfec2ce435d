"""scikit-learn's compiled classes: every part of their state is proven, or nothing is made."""

import numpy as np
import pytest
from conftest import built
from encoder import Encoder

from loadlock import RebuildError
from loadlock._rebuild import kinds as k

FACTORY, NAME = k.TRUST_FACTORY, k.TRUST_NAME


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


def test_a_tree_predicts_as_before():
    from sklearn.tree import DecisionTreeClassifier

    x = np.arange(20.0).reshape(10, 2)
    model = DecisionTreeClassifier().fit(x, np.arange(10) % 3)
    made = built(tree(Encoder, *tree_parts()))
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
        built(tree(Encoder, *tree_parts(**{part: change})))


def test_a_tree_needs_its_state_and_nothing_more():
    args, state = tree_parts()
    with pytest.raises(RebuildError):
        built(tree(Encoder, args, None))
    with pytest.raises(RebuildError):
        built(tree(Encoder, args, {**state, "extra": 1}))


def neighbours(change=lambda state: state, cls=None, **metric):
    """A writer with the call that makes the ball tree of that metric, or a k-d tree."""
    from sklearn.neighbors import BallTree, KDTree

    kind = BallTree if metric else KDTree
    original = kind(np.arange(30.0).reshape(15, 2), leaf_size=2, **metric)
    function, args, state = original.__reduce__()
    encoder = Encoder()
    arguments = encoder.node(k.TUPLE, *map(encoder.visit, cls or args))
    encoded = encoder.visit(change(state))
    callee = encoder.name(function.__module__, function.__name__, FACTORY)
    encoder.graph.root = encoder.call(callee, arguments, encoded)
    return original, encoder


def test_neighbours_are_found_as_before():
    original, encoder = neighbours()
    made = built(encoder)
    x = np.random.default_rng(0).random((20, 2)) * 30
    assert made.query(x, 3)[1].tolist() == original.query(x, 3)[1].tolist()


METRICS = [
    {"metric": "chebyshev"},
    {"metric": "canberra"},
    {"metric": "haversine"},
    {"metric": "minkowski", "p": 1.5},
    {"metric": "minkowski", "p": 3, "w": [1.0, 2.0]},
    {"metric": "seuclidean", "V": [1.0, 2.0]},
]


@pytest.mark.parametrize("metric", METRICS, ids=str)
def test_neighbours_are_found_by_their_metric(metric):
    original, encoder = neighbours(**metric)
    made = built(encoder)
    x = np.random.default_rng(0).random((20, 2)) * 30
    for ours, theirs in zip(made.query(x, 3), original.query(x, 3), strict=True):
        assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("metric", METRICS[3:], ids=str)
@pytest.mark.parametrize(
    "change",
    [
        lambda s: s[:2],
        lambda s: None,
        lambda s: (s[0], np.zeros(3), s[2]),
        lambda s: (s[0], np.zeros(1), s[2]),
        lambda s: (s[0], np.zeros((2, 1)), s[2]),
        lambda s: (s[0], np.zeros(2, "i8"), s[2]),
        lambda s: (s[0], None, s[2]),
    ],
)
def test_metrics_whose_vector_lies_are_refused(metric, change, monkeypatch):
    visit = Encoder.visit

    def lying(self, value):
        if type(value) is not tuple or len(value) != 3 or not isinstance(value[0], float):
            return visit(self, value)
        return visit(self, change(value))

    monkeypatch.setattr(Encoder, "visit", lying)
    _, encoder = neighbours(**metric)
    with pytest.raises(RebuildError):
        built(encoder)


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
        built(encoder)


def test_neighbours_of_another_class_are_refused():
    from sklearn.metrics import DistanceMetric
    from sklearn.neighbors import BallTree

    for cls in (dict, BallTree, DistanceMetric):
        _, encoder = neighbours(cls=(cls,))
        with pytest.raises(RebuildError):
            built(encoder)


@pytest.mark.parametrize(
    "name", ["PyFuncDistance64", "MahalanobisDistance64", "newObj", "DistanceMetric64"]
)
def test_metrics_that_are_never_made_are_refused(writer, root, name):
    module = "sklearn.metrics._dist_metrics"
    with pytest.raises(RebuildError):
        root(writer.call_by_name(f"{module}.newObj", [writer.name(module, name, NAME)]))


def test_a_loss_is_called_with_its_parameter(writer, root):
    module = "sklearn._loss._loss"
    made = root(writer.call_by_name(f"{module}.CyPinballLoss", [writer.float(0.25)]))
    assert type(made).__name__ == "CyPinballLoss"
    assert made.quantile == 0.25
    cls = writer.name(module, "CyHalfMultinomialLoss", NAME)
    args = [cls, writer.int(238750788), writer.node(k.TUPLE)]
    made = root(writer.call_by_name(f"{module}.__pyx_unpickle_CyHalfMultinomialLoss", args))
    assert type(made).__name__ == "CyHalfMultinomialLoss"


def test_a_loss_of_another_class_is_refused(writer, root):
    module = "sklearn._loss._loss"
    for cls in ((module, "CyHalfGammaLoss"), ("os", "CyHalfMultinomialLoss"), ("os", "system")):
        args = [writer.name(*cls, NAME), writer.int(1), writer.none()]
        with pytest.raises(RebuildError, match="own class"):
            root(writer.call_by_name(f"{module}.__pyx_unpickle_CyHalfMultinomialLoss", args))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_of_no_number_is_refused(writer, root, value):
    with pytest.raises(RebuildError, match="finite"):
        root(writer.call_by_name("sklearn._loss._loss.CyPinballLoss", [writer.float(value)]))
