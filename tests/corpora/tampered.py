"""Real models whose state was changed: only listed names, and yet not to be trusted.

Each edit works on a deep copy of a fitted model, or on what a native object's own
`__reduce__` hands to the pickler; the files are then written by pickle and joblib.
"""

from __future__ import annotations

import copy
import copyreg
import io
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import sklearn
from joblib.numpy_pickle import NumpyPickler
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import BallTree, KDTree
from sklearn.tree._tree import Tree

from .case import Case, case
from .models import models

Reduction = tuple[Any, ...]
Edit = Callable[[Reduction], Reduction]


def dump(thing: Any, edits: dict[type, Edit], writer: str) -> bytes:
    """Writes `thing`; objects of the types in `edits` by their edited reduction."""
    base = pickle.Pickler if writer.startswith("pickle") else NumpyPickler

    class Editing(base):  # type: ignore[misc, valid-type]
        def reducer_override(self, thing: Any) -> Any:
            if edit := edits.get(type(thing)):
                return edit(thing.__reduce_ex__(4))
            if isinstance(thing, BaseEstimator):  # the dict as it is, whatever keys it holds
                state = {**thing.__dict__, "_sklearn_version": sklearn.__version__}
                return copyreg.__newobj__, (type(thing),), state
            return NotImplemented

    buffer = io.BytesIO()
    Editing(buffer, protocol=int(writer[-1])).dump(thing)
    return buffer.getvalue()


WRITERS = ("pickle-2", "pickle-5", "joblib-4")


def with_state(**changes: Any) -> Callable[[Any], None]:
    """Sets attributes in the instance dict itself, whatever the class says."""

    def change(model: Any) -> None:
        model.__dict__.update(changes)

    return change


def with_key(key: Any, value: Any) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        model.__dict__[key] = value

    return change


def without(key: str) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        del model.__dict__[key]

    return change


def put(key: str, index: Any, value: Any) -> Callable[[Any], None]:
    """Changes one element of an array attribute."""

    def change(model: Any) -> None:
        array = model.__dict__[key].copy()
        array[index] = value
        model.__dict__[key] = array

    return change


INTERFACE = {"data": (0x7F0000000000, False), "shape": (4096,), "typestr": "|u1", "version": 3}
DUNDERS = (
    "__array_interface__", "__array__", "__array_struct__", "__array_ufunc__", "__array_function__",
    "__reduce__", "__reduce_ex__", "__new__", "__class__", "__dict__", "__module__", "__doc__",
    "__doc_link_template", "__getattr__", "__call__", "__sklearn_tags__", "__len__", "__x", "__",
)  # fmt: skip


def general_rules() -> Iterator[tuple[str, str, Callable[[Any], None], tuple[str, ...]]]:
    """Dunder keys, keys that shadow the class, keys that are not exact str."""
    for key in DUNDERS:
        value = INTERFACE if key == "__array_interface__" else "text"
        yield "logistic", f"key-{key}", with_key(key, value), ("DUNDER_KEY",)
        yield "forest", f"key-{key}", with_key(key, value), ("DUNDER_KEY",)
    for key in ("predict", "fit", "score", "get_params", "decision_function", "predict_proba"):
        for value in (np.mean, "text", None):
            label = getattr(value, "__name__", value)
            yield "logistic", f"method-{key}-{label}", with_key(key, value), ("SHADOWS_CLASS_ATTRIBUTE", "NAME_NOT_HERE")
    yield "pipeline", "method-transform", with_key("transform", "text"), ("SHADOWS_CLASS_ATTRIBUTE",)
    yield "scaler", "method-transform", with_key("transform", "text"), ("SHADOWS_CLASS_ATTRIBUTE",)
    yield "kmeans", "method-predict", with_key("predict", "text"), ("SHADOWS_CLASS_ATTRIBUTE",)
    for key in ("_repr_html_", "_more_tags", "set_params", "__sklearn_tags__", "_doc_link_module"):
        yield "logistic", f"inherited-{key}", with_key(key, "text"), ("SHADOWS_CLASS_ATTRIBUTE", "DUNDER_KEY")
    for key in (1, None, b"coef_", ("coef_",), np.str_("coef_"), 1.5, True):
        yield "logistic", f"key-{type(key).__name__}-{key!r}", with_key(key, 1), ("KEY_NOT_STR",)
    yield "logistic", "nested-interface", with_state(coef_=_shell(__array_interface__=INTERFACE)), ("DUNDER_KEY",)
    yield "logistic", "n_features_in_-missing", without("n_features_in_"), ()


def _shell(**state: Any) -> LinearRegression:
    shell = LinearRegression()
    shell.__dict__.update(state)
    return shell


def linear_state() -> Iterator[tuple[str, str, Callable[[Any], None], tuple[str, ...]]]:
    """Values of the wrong kind, functions and objects where arrays belong."""
    for name, value in {"function": np.mean, "class": np.float64, "estimator": LinearRegression(),
                        "object-array": np.array([None], dtype=object), "builtin": len}.items():  # fmt: skip
        yield "logistic", f"coef-{name}", with_state(coef_=value), ()
        yield "scaler", f"mean-{name}", with_state(mean_=value), ()
    yield "logistic", "solver-function", with_state(solver=np.mean), ()
    yield "pipeline", "steps-cycle", _pipeline_cycle, ("OBJECT_CYCLE",)
    yield "pipeline", "steps-function", lambda m: m.steps.append(("f", np.mean)), ()
    yield "pipeline", "steps-callable", lambda m: m.steps.__setitem__(0, ("scale", np.float64)), ()


def _pipeline_cycle(model: Any) -> None:
    model.steps[0] = (model.steps[0][0], model)


def forced_values() -> Iterator[tuple[str, str, Callable[[Any], None], str, Any]]:
    """Not refused, but set to what is harmless: (model, name, edit, attribute, value it must have)."""
    yield "pipeline", "memory", with_state(memory="/tmp/cache"), "memory", None
    yield "forest", "n_jobs", with_state(n_jobs=5000), "n_jobs", None
    yield "knn-brute", "n_jobs", with_state(n_jobs=-1), "n_jobs", None
    yield "columns", "n_jobs", with_state(n_jobs=64), "n_jobs", None
    yield "tfidf", "input", with_state(input="filename"), "input", "content"


def text_and_codes() -> Iterator[tuple[str, str, Callable[[Any], None], tuple[str, ...]]]:
    """Values that become the indices of a sparse matrix without a check."""
    for name, value in {"past-end": 10**6, "negative": -1, "twice": 0, "huge": 2**40, "float": 1.5,
                        "none": None, "text": "1", "bool": True}.items():  # fmt: skip

        def change(model: Any, value: Any = value) -> None:
            words = dict(model.vocabulary_)
            words[next(word for word in words if words[word] == 1)] = value
            model.vocabulary_ = words

        yield "tfidf", f"vocabulary-{name}", change, ()
    yield "tfidf", "vocabulary-list", with_state(vocabulary_=[("a", 0)]), ()
    yield "tfidf", "vocabulary-empty", with_state(vocabulary_={}), ()
    for name in ("tokenizer", "preprocessor", "analyzer"):
        yield "tfidf", f"{name}-function", with_state(**{name: np.mean}), ()
    yield "tfidf", "dtype-callable", with_state(dtype=LinearRegression), ()
    yield "onehot-rare", "mapping", _infrequent, ()
    yield "onehot-int", "n_features_outs", _with_outs, ()


def _infrequent(model: Any) -> None:
    model._default_to_infrequent_mappings = [np.array([10**6, -1, 2**40])]


def _with_outs(model: Any) -> None:
    model._n_features_outs = [-5, 2**40]


def neighbours_and_clusters() -> Iterator[tuple[str, str, Callable[[Any], None], tuple[str, ...]]]:
    yield "knn-brute", "narrow", with_state(_fit_X=np.zeros((5, 1))), ()
    yield "knn-brute", "empty", with_state(_fit_X=np.zeros((0, 4))), ()
    yield "knn-kd_tree", "tree-none", with_state(_tree=None), ()
    yield "knn-kd_tree", "fit_method-text", with_state(_fit_method="../x"), ()
    yield "knn-brute", "metric-function", with_state(effective_metric_=np.mean, metric=np.mean), ()
    for attribute, index, value in (("indices", 0, 10**6), ("indices", 0, -7), ("indptr", 1, 10**6),
                                    ("indptr", 0, 3), ("indptr", -1, 2**30)):  # fmt: skip
        def change(model: Any, attribute: str = attribute, index: int = index, value: int = value) -> None:
            matrix = model._fit_X.copy()
            array = getattr(matrix, attribute)
            array[index] = value
            model._fit_X = matrix

        yield "knn-sparse", f"{attribute}-{index}-{value}", change, ()

    def shape(model: Any) -> None:
        model._fit_X = model._fit_X.copy()
        model._fit_X._shape = (2**31, 2**31)

    yield "knn-sparse", "shape", shape, ()
    yield "svc-sparse", "vectors-index", _sparse_vectors, ()
    yield "kmeans", "threads-negative", with_state(_n_threads=-1), ()
    yield "kmeans", "threads-text", with_state(_n_threads="4"), ()
    yield "kmeans", "centers-narrow", with_state(cluster_centers_=np.zeros((3, 1))), ()


def _sparse_vectors(model: Any) -> None:
    vectors = sparse.csr_matrix(model.support_vectors_)
    vectors.indices[:] = 10**6
    model.support_vectors_ = vectors


def support_vectors() -> Iterator[tuple[str, str, Callable[[Any], None], tuple[str, ...]]]:
    """libsvm checks only one sum."""
    short = np.zeros((2, 3))
    changes = {
        "dual-none": {"_dual_coef_": None}, "dual-short": {"_dual_coef_": short},
        "dual-f4": {"_dual_coef_": np.zeros((2, 3), "f4")}, "intercept-empty": {"_intercept_": np.zeros(0)},
        "intercept-none": {"_intercept_": None}, "probA-short": {"_probA": np.zeros(1)},
        "probB-only": {"_probB": np.zeros(3)}, "support-short": {"support_": np.zeros(1, "i4")},
        "support-i8": {"support_": np.zeros(3, "i8")}, "vectors-narrow": {"support_vectors_": np.zeros((3, 1))},
        "vectors-none": {"support_vectors_": None}, "vectors-empty": {"support_vectors_": np.zeros((0, 4))},
        "n_support-huge": {"_n_support": np.array([2**30, 0, 0], "i4")},
        "n_support-negative": {"_n_support": np.array([-1, 1, 0], "i4")},
        "n_support-short": {"_n_support": np.array([1], "i4")}, "n_support-none": {"_n_support": None},
        "features": {"n_features_in_": 400}, "kernel-function": {"kernel": np.mean},
        "kernel-precomputed": {"kernel": "precomputed"}, "classes-many": {"classes_": np.arange(50)},
        "probability-without": {"probability": True, "_effective_probability": True},
    }  # fmt: skip
    for name, change in changes.items():
        yield "svc", f"svm-{name}", with_state(**change), ()
    grown = put("_n_support", 0, 1000)
    yield "svc", "svm-n_support-grown", grown, ()


def forests() -> Iterator[tuple[str, str, Callable[[Any], None], tuple[str, ...]]]:
    """The owner of trees checks the width of X once, for all of them."""
    yield "forest", "owner-features", with_state(n_features_in_=400), ()
    yield "forest", "owner-outputs", with_state(n_outputs_=7), ()
    yield "forest", "owner-classes", with_state(n_classes_=50), ()
    yield "forest", "trees-none", with_state(estimators_=[None]), ()
    yield "forest", "trees-function", with_state(estimators_=[np.mean]), ()
    yield "forest", "trees-linear", with_state(estimators_=[LinearRegression()]), ()

    def tree_none(model: Any) -> None:
        model.estimators_[0].tree_ = None

    def tree_features(model: Any) -> None:
        model.estimators_[0].n_features_in_ = 400

    def wide(model: Any) -> None:
        model.estimators_ = np.repeat(model.estimators_, 5, axis=1)

    yield "forest", "tree_-none", tree_none, ()
    yield "forest", "tree-features", tree_features, ()
    yield "boosting", "estimators-wide", wide, ()
    yield "boosting", "estimators-empty", with_state(estimators_=np.empty((0, 1), dtype=object)), ()
    yield "boosting", "estimators-list", with_state(estimators_=[1, 2]), ()
    yield "boosting", "init-function", with_state(init_=np.mean), ()
    yield "boosting", "features", with_state(n_features_in_=400), ()


EDITS = (
    general_rules, linear_state, text_and_codes, neighbours_and_clusters, support_vectors, forests,
)  # fmt: skip


def tree_edits() -> Iterator[tuple[str, Edit]]:
    """Children, features and shapes that lead the native loops out of the arrays, or around."""

    def nodes(field: str, index: int, value: int) -> Edit:
        def edit(reduction: Reduction) -> Reduction:
            kind, args, state = reduction[:3]
            changed = state["nodes"].copy()
            changed[field][index] = value
            return kind, args, {**state, "nodes": changed}

        return edit

    def state(**changes: Any) -> Edit:
        return lambda reduction: (reduction[0], reduction[1], {**reduction[2], **changes})

    def args(*new: Any) -> Edit:
        return lambda reduction: (
            reduction[0], tuple(old if n is None else n for old, n in zip(reduction[1], new, strict=True)), reduction[2],
        )  # fmt: skip

    for field in ("left_child", "right_child"):
        for value in (0, 10**6, -2, 2**62, -(2**62)):
            yield f"{field}-{value}", nodes(field, 0, value)
        yield f"{field}-leaf-on-one-side", nodes(field, 0, -1)
        yield f"{field}-self", nodes(field, 1, 1)
        yield f"{field}-twice", nodes(field, 0, 2)
    for value in (4, 10**6, -5, 2**40):
        yield f"feature-{value}", nodes("feature", 0, value)
    yield "max_depth-0", state(max_depth=0)
    yield "max_depth-negative", state(max_depth=-1)
    yield "max_depth-text", state(max_depth="9")
    yield "node_count-negative", state(node_count=-1)
    yield "node_count-huge", state(node_count=10**6)
    yield "values-none", state(values=None)
    yield "values-flat", state(values=np.zeros(3))
    yield "values-empty", state(values=np.zeros((0, 1, 3)))
    yield "values-f4", state(values=np.zeros((3, 1, 3), "f4"))
    yield "nodes-none", state(nodes=None)
    yield "nodes-f8", state(nodes=np.zeros(3))
    yield "nodes-empty", lambda r: (r[0], r[1], {**r[2], "nodes": r[2]["nodes"][:0], "node_count": 0})
    yield "features-grown", args(400, None, None)
    yield "features-shrunk", args(1, None, None)
    yield "outputs-7", args(None, None, 7)
    yield "outputs-0", args(None, None, 0)
    yield "classes-huge", args(None, np.array([10**6]), None)
    yield "classes-zero", args(None, np.array([0]), None)
    yield "classes-f8", args(None, np.array([3.0]), None)
    yield "no-build", lambda reduction: reduction[:2]
    yield "state-none", lambda reduction: (*reduction[:2], ())
    yield "args-short", lambda reduction: (reduction[0], reduction[1][:2], reduction[2])
    yield "another-class", lambda reduction: (LinearRegression, (), reduction[2])


def neighbour_tree_edits() -> Iterator[tuple[str, Edit]]:
    """KDTree and BallTree: 13 values, believed as they come."""

    def part(place: int, change: Callable[[Any], Any]) -> Edit:
        def edit(reduction: Reduction) -> Reduction:
            state = list(reduction[2])
            state[place] = change(copy.deepcopy(state[place]))
            return (*reduction[:2], tuple(state))

        return edit

    def field(name: str, index: int, value: int) -> Callable[[Any], Any]:
        def change(nodes: Any) -> Any:
            nodes[name][index] = value
            return nodes

        return change

    def item(index: int, value: int) -> Callable[[Any], Any]:
        def change(array: Any) -> Any:
            array[index] = value
            return array

        return change

    yield "data-narrow", part(0, lambda data: data[:, :1].copy())
    yield "data-short", part(0, lambda data: data[:3].copy())
    yield "data-empty", part(0, lambda data: data[:0].copy())
    yield "data-fortran", part(0, np.asfortranarray)
    for value in (10**6, -1, 2**40):
        yield f"index-{value}", part(1, item(0, value))
    yield "index-twice", part(1, lambda index: np.zeros_like(index))
    yield "index-short", part(1, lambda index: index[:2])
    for name, value in (("idx_start", -5), ("idx_end", 10**6), ("idx_start", 10**6), ("is_leaf", 0)):
        yield f"node-{name}-{value}", part(2, field(name, -1, value))
    yield "nodes-short", part(2, lambda nodes: nodes[:1])
    yield "bounds-narrow", part(3, lambda bounds: bounds[:, :, :1].copy())
    yield "bounds-short", part(3, lambda bounds: bounds[:, :1].copy())
    yield "leaf-size-0", part(4, lambda size: 0)
    yield "leaf-size-huge", part(4, lambda size: 2**40)
    yield "levels-huge", part(5, lambda levels: 60)
    yield "nodes-count", part(6, lambda count: count + 100)
    yield "metric-none", part(11, lambda metric: None)
    yield "metric-text", part(11, lambda metric: "euclidean")
    yield "state-short", lambda reduction: (*reduction[:2], reduction[2][:5])
    yield "state-none", lambda reduction: reduction[:2]
    yield "another-class", lambda reduction: (reduction[0], (LinearRegression,), reduction[2])
    yield "both-classes", lambda reduction: (reduction[0], (BallTree if KDTree in reduction[1] else KDTree,), reduction[2])


def random_state_edits() -> Iterator[tuple[str, Edit]]:
    def state(change: Callable[[dict[str, Any]], Any]) -> Edit:
        def edit(reduction: Reduction) -> Reduction:
            full = copy.deepcopy(np.random.RandomState(7).get_state(legacy=False))
            changed = change(full)
            return np.random._pickle.__randomstate_ctor, ("MT19937",), full if changed is None else changed

        return edit

    def inner(**changes: Any) -> Edit:
        return state(lambda full: full["state"].update(changes))

    yield "pos-huge", inner(pos=10**6)
    yield "pos-625", inner(pos=625)
    yield "pos-negative", inner(pos=-1)
    yield "pos-float", inner(pos=1.5)
    yield "key-short", inner(key=np.zeros(3, "u4"))
    yield "key-i8", inner(key=np.zeros(624, "i8"))
    yield "key-none", inner(key=None)
    yield "generator-name", state(lambda full: full.update(bit_generator="posix.system"))
    yield "has-gauss-text", state(lambda full: full.update(has_gauss="x"))
    yield "state-none", state(lambda full: ())


NATIVE: tuple[tuple[str, type, Callable[[], Iterator[tuple[str, Edit]]]], ...] = (
    ("forest", Tree, tree_edits),
    ("boosting", Tree, tree_edits),
    ("knn-kd_tree", KDTree, neighbour_tree_edits),
    ("knn-ball_tree", BallTree, neighbour_tree_edits),
    ("kmeans-state", np.random.RandomState, random_state_edits),
)




def cases() -> Iterator[Case]:
    good = {model.name: model.fitted for model in models()}
    for generator in EDITS:
        for model, name, change, rules in generator():
            broken = copy.deepcopy(good[model])
            change(broken)
            for writer in WRITERS:
                yield case(f"{model}-{name}-{writer}", dump(broken, {}, writer), *rules)
    for model, kind, edits in NATIVE:
        for name, edit in edits():
            for writer in WRITERS:
                yield case(f"{model}-{kind.__name__}-{name}-{writer}", dump(good[model], {kind: edit}, writer))


def forced() -> Iterator[tuple[str, bytes, str, Any]]:
    good = {model.name: model.fitted for model in models()}
    for model, name, change, attribute, expected in forced_values():
        changed = copy.deepcopy(good[model])
        change(changed)
        yield f"{model}-{name}", dump(changed, {}, "joblib-4"), attribute, expected
