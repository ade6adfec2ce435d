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
from unittest import mock

import numpy as np
import sklearn
from joblib.numpy_pickle import NumpyPickler
from scipy import sparse
from scipy.interpolate import interp1d
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression

from . import tampered_histograms, tampered_holders, tampered_parts
from .case import Case, case
from .models import models
from .native import NATIVE, Edit


def dump(thing: Any, edits: dict[type, Edit], writer: str) -> bytes:
    """Writes `thing`; objects of the types in `edits` by their edited reduction."""

    def reducer_override(self: Any, thing: Any) -> Any:
        if edit := edits.get(type(thing)):
            return edit(thing.__reduce_ex__(4))
        if isinstance(thing, BaseEstimator):  # the dict as it is, whatever keys it holds
            state = {**thing.__dict__, "_sklearn_version": sklearn.__version__}
            if isinstance(state.get("f_"), interp1d):  # IsotonicRegression never writes it
                del state["f_"]
            return copyreg.__newobj__, (type(thing),), state
        return NotImplemented

    plain = type("Editing", (pickle.Pickler,), {"reducer_override": reducer_override})
    arrays = type("EditingArrays", (NumpyPickler,), {"reducer_override": reducer_override})

    def nested(thing: Any, file: Any, protocol: int) -> None:
        plain(file, protocol=protocol).dump(thing)

    buffer = io.BytesIO()
    # joblib writes object arrays by a pickle.dump of their own.
    with mock.patch("joblib.numpy_pickle.pickle.dump", nested):
        (plain if writer.startswith("pickle") else arrays)(buffer, protocol=int(writer[-1])).dump(thing)
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
            yield (
                "logistic",
                f"method-{key}-{label}",
                with_key(key, value),
                ("SHADOWS_CLASS_ATTRIBUTE", "NAME_NOT_HERE"),
            )
    yield "pipeline", "method-transform", with_key("transform", "text"), ("SHADOWS_CLASS_ATTRIBUTE",)
    yield "scaler", "method-transform", with_key("transform", "text"), ("SHADOWS_CLASS_ATTRIBUTE",)
    yield "kmeans", "method-predict", with_key("predict", "text"), ("SHADOWS_CLASS_ATTRIBUTE",)
    for key in ("_repr_html_", "_more_tags", "set_params", "__sklearn_tags__", "_doc_link_module"):
        yield "logistic", f"inherited-{key}", with_key(key, "text"), ("SHADOWS_CLASS_ATTRIBUTE", "DUNDER_KEY")
    for key in (1, None, b"coef_", ("coef_",), np.str_("other_"), 1.5, True):
        yield "logistic", f"key-{type(key).__name__}-{key!r}", with_key(key, 1), ("KEY_NOT_STR",)
    yield (
        "logistic",
        "nested-interface",
        with_state(coef_=_shell(__array_interface__=INTERFACE)),
        ("DUNDER_KEY",),
    )
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
    yield "kmeans", "threads-negative", with_state(_n_threads=-1), "_n_threads", 1


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
    yield "tfidf", "input", with_state(input="filename"), ("STATE_RULE",)
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
        "support-i8": {"support_": np.zeros(3, "i8")},
        "vectors-narrow": {"support_vectors_": np.zeros((3, 1))},
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
    yield "boosting", "estimators-list", with_state(estimators_=[1, 2]), ()
    yield "boosting", "init-function", with_state(init_=np.mean), ()
    yield "boosting", "features", with_state(n_features_in_=400), ()


def columns_and_labels() -> Iterator[tuple[str, str, Callable[[Any], None], tuple[str, ...]]]:
    """Parts of one model that disagree, and labels in which searches answer past the end."""
    one_hot = ("INVARIANT_ONE_HOT",)
    for name, change in {
        "off": with_state(_infrequent_enabled=False), "off-int": with_state(_infrequent_enabled=0),
        "off-absent": without("_infrequent_enabled"), "not-asked": with_state(min_frequency=None),
        "indices-none": with_state(_infrequent_indices=[None]),
        "unsorted": with_state(categories_=[np.array([3, 2, 1])]),
        "categories-wide": with_state(categories_=[np.zeros((3, 0))]),
    }.items():  # fmt: skip
        yield "onehot-rare", name, change, one_hot
    drops = np.array([0], dtype=object)
    yield "onehot-text", "drop-one-only", with_state(drop_idx_=drops, _n_features_outs=[2]), one_hot
    yield (
        "onehot-text",
        "drop-hidden",
        with_state(drop="first", drop_idx_=drops, _drop_idx_after_grouping=None, _n_features_outs=[2]),
        one_hot,
    )
    for model in ("logistic", "svc", "forest", "knn-brute", "mlp"):
        for name, value in {
            "no-columns": np.zeros((3, 0)), "column": np.zeros((3, 1)), "none": None, "empty": np.zeros(0),
            "objects": np.array([["a"], ["b"], ["c"]], dtype=object),
        }.items():  # fmt: skip
            yield model, f"classes-{name}", with_state(classes_=value), ("STATE_RULE",)
    wide = LogisticRegression().fit([[0.0] * 4, [1.0] * 4], [0, 1])
    yield "boosting", "init-classifier", with_state(init_=wide), ("INVARIANT_GRADIENT_BOOSTING",)
    wide = copy.deepcopy(wide)
    wide.__dict__["classes_"] = np.zeros((2, 0))
    yield "boosting", "init-classes", with_state(init_=wide), ("STATE_RULE",)
    for name, value in {"huge": (1, 10**9), "zero": (0, 1), "negative": (-(10**9), 10**9), "one": (1,),
                        "turned": (2, 1), "none": None}.items():  # fmt: skip
        yield "tfidf", f"ngrams-{name}", with_state(ngram_range=value), ("STATE_RULE",)
    for key in ("n_output_features_", "_n_out_full"):
        for value in (2, 100, 10**6):
            yield "polynomial", f"{key}-{value}", with_state(**{key: value}), ("INVARIANT_POLYNOMIAL",)


EDITS = (
    general_rules, linear_state, text_and_codes, neighbours_and_clusters, support_vectors, forests,
    columns_and_labels, tampered_histograms.edits, tampered_holders.edits, tampered_parts.edits,
)  # fmt: skip


def cases() -> Iterator[Case]:
    good = {model.name: model.fitted for model in models()}
    for generator in EDITS:
        for model, name, change, rules in generator():
            if model not in good:  # of a later scikit-learn
                continue
            broken = copy.deepcopy(good[model])
            change(broken)
            for writer in WRITERS:
                yield case(f"{model}-{name}-{writer}", dump(broken, {}, writer), *rules)
    for model, kind, edits in (*NATIVE, *tampered_holders.NATIVE):
        if model not in good:
            continue
        for name, edit in edits():
            for writer in WRITERS:
                yield case(
                    f"{model}-{kind.__name__}-{name}-{writer}", dump(good[model], {kind: edit}, writer)
                )


def forced() -> Iterator[tuple[str, bytes, str, Any]]:
    good = {model.name: model.fitted for model in models()}
    for model, name, change, attribute, expected in forced_values():
        changed = copy.deepcopy(good[model])
        change(changed)
        yield f"{model}-{name}", dump(changed, {}, "joblib-4"), attribute, expected
