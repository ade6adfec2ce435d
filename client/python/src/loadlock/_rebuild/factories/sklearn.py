"""Factories of scikit-learn's compiled classes.

Their own `__setstate__` copies memory by sizes that they believe, so shapes and types are proven
here first. That indices inside are in range, the daemon has proven.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from loadlock._rebuild.factories.call import Call, Factory, is_int, is_number
from loadlock._rebuild.names import Name, import_name

_TREE = Name("sklearn.tree._tree", "Tree")
_LOSSES = "sklearn._loss._loss"
# Loss class to number of parameters, each a float.
_LOSS_PARAMETERS = {
    "CyHalfSquaredError": 0,
    "CyAbsoluteError": 0,
    "CyHalfPoissonLoss": 0,
    "CyHalfGammaLoss": 0,
    "CyHalfBinomialLoss": 0,
    "CyHalfMultinomialLoss": 0,
    "CyExponentialLoss": 0,
    "CyPinballLoss": 1,
    "CyHuberLoss": 1,
    "CyHalfTweedieLoss": 1,
    "CyHalfTweedieLossIdentity": 1,
}
_SGD = "sklearn.linear_model._sgd_fast"
_SGD_PARAMETERS = {
    "Hinge": 1,
    "SquaredHinge": 1,
    "Log": 0,
    "ModifiedHuber": 0,
    "SquaredLoss": 0,
    "Huber": 1,
    "EpsilonInsensitive": 1,
    "SquaredEpsilonInsensitive": 1,
}
_UNPICKLE = "__pyx_unpickle_"
_METRICS = "sklearn.metrics._dist_metrics"
# Distances that read nothing of their state.
_BARE_METRICS = {
    f"{name}Distance{bits}"
    for name in (
        *("Euclidean", "Manhattan", "Chebyshev", "Haversine", "BrayCurtis", "Canberra", "Dice"),
        *("Hamming", "Jaccard", "Kulsinski", "Matching", "RogersTanimoto", "RussellRao"),
        *("SokalMichener", "SokalSneath"),
    )
    for bits in ("", "64")
}
# Distances that read a vector as long as the rows which they compare.
_MINKOWSKI = {"MinkowskiDistance", "MinkowskiDistance64"}
_VARIANCE = {"SEuclideanDistance", "SEuclideanDistance64"}


@cache
def _tree_class() -> Any:
    """Looked up once: a boosted model has hundreds."""
    return import_name(_TREE)


def tree(call: Call) -> Any:
    """Tree(n_features, n_classes, n_outputs), then its nodes and values."""
    call.only(state=True)
    call.arity(3)
    features, classes, outputs = call.args
    if not is_int(features) or not is_int(outputs) or outputs < 1 or features < 0:
        raise call.fail("numbers of features and outputs")
    if (
        type(classes) is not np.ndarray
        or classes.dtype != np.intp
        or classes.shape != (outputs,)
        # Python's min: of the few numbers here it costs a tenth of numpy's.
        or min(class_counts := classes.tolist()) < 1
    ):
        raise call.fail("numbers of classes")
    state = call.dict_state()
    nodes, values = state.get("nodes"), state.get("values")
    if state.keys() != {"max_depth", "node_count", "nodes", "values"}:
        raise call.fail("its state")
    if type(nodes) is not np.ndarray or type(values) is not np.ndarray:
        raise call.fail("nodes and values")
    count = state["node_count"]
    if not is_int(count) or count < 1 or nodes.shape != (count,):
        raise call.fail("number of nodes")
    if values.dtype.kind != "f" or values.shape != (count, outputs, max(class_counts)):
        raise call.fail("values")
    if not is_int(state["max_depth"]) or state["max_depth"] < 0:
        raise call.fail("depth")
    made = _tree_class()(features, classes, outputs)
    made.__setstate__(state)
    return made


def neighbours(call: Call) -> Any:
    """newObj(KDTree or BallTree), then its 13 parts."""
    call.only(state=True)
    call.arity(1)
    name = call.class_argument()
    boxes = {"KDTree": 2, "BallTree": 1}.get(name.name)
    state = call.state
    if boxes is None or type(state) is not tuple or len(state) != 13:
        raise call.fail("not the state of a tree")
    data, indices, nodes, bounds = state[:4]
    if any(type(part) is not np.ndarray for part in state[:4]) or data.ndim != 2:
        raise call.fail("its arrays")
    (rows, columns), node_count = data.shape, nodes.size
    if (
        rows < 1
        or columns < 1
        or indices.shape != (rows,)
        or nodes.shape != (node_count,)
        or node_count < 1
        or bounds.shape != (boxes, node_count, columns)
    ):
        raise call.fail("shapes of its arrays")
    if not all(map(is_int, state[4:11])) or state[4] < 1 or state[6] != node_count:
        raise call.fail("its numbers")
    metric, weights = state[11], state[12]
    if not _fits(metric, columns):
        raise call.fail("its metric")
    if weights is not None and (type(weights) is not np.ndarray or weights.shape != (rows,)):
        raise call.fail("its weights")
    cls = import_name(name)
    made = cls.__new__(cls)
    made.__setstate__(state)
    return made


def _fits(made: Any, columns: int) -> bool:
    """It is a distance that `metric` made, and reads no more columns than there are."""
    kind = type(made)
    if kind.__module__ != _METRICS:
        return False
    if kind.__name__ in _BARE_METRICS:
        return columns == 2 or not kind.__name__.startswith("Haversine")
    if kind.__name__ not in _MINKOWSKI | _VARIANCE:
        return False
    size = len(made.__getstate__()[1])
    return size == columns or (size == 0 and kind.__name__ in _MINKOWSKI)


def metric(call: Call) -> Any:
    """newObj(a distance): made by its constructor from the order p and the vector it reads."""
    call.only(state=True)
    call.arity(1)
    name = call.class_argument()
    if name.name in _BARE_METRICS:
        return import_name(name)()
    if name.name not in _MINKOWSKI | _VARIANCE:
        raise call.fail(f"metric {name.name[:64]!a}")
    if type(call.state) is not tuple or len(call.state) != 3:
        raise call.fail("its state")
    order, vector = call.state[:2]
    if type(vector) is not np.ndarray or vector.dtype != np.float64 or vector.ndim != 1:
        raise call.fail("its vector")
    if name.name in _VARIANCE:
        return import_name(name)(vector)
    if not is_number(order) or not 1 <= order < np.inf or not (vector >= 0).all():
        raise call.fail("its order or weights")
    return import_name(name)(order, vector if len(vector) else None)


def with_floats(call: Call) -> Any:
    """A loss, called with its parameter if it has one."""
    call.only()
    counts = _LOSS_PARAMETERS if call.name.canonical.module == _LOSSES else _SGD_PARAMETERS
    return _loss(call, call.name, counts[call.name.name], call.args)


def unpickled_loss(call: Call) -> Any:
    """__pyx_unpickle_X(X, checksum, parameters): X itself is called with the parameters."""
    call.only(state=True)
    call.arity(3)
    name = call.class_argument()
    if call.name.name != _UNPICKLE + name.name or not is_int(call.args[1]):
        raise call.fail("not its own class")
    parameters = call.args[2] if call.state is None else call.state
    return _loss(call, name, _LOSS_PARAMETERS[name.name], parameters or ())


def _loss(call: Call, name: Name, count: int, parameters: Any) -> Any:
    if type(parameters) is not tuple or len(parameters) != count:
        raise call.fail("number of parameters")
    if not all(map(is_number, parameters)) or not np.isfinite(parameters).all():
        raise call.fail("a parameter that is not a finite number")
    return import_name(name)(*parameters)


def bunch(call: Call) -> Any:
    """A Bunch with its items; its state is not wanted."""
    call.only(state=True, pairs=True)
    call.arity(0)
    items = call.pairs or {}
    if any(type(key) is not str or key.startswith("__") for key in items):
        raise call.fail("a key that is not a plain str")
    made = import_name(Name("sklearn.utils", "Bunch"))()
    dict.update(made, items)
    return made


def imputer_triplet(call: Call) -> Any:
    """The named tuple of IterativeImputer: feature, neighbours, estimator."""
    call.only()
    call.arity(3)
    feature, others, _ = call.args
    if not isinstance(feature, (int, np.integer)) or type(others) is not np.ndarray:
        raise call.fail("arguments")
    return import_name(call.name)(*call.args)


CALLS: dict[Name, Factory] = {
    _TREE: tree,
    Name("sklearn.neighbors._kd_tree", "newObj"): neighbours,
    Name("sklearn.neighbors._ball_tree", "newObj"): neighbours,
    Name(_METRICS, "newObj"): metric,
    **{Name(_LOSSES, name): with_floats for name in _LOSS_PARAMETERS},
    **{Name(_LOSSES, _UNPICKLE + name): unpickled_loss for name in _LOSS_PARAMETERS},
    **{Name(_SGD, name): with_floats for name in _SGD_PARAMETERS},
}
OBJECTS: dict[Name, Factory] = {
    Name("sklearn.utils._bunch", "Bunch"): bunch,
    Name("sklearn.utils", "Bunch"): bunch,
    Name("sklearn.impute._iterative", "_ImputerTriplet"): imputer_triplet,
}
