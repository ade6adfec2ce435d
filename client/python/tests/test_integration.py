"""The real daemon, real files: LOADLOCKD or PATH must name loadlockd."""

import bz2
import contextlib
import hashlib
import os
import pickle
import pickletools
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import joblib
import numpy as np
import pytest
from models import MAKERS, X, answers

import loadlock
from loadlock import _daemon

pytestmark = [
    pytest.mark.daemon,
    pytest.mark.filterwarnings("ignore"),
]
TESTS = str(Path(__file__).parent)


@pytest.fixture(scope="module")
def client():
    with loadlock.Client("private", timeout=60) as made:
        yield made


@pytest.fixture(scope="module")
def models():
    return {name: make() for name, make in MAKERS.items()}


WRITERS = {
    "joblib": joblib.dump,
    "joblib-zlib": lambda model, path: joblib.dump(model, path, compress=("zlib", 3)),
    "joblib-lz4": lambda model, path: joblib.dump(model, path, compress=("lz4", 3)),
    "joblib-xz": lambda model, path: joblib.dump(model, path, compress=("xz", 1)),
    "pickle-2": lambda model, path: Path(path).write_bytes(pickle.dumps(model, 2)),
    "pickle-5": lambda model, path: Path(path).write_bytes(pickle.dumps(model, 5)),
}


@pytest.mark.parametrize("name", MAKERS)
def test_models_predict_bit_for_bit_as_before(client, models, tmp_path, name):
    model, rows = models[name]
    expected = answers(model, rows)
    for kind, write in WRITERS.items():
        path = tmp_path / kind
        write(model, path)
        made = client.load(path)
        assert type(made) is type(model)
        assert answers(made, rows) == expected, kind
        assert made.__dict__.keys() == model.__dict__.keys()


def test_the_report_of_an_accepted_file(client, models, tmp_path):
    path = tmp_path / "model.joblib"
    joblib.dump(models["pipeline"][0], path)
    report = client.audit(path)
    assert report.accepted
    assert report.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert report.size == path.stat().st_size
    assert report.path == str(path)
    assert report.policy == "default"
    assert report.policy_digest
    assert report.tier is not loadlock.Tier.UNKNOWN
    assert "sklearn.pipeline.Pipeline" in map(str, report.globals)
    assert client.load(path, expected_sha256=report.sha256) is not None


def test_another_digest_is_refused(client, models, tmp_path):
    path = tmp_path / "model.joblib"
    joblib.dump(models["pca"][0], path)
    with pytest.raises(loadlock.Refused) as caught:
        client.load(path, expected_sha256="0" * 64)
    assert "DIGEST_MISMATCH" in [finding.rule_id for finding in caught.value.findings]


def payload(command):
    """A pickle of protocol 4, by opcodes, that would run the command."""

    def text(value):
        data = value.encode()
        return b"\x8c" + bytes([len(data)]) + data

    return b"\x80\x04" + text("posix") + text("system") + b"\x93" + text(command) + b"\x85R."


COMPRESSED = {
    "raw": lambda data: data,
    "zlib": lambda data: zlib.compress(data),
    "bz2": lambda data: bz2.compress(data),
}


@pytest.mark.parametrize("form", COMPRESSED)
def test_a_payload_is_refused_and_does_not_run(client, tmp_path, form):
    witness = tmp_path / "witness"
    data = payload(f"touch {witness}")
    assert "REDUCE" in [op.name for op, _, _ in pickletools.genops(data)]
    path = tmp_path / "model.joblib"
    path.write_bytes(COMPRESSED[form](data))
    with pytest.raises(loadlock.Refused) as caught:
        client.load(path)
    report = client.audit(path)
    assert not report.accepted
    for findings in (caught.value.findings, report.findings):
        (finding,) = [f for f in findings if f.rule_id == "NAME_NOT_LISTED"]
        assert finding.name == "posix.system"
        assert finding.byte_offset is not None
        assert "posix.system" in finding.allow
    assert "posix.system" in str(caught.value)
    assert not witness.exists()


def test_a_model_with_a_payload_behind_it_is_refused(client, models, tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(models["pca"][0])[:-1] + b"0" + payload("true")[2:])
    with pytest.raises(loadlock.Refused):
        client.load(path)


@pytest.mark.parametrize("key", ["__array_interface__", "predict", "__class__", "_doc_link_x"])
def test_a_state_that_makes_it_something_else_is_refused(client, tmp_path, key):
    model = MAKERS["linear_regression"]()[0]
    state = {**model.__getstate__(), key: 1}

    kind = type(model)
    original = kind.__getstate__
    own = "__getstate__" in vars(kind)
    kind.__getstate__ = lambda self: state
    try:
        data = pickle.dumps(model, 4)
    finally:
        if own:
            kind.__getstate__ = original
        else:
            del kind.__getstate__
    path = tmp_path / "model.pkl"
    path.write_bytes(data)
    with pytest.raises(loadlock.Refused):
        client.load(path)


def test_no_such_file(client, tmp_path):
    for call in (client.load, client.audit):
        with pytest.raises(loadlock.Error) as caught:
            call(tmp_path / "none")
        assert caught.value.status == "NOT_FOUND"


def test_an_unknown_policy(client, tmp_path):
    (tmp_path / "m").write_bytes(pickle.dumps(1))
    with pytest.raises(loadlock.Error) as caught:
        client.load(tmp_path / "m", policy="no-such-policy")
    assert caught.value.status in ("INVALID_ARGUMENT", "NOT_FOUND")


def test_a_link_is_followed(client, tmp_path):
    (tmp_path / "m").write_bytes(pickle.dumps([1, "a"]))
    (tmp_path / "link").symlink_to(tmp_path / "m")
    assert client.load(tmp_path / "link") == [1, "a"]


VALUES = [
    {"a": [1, 2.5, None, True, "ü"], "b": (1, (2,)), 3: {4, 5}, "big": 2**100},
    {"x": np.arange(10), "y": np.asfortranarray(np.ones((3, 4))), "z": np.array(["a", "bc"])},
    {f"key{i}": i for i in range(2000)},
    [float(i) / 3 for i in range(1000)],
    np.array([[None, "a"], [1, [2]]], dtype=object),
    np.zeros(3, dtype=[("a", "<i4"), ("b", "<f8")]),
    np.arange(5, dtype=">f4"),
    b"x" * 10000,
    [],
    None,
]


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values(client, tmp_path, protocol):
    for i, value in enumerate(VALUES):
        path = tmp_path / str(i)
        path.write_bytes(pickle.dumps(value, protocol))
        made = client.load(path)
        assert type(made) is type(value)
        np.testing.assert_equal(made, value)


def test_identity_and_cycles(client, tmp_path):
    shared = [1, "x"]
    value = {"a": shared, "b": shared}
    value["me"] = value
    (tmp_path / "m").write_bytes(pickle.dumps(value))
    made = client.load(tmp_path / "m")
    assert made["a"] is made["b"]
    assert made["me"] is made


@pytest.mark.parametrize("compress", [0, 1], ids=["artifact", "decoded"])
def test_large_arrays_come_by_descriptor(client, tmp_path, compress):
    value = np.random.default_rng(0).random((1000, 700))
    joblib.dump({"a": value, "f": np.asfortranarray(value)}, tmp_path / "m", compress=compress)
    made = client.load(tmp_path / "m")
    assert made["a"].tobytes() == value.tobytes()
    assert made["f"].flags.f_contiguous
    np.testing.assert_array_equal(made["f"], value)
    assert not made["a"].flags.owndata
    made["a"][:] = 0
    np.testing.assert_array_equal(client.load(tmp_path / "m")["a"], value)


def test_an_npy_file(client, tmp_path):
    value = np.arange(12.0).reshape(3, 4)
    np.save(tmp_path / "a.npy", value)
    np.testing.assert_array_equal(client.load(tmp_path / "a.npy"), value)


def test_many_threads(client, models, tmp_path):
    path = tmp_path / "m"
    joblib.dump(models["logistic_regression"][0], path)
    expected = models["logistic_regression"][0].predict_proba(X).tobytes()
    seen = []

    def work():
        seen.extend(client.load(path).predict_proba(X).tobytes() for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [expected] * 40


def test_info_and_policies(client):
    info = client.info()
    assert info.version
    assert "pickle" in info.formats
    assert info.max_artifact_bytes > 0
    assert "default" in [policy.name for policy in client.policies()]


def test_leases_end_with_their_use(client, tmp_path):
    (tmp_path / "m").write_bytes(pickle.dumps(list(range(100))))
    for _ in range(50):
        client.load(tmp_path / "m")
    end = time.monotonic() + 5
    while client.info().leases and time.monotonic() < end:
        time.sleep(0.01)
    assert client.info().leases == 0


# Whole programs, with the daemon that they start.


def run(text, *args, **kwargs):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", text, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **kwargs,
    )


def private_environment(tmp_path):
    return {**os.environ, "LOADLOCK_ADDRESS": "private", "TMPDIR": str(tmp_path)}


def daemons(folder):
    """Processes of daemons that serve in that folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(folder).encode() in entry.read_bytes() and b"loadlockd" in entry.read_bytes():
                found.append(int(entry.parent.name))
    return found


def gone(folder):
    end = time.monotonic() + 10
    while daemons(folder) and time.monotonic() < end:
        time.sleep(0.02)
    return not daemons(folder)


PROGRAM = "import loadlock, sys; print(loadlock.load(sys.argv[1]))"


def test_a_program_leaves_nothing_behind(tmp_path):
    (tmp_path / "m").write_bytes(pickle.dumps([1, "a"]))
    done = run(PROGRAM, tmp_path / "m", env=private_environment(tmp_path))
    assert done.stdout == "[1, 'a']\n", done.stderr
    assert done.stderr == ""
    assert gone(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["m"]


def test_a_killed_program_takes_its_daemon_along(tmp_path):
    (tmp_path / "m").write_bytes(pickle.dumps(1))
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM + "; sys.stdout.flush(); sys.stdin.read()", tmp_path / "m"],
        env=private_environment(tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with program:
        assert program.stdout.readline() == b"1\n"
        assert daemons(tmp_path)
        program.send_signal(signal.SIGKILL)
    assert gone(tmp_path)


FORKING = """
import loadlock, os, sys
print(loadlock.load(sys.argv[1]), flush=True)
child = os.fork()
if child == 0:
    print(loadlock.load(sys.argv[1]), flush=True)
    sys.exit(0)
status = os.waitpid(child, 0)[1]
print(status, loadlock.load(sys.argv[1]), flush=True)
"""


def test_a_forked_child_loads_too(tmp_path):
    (tmp_path / "m").write_bytes(pickle.dumps("x"))
    done = run(FORKING, tmp_path / "m", env=private_environment(tmp_path))
    assert done.stdout == "x\nx\n0 x\n", done.stderr
    assert gone(tmp_path)


TRAPPED = """
import pickle, sys, loadlock
import sklearn.linear_model, sklearn.pipeline, sklearn.preprocessing, sklearn.decomposition
class Trap(Exception): pass
def sprung(*args, **kwargs): raise Trap
for module in ("pickle", "_pickle"):
    for name in ("Unpickler", "load", "loads", "_Unpickler", "_load", "_loads"):
        if hasattr(sys.modules[module], name): setattr(sys.modules[module], name, sprung)
print(type(loadlock.load(sys.argv[1])).__name__)
"""


def test_nothing_is_unpickled(models, tmp_path):
    joblib.dump(models["pipeline"][0], tmp_path / "m")
    done = run(TRAPPED, tmp_path / "m", env=private_environment(tmp_path))
    assert done.stdout == "Pipeline\n", done.stderr


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_over_tcp(models, tmp_path):
    """No descriptors: what is large is streamed."""
    model, rows = models["random_forest"]
    value = np.random.default_rng(0).random((1000, 700))
    joblib.dump({"model": model, "array": value}, tmp_path / "m")
    port = free_port()
    reader, writer = os.pipe()
    lifeline, hold = os.pipe()
    command = [
        *(_daemon.find_daemon(), "--socket", tmp_path / "s.sock", "--root", tmp_path),
        *("--tcp", f"127.0.0.1:{port}", "--log-level", "error"),
        *("--ready-fd", str(writer), "--lifeline-fd", str(lifeline)),
    ]
    with subprocess.Popen(command, pass_fds=(writer, lifeline)) as daemon:
        os.close(writer)
        os.close(lifeline)
        assert os.read(reader, 6) == b"ready\n"
        with loadlock.Client(f"127.0.0.1:{port}", timeout=60) as client:
            made = client.load(tmp_path / "m")
            assert answers(made["model"], rows) == answers(model, rows)
            assert made["array"].tobytes() == value.tobytes()
            made["array"][0] = 0
        os.close(hold)
        os.close(reader)
        assert daemon.wait(10) == 0
