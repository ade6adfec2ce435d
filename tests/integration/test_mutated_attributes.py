"""Models with one changed attribute: whatever is accepted may be used without ending the process."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpora.mutants import all_models, build, sample
from corpora.tampered import dump

from .daemon import ROOT, Daemon

pytestmark = pytest.mark.models
LONG = os.environ.get("LOADLOCK_LONG") == "1"
COUNT = 10**9 if LONG else 600
SEED = 20
SECONDS = 15


class User:
    """A child that uses models, started again when it died or hangs."""

    def __init__(self, daemon: Daemon, log: Path) -> None:
        self.daemon, self.log = daemon, log
        self.process: subprocess.Popen[str] | None = None

    def _start(self) -> subprocess.Popen[str]:
        # Freed and new memory hold no zeros, so that reading it shows.
        environment = {
            **os.environ, "PYTHONPATH": f"{ROOT / 'tests'}:{os.environ.get('PYTHONPATH', '')}",
            "MALLOC_PERTURB_": "165", "PYTHONFAULTHANDLER": "1", "OMP_NUM_THREADS": "2",
        }  # fmt: skip
        with self.log.open("w") as log:
            started = subprocess.Popen(
                [sys.executable, "-m", "integration.mutant_user", f"unix:{self.daemon.socket}"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment,
            )  # fmt: skip
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n", self.log.read_text()[-2000:]
        return started

    def ask(self, model: str, path: Path) -> str:
        """The child's answer, or how it ended."""
        self.process = self.process or self._start()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{model} {path}\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], SECONDS)
        answer = self.process.stdout.readline().strip() if ready else ""
        if answer:
            return answer
        return self._ended("died" if ready else "hangs")

    def _ended(self, how: str) -> str:
        assert self.process is not None
        if how == "hangs":
            self.process.kill()
        status = self.process.wait(timeout=30)
        self.process = None
        return f"{how} {status} {self.log.read_text()[-600:]}"

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=30)


@pytest.fixture
def user(daemon: Daemon, tmp_path: Path) -> Iterator[User]:
    started = User(daemon, tmp_path / "child.log")
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
