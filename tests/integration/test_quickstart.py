"""What the README shows first, with the binaries under test."""

from __future__ import annotations

import os
import subprocess
import sys

from .daemon import BUILD, ROOT


def test_the_quickstart_loads_the_good_model_and_refuses_the_poisoned_ones() -> None:
    run = subprocess.run(
        [sys.executable, str(ROOT / "deploy" / "quickstart.py")],
        env=dict(os.environ, LOADLOCK_BIN=str(BUILD / "bin")),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.splitlines()[-1] == "quickstart: ok"
    for codec in ("none", "zlib", "lz4"):
        assert f"poisoned-{codec}.joblib: refused" in run.stdout
