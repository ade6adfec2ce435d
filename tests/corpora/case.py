"""What every generator yields."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    """An artifact that must be refused.

    rules: rule ids of which at least one ERROR finding must carry one; empty means
    that any refusal is right (where several rules may fire first).
    names: names that the report must list among the artifact's globals.
    """

    name: str
    data: bytes = field(repr=False)
    rules: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()


def case(name: str, data: bytes, *rules: str, names: tuple[str, ...] = ()) -> Case:
    return Case(name, data, frozenset(rules), names)
