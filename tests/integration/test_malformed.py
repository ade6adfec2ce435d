"""Cut and mutated real files: every answer is a verdict, and nothing is left behind."""

from __future__ import annotations

import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
import loadlock
import pytest

from corpora.models import COMPRESSORS, models, write_joblib, write_pickle
from corpora.mutate import mutants

from .daemon import ACCEPTED, REFUSED, Daemon, Stub, error_rules

LONG = os.environ.get("LOADLOCK_LONG") == "1"
SEED = 20_240_229


def test_every_truncation_is_refused(daemon: Daemon) -> None:
    """A cut file is never good, whatever the offset."""
    good = {model.name: model.fitted for model in models(words=30)}
    files = {f"scaler-{name}": write_joblib(good["scaler"], 4, name) for name in COMPRESSORS}
    files |= {f"scaler-pickle-{protocol}": write_pickle(good["scaler"], protocol) for protocol in (0, 2, 5)}
    files["linear-joblib"] = write_joblib(good["linear"], 5)
    if LONG:
        files |= {
            f"{name}-joblib": write_joblib(good[name], 4) for name in ("onehot-text", "knn-kd_tree", "svc")
        }
    before = daemon.holdings()
    wrong = []

    def audit(item: tuple[str, bytes, int]) -> None:
        name, data, size = item
        report = daemon.stub.audit(data[:size])
        if report.verdict != REFUSED or not error_rules(report):
            wrong.append(f"{name}[:{size}]: {report.verdict} {error_rules(report)}")

    for name, data in files.items():
        assert daemon.stub.audit(data).verdict == ACCEPTED, name
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(audit, ((n, d, size) for n, d in files.items() for size in range(len(d)))))
    assert not wrong, f"{len(wrong)}: {wrong[:10]}"
    assert not daemon.settled(before).above(before)


@pytest.mark.long
def test_mutated_models_get_a_verdict(daemon: Daemon) -> None:
    """10,000 mutants by --long, 2,000 else: accepted or refused, never anything else."""
    before = daemon.holdings()
    pid = daemon.pid
    verdicts: Counter[int] = Counter()
    one_at_a_time = threading.Lock()
    rules: dict[str, int] = {}
    trouble: list[str] = []

    def audit(item: tuple[str, bytes]) -> None:
        name, data = item
        try:
            report = daemon.audit_bytes(data)
        except grpc.RpcError as failure:
            trouble.append(f"{name}: {failure.code()} {failure.details()}")
            return
        with one_at_a_time:
            verdicts[report.verdict] += 1
        if (report.verdict == REFUSED) != bool(error_rules(report)):
            trouble.append(f"{name}: verdict {report.verdict} with {report.findings}")
        for rule in error_rules(report):
            rules[rule] = rules.get(rule, 0) + 1

    count = 10_000 if LONG else 2_000
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(audit, mutants(count, SEED)))
    print(f"{count} mutants: {verdicts}, {dict(sorted(rules.items()))}")
    assert not trouble, trouble[:10]
    assert set(verdicts) == {ACCEPTED, REFUSED}
    assert verdicts[ACCEPTED] + verdicts[REFUSED] == count
    crashes = {rule: n for rule, n in rules.items() if rule.startswith("WORKER_")}
    assert not crashes, f"the parser fell over: {crashes}"
    assert daemon.process.poll() is None
    assert daemon.pid == pid
    assert not daemon.settled(before).above(before)
    assert daemon.stub.health() == 1


def test_accepted_mutants_load_without_a_crash(daemon: Daemon) -> None:
    """What the gate lets through, the client rebuilds or refuses; it never breaks."""
    client = loadlock.Client(f"unix:{daemon.socket}")
    built = 0
    for name, data in mutants(400, SEED + 1):
        if len(data) > 3 << 20 or Stub.audit(daemon.stub, data).verdict != ACCEPTED:
            continue
        path = daemon.write("mutant.bin", data)
        try:
            client.load(path)
            built += 1
        except loadlock.Error as refused:
            assert str(refused), name
        finally:
            path.unlink()
    assert built > 10
    client.close()
