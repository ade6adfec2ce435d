"""Models with one changed attribute: whatever is accepted may be used without ending the process."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpora.mutants import all_models, build, sample
from corpora.tampered import dump

from .children import User
from .daemon import Daemon

pytestmark = pytest.mark.models
LONG = os.environ.get("LOADLOCK_LONG") == "1"
COUNT = 10**9 if LONG else 600
SEED = 20


@pytest.fixture
def user(daemon: Daemon, tmp_path: Path) -> Iterator[User]:
    started = User("integration.mutant_user", daemon, tmp_path / "child.log")
    yield started
    started.stop()


def test_no_accepted_mutant_ends_the_process(daemon: Daemon, user: User) -> None:
    found = all_models()
    outcomes: Counter[str] = Counter()
    wrong = []
    for mutant in sample(found, COUNT, SEED):
        path = daemon.write("mutant.joblib", build(found[mutant.model], mutant))
        answer = user.ask(mutant.model, path)
        outcome = answer.split()[0]
        outcomes[outcome] += 1
        if outcome in ("died", "hangs", "failed"):
            wrong.append(f"{mutant.name}: {answer}")
    path.unlink()
    print(dict(outcomes))
    assert outcomes["refused"], outcomes
    assert outcomes["answered"], outcomes
    assert not wrong, f"{len(wrong)} of {outcomes.total()} {dict(outcomes)}:\n" + "\n".join(wrong)


def test_the_child_answers_for_every_untouched_model(daemon: Daemon, user: User) -> None:
    """So that what mutants do is theirs."""
    for name, model in all_models().items():
        path = daemon.write("whole.joblib", dump(model.fitted, {}, "joblib-4"))
        assert user.ask(name, path) == "answered", name
        path.unlink()
