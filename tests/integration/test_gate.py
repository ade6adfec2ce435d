"""loadlock gate: only what was vetted gets through, whole, and exactly the bytes that were vetted."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from corpora import opcodes as op

from .daemon import ACCEPTED, BIN, ROOT, Daemon

BAD = op.stream(op.call(op.global_("posix", "system"), "true"))


@pytest.fixture
def source(daemon: Daemon, request: pytest.FixtureRequest) -> Iterator[Path]:
    folder = daemon.root / f"gate-{abs(hash(request.node.name))}"
    folder.mkdir()
    yield folder
    subprocess.run(["rm", "-rf", folder], check=True)


def gate(daemon: Daemon, *arguments: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "loadlock", "gate", "--address", f"unix:{daemon.socket}", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) if folder.exists() else []


def iris(n_jobs: int | None = None) -> Any:
    x, y = load_iris(return_X_y=True)
    return RandomForestClassifier(3, n_jobs=n_jobs, random_state=0).fit(x, y)


def test_what_is_vetted_is_what_arrives(daemon: Daemon, source: Path, tmp_path: Path) -> None:
    x, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(x, y)
    skops.io.dump(model, source / "model.skops")
    (source / "sub").mkdir()
    np.save(source / "sub" / "large.npy", np.arange(500_000))  # By descriptor, not inline.
    target, told = tmp_path / "models", tmp_path / "termination"
    held = daemon.stub.info().leases  # Of other tests.
    old = os.umask(0o077)
    try:
        done = gate(daemon, "--termination-message", told, source, target)
    finally:
        os.umask(old)
    assert done.returncode == 0, done.stderr
    assert files(target) == ["model.skops", "sub", "sub/large.npy"]
    for name in ("model.skops", "sub/large.npy"):
        assert (target / name).read_bytes() == (source / name).read_bytes()
        assert stat.S_IMODE((target / name).stat().st_mode) == 0o644
    assert (skops.io.load(target / "model.skops").predict(x) == model.predict(x)).all()
    assert told.read_text() == "2 files vetted and copied"
    assert done.stderr.splitlines()[-1] == "loadlock gate: 2 files vetted and copied"
    # A container that starts anew does it again.
    assert gate(daemon, source, target).returncode == 0
    assert daemon.stub.info().leases <= held


def test_one_refusal_keeps_all_out(daemon: Daemon, source: Path, tmp_path: Path) -> None:
    np.save(source / "a.npy", np.arange(5))
    (source / "b.pkl").write_bytes(BAD)
    np.save(source / "c.npy", np.arange(5))
    target, told = tmp_path / "models", tmp_path / "termination"
    done = gate(daemon, "--termination-message", told, source, target)
    assert done.returncode == 1
    assert files(target) == []
    assert "b.pkl: refused: a call of posix.system" in told.read_text()
    assert "[NAME_NOT_LISTED]" in told.read_text()
    assert told.read_text() in done.stderr.splitlines()[-1]
    # Two sources, one of them good: neither.
    good = source / "good"
    good.mkdir()
    np.save(good / "x.npy", np.arange(5))
    done = gate(daemon, good, tmp_path / "one", source / "b.pkl", tmp_path / "two")
    assert (done.returncode, files(tmp_path / "one"), files(tmp_path / "two")) == (1, [], [])


def test_what_is_no_file_is_not_decided(daemon: Daemon, source: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.npy"
    np.save(outside, np.arange(5))
    np.save(source / "a.npy", np.arange(5))
    target = tmp_path / "models"
    for make in (
        lambda path: path.symlink_to(outside),
        lambda path: path.symlink_to(tmp_path),
        os.mkfifo,
    ):
        make(source / "odd")
        done = gate(daemon, source, target)
        assert (done.returncode, files(target)) == (2, []), done.stdout
        (source / "odd").unlink()
    for arguments in ((source / "missing", target), (source, source / "below"), (source, source)):
        assert gate(daemon, *arguments).returncode == 2
    assert gate(daemon, source).returncode == 2
    (target / "left.pkl").write_bytes(b"")
    done = gate(daemon, source, target)
    assert done.returncode == 2
    assert "holds left.pkl" in done.stderr
    assert files(target) == ["left.pkl"]


def test_what_loadlock_changes_is_not_handed_on(daemon: Daemon, source: Path, tmp_path: Path) -> None:
    skops.io.dump(iris(n_jobs=2), source / "jobs.skops")
    skops.io.dump(make_pipeline(iris(), memory="/tmp/x"), source / "memory.skops")
    target = tmp_path / "models"
    done = gate(daemon, source / "jobs.skops", target)
    assert (done.returncode, files(target)) == (1, [])
    assert "--keep-n-jobs" in done.stderr
    assert gate(daemon, "--keep-n-jobs", source / "jobs.skops", target).returncode == 0
    done = gate(daemon, "--keep-n-jobs", source / "memory.skops", tmp_path / "other")
    assert (done.returncode, files(tmp_path / "other")) == (1, [])
    assert "GATE_REPLACED" in done.stdout


def test_no_pickle_is_handed_to_a_loader_that_runs_it(daemon: Daemon, source: Path, tmp_path: Path) -> None:
    """Not even one that loads here: what its opcodes threw away nobody judged."""
    joblib.dump(iris(), source / "forest.joblib")
    joblib.dump(iris(), source / "forest.joblib.z", compress=3)
    np.save(source / "objects.npy", np.array([{1: np.arange(3)}], dtype=object))
    for path in sorted(source.iterdir()):
        assert daemon.stub.audit(path).verdict == ACCEPTED
        done = gate(daemon, path, tmp_path / "models")
        assert (done.returncode, files(tmp_path / "models")) == (1, []), path
        assert "GATE_PICKLE" in done.stdout


def test_files_may_be_left_out_by_name_alone(daemon: Daemon, source: Path, tmp_path: Path) -> None:
    np.save(source / "a.npy", np.arange(5))
    (source / "README.md").write_text("about it")
    (source / "evil.md").write_bytes(BAD)
    target = tmp_path / "models"
    assert gate(daemon, source, target).returncode == 1
    done = gate(daemon, "--leave-out", "*.md", source, target)
    assert (done.returncode, files(target)) == (0, ["a.npy"])
    assert "README.md: left out" in done.stderr
    assert gate(daemon, "--leave-out", "*", source, target).returncode == 2, "nothing is not vetted"


def test_it_copies_what_was_vetted_and_not_what_lies_there(
    daemon: Daemon, source: Path, tmp_path: Path
) -> None:
    """A source that becomes another file again and again: what arrives is always a vetted one."""
    good = [np.arange(200_000), np.arange(200_001)]
    path = source / "model.npy"
    np.save(path, good[0])
    stop = threading.Event()

    def exchange() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            other = source.parent / f"{source.name}.new"
            if turn % 3 == 0:
                other.write_bytes(BAD)
            else:
                with other.open("wb") as out:
                    np.save(out, good[turn % 2])
            other.rename(path)
            time.sleep(0.001)

    thread = threading.Thread(target=exchange)
    thread.start()
    codes = set()
    try:
        for turn in range(30):
            target = tmp_path / str(turn)
            done = gate(daemon, path, target)
            codes.add(done.returncode)
            if done.returncode == 0:
                assert any(np.array_equal(np.load(target / "model.npy"), each) for each in good)
            else:
                assert files(target) == []
    finally:
        stop.set()
        thread.join()
    assert codes <= {0, 1, 2}


def test_nothing_is_left_by_one_that_is_killed(daemon: Daemon, source: Path, tmp_path: Path) -> None:
    for number in range(20):
        np.save(source / f"{number}.npy", np.arange(200_000))
    target = tmp_path / "models"
    for delay in (0.02, 0.05, 0.1):
        command = [BIN / "loadlock", "gate", "--address", f"unix:{daemon.socket}", source, target]
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        running.send_signal(signal.SIGKILL)
        running.wait()
        visible = [name for name in files(target) if not name.startswith(".loadlock-gate-")]
        assert all(np.array_equal(np.load(target / name), np.arange(200_000)) for name in visible)
    done = gate(daemon, source, target)
    assert done.returncode == 0, done.stderr
    assert files(target) == sorted(f"{number}.npy" for number in range(20))


def test_a_daemon_that_cannot_be_had(tmp_path: Path) -> None:
    told = tmp_path / "termination"
    done = subprocess.run(
        [BIN / "loadlock", "gate", "--address", f"unix:{tmp_path}/none.sock", "--termination-message",
         told, tmp_path, tmp_path / "to"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "none.sock" in told.read_text()
    assert not (tmp_path / "to").exists()


def test_it_runs_as_kserve_runs_it(tmp_path: Path) -> None:
    """The command of the ClusterStorageContainer, with a URI, the target, and a daemon of its own."""
    manifest = (ROOT / "deploy" / "kubernetes" / "kserve" / "cluster-storage-container.yaml").read_text()
    command = re.search(r"command: \[(.*)\]", manifest)
    assert command
    program, *words = command[1].split(", ")
    assert program == "/usr/bin/loadlock"
    told = tmp_path / "termination-log"
    told.touch()
    words[words.index("/dev/termination-log")] = str(told)
    (tmp_path / "from").mkdir()
    np.save(tmp_path / "from" / "model.npy", np.arange(5))
    target = tmp_path / "to"
    target.mkdir()
    environment = {**os.environ, "TMPDIR": "/dev/shm"}
    for data, code, there in ((None, 0, ["model.npy"]), (BAD, 1, [])):
        if data is not None:
            (tmp_path / "from" / "model.npy").write_bytes(data)
            (target / "model.npy").unlink()
        done = subprocess.run(
            [BIN / "loadlock", *words, f"file://{tmp_path}/from", target],
            capture_output=True, text=True, timeout=120, check=False, env=environment,
        )  # fmt: skip
        assert (done.returncode, files(target)) == (code, there), done.stderr
        assert told.read_text() in done.stderr.splitlines()[-1]
