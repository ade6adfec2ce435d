"""The daemon's store: one copy, one verdict, and what is handed over of them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import loadlock
import numpy as np
import pytest
from loadlock._proto import service_pb2 as pb

from corpora import opcodes as op
from corpora.models import write_joblib

from .daemon import Daemon, error_info, error_rules
from .test_artifacts import buffers_by_stream, hand_over

LEAST = 300_000
SETTLED = 2.1


class StoringDaemon(Daemon):
    def __init__(self, store: str = "", base: Path | None = None) -> None:
        super().__init__(
            "--log-level", "warn", config=f"store {{ min_file_bytes: {LEAST} {store} }}", base=base
        )
        self.state = self.base / "state"
        self.flags += ["--state-dir", str(self.state)]

    def stop_only(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Its folders stay."""
        self.stub.close()
        self.process.send_signal(how)
        self.process.wait(timeout=60)

    def stored(self) -> list[str]:
        """When all is on the disk."""
        deadline = time.monotonic() + 20
        while True:
            names = sorted(path.name for path in (self.state / "blobs").iterdir())
            if all(len(name) == 64 for name in names):
                return names
            assert time.monotonic() < deadline, names
            time.sleep(0.01)


@pytest.fixture(scope="module")
def storing() -> Iterator[StoringDaemon]:
    with StoringDaemon() as running:
        yield running


def array(seed: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).random(50_000)


def model(daemon: Daemon, name: str, seed: int) -> Path:
    return daemon.write(name, write_joblib({"x": array(seed)}, 4))


def test_what_is_handed_over(storing: StoringDaemon) -> None:
    path = model(storing, "handed.joblib", 1)
    answer = storing.stub.load(path)
    status, size, decoded, (descriptor,) = hand_over(answer.lease.fd_socket, answer.lease.token)
    assert (status, size, decoded) == (0, path.stat().st_size, 0)
    info = os.fstat(descriptor)
    assert stat.S_ISREG(info.st_mode)
    assert stat.S_IMODE(info.st_mode) == 0o400
    assert info.st_uid == os.geteuid()
    assert fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.pwrite(descriptor, b"x", 0)
    with os.fdopen(descriptor, "rb") as file:
        assert hashlib.sha256(file.read()).hexdigest() == answer.report.sha256
    blocks, _ = buffers_by_stream(storing, answer.lease.token)
    assert blocks[0] == array(1).tobytes()


def test_no_caller_moves_the_position_of_another(storing: StoringDaemon) -> None:
    for path in (model(storing, "shared.joblib", 8), storing.write("small.pkl", op.stream(op.value([1, 2])))):
        descriptors = []
        for _ in range(2):
            lease = storing.stub.load(path).lease
            descriptors += hand_over(lease.fd_socket, lease.token)[3]
        os.lseek(descriptors[0], 7, os.SEEK_SET)
        os.set_blocking(descriptors[0], not os.get_blocking(descriptors[0]))
        assert os.lseek(descriptors[1], 0, os.SEEK_CUR) == 0
        assert os.get_blocking(descriptors[0]) != os.get_blocking(descriptors[1])
        for descriptor in descriptors:
            os.close(descriptor)


def test_the_client_loads_from_it(storing: StoringDaemon) -> None:
    path = model(storing, "client.joblib", 2)
    with loadlock.Client(f"unix:{storing.socket}") as client:
        for _ in range(3):
            loaded = client.load(path)["x"]
            assert loaded.tobytes() == array(2).tobytes()
            loaded[:] = 0  # its own pages
        info = client.info()
        assert info.store_bytes >= path.stat().st_size
        assert info.store_files >= 1
        assert info.max_store_bytes > info.store_bytes


def test_the_second_answer_is_the_first_one(storing: StoringDaemon) -> None:
    path = model(storing, "twice.joblib", 3)
    time.sleep(SETTLED)
    before = storing.stub.info()
    first, second = storing.stub.load(path), storing.stub.load(path)
    after = storing.stub.info()
    assert after.cached_answers == before.cached_answers + 1
    assert after.new_answers == before.new_answers + 1
    assert not first.report.cached
    assert second.report.cached
    assert second.graph == first.graph
    for report in (first.report, second.report):
        report.ClearField("timing")
        report.ClearField("request_id")
        report.ClearField("cached")
    assert first.report == second.report
    copy = storing.write("copy.joblib", path.read_bytes())
    assert storing.stub.audit(copy).cached


def test_a_refusal_is_remembered(storing: StoringDaemon) -> None:
    evil = op.stream(op.call(op.global_("posix", "system"), "true"))
    path = storing.write("evil.pkl", evil)
    first, second = storing.stub.audit(path), storing.stub.audit(path)
    assert not first.cached
    assert second.cached
    assert first.findings == second.findings
    with pytest.raises(grpc.RpcError) as refused:
        storing.stub.load(path)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION


def test_a_new_content_is_a_new_question(storing: StoringDaemon) -> None:
    """Under the same path, of the same size, with the same time of modification."""
    path = model(storing, "changing.joblib", 4)
    before = path.stat()
    time.sleep(SETTLED)
    assert storing.stub.load(path).report.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    data = bytearray(path.read_bytes())
    data[200_000] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    for _ in range(2):
        report = storing.stub.load(path).report
        assert report.sha256 == hashlib.sha256(data).hexdigest()


def test_a_file_that_is_changed_all_the_time(storing: StoringDaemon) -> None:
    """Each answer is about one of the contents, never about a mixture that was not vetted."""
    path = model(storing, "busy.joblib", 5)
    data = bytearray(path.read_bytes())
    digests = set()
    for i in range(30):
        data[200_000] = i
        with path.open("r+b") as file:
            file.write(data)
        report = storing.stub.audit(path)
        assert report.sha256 == hashlib.sha256(data).hexdigest(), "an answer about what was there before"
        digests.add(report.sha256)
    assert len(digests) == 30


def test_a_digest_is_enough_for_a_load_but_not_for_an_audit(storing: StoringDaemon) -> None:
    path = model(storing, "digest.joblib", 6)
    first = storing.stub.load(path).report.sha256
    data = bytearray(path.read_bytes())
    data[200_000] ^= 1
    path.write_bytes(data)
    answer = storing.stub.load(path, expected_sha256=first)
    blocks, _ = buffers_by_stream(storing, answer.lease.token)
    assert answer.report.sha256 == first
    assert blocks[0] == array(6).tobytes()
    assert error_rules(storing.stub.audit(path, expected_sha256=first)) == {"DIGEST_MISMATCH"}
    with pytest.raises(grpc.RpcError) as failure:
        storing.stub.load(storing.root / "none.joblib", expected_sha256=first)
    assert failure.value.code() == grpc.StatusCode.NOT_FOUND


def test_it_outlives_the_daemon() -> None:
    daemon = StoringDaemon()
    daemon.start()
    path = model(daemon, "model.joblib", 7)
    digest = daemon.stub.load(path).report.sha256
    daemon.stop_only()
    daemon.start()
    assert daemon.stored() == [digest]
    report = daemon.stub.load(path).report
    assert report.cached
    assert report.sha256 == digest
    # Nor is it believed for that.
    daemon.stop_only()
    blob = daemon.state / "blobs" / digest
    blob.chmod(0o600)
    with blob.open("r+b") as file:
        file.seek(200_000)
        file.write(b"tampered")
    blob.chmod(0o400)
    for output in (daemon.state / "outputs").iterdir():
        output.chmod(0o600)
        data = bytearray(output.read_bytes())
        data[len(data) // 2] ^= 1
        output.write_bytes(data)
        output.chmod(0o400)
    daemon.start()
    answer = daemon.stub.load(path)
    assert not answer.report.cached
    assert answer.report.sha256 == digest
    blocks, _ = buffers_by_stream(daemon, answer.lease.token)
    assert blocks[0] == array(7).tobytes()
    daemon.stop()


def test_leases_hold_and_free_it() -> None:
    size = len(write_joblib({"x": array(0)}, 4))
    with StoringDaemon(f"max_bytes: {1 << 20}") as daemon:
        paths = [model(daemon, f"{i}.joblib", i) for i in range(3)]
        leases = [daemon.stub.load(path).lease for path in paths[:2]]
        with pytest.raises(grpc.RpcError) as full:
            daemon.stub.load(paths[2])
        assert full.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert error_info(full.value)[0].metadata["limit"] == "store.max_bytes"
        assert len(daemon.stored()) == 2
        daemon.stub.unary("UnloadModel", pb.UnloadModelRequest(token=leases[0].token))
        third = daemon.stub.load(paths[2])
        assert len(daemon.stored()) == 2
        for lease, seed in ((leases[1], 1), (third.lease, 2)):
            assert buffers_by_stream(daemon, lease.token)[0][0] == array(seed).tobytes()
        assert daemon.stub.info().store_bytes == 2 * size


def test_its_folder_is_its_own(tmp_path: Path) -> None:
    daemon = StoringDaemon()
    daemon.start()
    assert stat.S_IMODE(daemon.state.stat().st_mode) == 0o700
    other = StoringDaemon(base=tmp_path)
    other.flags[other.flags.index(str(other.state))] = str(daemon.state)
    with pytest.raises(RuntimeError, match="another daemon"):
        other.start()
    daemon.stop_only(signal.SIGKILL)
    daemon.state.chmod(0o755)
    with pytest.raises(RuntimeError, match="0700"):
        daemon.start()
    daemon.stop(expect=None)
