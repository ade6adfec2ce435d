"""Takes over a vetted model: what came inline, what is streamed, what lies in sealed memory.

A large artifact may lie in a file of the daemon's store instead. No seal keeps that from changing;
what does is that only the daemon's user could, who has no reason to: it decides what is vetted.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import socket
import stat
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from loadlock._errors import Error
from loadlock._proto import graph_pb2, service_pb2
from loadlock._rebuild import Buffers, Columns, InlineBuffers, MappedBuffers, StreamedBuffers
from loadlock._rebuild.buffers import ARTIFACT, DECODED

if TYPE_CHECKING:
    Fetch: TypeAlias = Callable[
        [service_pb2.FetchModelRequest], Iterator[service_pb2.FetchModelResponse]
    ]

# Without any one of these the sender could change what was vetted.
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
# Answer on the descriptor socket: status, size of the artifact, size of the decoded data.
_ANSWER = struct.Struct("<BQQ")
_ANSWER_OK = 0
_MOST_DESCRIPTORS = 2
_SOCKET_SECONDS = 30.0
# struct ucred: pid, uid, gid.
_CREDENTIALS = struct.Struct("iII")


def take(response: service_pb2.LoadModelResponse, fetch: Fetch) -> tuple[Columns, Buffers]:
    """Graph and buffers of an accepted model.

    Args:
        response: The answer to LoadModel or LoadUpload.
        fetch: Calls FetchModel.
    """
    graph = response.graph if response.HasField("graph") else None
    buffers: Buffers | None = None
    if response.buffers_inline:
        buffers = InlineBuffers(list(response.buffers))
    elif response.lease.fd_socket:
        buffers = by_descriptor(response)
    if graph is None or buffers is None:
        graph, streamed = _stream(response, fetch, graph, with_buffers=buffers is None)
        buffers = buffers or streamed
    return Columns.from_graph(graph), buffers


def by_descriptor(response: service_pb2.LoadModelResponse) -> MappedBuffers | None:
    """The sealed descriptors, mapped; None if the socket cannot be reached from here.

    Raises:
        Error: What came is not sealed or not of the size that the report says.
    """
    try:
        sizes, descriptors, daemon = _receive(response.lease.fd_socket, response.lease.token)
    except OSError:
        # Another mount namespace, say: the stream gives the same bytes.
        return None
    try:
        if sizes != (response.report.size, response.report.decoded_size):
            raise Error("the daemon handed over another size than it reported", reason="HANDOVER")
        mapped: dict[int, mmap.mmap] = {}
        wanted = [(ARTIFACT, sizes[0]), (DECODED, sizes[1])]
        if len(descriptors) != sum(size > 0 for _, size in wanted):
            raise Error("the daemon handed over other descriptors than it said", reason="HANDOVER")
        for fd, (source, size) in zip(descriptors, wanted, strict=False):
            check_sealed(fd, size, daemon)
            # Private: a written page becomes this process's own.
            mapped[source] = mmap.mmap(fd, size, access=mmap.ACCESS_COPY)
        return MappedBuffers(mapped)
    finally:
        for fd in descriptors:
            os.close(fd)


def check_sealed(fd: int, size: int, daemon: int) -> None:
    """Refuses a descriptor whose content or size could still change, or has another size.

    Args:
        fd: Sealed memory, or a file of the daemon that nobody may write.
        size: Bytes that it must have.
        daemon: The user whose file it may be.
    """
    info = os.fstat(fd)
    if not _is_sealed(fd) and not _is_stored(fd, info, daemon):
        raise Error("what was handed over is not sealed", reason="NOT_SEALED")
    if info.st_size != size:
        raise Error("what was handed over has another size than vetted", reason="HANDOVER")


def _is_sealed(fd: int) -> bool:
    try:
        return fcntl.fcntl(fd, fcntl.F_GET_SEALS) & _SEALS == _SEALS
    except OSError:
        return False


def _is_stored(fd: int, info: os.stat_result, daemon: int) -> bool:
    """A memory file that is not sealed is none: its mode lets others write."""
    return (
        stat.S_ISREG(info.st_mode)
        and stat.S_IMODE(info.st_mode) == stat.S_IRUSR
        and info.st_uid == daemon
        and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    )


def _receive(path: str, token: bytes) -> tuple[tuple[int, int], list[int], int]:
    """Sizes, descriptors, and the user at the other end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC) as connection:
        connection.settimeout(_SOCKET_SECONDS)
        connection.connect(path)
        credentials = connection.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
        )
        connection.sendall(token)
        data, descriptors, flags, _ = socket.recv_fds(
            connection, _ANSWER.size + 1, _MOST_DESCRIPTORS
        )
    if (
        len(data) != _ANSWER.size
        or data[0] != _ANSWER_OK
        or flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC)
        or not descriptors
    ):
        for fd in descriptors:
            os.close(fd)
        raise Error("the daemon hands over nothing for this lease", reason="HANDOVER")
    _, artifact, decoded = _ANSWER.unpack(data)
    return (artifact, decoded), descriptors, _CREDENTIALS.unpack(credentials)[1]


def _stream(
    response: service_pb2.LoadModelResponse,
    fetch: Fetch,
    graph: graph_pb2.Graph | None,
    *,
    with_buffers: bool,
) -> tuple[graph_pb2.Graph, StreamedBuffers]:
    request = service_pb2.FetchModelRequest(
        token=response.lease.token, skip_graph=graph is not None, skip_buffers=not with_buffers
    )
    whole = graph_pb2.Graph() if graph is None else graph
    blocks: list[bytearray] = []
    filled: list[int] = []
    end = None
    for message in fetch(request):
        part = message.WhichOneof("part")
        if part == "graph" and graph is None and not blocks:
            whole.MergeFrom(message.graph)
        elif part == "chunk" and with_buffers:
            if not blocks:
                blocks = _allocate(whole, response.report.buffer_bytes)
                filled = [0] * len(blocks)
            chunk = message.chunk
            if chunk.buffer >= len(blocks) or chunk.offset != filled[chunk.buffer]:
                raise _broken("a chunk out of order")
            stop = chunk.offset + len(chunk.data)
            if stop > len(blocks[chunk.buffer]):
                raise _broken("a chunk beyond the end of its buffer")
            memoryview(blocks[chunk.buffer])[chunk.offset : stop] = chunk.data
            filled[chunk.buffer] = stop
        elif part == "end":
            end = message.end
            break
        else:
            raise _broken("a part that was not asked for")
    if end is None or (graph is None and end.node_count != len(whole.kinds)):
        raise _broken("its end does not match")
    if with_buffers:
        blocks = blocks or _allocate(whole, response.report.buffer_bytes)
        if list(map(len, blocks)) != (filled or [0] * len(blocks)):
            raise _broken("a buffer that is not whole")
    return whole, StreamedBuffers(blocks)


def _allocate(graph: graph_pb2.Graph, most: int) -> list[bytearray]:
    if sum(graph.buffer_lengths) > most:
        raise _broken("more data than the report says")
    return [bytearray(length) for length in graph.buffer_lengths]


def _broken(what: str) -> Error:
    return Error(f"the daemon's stream is broken: {what}", reason="HANDOVER")
