"""xgboost's Booster: its model is written here, from proven columns, and then loaded."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from loadlock._rebuild.factories import ubjson
from loadlock._rebuild.factories.call import Call, Factory
from loadlock._rebuild.factories.record import Record, check_keys
from loadlock._rebuild.names import Name, import_name

_BOOSTER = Name("xgboost.core", "Booster")
# Columns with one element a node: dtype, and the letter of UBJSON.
_NODES = {
    "base_weights": ("<f4", b"d"),
    "default_left": ("|u1", b"U"),
    "left_children": ("<i4", b"l"),
    "loss_changes": ("<f4", b"d"),
    "parents": ("<i4", b"l"),
    "right_children": ("<i4", b"l"),
    "split_conditions": ("<f4", b"d"),
    "split_indices": ("<i4", b"l"),
    "split_type": ("|u1", b"U"),
    "sum_hessian": ("<f4", b"d"),
}


def booster(call: Call) -> Any:
    """A Booster with the model that the record in its state describes."""
    call.only(state=True)
    call.arity(0)
    state = dict(call.dict_state())
    model = _model(Record(call, state.pop("handle", None)))
    cls = import_name(_BOOSTER)
    check_keys(call, cls, state)
    made = cls()
    made.load_model(bytearray(model))
    made.__dict__.update(state)
    return made


def _model(record: Record) -> bytes:
    scores = record.list_of("base_score", float)
    score = ",".join(map(repr, scores))
    parameters = {
        "base_score": score if record.integer("base_score_is_scalar") else f"[{score}]",
        **{
            key: str(record.integer(key))
            for key in ("boost_from_average", "num_class", "num_feature", "num_target")
        },
    }
    objective = {"name": ubjson.text(record.text("objective"))}
    for name, values in dict(record.get("objective_params")).items():
        # The biases that unbiased ranking learnt are left out: only training goes on from them.
        fixed = {"lambdarank_unbiased": "0"} if "lambdarank_unbiased" in values else {}
        objective[name] = ubjson.strings({**record.strings(values), **fixed})
    learner = {
        "attributes": ubjson.strings(record.strings(record.get("attributes"))),
        "feature_names": ubjson.texts(record.list_of("feature_names", str)),
        "feature_types": ubjson.texts(record.list_of("feature_types", str)),
        "gradient_booster": _gradient_booster(record),
        "learner_model_param": ubjson.strings(parameters),
        "objective": ubjson.obj(objective),
    }
    version = np.array(record.list_of("version", int, 3), np.int32)
    return ubjson.obj({"learner": ubjson.obj(learner), "version": ubjson.numbers(version)})


def _gradient_booster(record: Record) -> bytes:
    name = record.text("booster")
    if name == "gblinear":
        rounds = record.integer("boosted_rounds").to_bytes(8, "big")
        weights = ubjson.typed(b"d", record.column("weights", "<f4"))
        model = ubjson.obj({"boosted_rounds": b"L" + rounds, "weights": weights})
        return ubjson.obj({"model": model, "name": ubjson.text(name)})
    if name not in ("gbtree", "dart"):
        raise record.fail("booster")
    trees = ubjson.obj({"model": _trees(record), "name": ubjson.text("gbtree")})
    if name == "gbtree":
        return trees
    drop = ubjson.numbers(record.column("weight_drop", "<f4", len(record.get("tree_info"))))
    return ubjson.obj({"gbtree": trees, "name": ubjson.text(name), "weight_drop": drop})


def _trees(record: Record) -> bytes:
    info = record.column("tree_info", "<i4")
    count = len(info)
    parallel = record.integer("num_parallel_tree")
    step = parallel * max(record.integer("num_class"), 1) * record.integer("num_target")
    rounds = np.arange(0, count + 1, step, dtype=np.int32)
    if parallel < 1 or count % step:
        raise record.fail("tree_info")
    parameters = {"num_parallel_tree": str(parallel), "num_trees": str(count)}
    cats = {
        "enc": ubjson.texts(()),
        "feature_segments": ubjson.typed_head(b"l") + ubjson.length(0),
        "sorted_idx": ubjson.typed_head(b"l") + ubjson.length(0),
    }
    trees = b"[#" + ubjson.length(count) + b"".join(_Trees(record, count).parts())
    return ubjson.obj(
        {
            "cats": ubjson.obj(cats),
            "gbtree_model_param": ubjson.strings(parameters),
            "iteration_indptr": ubjson.numbers(rounds),
            "tree_info": ubjson.numbers(info),
            "trees": trees,
        }
    )


class _Trees:
    """Slices of the columns, tree after tree."""

    def __init__(self, record: Record, count: int) -> None:
        self._sizes = record.column("num_nodes", "<i4", count).tolist()
        self._deleted = record.column("num_deleted", "<i4", count).tolist()
        self._features = record.integer("num_feature")
        total = sum(self._sizes)
        columns = {key: record.column(key, dtype, total) for key, (dtype, _) in _NODES.items()}
        _look_again(record, columns["left_children"], columns["right_children"], self._sizes)
        # Key, beginning of the array, size of an element, all elements.
        self._columns = [
            (ubjson.key(key) + ubjson.typed_head(letter), column.itemsize, _swapped(column))
            for (key, (_, letter)), column in zip(_NODES.items(), columns.values(), strict=True)
        ]
        by_category = columns["split_type"].astype(np.int64)
        starts = [0, *accumulate(self._sizes)]
        counts = np.add.reduceat(by_category, starts[:-1]).tolist() if count else []
        self._splits = [0, *accumulate(counts)]
        splits = self._splits[-1]
        self._category_nodes = _swapped(record.column("categories_nodes", "<i4", splits))
        self._category_sizes = record.column("categories_sizes", "<i4", splits).astype(np.int64)
        total = int(self._category_sizes.sum())
        self._categories = _swapped(record.column("categories", "<i4", total))

    def parts(self) -> list[memoryview | bytes]:
        """The bytes of all trees, in pieces."""
        parts: list[memoryview | bytes] = []
        start = category = 0
        for index, size in enumerate(self._sizes):
            parts.append(b"{")
            length, end = ubjson.length(size), start + size
            for head, item, raw in self._columns:
                parts += (head, length, raw[start * item : end * item])
            category = self._add_categories(parts, index, category)
            parameters = {
                "num_deleted": str(self._deleted[index]),
                "num_feature": str(self._features),
                "num_nodes": str(size),
                "size_leaf_vector": "1",
            }
            parts += (ubjson.key("id"), b"l", index.to_bytes(4, "big"))
            parts += (ubjson.key("tree_param"), ubjson.strings(parameters), b"}")
            start = end
        return parts

    def _add_categories(self, parts: list[memoryview | bytes], tree: int, first: int) -> int:
        """Appends the sets of one tree, which begin at `first`; returns where the next begin."""
        start, end = self._splits[tree], self._splits[tree + 1]
        sizes = self._category_sizes[start:end]
        segments = sizes.cumsum() - sizes
        last = first + int(sizes.sum())
        count = ubjson.length(end - start)
        parts += (ubjson.key("categories"), ubjson.typed_head(b"l"), ubjson.length(last - first))
        parts.append(self._categories[first * 4 : last * 4])
        parts += (ubjson.key("categories_nodes"), ubjson.typed_head(b"l"), count)
        parts.append(self._category_nodes[start * 4 : end * 4])
        for key, numbers in (("categories_segments", segments), ("categories_sizes", sizes)):
            parts += (ubjson.key(key), ubjson.typed_head(b"L"), count, _swapped(numbers))
        return last


def _swapped(column: npt.NDArray[Any]) -> memoryview:
    """Big-endian bytes."""
    return memoryview(column.astype(column.dtype.newbyteorder(">")).tobytes())


def _look_again(
    record: Record, left: npt.NDArray[Any], right: npt.NDArray[Any], sizes: list[int]
) -> None:
    """Children lie in their own tree. That they make a tree, the daemon has proven."""
    if any(size < 1 for size in sizes):
        raise record.fail("num_nodes")
    limits = np.repeat(sizes, sizes)
    for children in (left, right):
        if ((children < -1) | (children >= limits)).any():
            raise record.fail("children")


NATIVE: dict[Name, Factory] = {_BOOSTER: booster}
