"""The test's end of the fault points: lets every process go on, but one that is awaited.

A record says which stage was reached, and the kernel who wrote it. `ask` wants an answer; what says
`tell` waits until its record is taken, because it could not read an answer (worker_main.cc).
"""

from __future__ import annotations

import os
import queue
import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RECORD = 8192
CREDENTIALS = struct.Struct("iII")
PATIENCE = 60


class Held:
    """A process that stands at a stage."""

    def __init__(self, control: Control, connection: socket.socket, stage: str, pid: int) -> None:
        self._control, self._connection = control, connection
        self.stage, self.pid = stage, pid
        self._held = True

    def go_on(self) -> None:
        if self._held:
            self._held = False
            self._control.let_go(self._connection)


class Control:
    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._listener.listen(256)
        # A launcher and a worker may be nobody.
        path.chmod(0o777)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._wake, self._woken = os.pipe()
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._lock = threading.Lock()
        self._awaited: dict[str, queue.Queue[Held]] = {}
        self.seen: set[str] = set()
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.close(self._woken)
        self._thread.join()
        for connection in self._open:
            connection.close()
        self._listener.close()
        self._selector.close()
        os.close(self._wake)

    @contextmanager
    def stop_at(self, stage: str) -> Iterator[queue.Queue[Held]]:
        """The next process that comes to `stage` stands still, until the end of the block at most."""
        arrived: queue.Queue[Held] = queue.Queue()
        with self._lock:
            self._awaited[stage] = arrived
        try:
            yield arrived
        finally:
            with self._lock:
                self._awaited.pop(stage, None)
            while not arrived.empty():
                arrived.get().go_on()

    def let_go(self, connection: socket.socket) -> None:
        self._answer(connection)
        with self._lock:
            self._selector.register(connection, selectors.EVENT_READ)

    def _answer(self, connection: socket.socket) -> None:
        try:
            record = connection.recv(RECORD)
            if record.startswith(b"ask "):
                connection.send(b"go")
        except OSError:
            pass  # it was killed where it stood

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj == self._wake:
                    return
                if key.fileobj is self._listener:
                    connection, _ = self._listener.accept()
                    self._open.add(connection)
                    with self._lock:
                        self._selector.register(connection, selectors.EVENT_READ)
                else:
                    self._hear(key.fileobj)

    def _hear(self, connection: socket.socket) -> None:
        try:
            record, ancillary, _, _ = connection.recvmsg(
                RECORD, socket.CMSG_SPACE(CREDENTIALS.size), socket.MSG_PEEK
            )
        except OSError:
            record = b""
        if not record:
            with self._lock:
                self._selector.unregister(connection)
            self._open.discard(connection)
            connection.close()
            return
        stage = record.rstrip(b"\0").partition(b" ")[2].decode()
        self.seen.add(stage)
        with self._lock:
            arrived = self._awaited.pop(stage, None)
            if arrived is not None:
                self._selector.unregister(connection)
                pid = CREDENTIALS.unpack(ancillary[0][2])[0]
                arrived.put(Held(self, connection, stage, pid))
        if arrived is None:
            self._answer(connection)
