"""The metrics know every rule by which something is refused."""

from __future__ import annotations

import re

from .test_tree import ROOT, is_test, sources

CALL = re.compile(r'\b(?:Fail|FailName|FailNode|FailTensor|Refuse|RefuseAt|Refusing)\(([^;]*?)"([A-Z0-9_]+)"')
RULE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|MALFORMED|SCHEMA|DTYPE|TRUNCATED")


def known() -> list[str]:
    text = (ROOT / "server" / "pipeline" / "metrics.cc").read_text()
    table = re.search(r"kRules = \{(.*?)\};", text, re.DOTALL)
    assert table
    return re.findall(r'"([A-Z0-9_]+)"', table[1])


def used() -> set[str]:
    found = set()
    for path in sources():
        if path.parts[0] in ("sandbox", "server") and not is_test(path):
            for before, rule in CALL.findall((ROOT / path).read_text()):
                if '"' not in before and RULE.fullmatch(rule):
                    found.add(rule)
    return found


def test_the_table_is_sorted() -> None:
    assert known() == sorted(known())


def test_every_rule_has_a_label() -> None:
    # Notes refuse nothing.
    rules = {rule for rule in used() if not rule.startswith("INVARIANT_")} - {"CHAT_TEMPLATE"}
    assert len(rules) > 25, "the pattern finds what the sources say"
    assert rules <= set(known()), rules - set(known())


def test_every_label_is_a_rule() -> None:
    text = "\n".join((ROOT / path).read_text() for path in sources() if not is_test(path))
    # Once in the table itself.
    assert not [rule for rule in known() if text.count(f'"{rule}"') < 2]
