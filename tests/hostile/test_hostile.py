"""A real daemon whose workers belong to an attacker: every lie is refused by name, and costs nothing.

The worker is loadlock-hostile-worker, started and locked down as the real one is; the artifact says
which lie it tells. For any other artifact it does the honest job, so that one daemon serves both.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from loadlock._proto import graph_pb2
from loadlock._proto import service_pb2 as pb

from corpora import opcodes as op
from integration.daemon import ACCEPTED, BIN, REFUSED, SANITIZED, Daemon, errors

from .expectations import EXPECTED, OK, Expected

MIB = 1 << 20
WORKER = str(BIN / "loadlock-hostile-worker")
LIMITS = f"max_heap_bytes: {64 * MIB} max_decoded_bytes: {8 * MIB}"
WARM = 4
# The same scenario this many times at once.
TOGETHER = 8
# More than the daemon may hold for one request: the graph's bytes, what is parsed of them within the
# same limit, and what is computed about 10^6 nodes.
MOST_MEMORY = 4 * 64 * MIB
HONEST = op.stream(op.value({"a": [1, 2, 3]}))
# No answer may take as long, whatever the worker does; the slow daemon's wall time is below it.
PATIENCE = 180 if SANITIZED else 60

SCENARIOS = [name for name, expected in EXPECTED.items() if expected.sanitized or not SANITIZED]
QUICK = [name for name in SCENARIOS if not EXPECTED[name].slow]
SLOW = [name for name in SCENARIOS if EXPECTED[name].slow]


class Attacked(Daemon):
    """A daemon with hostile workers; `idle` is what it holds while nobody asks."""

    def __init__(self, limits: str) -> None:
        config = f"limits {{ {LIMITS} warm_workers: {WARM} {limits} }}"
        super().__init__("--worker", WORKER, "--log-level", "error", config=config)

    def start(self, timeout: float = 30) -> Attacked:
        super().start(timeout)
        deadline = time.monotonic() + timeout
        while self.stub.info().ready_workers < WARM:
            assert time.monotonic() < deadline, "the pool never filled"
            time.sleep(0.02)
        self.idle = self.holdings()
        return self


@pytest.fixture(scope="module")
def daemon() -> Iterator[Attacked]:
    """Its workers have one second of processor time and no short wall time."""
    with Attacked("max_cpu_time { seconds: 1 }") as running:
        yield running


@pytest.fixture(scope="module")
def slow_daemon() -> Iterator[Attacked]:
    """Its workers have two seconds of wall time."""
    with Attacked("max_wall_time { seconds: 2 }") as running:
        yield running


def artifact(scenario: str) -> bytes:
    return b"HOSTILE " + scenario.encode() + b"\n"


def ask(daemon: Attacked, scenario: str) -> Any:
    request = pb.AuditModelRequest(content=artifact(scenario), include_graph=True)
    return daemon.stub.unary("AuditModel", request, timeout=PATIENCE)


def check(answer: Any, expected: Expected) -> None:
    """The verdict is the expected one, for the expected reason, in words that are safe to print."""
    report = answer.report
    found = [(finding.rule_id, finding.message) for finding in errors(report)]
    if expected.rule == OK or (expected.race and report.verdict == ACCEPTED):
        assert report.verdict == ACCEPTED, found
        assert not found
        assert answer.HasField("graph")
    else:
        assert report.verdict == REFUSED
        assert found
        assert found[0][0] == expected.rule, found
        assert expected.says in found[0][1], found
        assert not answer.HasField("graph")
    check_texts(report)


def check_texts(report: Any) -> None:
    assert len(report.findings) <= 202
    for finding in report.findings:
        assert re.fullmatch("[A-Z0-9_]{1,63}", finding.rule_id)
        for text in (finding.message, finding.name, finding.member_path, finding.object_path, finding.opcode):
            assert len(text.encode()) <= 8192
            assert text.isprintable(), text
    assert re.fullmatch("[a-z0-9+._-]{0,64}", report.format)


def status_bytes(daemon: Attacked, field: str) -> int:
    line = re.search(rf"^{field}:\s+(\d+) kB$", Path(f"/proc/{daemon.pid}/status").read_text(), re.MULTILINE)
    assert line
    return int(line[1]) * 1024


def peak_reset(daemon: Attacked) -> int:
    """Starts a new measurement of the highest memory use; returns the present one."""
    Path(f"/proc/{daemon.pid}/clear_refs").write_text("5")
    return status_bytes(daemon, "VmRSS")


def once(daemon: Attacked, scenario: str) -> None:
    resident = peak_reset(daemon)
    check(ask(daemon, scenario), EXPECTED[scenario])
    assert SANITIZED or status_bytes(daemon, "VmHWM") - resident < MOST_MEMORY


def together(daemon: Attacked, scenarios: list[str]) -> None:
    """Each scenario eight times at once; then an honest request, and nothing is left behind."""
    with ThreadPoolExecutor(TOGETHER) as pool:
        for scenario in scenarios:
            for answer in pool.map(ask, [daemon] * TOGETHER, [scenario] * TOGETHER):
                check(answer, EXPECTED[scenario])
    assert daemon.process.poll() is None
    assert daemon.stub.audit(HONEST).verdict == ACCEPTED
    assert not daemon.settled(daemon.idle).above(daemon.idle)


@pytest.mark.parametrize("scenario", QUICK)
def test_a_lie(daemon: Attacked, scenario: str) -> None:
    once(daemon, scenario)
    assert daemon.stub.audit(HONEST).verdict == ACCEPTED


@pytest.mark.parametrize("kind", sorted({name.split("-")[0] for name in QUICK}))
def test_many_lies_at_once(daemon: Attacked, kind: str) -> None:
    together(daemon, [name for name in QUICK if name.split("-")[0] == kind])


@pytest.mark.parametrize("scenario", SLOW)
def test_a_worker_that_takes_its_time(slow_daemon: Attacked, scenario: str) -> None:
    started = time.monotonic()
    once(slow_daemon, scenario)
    together(slow_daemon, [scenario])
    # Two times the wall time of two seconds, and what it takes to clean up on a busy machine.
    assert SANITIZED or time.monotonic() - started < 10


def test_every_scenario_is_expected() -> None:
    """What the worker can do and what is expected are the same list."""
    sources = sorted(Path(__file__).parent.glob("*.cc"))
    told = {name for path in sources for name in re.findall(r'(?:Act|Lie)\{\s*"([^"]+)"', path.read_text())}
    assert told == set(EXPECTED)


def test_a_mistake_in_a_name_is_seen(daemon: Attacked) -> None:
    """A scenario that does not exist does not look like one that was refused."""
    report = ask(daemon, "no-such-scenario").report
    assert "exited with code 77" in errors(report)[0].message


def test_what_is_sealed_is_what_was_verified(daemon: Attacked) -> None:
    """A worker writes to the decoded file until it cannot; the bytes do not change any more."""
    path = daemon.write("late", artifact("decoded-written-after-the-end"))
    for _ in range(20):
        loaded = daemon.stub.load(path)
        assert loaded.buffers_inline
        (held,) = loaded.buffers
        assert held in (b"verified", b"attacked")
        fetched = b"".join(
            part.chunk.data
            for part in daemon.stub.down("FetchModel", pb.FetchModelRequest(token=loaded.lease.token))
        )
        assert fetched == held
        daemon.stub.unary("UnloadModel", pb.UnloadModelRequest(token=loaded.lease.token))


def test_a_worker_cannot_write_past_its_grant() -> None:
    """The memory file takes what the small artifact has reserved, not max_decoded_bytes."""
    data = artifact("decoded-filled-to-the-grant")
    grant = 128 * MIB + 1032 * len(data)  # server/config/defaults.h
    limits = f"limits {{ max_decoded_bytes: {1024 * MIB} max_cpu_time {{ seconds: 10 }} }}"
    with Daemon("--worker", WORKER, "--log-level", "error", config=limits) as daemon:
        report = daemon.stub.audit(data)
    assert report.verdict == ACCEPTED, errors(report)
    # Its last write would have crossed the end, and the kernel takes whole pages of such a one.
    assert grant - 4096 < report.decoded_size <= grant


def test_a_hidden_name_is_reported(daemon: Attacked) -> None:
    report = ask(daemon, "names-that-the-result-hides").report
    names = {f"{use.module}.{use.name}" for use in report.globals}
    assert "sklearn.preprocessing._data.StandardScaler" in names


def test_a_forced_value_is_replaced(daemon: Attacked) -> None:
    answer = ask(daemon, "state-forced")
    assert [finding.rule_id for finding in answer.report.findings] == ["VALUE_FORCED"]
    kinds = list(answer.graph.kinds)
    strings = {answer.graph.strings[i] for i, kind in enumerate(kinds) if kind == graph_pb2.NODE_KIND_STR}
    assert "/tmp/cache" not in strings
    assert graph_pb2.NODE_KIND_NONE in kinds


def test_memory_goes_back(daemon: Attacked) -> None:
    """After the lies that allocate most, many at once, the daemon is about as small as before."""
    greedy = [name for name in QUICK if name.startswith(("graph-many", "result-", "work-shared", "endless"))]
    for name in greedy:
        ask(daemon, name)
    before = status_bytes(daemon, "VmRSS")
    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(lambda name: ask(daemon, name), 4 * greedy))
    assert SANITIZED or status_bytes(daemon, "VmRSS") < before + 48 * MIB
