"""A daemon that says little, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator

import loadlock
import pytest

from integration.daemon import Daemon


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with Daemon("--log-level", "warn") as running:
        yield running


@pytest.fixture(scope="module")
def client(daemon: Daemon) -> Iterator[loadlock.Client]:
    with loadlock.Client(f"unix:{daemon.socket}") as made:
        yield made
