"""The policies are what the generator writes from the rules."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from .test_tree import ROOT

POLICIES = ROOT / "deploy" / "policies"


def test_the_policies_are_generated(tmp_path: Path) -> None:
    """With the oldest scikit-learn, Debian's, and the newest, as tests/run.sh sets them up."""
    for source in POLICIES.glob("*.py"):
        shutil.copy(source, tmp_path)
    pythons = [str(ROOT / "build" / venv / "bin" / "python") for venv in ("venv-debian", "venv")]
    subprocess.run([sys.executable, "generate.py", *pythons], cwd=tmp_path, check=True)
    written = {path.name: path.read_text() for path in tmp_path.glob("*.textproto")}
    assert written == {path.name: path.read_text() for path in POLICIES.glob("*.textproto")}
