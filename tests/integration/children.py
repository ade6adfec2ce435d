"""Children that use what was loaded, and may die of it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

from .daemon import ROOT, Daemon

SECONDS = 15


class User:
    """A child that uses models, started again when it died or hangs."""

    def __init__(self, module: str, daemon: Daemon, log: Path) -> None:
        self.module, self.daemon, self.log = module, daemon, log
        self.process: subprocess.Popen[str] | None = None

    def _start(self) -> subprocess.Popen[str]:
        # Freed and new memory hold no zeros, so that reading it shows.
        environment = {
            **os.environ, "PYTHONPATH": f"{ROOT / 'tests'}:{os.environ.get('PYTHONPATH', '')}",
            "MALLOC_PERTURB_": "165", "PYTHONFAULTHANDLER": "1", "OMP_NUM_THREADS": "2",
        }  # fmt: skip
        with self.log.open("w") as log:
            started = subprocess.Popen(
                [sys.executable, "-m", self.module, f"unix:{self.daemon.socket}"],
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
