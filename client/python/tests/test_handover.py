"""Taking over a model: inline, by sealed descriptor, by stream; and daemons that cheat."""

import fcntl
import mmap
import os
from pathlib import Path

import numpy as np
import pytest
from fake_daemon import ALL_SEALS, TOKEN, answer, by_descriptor, packet, sealed, stored

import loadlock
from loadlock._proto import service_pb2

VALUE = {"a": np.arange(1000.0), "b": np.arange(12, dtype="u1").reshape(3, 4), "c": "text"}


def check(made):
    assert made.keys() == VALUE.keys()
    for key in "ab":
        assert made[key].tobytes() == VALUE[key].tobytes()
        assert made[key].flags.writeable
        made[key][0] = 0


def open_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_inline(daemon, client):
    response, _ = answer(VALUE)
    daemon.LoadModel = lambda request, context: response
    check(client.load("/model", policy="some", expected_sha256="ab" * 32))
    request = dict(daemon.calls)["LoadModel"]
    assert (request.path, request.policy, request.expected_sha256) == ("/model", "some", "ab" * 32)


def test_the_lease_is_ended(daemon, client):
    response, _ = answer(VALUE)
    daemon.LoadModel = lambda request, context: response
    daemon.GetServerInfo = lambda request, context: service_pb2.GetServerInfoResponse()
    client.load("/model")
    client.info()
    assert dict(daemon.calls)["UnloadModel"].token == TOKEN


def test_no_lease_is_wanted_for_what_is_inline(daemon, client):
    response, _ = answer(VALUE)
    response.ClearField("lease")
    daemon.LoadModel = lambda request, context: response
    client.load("/model")
    assert [name for name, _ in daemon.calls] == ["LoadModel"]
    assert daemon.calls[0][1].no_lease_if_inline


def test_inline_buffers_of_another_size_are_refused(daemon, client):
    response, _ = answer(VALUE)
    response.buffers[0] = response.buffers[0][:-8]
    daemon.LoadModel = lambda request, context: response
    with pytest.raises(loadlock.RebuildError, match="buffers"):
        client.load("/model")


def test_an_answer_without_acceptance_is_refused(daemon, client):
    response, _ = answer(VALUE)
    response.report.verdict = 2
    daemon.LoadModel = lambda request, context: response
    with pytest.raises(loadlock.Refused):
        client.load("/model")


# By descriptor.


@pytest.mark.parametrize("decoded", [False, True], ids=["artifact", "decoded"])
def test_by_descriptor(daemon, client, decoded):
    response, data = by_descriptor(daemon, VALUE, decoded)
    daemon.LoadModel = lambda request, context: response
    daemon.serve_descriptors()
    if decoded:
        fds = [sealed(b"header"), sealed(data)]
        daemon.hand_over = packet(6, len(data)), fds
    else:
        fds = [sealed(data)]
        daemon.hand_over = packet(len(data)), fds
    before = open_descriptors()
    made = client.load("/model")
    assert daemon.tokens == [TOKEN]
    check(made)
    again = client.load("/model")
    assert again["a"].tobytes() == VALUE["a"].tobytes(), "writes stay in the process"
    assert open_descriptors() - before <= 4, "a mapping keeps one descriptor, no more"
    del made, again
    assert "FetchModel" not in dict(daemon.calls)


def test_large_arrays_are_mapped_and_not_copied(daemon, client):
    response, data = by_descriptor(daemon, VALUE)
    daemon.LoadModel = lambda request, context: response
    daemon.serve_descriptors()
    daemon.hand_over = packet(len(data)), [sealed(data)]
    made = client.load("/model")["a"]
    while isinstance(made, np.ndarray):
        made = made.base
    owner = made.obj if isinstance(made, memoryview) else made
    assert isinstance(owner, mmap.mmap)


def test_a_file_of_the_store(daemon, client, tmp_path):
    response, data = by_descriptor(daemon, VALUE)
    daemon.LoadModel = lambda request, context: response
    daemon.serve_descriptors()
    daemon.hand_over = packet(len(data)), [stored(tmp_path, data)]
    check(client.load("/model"))
    assert client.load("/model")["a"].tobytes() == VALUE["a"].tobytes(), (
        "writes stay in the process"
    )
    assert "FetchModel" not in dict(daemon.calls)


@pytest.mark.parametrize(
    ("mode", "flags", "user"),
    [
        (0o600, os.O_RDONLY, None),
        (0o420, os.O_RDONLY, None),
        (0o402, os.O_RDONLY, None),
        (0o440, os.O_RDONLY, None),
        (0o400, os.O_RDWR, None),
        (0o400, os.O_RDONLY, 12345),
    ],
)
def test_a_file_that_could_change_is_refused(
    daemon, client, tmp_path, monkeypatch, mode, flags, user
):
    response, data = by_descriptor(daemon, VALUE)
    daemon.LoadModel = lambda request, context: response
    daemon.serve_descriptors()
    daemon.hand_over = packet(len(data)), [stored(tmp_path, data, mode, flags)]
    if user is not None:
        # As if the daemon at the other end were another user than the file's.
        real = loadlock._handover._receive
        monkeypatch.setattr(loadlock._handover, "_receive", lambda *args: (*real(*args)[:2], user))
    with pytest.raises(loadlock.Error, match="not sealed") as caught:
        client.load("/model")
    assert caught.value.reason == "NOT_SEALED"


@pytest.mark.parametrize(
    "missing",
    [fcntl.F_SEAL_WRITE, fcntl.F_SEAL_SHRINK, fcntl.F_SEAL_GROW, fcntl.F_SEAL_SEAL, ALL_SEALS],
)
def test_a_missing_seal_is_refused(daemon, client, missing):
    response, data = by_descriptor(daemon, VALUE)
    daemon.LoadModel = lambda request, context: response
    daemon.serve_descriptors()
    daemon.hand_over = packet(len(data)), [sealed(data, ALL_SEALS & ~missing)]
    with pytest.raises(loadlock.Error, match="not sealed") as caught:
        client.load("/model")
    assert caught.value.reason == "NOT_SEALED"
    assert "FetchModel" not in dict(daemon.calls), "no way around"


def test_a_file_that_cannot_be_sealed_is_refused(daemon, client, tmp_path):
    response, data = by_descriptor(daemon, VALUE)
    daemon.LoadModel = lambda request, context: response
    daemon.serve_descriptors()
    (tmp_path / "file").write_bytes(data)
    daemon.hand_over = packet(len(data)), [os.open(tmp_path / "file", os.O_RDONLY)]
    with pytest.raises(loadlock.Error, match="seal"):
        client.load("/model")


def test_other_sizes_and_counts_are_refused(daemon, client):
    response, data = by_descriptor(daemon, VALUE)
    daemon.LoadModel = lambda request, context: response
    daemon.serve_descriptors()
    good, short = sealed(data), sealed(data[:-1])
    daemon.hand_over = packet(len(data)), [good]
    client.load("/model")
    before = open_descriptors()
    for answered in (
        (packet(len(data)), [short]),
        (packet(len(data) - 1), [short]),
        (packet(len(data), 5), [good]),
        (packet(len(data)), [good, good]),
        (packet(len(data)), []),
        (packet(len(data)), [good, good, good]),
        (packet(0, 0, status=1), []),
        (packet(len(data), status=1), [good]),
        (packet(len(data)) + b"x", [good]),
        (packet(len(data))[:-1], [good]),
        (b"\0", [good]),
    ):
        daemon.hand_over = answered
        with pytest.raises(loadlock.Error, match=r"handed over|hands over"):
            client.load("/model")
    assert open_descriptors() <= before
    daemon.hand_over = packet(len(data)), [good]
    check(client.load("/model"))


def test_a_buffer_beyond_the_mapping_is_refused(daemon, client):
    response, data = by_descriptor(daemon, VALUE)
    response.graph.buffer_offsets[0] = len(data) - 16
    daemon.LoadModel = lambda request, context: response
    daemon.serve_descriptors()
    daemon.hand_over = packet(len(data)), [sealed(data)]
    with pytest.raises(loadlock.RebuildError, match="outside"):
        client.load("/model")


# By stream.


def parts(response, encoder, size=1000):
    """The messages of FetchModel."""
    first, rest = service_pb2.FetchModelResponse(), service_pb2.FetchModelResponse()
    first.graph.kinds.extend(encoder.graph.kinds)
    first.graph.root = encoder.graph.root
    rest.graph.CopyFrom(encoder.graph)
    del rest.graph.kinds[:]
    rest.graph.root = 0
    made = [first, rest]
    for i, block in enumerate(encoder.buffers):
        for offset in range(0, len(block), size):
            message = service_pb2.FetchModelResponse()
            message.chunk.buffer, message.chunk.offset = i, offset
            message.chunk.data = block[offset : offset + size]
            made.append(message)
    end = service_pb2.FetchModelResponse()
    end.end.node_count = len(encoder.graph.kinds)
    end.end.buffer_count = len(encoder.buffers)
    end.end.buffer_bytes = sum(map(len, encoder.buffers))
    return [*made, end]


@pytest.fixture
def streamed(daemon):
    """Makes the daemon stream VALUE; returns the messages, to be spoiled."""
    response, encoder = answer(VALUE)
    response.ClearField("graph")
    del response.buffers[:]
    response.buffers_inline = False
    daemon.LoadModel = lambda request, context: response
    messages = parts(response, encoder)
    daemon.FetchModel = lambda request, context: iter(messages)
    daemon.response = response
    return messages


def test_by_stream(daemon, client, streamed):
    check(client.load("/model"))
    request = dict(daemon.calls)["FetchModel"]
    assert (request.token, request.skip_graph, request.skip_buffers) == (TOKEN, False, False)


def test_only_what_is_missing_is_streamed(daemon, client, streamed):
    full, _ = answer(VALUE)
    daemon.response.graph.CopyFrom(full.graph)
    del streamed[:2]
    check(client.load("/model"))
    assert dict(daemon.calls)["FetchModel"].skip_graph
    daemon.calls.clear()


def test_only_the_graph_is_streamed(daemon, client, streamed):
    full, _ = answer(VALUE)
    daemon.response.buffers.extend(full.buffers)
    daemon.response.buffers_inline = True
    streamed[:] = [*streamed[:2], streamed[-1]]
    check(client.load("/model"))
    assert dict(daemon.calls)["FetchModel"].skip_buffers


def test_an_unreachable_descriptor_socket_means_a_stream(daemon, client, streamed):
    daemon.response.lease.fd_socket = daemon.fd_socket
    check(client.load("/model"))
    assert "FetchModel" in dict(daemon.calls)


def swap(messages):
    messages[2], messages[3] = messages[3], messages[2]


def spoil_offset(messages):
    messages[3].chunk.offset += 1


def spoil_buffer(messages):
    messages[2].chunk.buffer = 99


def too_long(messages):
    messages[-2].chunk.data += b"x"


def late_graph(messages):
    messages.insert(4, messages[0])


def huge(messages):
    messages[1].graph.buffer_lengths[0] = 1 << 60


def wrong_count(messages):
    messages[-1].end.node_count += 1


@pytest.mark.parametrize(
    "spoil",
    [
        swap,
        spoil_offset,
        spoil_buffer,
        too_long,
        late_graph,
        huge,
        wrong_count,
        lambda m: m.pop(),
        lambda m: m.pop(-2),
        lambda m: m.pop(2),
        lambda m: m.insert(0, service_pb2.FetchModelResponse()),
        lambda m: m.insert(4, m[3]),
        lambda m: m.clear(),
    ],
)
def test_broken_streams_are_refused(client, streamed, spoil):
    spoil(streamed)
    with pytest.raises(loadlock.Error, match="broken"):
        client.load("/model")
