"""Tests that a machine cannot give what they need are left out: never silently, and counted (summary.py)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest

from integration.no_processes import no_limit_of_tasks
from packages import machine

LEFT_OUT = pytest.StashKey[dict[str, int]]()


def no_other_user() -> str:
    """Why this process cannot start another as somebody else; empty if it can."""
    become = [] if os.geteuid() == 0 else ["sudo", "-n"]
    command = [*become, "setpriv", "--reuid=64001", "--clear-groups", "true"]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except OSError as failed:
        return f"cannot become another user: not root, and {failed.filename}: {failed.strerror}"
    return "" if tried.returncode == 0 else f"cannot become another user: {tried.stderr.strip()[-200:]}"


def not_root() -> str:
    return "" if os.geteuid() == 0 else "only root can call as two users of one group"


# Marks of pytest.ini, and what says why they cannot run here.
NEEDS: dict[str, Callable[[], str]] = {
    "other_users": no_other_user,
    "two_users": not_root,
    "limit_of_tasks": no_limit_of_tasks,
    "systemd": machine.why_not,
}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[LEFT_OUT] = {}
    for mark, why_not in NEEDS.items():
        need = [item for item in items if item.get_closest_marker(mark)]
        if need and (why := why_not()):
            config.stash[LEFT_OUT][why] = len(need)
            config.hook.pytest_deselected(items=need)
            items[:] = [item for item in items if item not in need]


@pytest.fixture(scope="session", autouse=True)
def left_out(
    request: pytest.FixtureRequest, record_testsuite_property: Callable[[str, object], None]
) -> None:
    for why, count in request.config.stash[LEFT_OUT].items():
        record_testsuite_property("skipped", f"{count} tests: {why}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for why, count in config.stash.get(LEFT_OUT, {}).items():
        terminalreporter.write_line(f"skipped: {count} tests: {why}")
