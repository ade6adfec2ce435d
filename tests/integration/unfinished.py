"""An HTTP/2 client that never finishes: it opens calls and sends all but the last byte of each message.

gRPC's own clients cannot do that, so the frames are written by hand (RFC 9113, 7541). It keeps to the
windows that the server grants, as one that breaks them is thrown out at once."""

from __future__ import annotations

import selectors
import socket
import struct
import time

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
ACK, END_HEADERS = 1, 4
INITIAL_WINDOW_SIZE = 4
DEFAULT_WINDOW, MAX_FRAME = 65535, 16384
# The largest that the server takes (server/rpc/servers.h), and its own header of five bytes.
MESSAGE = 4 << 20
TO_SEND = 5 + MESSAGE - 1


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name: str, value: str) -> bytes:
    """A header that is not indexed and not compressed."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def headers(path: str) -> bytes:
    fields = {
        ":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost",
        "te": "trailers", "content-type": "application/grpc",
    }  # fmt: skip
    return b"".join(literal(*field) for field in fields.items())


class Connection:
    """One connection with `streams` calls; `sent` is the bytes of messages that the server took."""

    def __init__(self, address: str, path: str, streams: int) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(address.removeprefix("unix:"))
        self.socket.setblocking(False)
        self.open = True
        self.inbox = b""
        self.outbox = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, b"")
        self.path = path
        self.next_id = 1
        self.sent = 0
        self.window = DEFAULT_WINDOW
        self.stream_window = DEFAULT_WINDOW
        # By number: what is left to send, and the window.
        self.calls: dict[int, list[int]] = {}
        for _ in range(streams):
            self.call()

    def call(self) -> None:
        self.outbox += frame(HEADERS, END_HEADERS, self.next_id, headers(self.path))
        self.calls[self.next_id] = [TO_SEND, self.stream_window]
        self.next_id += 2

    def fill(self) -> None:
        """Puts what the windows allow into the outbox, a little of each call at a time."""
        for number, call in self.calls.items():
            if len(self.outbox) > 1 << 20:
                return
            size = min(call[0], call[1], self.window, MAX_FRAME)
            if size <= 0:
                continue
            begins = call[0] == TO_SEND
            payload = b"\0" + struct.pack(">I", MESSAGE) + bytes(size - 5) if begins else bytes(size)
            self.outbox += frame(DATA, 0, number, payload)
            call[0] -= size
            call[1] -= size
            self.window -= size
            self.sent += size

    def write(self) -> bool:
        """True if something went out."""
        self.fill()
        try:
            count = self.socket.send(self.outbox) if self.outbox else 0
        except BlockingIOError:
            return False
        except OSError:
            self.open = False
            return False
        self.outbox = self.outbox[count:]
        return count > 0

    def read(self) -> None:
        try:
            part = self.socket.recv(1 << 16)
            self.open = bool(part)
        except BlockingIOError:
            return
        except OSError:
            self.open = False
            return
        self.inbox += part
        while len(self.inbox) >= 9:
            size = int.from_bytes(self.inbox[:3], "big")
            if len(self.inbox) < 9 + size:
                return
            kind, flags, stream = struct.unpack(">BBI", self.inbox[3:9])
            self.hear(kind, flags, stream, self.inbox[9 : 9 + size])
            self.inbox = self.inbox[9 + size :]

    def hear(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[at : at + 6])
                if name == INITIAL_WINDOW_SIZE:
                    for call in self.calls.values():
                        call[1] += value - self.stream_window
                    self.stream_window = value
            self.outbox += frame(SETTINGS, ACK, 0, b"")
        elif kind == PING and not flags & ACK:
            self.outbox += frame(PING, ACK, 0, payload)
        elif kind == WINDOW_UPDATE:
            more = int.from_bytes(payload, "big")
            if stream == 0:
                self.window += more
            elif stream in self.calls:
                self.calls[stream][1] += more
        elif kind in (RST_STREAM, HEADERS) and stream in self.calls:
            # Refused, or ended by a trailer: another one in its place.
            del self.calls[stream]
            self.call()
        elif kind == GOAWAY:
            self.open = False


class Attack:
    """That many connections with as many calls each."""

    def __init__(self, address: str, path: str, connections: int, streams: int) -> None:
        self.connections = [Connection(address, path, streams) for _ in range(connections)]

    @property
    def sent(self) -> int:
        return sum(one.sent for one in self.connections)

    def step(self) -> bool:
        """Sends what may be sent now; false if nothing was."""
        moved = False
        with selectors.DefaultSelector() as selector:
            for one in self.connections:
                if one.open:
                    selector.register(one.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, one)
            for key, _ in selector.select(0.1) if selector.get_map() else ():
                key.data.read()
                if key.data.open:
                    moved |= key.data.write()
        if not moved:
            time.sleep(0.01)
        return moved

    def send(self, most: int) -> None:
        """Until so many bytes of messages are out, or nothing went out for three seconds."""
        progress = time.monotonic()
        while self.sent < most and time.monotonic() - progress < 3:
            if self.step():
                progress = time.monotonic()
