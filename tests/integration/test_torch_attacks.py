"""torch files that lie, crash torch, or run code in it: each is refused; their honest twins are not."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from corpora import torch_archives, torch_modules, torch_state, torch_tensors
from corpora.case import Case

from .daemon import ACCEPTED, REFUSED, Daemon, errors
from .test_payloads import wrong_with

MODULES = (torch_archives, torch_tensors, torch_state, torch_modules)
BUILDERS = {
    f"{module.__name__.rsplit('.', 1)[1]}-{builder.__name__}": builder
    for module in MODULES
    for builder in module.BUILDERS
}
# The reasons that fit what a builder does; every refusal gives at least one of its builder's.
ZIP = {"ZIP_UNSUPPORTED", "ZIP_MISMATCH", "ZIP_NAME", "DUPLICATE_MEMBER", "MALFORMED", "TRAILING_DATA"}
NAMES = {"NAME_NOT_LISTED", "NAME_NOT_HERE"}
RULES = {
    "torch_archives-archives": ZIP | {"UNKNOWN_FORMAT"},
    "torch_archives-whole_archives": ZIP | {"UNKNOWN_FORMAT", "TRUNCATED"},
    "torch_archives-legacy": {"ARRAY_BOUNDS", "SCHEMA", "MALFORMED", "TRAILING_DATA", "NAME_NOT_LISTED"},
    "torch_archives-code": {"TAR_NAME", "UNKNOWN_FORMAT", "TRUNCATED", "TRAILING_DATA", "MALFORMED"},
    "torch_tensors-layouts": {"ARRAY_BOUNDS", "BUDGET_DECODED"},
    "torch_tensors-hooks": {"SCHEMA", "STATE_RULE"},
    "torch_tensors-flags": {"SCHEMA"},
    "torch_tensors-dtypes": {"DTYPE"},
    "torch_tensors-storages": {"SCHEMA", "ARRAY_BOUNDS", "MALFORMED", "DTYPE"},
    "torch_tensors-calls": NAMES | {"SCHEMA", "ARRAY_BOUNDS", "STATE_RULE"},
    "torch_state-attributes": NAMES | {"TENSOR_ATTRIBUTE", "SCHEMA", "STATE_RULE"},
    "torch_state-sparse": {"INVARIANT_SPARSE", "ARRAY_BOUNDS", "SCHEMA", "NAME_NOT_LISTED"},
    "torch_state-quantized": {"SCHEMA", "ARRAY_BOUNDS", "DTYPE"},
}
CONTROLS = {
    f"{module.__name__.rsplit('.', 1)[1]}-{name}": data
    for module in MODULES
    for name, data in module.controls()
}


@pytest.mark.parametrize("name", CONTROLS)
def test_the_honest_twin_is_accepted(name: str, daemon: Daemon) -> None:
    """Without these a refusal would prove nothing."""
    report = daemon.audit_bytes(CONTROLS[name])
    assert report.verdict == ACCEPTED, report.findings
    assert report.format in ("torch", "torch-legacy")


@pytest.mark.parametrize("name", BUILDERS)
def test_every_attack_is_refused(name: str, daemon: Daemon, canary: object) -> None:
    builder: Callable[[str], Iterator[Case]] = BUILDERS[name]
    rules = frozenset(RULES.get(name, ()))
    cases = [dataclasses.replace(case, rules=case.rules or rules) for case in builder(str(canary))]
    wrong = [reason for case in cases if (reason := wrong_with(case, daemon))]
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("name", torch_archives.small_files())
def test_a_file_cut_anywhere_is_refused(name: str, daemon: Daemon) -> None:
    good = torch_archives.small_files()[name]
    assert daemon.audit_bytes(good).verdict == ACCEPTED
    for case in torch_archives.truncations(good, name):
        if case.data:
            report = daemon.audit_bytes(case.data)
            assert report.verdict == REFUSED, case.name


@pytest.mark.parametrize("name", torch_archives.small_files())
def test_a_file_with_any_byte_changed_is_refused_or_means_something(name: str, daemon: Daemon) -> None:
    """No changed byte ends the worker: it answers, each time with a reason or a verdict."""
    good = torch_archives.small_files()[name]
    verdicts: Counter[int] = Counter()
    for place in range(0, len(good), 3):
        changed = bytearray(good)
        changed[place] ^= 0xFF
        report = daemon.audit_bytes(bytes(changed))
        verdicts[report.verdict] += 1
        found = {finding.rule_id for finding in errors(report)}
        assert report.verdict in (ACCEPTED, REFUSED), (place, found)
        assert not found & {"WORKER_CRASHED", "WORKER_KILLED", "VIOLATION", "WALL_TIME"}, (place, found)
    assert verdicts[REFUSED] > 0
