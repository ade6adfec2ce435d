"""Attributes that are known to end the process when they are changed: refused, or loaded and harmless."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpora import crashes

from .children import User
from .daemon import Daemon

pytestmark = pytest.mark.models
LONG = os.environ.get("LOADLOCK_LONG") == "1"


@pytest.fixture
def user(daemon: Daemon, tmp_path: Path) -> Iterator[User]:
    started = User("integration.mutant_user", daemon, tmp_path / "child.log")
    yield started
    started.stop()


def test_what_once_crashed_does_not_any_more(daemon: Daemon, user: User) -> None:
    found = crashes.models()
    outcomes: Counter[str] = Counter()
    wrong, tried = [], set()
    for name, attribute, mutation in crashes.cases(found):
        # One mutation of each attribute, and a share of the others.
        if not LONG and (name, attribute) in tried and sum(mutation.encode()) % 5:
            continue
        try:
            data = crashes.build(found[name], attribute, mutation)
        except KeyError:
            outcomes["not in this version"] += 1
            continue
        tried.add((name, attribute))
        path = daemon.write("crash.joblib", data)
        answer = user.ask(name, path)
        outcomes[answer.split()[0]] += 1
        if answer.split()[0] in ("died", "hangs", "failed"):
            wrong.append(f"{name} {attribute} {mutation}: {answer}")
    path.unlink()
    print(dict(outcomes), len(tried), "attributes")
    assert len(tried) > 150, outcomes
    assert not wrong, f"{len(wrong)} {dict(outcomes)}:\n" + "\n".join(wrong)
