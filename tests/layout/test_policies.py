"""The policies are what the generator writes from the rules."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from .test_tree import ROOT

POLICIES = ROOT / "deploy" / "policies"


def contents(folder: Path) -> dict[str, str]:
    kinds = ("*.textproto", "REVIEW.md", "attributes/*.json")
    return {path.name: path.read_text() for kind in kinds for path in folder.glob(kind)}


def test_the_policies_are_generated(tmp_path: Path) -> None:
    """With the oldest scikit-learn, Debian's, and the newest, as tests/run.sh sets them up; what is
    known of those between was read before."""
    for source in POLICIES.glob("*.py"):
        shutil.copy(source, tmp_path)
    shutil.copytree(POLICIES / "attributes", tmp_path / "attributes")
    pythons = [str(ROOT / "build" / venv / "bin" / "python") for venv in ("venv-debian", "venv")]
    subprocess.run([sys.executable, "generate.py", *pythons], cwd=tmp_path, check=True)
    assert contents(tmp_path) == contents(POLICIES)
