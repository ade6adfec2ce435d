"""The daemon alone in a container, as process 1: its program, its libraries, its worker and the policies."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from corpora import opcodes as op
from integration.daemon import ACCEPTED, BIN, ROOT, Stub, descendants, parent_of

from . import profiles
from .environments import USER, podman, restricted

SMALL = op.stream(op.value({"a": [1, 2, 3]}))
SECONDS = 60


def make_rootfs(folder: Path) -> Path:
    """What an image FROM scratch would hold."""
    for name in ("proc", "sys", "dev", "etc", "tmp", "run/loadlock", "usr/bin", "models"):
        (folder / name).mkdir(parents=True)
    for program in ("loadlockd", "loadlock-worker"):
        shutil.copy(BIN / program, folder / "usr/bin" / program)
        linked = subprocess.run(["ldd", BIN / program], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"(/\S+) \(0x", linked):
            target = folder / library.removeprefix("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, target)
    shutil.copytree(ROOT / "deploy" / "policies", folder / "policies")
    return folder


def soon(call: Callable[[], Any]) -> Any:
    """The answer, as soon as the daemon gives one."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return call()
        except grpc.RpcError:
            assert time.monotonic() < deadline, "the daemon does not answer"
            time.sleep(0.05)


class Container:
    def __init__(self, base: Path) -> None:
        self.base = base
        self.run = base / "run"
        self.run.mkdir()
        os.chown(self.run, USER, USER)
        self.process: subprocess.Popen[bytes] | None = None
        self.stub = Stub(f"unix:{self.run}/loadlock.sock")

    def start(self, profile: Path) -> None:
        command = [
            *restricted("runc", str(profile)), f"--volume={self.run}:/run/loadlock", "--rootfs",
            str(make_rootfs(self.base / "rootfs")), "/usr/bin/loadlockd", "--root", "/models", "--policy-dir",
            "/policies",
        ]  # fmt: skip
        self.process = subprocess.Popen(podman(self.base / "podman", "runc", *command))
        soon(self.stub.info)
        self.pid = self.find()

    def stop(self) -> None:
        self.stub.close()
        remove = podman(self.base / "podman", "runc", "rm", "--all", "--force", "--time=0")
        subprocess.run(remove, stdout=subprocess.DEVNULL, timeout=SECONDS, check=True)
        if self.process is not None:
            self.process.wait(timeout=SECONDS)

    def find(self) -> int:
        """The daemon, seen from outside."""
        for entry in os.listdir("/proc"):
            try:
                mounts = Path(f"/proc/{entry}/mountinfo").read_text() if entry.isdigit() else ""
                name = Path(f"/proc/{entry}/comm").read_text() if str(self.run) in mounts else ""
            except OSError:
                continue
            if name == "loadlockd\n" and " /run/loadlock " in mounts:
                return int(entry)
        raise AssertionError("no such process")

    def launcher(self) -> int:
        children = [pid for pid in descendants(self.pid) if parent_of(pid) == self.pid]
        return min(children)


@pytest.fixture(params=["runtime-default", "localhost"])
def container(request: pytest.FixtureRequest) -> Iterator[Container]:
    # Not tmp_path: podman's own folder must have a short name.
    with tempfile.TemporaryDirectory(prefix="ll-", dir="/tmp") as folder:
        files = profiles.write_all(Path(folder))
        running = Container(Path(folder))
        running.tier = {"runtime-default": 2, "localhost": 1}[request.param]
        try:
            running.start(files[request.param])
            yield running
        finally:
            running.stop()


def test_it_serves_and_ends_on_sigterm(container: Container) -> None:
    info = container.stub.info()
    assert info.tier == container.tier
    assert ("clone(namespaces): Operation not permitted" in info.tier_reason) == (info.tier != 1)
    report = container.stub.audit(SMALL)
    assert report.verdict == ACCEPTED
    assert (report.tier, report.tier_reason) == (info.tier, info.tier_reason)
    status = Path(f"/proc/{container.pid}/status").read_text()
    assert re.search(r"^NSpid:\s+\d+\s+1$", status, re.MULTILINE), "it is not process 1"
    assert re.search(rf"^Uid:\s+{USER}\s", status, re.MULTILINE)
    os.kill(container.pid, signal.SIGTERM)
    assert container.process.wait(timeout=SECONDS) == 0
    assert not list(container.run.iterdir())


def test_it_reaps_what_a_killed_launcher_leaves(container: Container) -> None:
    """Process 1 inherits the workers of a launcher that died; they must not stay as zombies."""
    before = descendants(container.pid)
    os.kill(container.launcher(), signal.SIGKILL)
    deadline = time.monotonic() + SECONDS
    while left := [pid for pid in before if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, f"left: {left}"
        time.sleep(0.05)
    assert soon(lambda: container.stub.audit(SMALL)).verdict == ACCEPTED
    assert container.stub.info().tier == container.tier
