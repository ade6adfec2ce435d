"""A drain while a request runs, and something dies in the middle of it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from .calls import CALLS
from .control import PATIENCE
from .daemon import FaultyDaemon, eventually, family, is_running, no_process_of


@pytest.mark.parametrize(
    ("victim", "outcome", "code"),
    [
        ("nobody", "ACCEPTED", 0),
        ("idle", "ACCEPTED", 0),
        ("worker", "REFUSED:WORKER_KILLED_SIGNAL", 0),
        ("launcher", "UNAVAILABLE:WORKER_LOST", 0),
        ("serving-launcher", "UNAVAILABLE:WORKER_LOST", 0),
        ("cancel", "CANCELLED", 0),
        ("daemon", "UNAVAILABLE", -signal.SIGKILL),
    ],
)
def test_a_death_in_a_drain(victim: str, outcome: str, code: int) -> None:
    daemon = FaultyDaemon().start()
    pids, sessions = family(daemon), daemon.sessions()
    with daemon.control.stop_at("parsing") as at_worker, daemon.control.stop_at("draining") as at_daemon:
        call = CALLS["Load"](str(daemon.socket), daemon.file).start()
        worker = at_worker.get(timeout=PATIENCE)
        victims = {
            "idle": next(pid for pid in daemon.workers() if pid != worker.pid),
            "worker": worker.pid,
            "launcher": daemon.launcher(),
            "serving-launcher": daemon.serving_launcher(),
            "daemon": daemon.pid,
        }
        daemon.process.send_signal(signal.SIGTERM)
        drain = at_daemon.get(timeout=PATIENCE)
        if victim in victims:
            os.kill(victims[victim], signal.SIGKILL)
            eventually(lambda: not is_running(victims[victim]), "SIGKILL did not kill")
        if victim == "cancel":
            call.cancel()
        drain.go_on()
        worker.go_on()
        assert call.end() == outcome
    assert daemon.process.wait(timeout=20) == code
    no_process_of(sessions, pids)
    left = {path.name for path in daemon.run.iterdir()}
    # What a killed one leaves is taken over by the next (test_kill.py).
    assert left == (set() if code == 0 else {f"{daemon.socket.name}{end}" for end in ("", ".fd", ".lock")})
    daemon.stop(expect=None)
    assert not Path(daemon.base).exists()
