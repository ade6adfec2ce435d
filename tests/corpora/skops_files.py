"""skops files that lie: real ones taken apart, changed in one place and put together again."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import skops.io
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from .case import Case, case

State = dict[str, Any]
Members = list[tuple[str, bytes]]


def base() -> Any:
    """Something of every kind of node that a file of ours holds."""
    fitted = LogisticRegression().fit([[0.0, 1.0], [1.0, 0.0]], [0, 1])
    shared = [1, 2]
    return OrderedDict(
        model=fitted,
        plain={"a": 1, 2: "b", "c": None},
        parts=(shared, shared, slice(1, 2, None), {3}),
        raw=b"bytes",
        array=bytearray(b"x"),
        objects=np.array(["x", None], dtype=object),
        matrix=sparse.csr_matrix(np.eye(2)),
        random=np.random.RandomState(1),
        kind=np.dtype("f4"),
    )


def take_apart(data: bytes) -> tuple[State, Members]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    return json.loads(dict(members)["schema.json"]), [m for m in members if m[0] != "schema.json"]


def write(members: Members, compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def put_together(state: State | str | bytes, members: Members) -> bytes:
    text = json.dumps(state) if isinstance(state, dict) else state
    return write([*members, ("schema.json", text.encode() if isinstance(text, str) else text)])


def nodes(state: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], State]]:
    if isinstance(state, dict):
        if "__loader__" in state:
            yield path, state
        for key, value in state.items():
            yield from nodes(value, (*path, key))
    elif isinstance(state, list):
        for index, value in enumerate(state):
            yield from nodes(value, (*path, index))


def at(state: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        state = state[step]
    return state


def changed(state: State, path: tuple[Any, ...], change: Callable[[State], None]) -> State:
    twin = copy.deepcopy(state)
    change(at(twin, path))
    return twin


def _first_of_each(state: State) -> dict[str, tuple[tuple[Any, ...], State]]:
    """One node of each kind: the kinds differ, their copies do not."""
    found: dict[str, tuple[tuple[Any, ...], State]] = {}
    for path, node in nodes(state):
        found.setdefault(node["__loader__"], (path, node))
    return found


WRONG: tuple[Any, ...] = (None, True, -1, 1.5, "x", [], {}, [[]], {"x": 1}, 10**30)


def _may_be(loader: str, field: str, value: Any) -> bool:
    """Changes that leave a file another honest writer could have made."""
    if field == "_skops_version":
        return isinstance(value, str)
    if field != "content":
        return False
    return (loader == "ObjectNode" and value is None) or (loader in ("TupleNode", "SetNode") and value == [])


def type_confusion(_canary: str) -> Iterator[Case]:
    state, members = take_apart(skops.io.dumps(base()))
    for loader, (path, node) in _first_of_each(state).items():
        for field, original in node.items():
            for number, value in enumerate(WRONG):
                if _may_be(loader, field, value) or json.dumps(value) == json.dumps(original):
                    continue
                twin = changed(state, path, lambda n, f=field, v=value: n.__setitem__(f, v))
                yield case(f"skops-{loader}-{field}-{number}", put_together(twin, members))


OPTIONAL = {"__id__", "is_json", "_skops_version"}


def fields_missing_and_unknown(_canary: str) -> Iterator[Case]:
    state, members = take_apart(skops.io.dumps(base()))
    for loader, (path, node) in _first_of_each(state).items():
        for field in node:
            if field in OPTIONAL or (loader == "ObjectNode" and field == "content"):
                continue
            twin = changed(state, path, lambda n, f=field: n.pop(f))
            yield case(f"skops-{loader}-without-{field}", put_together(twin, members))
        twin = changed(state, path, lambda n: n.__setitem__("extra", 1))
        yield case(f"skops-{loader}-extra", put_together(twin, members), "MALFORMED")


NAMES = (
    ("os", "system"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("subprocess", "Popen"),
    ("", ""),
    ("operator", "methodcaller"),
    ("functools", "partial"),
    ("numpy", "load"),
    ("numpy", "memmap"),
    ("sklearn.linear_model._logistic", "os"),
    ("skops.io", "load"),
    ("pickle", "loads"),
    ("builtins.str", "join"),
    ("os.path", "os.system"),
    ("x" * 600, "y"),
)


def forged_names(_canary: str) -> Iterator[Case]:
    state, members = take_apart(skops.io.dumps(base()))
    for loader, (path, _) in _first_of_each(state).items():
        for module, name in NAMES:

            def forge(node: State, module: str = module, name: str = name) -> None:
                node.update(__module__=module, __class__=name)

            twin = changed(state, path, forge)
            yield case(f"skops-{loader}-is-{module[:20]}.{name}", put_together(twin, members))


def reused_ids(_canary: str) -> Iterator[Case]:
    state, members = take_apart(skops.io.dumps(base()))
    found = list(_first_of_each(state).values())
    for path, node in found:
        for other_path, other in found:
            if path == other_path or node["__id__"] == other["__id__"]:
                continue
            twin = changed(state, path, lambda n, i=other["__id__"]: n.__setitem__("__id__", i))
            name = f"skops-id-of-{other['__loader__']}-in-{node['__loader__']}"
            yield case(name, put_together(twin, members), "MALFORMED")
    # The list that is there twice, with another content the second time.
    path = ("content", "parts", "content", 1)
    assert at(state, path)["__id__"] == at(state, (*path[:-1], 0))["__id__"]
    twin = changed(state, path, lambda n: n["content"].pop())
    yield case("skops-id-other-list", put_together(twin, members), "MALFORMED")


def _node(loader: str, module: str, name: str, **fields: Any) -> State:
    return {"__class__": name, "__module__": module, "__loader__": loader, "__id__": 7, **fields}


def _text(value: Any) -> State:
    node = _node("JsonNode", "builtins", "str", content=json.dumps(value), is_json=True)
    return {**node, "__id__": 0}


def _tuple(*items: State) -> State:
    return {**_node("TupleNode", "builtins", "tuple", content=list(items)), "__id__": 8}


def _dict(**items: State) -> State:
    types = [{**_node("TypeNode", "builtins", "str"), "__id__": 0} for _ in items]
    keys = {**_node("ListNode", "builtins", "list", content=types), "__id__": 0}
    return {**_node("DictNode", "builtins", "dict", content=dict(items), key_types=keys), "__id__": 9}


def _falsy_key() -> State:
    node = _dict(false=_text(1))
    node["key_types"]["content"][0]["__class__"] = "bool"
    return node


def gadgets(canary: str) -> Iterator[Case]:
    """Nodes that skops could be made to call something with, at a place that takes any value."""
    state, members = take_apart(skops.io.dumps(base()))
    command = _text(f"touch {canary}")
    system = {**_node("FunctionNode", "os", "system"), "__id__": 0}
    estimator = _node("ObjectNode", "sklearn.linear_model._logistic", "LogisticRegression", content=None)
    other = {**_node("ObjectNode", "sklearn.svm._classes", "SVC", content=None), "__id__": 10}
    generator = _dict(bit_generator=_text("set_bit_generator"), state=_dict(key=_text(1), pos=_text(1)))
    nothing = _dict()
    evil = {
        "function": system,
        "type": _node("TypeNode", "os", "_exit"),
        "constructor": _node("ConstructorFromReduceNode", "os", "system", content=_tuple(command)),
        "eval": _node("ConstructorFromReduceNode", "builtins", "eval", content=_tuple(command)),
        "bytearray": _node(
            "ConstructorFromReduceNode", "builtins", "bytearray", content=_tuple(_text(2**40))
        ),
        "numpy-load": _node("ConstructorFromReduceNode", "numpy", "load", content=_tuple(command)),
        "numpy-dtype": _node("ConstructorFromReduceNode", "numpy", "dtype", content=_tuple(_text("O"))),
        "reconstruct": _node(
            "ConstructorFromReduceNode", "numpy._core.multiarray", "_reconstruct", content=_tuple(system)
        ),
        "popen": _node("ObjectNode", "subprocess", "Popen", content=nothing),
        "partial": _node(
            "PartialNode",
            "functools",
            "partial",
            content={"func": system, "args": _tuple(command), "kwds": nothing, "namespace": _text(None)},
        ),
        "partial-of-other": _node(
            "PartialNode",
            "os",
            "system",
            content={"func": system, "args": _tuple(command), "kwds": nothing, "namespace": _text(None)},
        ),
        "method": _node(
            "MethodNode",
            "sklearn.linear_model._logistic",
            "LogisticRegression",
            content={"func": "__reduce__", "obj": estimator},
        ),
        "method-mislabelled": _node(
            "MethodNode",
            "sklearn.linear_model._logistic",
            "LogisticRegression",
            content={"func": "fit", "obj": other},
        ),
        "attrgetter": _node("OperatorFuncNode", "operator", "attrgetter", attrs=_tuple(command)),
        "methodcaller": _node("OperatorFuncNode", "operator", "methodcaller", attrs=_tuple(command)),
        "operator-os": _node("OperatorFuncNode", "os", "system", attrs=_tuple(command)),
        "loss": _node("LossNode", "os", "system", __reduce__={"args": _tuple(command)}, content=nothing),
        "tree-of-other": _node(
            "TreeNode", "os", "system", __reduce__={"args": _tuple(command)}, content=nothing
        ),
        "tree": _node(
            "TreeNode",
            "sklearn.tree._tree",
            "Tree",
            __reduce__={"args": _tuple(_text(1), _text(1), _text(1))},
            content=nothing,
        ),
        "quantile": _node(
            "QuantileForestNode",
            "quantile_forest._quantile_forest_fast",
            "QuantileForest",
            __reduce__={"args": _tuple(command)},
            content=nothing,
        ),
        "cached": _node("CachedNode", "builtins", "str"),
        "unknown-loader": _node("PickleNode", "builtins", "str", content=""),
        "default-factory": _node(
            "DefaultDictNode",
            "collections",
            "defaultdict",
            content={"main": _dict(), "default_factory": system},
        ),
        "generator": _node(
            "RandomGeneratorNode",
            "numpy.random._generator",
            "Generator",
            content={"bit_generator": generator, "seed_seq": nothing},
        ),
        "random-state": _node("RandomStateNode", "numpy.random.mtrand", "RandomState", content=generator),
        "bool-key": _falsy_key(),
        "namedtuple": _node("TupleNode", "os", "system", content=[command]),
        "list-class": _node("ListNode", "os", "system", content=[command]),
        "json-list": {**_text(None), "content": "[1]"},
        "json-broken": {**_text(None), "content": "{"},
        "json-python": {**_text(None), "content": "__import__('os')"},
        "dunder-key": _node(
            "ObjectNode",
            "sklearn.linear_model._logistic",
            "LogisticRegression",
            content=_dict(__class__=_text("x")),
        ),
        "shadow": _node(
            "ObjectNode",
            "sklearn.linear_model._logistic",
            "LogisticRegression",
            content=_dict(predict=system),
        ),
    }
    for name, node in evil.items():
        twin = changed(state, ("content", "plain", "content"), lambda c, n=node: c.__setitem__("c", n))
        yield case(f"skops-gadget-{name}", put_together(twin, members))
        if name not in ("cached",):
            root = {**node, "protocol": 2, "_skops_version": "0.16.0"}
            yield case(f"skops-root-{name}", put_together(root, []))


BUILDERS = (type_confusion, fields_missing_and_unknown, forged_names, reused_ids, gadgets)


def controls() -> Iterator[tuple[str, bytes]]:
    state, members = take_apart(skops.io.dumps(base()))
    yield "skops", put_together(state, members)
    yield "skops-deflated", skops.io.dumps(base(), compression=zipfile.ZIP_DEFLATED)
    yield "skops-sparse", skops.io.dumps(sparse.csr_matrix(np.eye(3)))
