"""Fixtures: one daemon a tier for the whole run, and the file that no payload may write."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from .daemon import Daemon

# Tests that need a library which Debian has not; its environment runs the other models.
NEEDS = {
    "skops": ("test_convert.py", "test_gate.py", "test_shim_skops.py", "test_skops.py"),
    "torch": ("test_torch_models.py",),
    "xgboost": ("test_boosters.py", "test_gate_boosters.py"),
}
collect_ignore = [
    test for library, tests in NEEDS.items() if importlib.util.find_spec(library) is None for test in tests
]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Those of a file that need torch are run where it is, as the files above."""
    if importlib.util.find_spec("torch") is not None:
        return
    need = [item for item in items if item.get_closest_marker("torch")]
    config.hook.pytest_deselected(items=need)
    items[:] = [item for item in items if item not in need]


@pytest.fixture(scope="session")
def daemon() -> Iterator[Daemon]:
    """The best tier this machine gives."""
    with Daemon("--log-level", "warn") as running:
        yield running


@pytest.fixture(scope="session", params=["A", "B", "C"])
def tier_daemon(request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """One daemon for each tier that it is told to use at most."""
    with Daemon("--tier", request.param, "--log-level", "warn") as running:
        running.tier = request.param
        yield running


@pytest.fixture(scope="session")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where payloads would write."""
    return tmp_path_factory.mktemp("canary") / "executed"


@pytest.fixture(autouse=True)
def nothing_ran(canary: Path) -> Iterator[None]:
    """After every test: no payload was executed, by anyone."""
    assert not canary.exists()
    yield
    assert not canary.exists(), "a payload was executed"
