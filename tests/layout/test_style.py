"""Formatters and linters, and habits that no tool knows."""

from __future__ import annotations

import re
import subprocess
import sys

from .test_tree import ROOT, tracked


def run(*command: str, cwd: str = ".") -> str:
    done = subprocess.run(command, cwd=ROOT / cwd, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_clang_format() -> None:
    files = [str(path) for path in tracked() if path.suffix in (".cc", ".h")]
    assert not run("clang-format", "--dry-run", "--Werror", *files)


def test_ruff() -> None:
    ruff = (sys.executable, "-m", "ruff", "check", "--no-cache")
    assert not run(*ruff, "client/python")
    assert not run(*ruff, "--config", "tests/ruff.toml", "tests", "deploy")


def test_mypy() -> None:
    assert not run(sys.executable, "-m", "mypy", "--cache-dir", "/dev/null", cwd="client/python")


def test_shell_scripts_parse() -> None:
    scripts = [str(path) for path in tracked() if path.suffix == ".sh"] + [".ci/run"]
    assert len(scripts) >= 4
    for script in scripts:
        assert not run("bash", "-n", script)


def test_nothing_is_left_undone() -> None:
    """Marks of unfinished work, and tests that are switched off."""
    words = "|".join(
        (
            "TO" + "DO",
            "FIX" + "ME",
            "X" * 3,
            "GTEST_" + "SKIP",
            "DISAB" + "LED_",
            r"pytest\.(mark\.)?" + "skip",
            "x" + "fail",
        )
    )
    pattern = re.compile(rf"(?<!\w)({words})(?!X)")
    for path in tracked():
        if (
            path.suffix in (".cc", ".h", ".py", ".sh", ".proto", ".cmake", ".textproto")
            or path.name == "CMakeLists.txt"
        ):
            found = pattern.search((ROOT / path).read_text())
            assert not found, f"{path}: {found.group()}"


def test_sizes() -> None:
    """Sources that a person can hold in the head."""
    limits = {".h": 200, ".cc": 400, ".py": 400}
    for path in tracked():
        if path.suffix in limits:
            lines = (ROOT / path).read_text().count("\n")
            assert lines <= limits[path.suffix], f"{path} has {lines} lines"
