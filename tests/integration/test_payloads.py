"""Every attack is refused with a reason that fits, and nothing of it runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from corpora import arrays, opcodes, payloads, poison
from corpora.case import Case

from .daemon import ACCEPTED, REFUSED, Daemon, error_rules, errors

BUILDERS = {
    f"{module.__name__.rsplit('.', 1)[1]}-{builder.__name__}": builder
    for module in (payloads, arrays, poison)
    for builder in module.BUILDERS
}


def wrong_with(case: Case, daemon: Daemon) -> str:
    """Why the daemon's answer to `case` is not good enough; empty if it is."""
    report = daemon.audit_bytes(case.data)
    if report.verdict != REFUSED:
        return f"{case.name}: verdict {report.verdict}"
    rules = error_rules(report)
    if not rules:
        return f"{case.name}: refused without an error finding"
    if case.rules and not rules & case.rules:
        return f"{case.name}: {sorted(rules)} instead of {sorted(case.rules)}: {errors(report)[0].message}"
    if any(not finding.message for finding in errors(report)):
        return f"{case.name}: a finding without a message"
    listed = {f"{use.module}.{use.name}" for use in report.globals}
    if missing := set(case.names) - listed:
        return f"{case.name}: {sorted(missing)} not among the globals {sorted(listed)}"
    return ""


@pytest.mark.parametrize("builder", BUILDERS.values(), ids=BUILDERS.keys())
def test_every_payload_is_refused(
    builder: Callable[[str], Iterator[Case]], daemon: Daemon, canary: Path
) -> None:
    cases = list(builder(str(canary)))
    assert cases
    wrong = [reason for case in cases if (reason := wrong_with(case, daemon))]
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("name", ["operand_encodings", "setattr_by_build", "memo_games"])
def test_every_tier_refuses(name: str, tier_daemon: Daemon, canary: Path) -> None:
    wrong = [wrong_with(case, tier_daemon) for case in getattr(payloads, name)(str(canary))]
    assert not any(wrong), wrong


def test_the_carriers_alone_are_accepted(daemon: Daemon) -> None:
    """The honest twins of the attacks, without which a refusal would prove nothing."""
    for name, data in arrays.controls():
        report = daemon.audit_bytes(data)
        assert report.verdict == ACCEPTED, f"{name}: {report.findings}"


def test_the_payloads_are_live(tmp_path: Path) -> None:
    """pickle itself would have run them: in a process of its own, on a file of its own."""
    for form in ("reduce", "stack-global", "inst", "obj", "popped", "nested", "key"):
        file = tmp_path / form
        payload = opcodes.stream(poison.FORMS[form](f"touch {file}"), 4)
        program = "import sys, pickle; pickle.loads(sys.stdin.buffer.read())"
        # It may fail after the call ("key" has no use for the result); that it ran is what counts.
        subprocess.run([sys.executable, "-c", program], input=payload, capture_output=True, check=False)
        assert file.exists(), form


@pytest.mark.parametrize("suffix", [".joblib", ".npy", ".txt", ".safetensors", ".gz", ".json", ""])
def test_the_file_name_decides_nothing(suffix: str, daemon: Daemon, canary: Path) -> None:
    evil = daemon.write(f"evil{suffix}", opcodes.stream(payloads.system(str(canary))))
    good = daemon.write(f"good{suffix}", opcodes.stream(opcodes.value({"a": 1})))
    try:
        assert daemon.stub.audit(evil).verdict == REFUSED
        assert daemon.stub.audit(good).verdict == ACCEPTED
    finally:
        evil.unlink()
        good.unlink()


def test_a_refusal_says_what_where_and_what_would_allow_it(daemon: Daemon, canary: Path) -> None:
    data = opcodes.stream(opcodes.value({"a": [1, payloads.system(str(canary))]}))
    report = daemon.stub.audit(data)
    finding = next(f for f in errors(report) if f.rule_id == "NAME_NOT_LISTED")
    assert finding.name == "posix.system"
    assert finding.opcode == "REDUCE"
    assert finding.byte_offset == data.index(opcodes.REDUCE + opcodes.APPENDS)
    assert finding.object_path == "$['a'][1]"
    assert 'name: "posix.system"' in finding.allow
    assert report.format == "pickle"
    (use,) = report.globals
    assert (use.module, use.name, use.count, use.opcode) == ("posix", "system", 1, "GLOBAL")
    assert use.first_offset == data.index(b"cposix")


def test_hostile_text_is_escaped_and_cut(daemon: Daemon) -> None:
    name = "\x1b[31mred\u202e" + "n" * 5000
    data = opcodes.stream(opcodes.stack_global(name, "x\x07y", opcodes.binunicode), 4)
    report = daemon.stub.audit(data)
    assert report.verdict == REFUSED
    for finding in report.findings:
        for text in (finding.message, finding.name, finding.object_path, finding.allow):
            assert len(text.encode()) <= 1024
            assert text.isprintable() or "\n" in text
            assert "\x1b" not in text
