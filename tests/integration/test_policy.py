"""Policies as files: what a refusal asks for can be granted, and only that."""

from __future__ import annotations

import shutil
from pathlib import Path

import grpc
import pytest
from loadlock._proto import service_pb2 as pb

from corpora import opcodes as op
from corpora import payloads

from .daemon import ACCEPTED, REFUSED, ROOT, Daemon, errors


def with_policy(tmp_path: Path, text: str, name: str = "local") -> Path:
    policies = tmp_path / "policies"
    shutil.copytree(ROOT / "deploy" / "policies", policies)
    (policies / f"{name}.textproto").write_text(text)
    return policies


UNKNOWN = op.stream(op.instance("acme.scoring", "Weights", {"bias": 1.5}))


def test_the_line_that_a_refusal_names_makes_it_accepted(daemon: Daemon, tmp_path: Path) -> None:
    report = daemon.stub.audit(UNKNOWN)
    assert report.verdict == REFUSED
    finding = next(f for f in errors(report) if f.rule_id == "NAME_NOT_LISTED")
    assert finding.name == "acme.scoring.Weights"
    text = f'name: "local"\nextends: "default"\n{finding.allow}\n'
    with Daemon("--policy-dir", str(with_policy(tmp_path, text))) as other:
        assert other.stub.audit(UNKNOWN).verdict == REFUSED
        allowed = other.stub.audit(UNKNOWN, policy="local")
        assert allowed.verdict == ACCEPTED, allowed.findings
        assert allowed.policy == "local"
        # The general rules hold for it as for any class.
        dunder = op.stream(op.instance("acme.scoring", "Weights", {"__array_interface__": 1}))
        assert other.stub.audit(dunder, policy="local").verdict == REFUSED
        other_name = op.stream(op.instance("acme.scoring", "Weights2", {"bias": 1.5}))
        assert other.stub.audit(other_name, policy="local").verdict == REFUSED


ESTIMATOR = op.instance("sklearn.preprocessing._data", "StandardScaler", {"n_features_in_": 1})
FUNCTION = "sklearn.preprocessing._function_transformer"


@pytest.mark.parametrize(
    "made",
    [
        op.instance("acme.scoring", "Wrapper", {"inner": ESTIMATOR, "bias": 1}),
        op.instance("acme.scoring", "Wrapper", {"parts": [ESTIMATOR], "none": None}),
        op.instance(FUNCTION, "FunctionTransformer", {"func": op.Raw(op.global_("acme.scoring", "scale"))}),
    ],
)
def test_each_offered_line_helps(made: bytes, daemon: Daemon, tmp_path: Path) -> None:
    data = op.stream(made)
    report = daemon.stub.audit(data)
    assert report.verdict == REFUSED
    lines = [finding.allow for finding in errors(report)]
    assert lines
    assert all(lines), report.findings
    text = 'name: "local"\nextends: "default"\n' + "\n".join(lines)
    with Daemon("--policy-dir", str(with_policy(tmp_path, text))) as other:
        allowed = other.stub.audit(data, policy="local")
        assert allowed.verdict == ACCEPTED, allowed.findings


def test_the_line_of_a_call_is_not_enough_and_says_so(daemon: Daemon, tmp_path: Path) -> None:
    data = op.stream(payloads.system("never"))
    (finding,) = errors(daemon.stub.audit(data))
    assert finding.allow == 'entries { name: "posix.system" trust: TRUST_FACTORY }'
    assert "a line for it alone does not suffice" in finding.message
    # A factory without a schema is no policy.
    text = f'name: "local"\nextends: "default"\n{finding.allow}\n'
    stopped = Daemon("--policy-dir", str(with_policy(tmp_path, text)))
    with pytest.raises(RuntimeError, match="needs a schema"):
        stopped.start()
    stopped.stop(expect=2)


def test_no_line_is_offered_for_what_would_stay_refused(daemon: Daemon, tmp_path: Path) -> None:
    dunder = op.stream(op.instance("acme.scoring", "Weights", {"__array_interface__": 1}))
    (finding,) = errors(daemon.stub.audit(dunder))
    assert (finding.rule_id, finding.allow) == ("NAME_NOT_LISTED", "")
    assert "no line alone suffices" in finding.message
    text = 'name: "local"\nextends: "default"\nentries { name: "acme.scoring.Weights" trust: TRUST_NEW_DICT }'
    with Daemon("--policy-dir", str(with_policy(tmp_path, text))) as other:
        assert other.stub.audit(dunder, policy="local").verdict == REFUSED


def test_policies_are_listed_and_explained(daemon: Daemon) -> None:
    summaries = {p.name: p for p in daemon.stub.unary("ListPolicies", pb.ListPoliciesRequest()).policies}
    assert {"default", "numpy", "sklearn"} <= summaries.keys()
    name = "sklearn.linear_model._logistic.LogisticRegression"
    answer = daemon.stub.unary("ExplainPolicy", pb.ExplainPolicyRequest(policy="sklearn", name=name))
    assert [entry.name for entry in answer.entries] == [name]
    assert answer.digest == summaries["sklearn"].digest
    whole = daemon.stub.unary("ExplainPolicy", pb.ExplainPolicyRequest(policy="sklearn"))
    assert len(whole.entries) == summaries["sklearn"].entry_count
    assert all(entry.why for entry in whole.entries), "an entry without its reason"
    with pytest.raises(grpc.RpcError) as failed:
        daemon.stub.unary("ExplainPolicy", pb.ExplainPolicyRequest(policy="nope"))
    assert failed.value.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)


def test_an_unknown_policy_is_an_error_and_no_verdict(daemon: Daemon) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        daemon.stub.audit(op.stream(op.NONE), policy="nope")
    assert failed.value.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)
    assert "nope" in failed.value.details()


def test_the_numpy_policy_knows_no_estimator(daemon: Daemon) -> None:
    data = op.stream(op.instance("sklearn.linear_model._base", "LinearRegression", {"n_features_in_": 1}))
    assert daemon.stub.audit(data, policy="numpy").verdict == REFUSED
    assert daemon.stub.audit(data, policy="sklearn").verdict == ACCEPTED


@pytest.mark.parametrize(
    "text",
    [
        'name: "other"',
        'name: "local" extends: "nope"',
        'name: "local" extends: "local"',
        'name: "local" entries { name: "a.b" trust: TRUST_NEW_SETSTATE',
        'name: "local" entries { name: "a.*" trust: TRUST_NEW_DICT }',
        'name: "local" entries { name: "a.b" }',
        'name: "local" wildcards: true',
    ],
)
def test_a_bad_policy_stops_the_start(text: str, tmp_path: Path) -> None:
    policies = with_policy(tmp_path, text)
    stopped = Daemon("--policy-dir", str(policies))
    with pytest.raises(RuntimeError, match="local"):
        stopped.start()
    assert stopped.process.returncode == 2
    stopped.stop(expect=2)
