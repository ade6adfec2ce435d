"""LightGBM's Booster: its model is written here, from proven columns, and then loaded."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

from loadlock._rebuild.factories.call import Call, Factory
from loadlock._rebuild.factories.record import Record, check_keys
from loadlock._rebuild.names import Name, import_name

_BOOSTER = Name("lightgbm.basic", "Booster")
# Of the parameters a loaded model asks for this one only: explanations of linear trees are refused.
_LINEAR = "\nparameters:\n[linear_tree: 1]\n\nend of parameters\n"
# Columns with one element an inner node or leaf; the others of a tree are text.
_INNER = {
    "split_feature": "<i4",
    "decision_type": "|u1",
    "left_child": "<i4",
    "right_child": "<i4",
    "internal_count": "<i4",
}
_TEXTS = (
    "shrinkage",
    "threshold",
    "split_gain",
    "internal_value",
    "internal_weight",
    "leaf_value",
    "leaf_weight",
    "leaf_const",
    "leaf_coeff",
)


def booster(call: Call) -> Any:
    """A Booster with the model that the record in its state describes."""
    call.only(state=True)
    call.arity(0)
    state = dict(call.dict_state())
    record = Record(call, state.pop("_handle", None))
    cls = import_name(_BOOSTER)
    check_keys(call, cls, state)
    made = cls(model_str=_model(record))
    made.__dict__["pandas_categorical"] = record.get("pandas_categorical")
    # Buffers for native code: never those of an artifact.
    for key in ("_Booster__inner_predict_buffer", "_Booster__is_predicted_cur_iter"):
        state[key] = []
    made.__dict__.update(state)
    return made


def _model(record: Record) -> str:
    trees = _Trees(record).blocks()
    lines = ["tree"]
    for key in ("version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx"):
        lines.append(f"{key}={record.text(key) if key == 'version' else record.integer(key)}")
    if record.get("objective") is not None:
        lines.append(f"objective={record.text('objective')}")
    if record.integer("average_output"):
        lines.append("average_output")
    features = record.integer("max_feature_idx") + 1
    lines.append("feature_names=" + " ".join(record.list_of("feature_names", str, features)))
    if record.get("monotone_constraints") is not None:
        signs = record.list_of("monotone_constraints", int, features)
        lines.append("monotone_constraints=" + " ".join(map(str, signs)))
    lines.append("feature_infos=" + " ".join(record.list_of("feature_infos", str, features)))
    # All of a tree is ASCII: characters are bytes.
    lines.append("tree_sizes=" + " ".join(str(len(tree)) for tree in trees))
    end = _LINEAR if record.get("is_linear").any() else ""
    return "\n".join(lines) + "\n\n" + "".join(trees) + "end of trees\n" + end


class _Trees:
    """The columns, and how far each has been used."""

    def __init__(self, record: Record) -> None:
        self._leaves = record.column("num_leaves", "<i4").tolist()
        count = len(self._leaves)
        if any(leaves < 1 for leaves in self._leaves):
            raise record.fail("num_leaves")
        self._cats = record.column("num_cat", "<i4", count).tolist()
        self._linear = record.column("is_linear", "|u1", count).tolist()
        inner = sum(self._leaves) - count
        self._inner = {
            key: [str(number) for number in record.column(key, dtype, inner).tolist()]
            for key, dtype in _INNER.items()
        }
        self._counts = list(map(str, record.column("leaf_count", "<i4", inner + count).tolist()))
        self._texts = {key: record.list_of(key, str, count) for key in _TEXTS}
        self._boundaries = record.column("cat_boundaries", "<i4").tolist()
        self._words = list(map(str, record.column("cat_threshold", "<u4").tolist()))
        self._features = record.column("num_features", "<i4").tolist()
        self._leaf_features = list(map(str, record.column("leaf_features", "<i4").tolist()))

    def blocks(self) -> list[str]:
        """The text of each tree, as many characters as tree_sizes says."""
        starts = [0, *accumulate(leaves - 1 for leaves in self._leaves)]
        blocks = []
        boundary = word = feature = place = 0
        for index, leaves in enumerate(self._leaves):
            start, end = starts[index : index + 2]
            text = {key: texts[index] for key, texts in self._texts.items()}
            inner = {key: " ".join(column[start:end]) for key, column in self._inner.items()}
            first_leaf = start + index
            cats = self._cats[index]
            lines = [
                f"Tree={index}",
                f"num_leaves={leaves}",
                f"num_cat={cats}",
                f"split_feature={inner['split_feature']}",
                f"split_gain={text['split_gain']}",
                f"threshold={text['threshold']}",
                f"decision_type={inner['decision_type']}",
                f"left_child={inner['left_child']}",
                f"right_child={inner['right_child']}",
                f"leaf_value={text['leaf_value']}",
                f"leaf_weight={text['leaf_weight']}",
                f"leaf_count={' '.join(self._counts[first_leaf : first_leaf + leaves])}",
                f"internal_value={text['internal_value']}",
                f"internal_weight={text['internal_weight']}",
                f"internal_count={inner['internal_count']}",
            ]
            if cats:
                bounds = self._boundaries[boundary : boundary + cats + 1]
                words = self._words[word : word + bounds[-1]]
                boundary, word = boundary + len(bounds), word + len(words)
                lines.append(f"cat_boundaries={' '.join(map(str, bounds))}")
                lines.append(f"cat_threshold={' '.join(words)}")
            lines.append(f"is_linear={self._linear[index]}")
            if self._linear[index]:
                counts = self._features[feature : feature + leaves]
                used = sum(counts)
                names = self._leaf_features[place : place + used]
                feature, place = feature + leaves, place + used
                lines.append(f"leaf_const={text['leaf_const']}")
                lines.append(f"num_features={' '.join(map(str, counts))}")
                lines.append(f"leaf_features={_by_leaf(names, counts)}")
                lines.append(f"leaf_coeff={_by_leaf(text['leaf_coeff'].split(), counts)}")
            lines.append(f"shrinkage={text['shrinkage']}")
            blocks.append("\n".join(lines) + "\n\n\n")
        return blocks


def _by_leaf(values: list[str], counts: list[int]) -> str:
    """As the library writes it: a space behind each value, one more behind each leaf."""
    ends = [0, *accumulate(counts)]
    return "".join(
        "".join(f"{value} " for value in values[start:end]) + " "
        for start, end in pairwise(ends)
    )


NATIVE: dict[Name, Factory] = {_BOOSTER: booster}
