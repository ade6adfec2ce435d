"""What a daemon needs to start and does not get: it says what is missing, exits 1 and leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from integration.daemon import BIN, ROOT

from .daemon import SMALL

TESTS = ROOT / "tests"
CANNOT_SERVE = 1
NO_NAMESPACES = "tier A: clone(namespaces): Operation not permitted"
NO_LANDLOCK = "landlock_create_ruleset: Function not implemented"


def start(run: Path, *flags: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Starts a daemon that is expected to give up by itself."""
    command = [*before, str(BIN / "loadlockd"), "--socket", str(run / "s.sock"), "--policy-dir",
               str(ROOT / "deploy" / "policies"), *flags]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=TESTS, check=False,
                          stdin=subprocess.DEVNULL)  # fmt: skip


def without(*names: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "faults.without", *names, "--")


def says(done: subprocess.CompletedProcess[str], run: Path, *texts: str) -> None:
    assert done.returncode == CANNOT_SERVE, done
    (line,) = (done.stdout + done.stderr).strip().splitlines()
    assert line.startswith("loadlockd: "), line
    for text in texts:
        assert text in line, line
    assert not run.exists() or not list(run.iterdir())


@pytest.mark.parametrize(
    ("missing", "minimum", "texts"),
    [
        (("namespaces",), "A", (NO_NAMESPACES,)),
        (("landlock",), "A", ("tier A: ", NO_LANDLOCK)),
        (("landlock",), "B", ("tier A: ", "tier B: ", NO_LANDLOCK)),
        (("namespaces", "landlock"), "A", (NO_NAMESPACES,)),
        (("namespaces", "landlock"), "B", (NO_NAMESPACES, "tier B: ", NO_LANDLOCK)),
        (("seccomp",), "C", ("seccomp(KILL_PROCESS): Function not implemented",)),
    ],
)
def test_a_minimum_that_cannot_be_reached(
    missing: tuple[str, ...], minimum: str, texts: tuple[str, ...], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    says(start(run, "--min-tier", minimum, before=without(*missing)), run, "no isolation tier works", *texts)


@pytest.mark.parametrize(
    ("missing", "tier", "text"),
    [(("namespaces",), "B", NO_NAMESPACES), (("landlock",), "C", NO_LANDLOCK),
     (("namespaces", "landlock"), "C", NO_LANDLOCK)],
)  # fmt: skip
def test_the_best_tier_that_is_left(missing: tuple[str, ...], tier: str, text: str, tmp_path: Path) -> None:
    """The same worlds, in which a lower minimum serves: so the refusals above are for the minimum."""
    artifact = tmp_path / "a.pkl"
    artifact.write_bytes(SMALL)
    command = [*without(*missing), str(BIN / "loadlock"), "audit", "--json", str(artifact)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=TESTS, check=False,
                          env={**os.environ, "LOADLOCK_ADDRESS": "", "TMPDIR": str(tmp_path)})  # fmt: skip
    assert done.returncode == 0, done
    assert f'"TIER_{tier}"' in done.stdout
    assert text in done.stdout


def in_a_mount(options: str, folder: Path) -> tuple[str, ...]:
    """The command sees `folder` as a file system of its own, with these options."""
    user = () if os.geteuid() == 0 else ("--map-root-user",)
    script = 'mount -t tmpfs -o "$1" none "$2" && shift 2 && exec "$@"'
    return ("unshare", *user, "--mount", "sh", "-c", script, "sh", options, str(folder))


@pytest.mark.parametrize("inodes", [1, 2, 3, 4])
def test_no_room_for_folder_lock_and_sockets(inodes: int, tmp_path: Path) -> None:
    """Of root folder, folder, lock and two sockets one is the one that does not fit."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = start(disk / "run", before=in_a_mount(f"nr_inodes={inodes}", disk))
    says(done, disk / "run", "No space left on device")


def test_a_read_only_place_for_the_socket(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    says(start(disk / "run", before=in_a_mount("ro", disk)), disk / "run", "Read-only file system")


@pytest.mark.parametrize(
    ("options", "text"), [("nr_inodes=1", "No space left on device"), ("ro", "Read-only file system")]
)
def test_no_place_for_the_log(options: str, text: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    done = start(tmp_path / "run", "--log-file", str(disk / "log"), before=in_a_mount(options, disk))
    says(done, tmp_path / "run", "log file", text)


@pytest.mark.parametrize("options", ["nr_inodes=1", "ro"])
def test_a_command_without_a_place_for_its_daemon(options: str, tmp_path: Path) -> None:
    """TMPDIR is full, or may not be written: no verdict, one line, nothing left."""
    disk, artifact = tmp_path / "disk", tmp_path / "a.pkl"
    disk.mkdir()
    artifact.write_bytes(SMALL)
    command = [*in_a_mount(options, disk), str(BIN / "loadlock"), "audit", str(artifact)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, "LOADLOCK_ADDRESS": "", "TMPDIR": str(disk)})  # fmt: skip
    assert done.returncode == 2, done
    (line,) = (done.stdout + done.stderr).strip().splitlines()
    assert str(disk) in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pkl", "disk"]
