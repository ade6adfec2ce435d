"""A daemon of Python: answers what a test tells it to, over real sockets."""

import array
import contextlib
import fcntl
import os
import socket
import struct
import threading
from concurrent import futures

import grpc
from encoder import Encoder

from loadlock._proto import error_details_pb2, service_pb2, status_pb2

SERVICE = "loadlock.v1.LoadLock"
ALL_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
TOKEN = bytes(range(32))
METHODS = {
    "LoadModel": service_pb2.LoadModelRequest,
    "AuditModel": service_pb2.AuditModelRequest,
    "UnloadModel": service_pb2.UnloadModelRequest,
    "GetServerInfo": service_pb2.GetServerInfoRequest,
    "ListPolicies": service_pb2.ListPoliciesRequest,
}


def sealed(data, seals=ALL_SEALS):
    """A memfd with that content and those seals, open for reading only."""
    fd = os.memfd_create("fake", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    reader = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    os.close(fd)
    return reader


def stored(folder, data, mode=0o400, flags=os.O_RDONLY):
    """A file as the daemon's store has them."""
    path = os.path.join(folder, "stored")  # noqa: PTH118
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(data)
    fd = os.open(path, flags | os.O_CLOEXEC)
    os.chmod(path, mode)  # noqa: PTH101
    os.unlink(path)  # noqa: PTH108
    return fd


def fail(context, code, message, reason="", metadata=(), report=None):
    """Ends a call as the daemon does: a status with google.rpc details."""
    status = status_pb2.Status(code=code.value[0], message=message)
    info = error_details_pb2.ErrorInfo(reason=reason, domain="loadlock", metadata=dict(metadata))
    status.details.add(
        type_url="type.googleapis.com/google.rpc.ErrorInfo", value=info.SerializeToString()
    )
    if report is not None:
        status.details.add(
            type_url="type.googleapis.com/loadlock.v1.Report", value=report.SerializeToString()
        )
    context.set_trailing_metadata([("grpc-status-details-bin", status.SerializeToString())])
    context.abort(code, message)


class FakeDaemon:
    """Handlers are attributes: `daemon.LoadModel = lambda request, context: ...`."""

    def __init__(self, folder):
        self.address = f"unix:{folder}/fake.sock"
        self.fd_socket = f"{folder}/fake.sock.fd"
        self.calls = []
        # What the descriptor socket answers: bytes and descriptors.
        self.hand_over = None
        self.tokens = []
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        handlers = {
            method: grpc.unary_unary_rpc_method_handler(
                self._handler(method), request.FromString, lambda m: m.SerializeToString()
            )
            for method, request in METHODS.items()
        }
        handlers["FetchModel"] = grpc.unary_stream_rpc_method_handler(
            self._handler("FetchModel"),
            service_pb2.FetchModelRequest.FromString,
            lambda m: m.SerializeToString(),
        )
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, handlers),)
        )
        self._server.add_insecure_port(self.address)
        self._server.start()
        self._listener = None

    def _handler(self, method):
        def handle(request, context):
            self.calls.append((method, request))
            return getattr(self, method)(request, context)

        return handle

    def UnloadModel(self, request, context):  # noqa: N802
        return service_pb2.UnloadModelResponse()

    def serve_descriptors(self):
        """Opens the descriptor socket."""
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(self.fd_socket)
        self._listener.listen()
        threading.Thread(target=self._serve_descriptors, daemon=True).start()

    def _serve_descriptors(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    self.tokens.append(connection.recv(100))
                    data, fds = self.hand_over
                    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))
                    connection.sendmsg([data], [rights] if fds else [])

    def close(self):
        self._server.stop(None).wait()
        if self._listener is not None:
            self._listener.close()


def answer(value, report=None):
    """LoadModel's response for a value, its buffers inline; also the encoder."""
    encoder = Encoder().encode(value)
    response = service_pb2.LoadModelResponse()
    response.report.verdict = 1
    response.report.sha256 = "ab" * 32
    for (module, name), trust in encoder.trusts.items():
        response.report.globals.add(module=module, name=name, trust=trust)
    response.report.buffer_bytes = sum(map(len, encoder.buffers))
    response.lease.token = TOKEN
    response.graph.CopyFrom(encoder.graph)
    response.buffers.extend(encoder.buffers)
    response.buffers_inline = True
    return response, encoder


def by_descriptor(daemon, value, decoded=False):
    """The same with the buffers in one file, each at a multiple of 16; returns its bytes too."""
    response, encoder = answer(value)
    data = bytearray(b"header")
    for i, block in enumerate(encoder.buffers):
        data += bytes(-len(data) % 16)
        response.graph.buffer_offsets[i] = len(data)
        response.graph.buffer_sources[i] = 2 if decoded else 1
        data += block
    del response.buffers[:]
    response.buffers_inline = False
    response.lease.fd_socket = daemon.fd_socket
    response.report.size = 6 if decoded else len(data)
    response.report.decoded_size = len(data) if decoded else 0
    return response, bytes(data)


def packet(artifact, decoded=0, status=0):
    """The answer on the descriptor socket."""
    return struct.pack("<BQQ", status, artifact, decoded)
