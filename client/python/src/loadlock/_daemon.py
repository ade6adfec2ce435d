"""A loadlockd of one's own, for as long as the process lives."""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from loadlock._errors import Error

# Start-up takes some 20 ms; a machine under load gets the benefit of the doubt.
_START_SECONDS = 20.0
_STOP_SECONDS = 5.0
_READY = b"ready\n"
# sun_path holds 108 bytes with its final NUL.
_LONGEST_SOCKET = 107


class PrivateDaemon:
    """A running loadlockd that only this user can reach and that ends with this process."""

    def __init__(self) -> None:
        """Starts it and waits until it serves; loadlock.Error if it does not."""
        binary = find_daemon()
        self.pid = os.getpid()
        self._directory = _make_directory()
        lifeline_end, self._lifeline = os.pipe()
        ready, ready_end = os.pipe()
        try:
            self._process = self._spawn(binary, lifeline_end, ready_end)
        except OSError as error:
            os.close(ready)
            os.close(self._lifeline)
            shutil.rmtree(self._directory, ignore_errors=True)
            raise Error(f"cannot start {binary}: {error}", reason="DAEMON_START") from error
        finally:
            os.close(lifeline_end)
            os.close(ready_end)
        with os.fdopen(ready, "rb", buffering=0) as pipe:
            problem = _await_ready(pipe.fileno())
        if problem is not None:
            said = self._said()
            self.stop()
            raise Error(f"{binary} {problem}: {said}", reason="DAEMON_START")

    @property
    def address(self) -> str:
        """Where it serves."""
        return f"unix:{self._directory}/loadlock.sock"

    def alive(self) -> bool:
        """Whether it runs and is this process's own."""
        return self.pid == os.getpid() and self._process.poll() is None

    def stop(self) -> None:
        """Ends it and removes its directory; nothing in a forked child."""
        if self.pid != os.getpid() or self._lifeline < 0:
            return
        os.close(self._lifeline)
        self._lifeline = -1
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)

    def forget(self) -> None:
        """In a forked child: lets go of the parent's daemon, which must not outlive the parent."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        # Else the object would complain that it was never waited for.
        self._process.returncode = 0

    def _spawn(self, binary: str, lifeline: int, ready: int) -> subprocess.Popen[bytes]:
        command = [
            binary,
            "--socket",
            f"{self._directory}/loadlock.sock",
            "--root",
            "/",
            "--lifeline-fd",
            str(lifeline),
            "--ready-fd",
            str(ready),
            "--log-level",
            "error",
        ]
        with (self._directory / "log").open("wb") as log:
            return subprocess.Popen(  # noqa: S603  (the command is ours)
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                pass_fds=(lifeline, ready),
                # Ctrl-C is for this process; the daemon notices when it is gone.
                start_new_session=True,
            )

    def _said(self) -> str:
        with contextlib.suppress(OSError):
            text = (self._directory / "log").read_text(errors="replace").strip()
            if text:
                return text[-2000:]
        return "it said nothing"


def find_daemon() -> str:
    """Path of loadlockd: LOADLOCKD, PATH, beside the interpreter, beside the package."""
    chosen = os.environ.get("LOADLOCKD")
    if chosen:
        if not os.access(chosen, os.X_OK):
            raise Error(f"LOADLOCKD names no program: {chosen}", reason="DAEMON_NOT_FOUND")
        return str(Path(chosen).absolute())
    found = shutil.which("loadlockd")
    if found is not None:
        return str(Path(found).absolute())
    for folder in (Path(sys.executable).parent, Path(__file__).parent):
        if os.access(folder / "loadlockd", os.X_OK):
            return str((folder / "loadlockd").absolute())
    raise Error(
        "no loadlockd serves and none is in PATH to be started; set LOADLOCKD to its path "
        "or LOADLOCK_ADDRESS to the address of a running one",
        reason="DAEMON_NOT_FOUND",
    )


def _make_directory() -> Path:
    directory = tempfile.mkdtemp(prefix="loadlock-")
    if len(os.fsencode(directory)) + len("/loadlock.sock.fd") > _LONGEST_SOCKET:
        Path(directory).rmdir()
        directory = tempfile.mkdtemp(prefix="loadlock-", dir="/tmp")
    return Path(directory)


def _await_ready(fd: int) -> str | None:
    """What went wrong, or None."""
    deadline = time.monotonic() + _START_SECONDS
    got = b""
    while got != _READY:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            return f"does not serve after {_START_SECONDS:.0f} s"
        data = os.read(fd, len(_READY))
        if not data:
            return "ended before it served"
        got += data
        if not _READY.startswith(got):
            return "did not say that it is ready"
    return None


class _Holder:
    """The process's private daemon, if it has one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._daemon: PrivateDaemon | None = None

    def get(self) -> PrivateDaemon:
        """The running one, started if need be."""
        with self._lock:
            if self._daemon is None or not self._daemon.alive():
                if self._daemon is not None:
                    self._daemon.stop()
                    self._daemon = None
                self._daemon = PrivateDaemon()
            return self._daemon

    def stop(self) -> None:
        """At the end of the process."""
        with self._lock:
            if self._daemon is not None:
                self._daemon.stop()
                self._daemon = None

    def after_fork(self) -> None:
        """In the child, where another thread may have held the lock."""
        self._lock = threading.Lock()
        if self._daemon is not None:
            self._daemon.forget()
            self._daemon = None


_holder = _Holder()
atexit.register(_holder.stop)
os.register_at_fork(after_in_child=_holder.after_fork)


def private_daemon() -> PrivateDaemon:
    """The one private daemon of this process."""
    return _holder.get()
