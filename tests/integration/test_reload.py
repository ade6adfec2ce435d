"""SIGHUP: roots and policies are taken over as one; what is wrong changes nothing; the log is reopened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from corpora import opcodes as op

from .daemon import ACCEPTED, REFUSED, ROOT, Daemon

# An object of a class that no policy of ours lists.
NAMED = op.stream(op.instance("acme.scoring", "Model", {"bias": 1.5}))
ENTRY = "entries {{ name: 'acme.scoring.Model' trust: TRUST_NEW_DICT why: '{}' }}"


class Reloadable(Daemon):
    """Everything that may be reloaded stands in files of its own folder."""

    def __init__(self, base: Path) -> None:
        super().__init__(base=base, config="")
        self.policies = base / "policies"
        shutil.copytree(ROOT / "deploy" / "policies", self.policies)
        self.config = base / "loadlock.textproto"
        self.log_file = base / "daemon.log"
        self.flags = ["--config", str(self.config), "--socket", str(self.socket)]
        self.configure(self.root)

    def configure(self, *roots: Path, more: str = "") -> None:
        lines = [f"roots: '{root}'" for root in roots]
        lines += [f"policy_dir: '{self.policies}'", more]
        lines.append(f"log {{ level: 'info' format: LOG_FORMAT_JSON file: '{self.log_file}' }}")
        self.config.write_text("\n".join(lines))

    def policy(self, text: str) -> None:
        (self.policies / "acme.textproto").write_text(f"name: 'acme' extends: 'default' {text}")

    def events(self, *names: str) -> list[dict[str, Any]]:
        records = [json.loads(line) for line in self.log_file.read_text().splitlines()]
        return [record for record in records if record["event"] in names]

    def reload(self) -> dict[str, Any]:
        """What the daemon logs about it."""
        before = len(self.events("reloaded", "not_reloaded"))
        os.kill(self.pid, signal.SIGHUP)
        deadline = time.monotonic() + 60
        while len(found := self.events("reloaded", "not_reloaded")) == before:
            assert time.monotonic() < deadline, "nothing was logged"
            time.sleep(0.05)
        return found[-1]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Reloadable]:
    with Reloadable(tmp_path) as daemon:
        yield daemon


def test_a_policy_is_added_changed_and_taken_away(running: Reloadable) -> None:
    with pytest.raises(grpc.RpcError, match="there is no policy"):
        running.stub.audit(NAMED, "acme")
    digests = set()
    for text, verdict in (
        ("", REFUSED),
        (ENTRY.format("first"), ACCEPTED),
        (ENTRY.format("second"), ACCEPTED),
    ):
        running.policy(text)
        told = running.reload()
        assert (told["event"], told["roots"]) == ("reloaded", 1)
        report = running.stub.audit(NAMED, "acme")
        assert report.verdict == verdict
        digests.add(report.policy_digest)
    assert len(digests) == 3, "an answer says by which policy it was given"
    (running.policies / "acme.textproto").unlink()
    assert running.reload()["event"] == "reloaded"
    with pytest.raises(grpc.RpcError, match="there is no policy"):
        running.stub.audit(NAMED, "acme")


def test_a_wrong_policy_changes_nothing_and_is_told(running: Reloadable) -> None:
    running.policy(ENTRY.format("right"))
    running.reload()
    before = running.stub.audit(NAMED, "acme").policy_digest
    more = running.base / "more"
    more.mkdir()
    (more / "x.pkl").write_bytes(NAMED)
    # The configuration is right, and yet nothing of it is taken over.
    running.configure(running.root, more)
    running.policy("\nentries { name: 'a.b' trust: TRUST_OF_MINE }")
    told = running.reload()
    assert told["event"] == "not_reloaded"
    assert "acme.textproto:2" in told["message"]
    assert running.stub.audit(NAMED, "acme").policy_digest == before
    with pytest.raises(grpc.RpcError) as refused:
        running.stub.audit(more / "x.pkl")
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
    running.policy(ENTRY.format("mended"))
    assert running.reload()["roots"] == 2
    assert running.stub.audit(more / "x.pkl", "acme").verdict == ACCEPTED


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("roots: '/no/such/folder'", "roots: is not an existing folder"),
        ("nonsense: 1", "nonsense"),
        ("limits { max_nodes: 5 }", "limits changed, which only a new start takes over"),
        ("min_tier: TIER_A drain_timeout { seconds: 3 }", "min_tier changed"),
        ("listen { tcp: '127.0.0.1:1' }", "listen.tcp changed"),
        ("audit { file: '/tmp/other' }", "audit changed"),
        ("metrics { address: '1' }", "metrics changed"),
    ],
)
def test_a_wrong_configuration_changes_nothing(running: Reloadable, more: str, told: str) -> None:
    running.policy(ENTRY.format("new"))
    running.configure(running.root, more=more)
    answer = running.reload()
    assert answer["event"] == "not_reloaded"
    assert told in answer["message"]
    with pytest.raises(grpc.RpcError, match="there is no policy"):
        running.stub.audit(NAMED, "acme")


def test_the_log_is_reopened_even_then(running: Reloadable) -> None:
    running.stub.audit(NAMED)
    old = running.log_file.with_suffix(".1")
    running.log_file.rename(old)
    running.log_file.touch()
    running.configure(running.root, more="nonsense: 1")
    assert running.reload()["event"] == "not_reloaded"
    running.stub.audit(NAMED)
    assert len(running.events("verdict")) == 1
    assert sum(json.loads(line)["event"] == "verdict" for line in old.read_text().splitlines()) == 1


def test_no_request_fails_while_policies_change(running: Reloadable) -> None:
    """Each answer is of one policy or the other, whole."""
    running.policy(ENTRY.format("0"))
    running.reload()
    known = {running.stub.audit(NAMED, "acme").policy_digest}
    seen: set[str] = set()
    failed: list[BaseException] = []
    stop = threading.Event()

    def call() -> None:
        try:
            while not stop.is_set():
                report = running.stub.audit(NAMED, "acme")
                assert report.verdict == ACCEPTED
                seen.add(report.policy_digest)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 6):
        running.policy(ENTRY.format(number))
        assert running.reload()["event"] == "reloaded"
        known.add(running.stub.audit(NAMED, "acme").policy_digest)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed, failed
    assert seen <= known
    assert len(known) == 6
