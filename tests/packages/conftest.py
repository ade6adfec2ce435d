"""The packages, built once, and a machine to install them on."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.daemon import BUILD

from .machine import Machine


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By name, as cpack makes them; those of LOADLOCK_PACKAGES if that folder is given."""
    folder = Path(os.environ.get("LOADLOCK_PACKAGES") or tmp_path_factory.mktemp("packages"))
    if not list(folder.glob("*.deb")):
        command = ["cpack", "-G", "DEB", "--config", str(BUILD / "CPackConfig.cmake"), "-B", str(folder)]
        subprocess.run(command, check=True)
    return {file.name.split("_")[0]: file for file in folder.glob("*.deb")}


@pytest.fixture
def machine() -> Iterator[Machine]:
    # In memory: the upper layer of an overlay cannot be a part of its lower one.
    with tempfile.TemporaryDirectory(prefix="ll-", dir="/dev/shm") as folder:
        Path(folder).chmod(0o755)
        made = Machine(Path(folder))
        made.start()
        try:
            yield made
        finally:
            made.stop()
