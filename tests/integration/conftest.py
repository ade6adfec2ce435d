"""Fixtures: one daemon a tier for the whole run, and the file that no payload may write."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from .daemon import Daemon

# Debian has no skops; its environment runs the other models.
collect_ignore = [] if importlib.util.find_spec("skops") else ["test_convert.py", "test_skops.py"]


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
