"""Calls and errors of the client against a daemon of Python."""

import errno
import socket
import threading

import grpc
import pytest
from fake_daemon import answer, fail

import loadlock
from loadlock import _connection
from loadlock._proto import report_pb2, service_pb2


def refused_report():
    report = report_pb2.Report(
        verdict=report_pb2.VERDICT_REFUSED,
        path="/models/m.joblib",
        sha256="cd" * 32,
        size=321,
        format="joblib+zlib",
        policy="default",
        tier=2,
        tier_reason="no user namespaces",
    )
    report.timing.total.seconds = 1
    report.timing.total.nanos = 500_000_000
    report.findings.add(
        rule_id="NAME_NOT_LISTED",
        severity=3,
        message="posix.system is not listed",
        name="posix.system",
        byte_offset=0,
        opcode="STACK_GLOBAL",
        object_path="$.steps[1]",
        allow='entries { name: "posix.system" }',
    )
    report.globals.add(module="posix", name="system", count=1, first_offset=2, opcode="GLOBAL")
    return report


def test_a_refused_load_carries_the_report(daemon, client):
    daemon.LoadModel = lambda request, context: fail(
        context,
        grpc.StatusCode.FAILED_PRECONDITION,
        "refused",
        "REFUSED",
        report=refused_report(),
    )
    with pytest.raises(loadlock.Refused) as caught:
        client.load("/models/m.joblib")
    refused = caught.value
    assert refused.report.verdict is loadlock.Verdict.REFUSED
    assert not refused.report.accepted
    (finding,) = refused.findings
    assert finding.rule_id == "NAME_NOT_LISTED"
    assert finding.severity is loadlock.Severity.ERROR
    assert finding.byte_offset == 0
    assert refused.report.timing.total == 1.5
    assert refused.report.tier is loadlock.Tier.B
    text = str(refused)
    for part in ("/models/m.joblib", "refused", "posix.system is not listed", "byte 0",
                 "STACK_GLOBAL", "$.steps[1]", "the policy lacks", "joblib+zlib"):  # fmt: skip
        assert part in text


def test_a_refused_audit_is_a_report(daemon, client):
    daemon.AuditModel = lambda request, context: service_pb2.AuditModelResponse(
        report=refused_report()
    )
    report = client.audit("/models/m.joblib", policy="strict")
    assert report.verdict is loadlock.Verdict.REFUSED
    assert report.globals[0].trust is loadlock.Trust.NOT_LISTED
    assert str(report.globals[0]) == "posix.system"
    assert dict(daemon.calls)["AuditModel"].policy == "strict"


def test_numbers_of_a_newer_daemon_do_not_break_the_report(daemon, client):
    report = refused_report()
    report.tier, report.findings[0].severity, report.globals[0].trust = 9, 9, 99
    daemon.AuditModel = lambda request, context: service_pb2.AuditModelResponse(report=report)
    made = client.audit("/m")
    assert made.tier is loadlock.Tier.UNKNOWN
    assert made.findings[0].severity is loadlock.Severity.UNSPECIFIED
    assert made.globals[0].trust is loadlock.Trust.NOT_LISTED


def test_a_finding_without_a_place(daemon, client):
    report = refused_report()
    del report.findings[:]
    report.findings.add(rule_id="MALFORMED", severity=3, message="not a pickle")
    daemon.AuditModel = lambda request, context: service_pb2.AuditModelResponse(report=report)
    made = client.audit("/m")
    assert made.findings[0].byte_offset is None
    assert str(made.findings[0]) == "MALFORMED: not a pickle"


@pytest.mark.parametrize("code", ["NOT_FOUND", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
                                  "FAILED_PRECONDITION", "UNIMPLEMENTED"])  # fmt: skip
def test_statuses_become_errors(daemon, client, code):
    daemon.LoadModel = lambda request, context: fail(
        context, grpc.StatusCode[code], "what went wrong", "SOME_REASON", {"limit": "7"}
    )
    with pytest.raises(loadlock.Error) as caught:
        client.load("/m")
    error = caught.value
    assert (error.status, error.reason, error.metadata) == (code, "SOME_REASON", {"limit": "7"})
    assert str(error) == f"{code} (SOME_REASON): what went wrong"
    assert not isinstance(error, loadlock.Refused)


def test_a_status_without_details(daemon, client):
    daemon.AuditModel = lambda request, context: context.abort(
        grpc.StatusCode.INTERNAL, "just text"
    )
    with pytest.raises(loadlock.Error, match="INTERNAL: just text"):
        client.audit("/m")


def test_nobody_there(tmp_path):
    with (
        loadlock.Client(f"unix:{tmp_path}/none.sock", timeout=5) as client,
        pytest.raises(loadlock.Error) as caught,
    ):
        client.info()
    assert caught.value.status == "UNAVAILABLE"


def test_a_call_that_takes_too_long(daemon, tmp_path):
    release = threading.Event()
    daemon.GetServerInfo = lambda request, context: release.wait(20)
    with loadlock.Client(daemon.address, timeout=0.2) as client:
        with pytest.raises(loadlock.Error) as caught:
            client.info()
        release.set()
    assert caught.value.status == "DEADLINE_EXCEEDED"


def test_info_and_policies(daemon, client):
    info = service_pb2.GetServerInfoResponse(version="0.1.0", tier=1, formats=["pickle"])
    info.max_wall_time.seconds = 30
    daemon.GetServerInfo = lambda request, context: info
    policies = service_pb2.ListPoliciesResponse()
    policies.policies.add(name="default", description="d", digest="00", entry_count=3)
    daemon.ListPolicies = lambda request, context: policies
    made = client.info()
    assert (made.version, made.tier, made.formats) == ("0.1.0", loadlock.Tier.A, ("pickle",))
    assert made.max_wall_time == 30
    assert client.policies() == (loadlock.PolicySummary("default", "d", "00", 3),)


def test_unload(daemon, client):
    client.unload(b"t" * 32)
    assert dict(daemon.calls)["UnloadModel"].token == b"t" * 32
    daemon.UnloadModel = lambda request, context: fail(
        context, grpc.StatusCode.NOT_FOUND, "no such lease"
    )
    with pytest.raises(loadlock.Error, match="NOT_FOUND"):
        client.unload(b"t" * 32)


def test_paths_are_made_absolute(daemon, client, tmp_path, monkeypatch):
    response, _ = answer(None)
    daemon.LoadModel = lambda request, context: response
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("model")
    client.load("link")
    # The daemon follows links, within its roots.
    assert dict(daemon.calls)["LoadModel"].path == str(tmp_path / "link")
    with pytest.raises(TypeError):
        client.load(b"model")


def test_a_plain_path_is_a_unix_address(daemon):
    daemon.GetServerInfo = lambda request, context: service_pb2.GetServerInfoResponse(version="x")
    with loadlock.Client(daemon.address.removeprefix("unix:")) as client:
        assert client.info().version == "x"


def test_the_address_of_the_environment(daemon, monkeypatch):
    response, _ = answer([1, "a"])
    daemon.LoadModel = lambda request, context: response
    monkeypatch.setenv("LOADLOCK_ADDRESS", daemon.address)
    assert loadlock.Client().load("/m") == [1, "a"]


def test_the_module_functions(daemon):
    response, _ = answer([1, "a"])
    daemon.LoadModel = lambda request, context: response
    daemon.AuditModel = lambda request, context: service_pb2.AuditModelResponse(
        report=refused_report()
    )
    assert loadlock.load("/m", address=daemon.address) == [1, "a"]
    assert loadlock.audit("/m", address=daemon.address).size == 321


def test_the_default_socket(daemon, monkeypatch):
    monkeypatch.delenv("LOADLOCK_ADDRESS", raising=False)
    daemon.GetServerInfo = lambda request, context: service_pb2.GetServerInfoResponse(version="d")
    monkeypatch.setattr(_connection, "DEFAULT_SOCKET", daemon.address.removeprefix("unix:"))
    assert loadlock.Client().info().version == "d"


def test_a_stale_default_socket_means_a_private_daemon(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "s"))
    for path in ("s", "none", "s/below"):
        monkeypatch.setattr(_connection, "DEFAULT_SOCKET", str(tmp_path / path))
        assert _connection.running_daemon() == "private"


def test_a_default_socket_of_others_is_an_error(daemon, monkeypatch):
    def denied(self, address):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(_connection, "DEFAULT_SOCKET", daemon.address.removeprefix("unix:"))
    monkeypatch.setattr(socket.socket, "connect", denied)
    with pytest.raises(loadlock.Error, match="Permission denied") as caught:
        _connection.running_daemon()
    assert caught.value.reason == "DAEMON_UNREACHABLE"


def test_a_client_is_used_from_many_threads(daemon, client):
    response, _ = answer({"a": list(range(50)), "b": [None, "x"]})
    daemon.LoadModel = lambda request, context: response
    made = []
    threads = [
        threading.Thread(target=lambda: made.extend(client.load("/m")["a"] for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [list(range(50))] * 80


def test_a_closed_client_connects_anew(daemon, client):
    daemon.GetServerInfo = lambda request, context: service_pb2.GetServerInfoResponse(version="x")
    client.info()
    client.close()
    assert client.info().version == "x"


def test_help_is_enough():
    for name in loadlock.__all__:
        assert getattr(loadlock, name).__doc__, name
    for name in ("load", "audit", "info", "policies", "unload", "close"):
        assert getattr(loadlock.Client, name).__doc__, name
    assert "LOADLOCK_ADDRESS" in loadlock.__doc__
