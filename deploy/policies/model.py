"""What a policy is made of, as Python values, and how it is written as textproto."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


@dataclasses.dataclass
class Rule:
    """One StateRule; see policy.proto."""

    kinds: Sequence[str] = ()
    one_of: Sequence[str] = ()
    min: float | None = None
    max: float | None = None
    drop: bool = False
    required: bool = False
    shape: Sequence[str] = ()
    dtypes: Sequence[str] = ()
    c_order: bool = False
    classes: Sequence[str] = ()
    back: bool = False
    force: str = ""
    why: str = ""


@dataclasses.dataclass
class Entry:
    """One Entry; `sets` are filled in by the generator."""

    name: str
    trust: str
    schema: str = ""
    at: Sequence[str] = ()
    invariants: Sequence[str] = ()
    state: Mapping[str, Rule] = dataclasses.field(default_factory=dict)
    sets: Sequence[str] = ()
    why: str = ""


@dataclasses.dataclass
class Policy:
    """One file."""

    name: str
    description: str
    extends: Sequence[str] = ()
    sets: Mapping[str, Iterable[str]] = dataclasses.field(default_factory=dict)
    # Sets that `at` names by "$name".
    places: Mapping[str, Iterable[str]] = dataclasses.field(default_factory=dict)
    entries: Sequence[Entry] = ()


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=True)


def _rule_lines(key: str, rule: Rule) -> list[str]:
    fields = [f"key: {_text(key)}"]
    if rule.required:
        fields.append("required: true")
    if rule.drop:
        fields.append("drop: true")
    fields += [f"kinds: VALUE_KIND_{kind}" for kind in rule.kinds]
    fields += [f"one_of: {_text(literal)}" for literal in rule.one_of]
    for name, bound in (("min", rule.min), ("max", rule.max)):
        if bound is not None:
            fields.append(f"{name}: {bound:g}")
    if rule.shape or rule.dtypes or rule.c_order:
        inner = [f"dtypes: {_text(dtype)}" for dtype in rule.dtypes]
        inner += [f"shape: {_text(token)}" for token in rule.shape]
        if rule.c_order:
            inner.append("c_order: true")
        fields.append("array { " + " ".join(inner) + " }")
    fields += [f"classes: {_text(name)}" for name in rule.classes]
    if rule.back or rule.force:
        fields.append(f"force: {_text('back' if rule.back else rule.force)}")
    if rule.why:
        fields.append(f"why: {_text(rule.why)}")
    line = "  state { " + " ".join(fields) + " }"
    if len(line) <= 100:
        return [line]
    return ["  state {", *(f"    {field}" for field in fields), "  }"]


def _entry_lines(entry: Entry) -> list[str]:
    lines = ["entries {", f"  name: {_text(entry.name)}", f"  trust: TRUST_{entry.trust}"]
    if entry.schema:
        lines.append(f"  schema: {_text(entry.schema)}")
    lines += [f"  at: {_text(place)}" for place in entry.at]
    lines += [f"  invariants: {_text(name)}" for name in entry.invariants]
    for key, rule in entry.state.items():
        lines += _rule_lines(key, rule)
    lines += [f"  forbidden: {_text(name)}" for name in entry.sets]
    if entry.why:
        lines.append(f"  why: {_text(entry.why)}")
    return [*lines, "}"]


def write(policy: Policy, header: Sequence[str]) -> str:
    """The policy as textproto, with comment lines at its head."""
    lines = [f"# {line}" for line in header]
    lines += [f"name: {_text(policy.name)}", f"description: {_text(policy.description)}"]
    lines += [f"extends: {_text(name)}" for name in policy.extends]
    for name, keys in sorted({**policy.sets, **policy.places}.items()):
        lines += ["attribute_sets {", f"  name: {_text(name)}"]
        lines += [f"  keys: {_text(key)}" for key in sorted(keys)]
        lines.append("}")
    for entry in sorted(policy.entries, key=lambda one: one.name):
        lines += _entry_lines(entry)
    return "\n".join(lines) + "\n"


def as_sequence(value: Any) -> Sequence[str]:
    """One string, or several."""
    return (value,) if isinstance(value, str) else tuple(value)
