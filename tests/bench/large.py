"""Large files beside SHA-256 of them, torch, safetensors and joblib.

large.py --build B --folder F --torch PYTHON [--models M] [--mib N]...

Cold: a daemon with an empty store takes the file in, hashes, parses and verifies it. Warm: the same
daemon is asked again. The file is in the page cache for all. Rounds alternate, figures are medians,
and ratios are of one run. What it writes below --folder (thrice the largest file) is removed; to
make files, and to load them, torch wants as much memory.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from bench import MIB, ROOT, Row, print_table  # noqa: E402
from load import memory  # noqa: E402
from loadlock._proto import service_pb2 as pb  # noqa: E402

from integration.daemon import Stub  # noqa: E402

ROUNDS = 3
WARM_ROUNDS = 20
SETTLED = 2.1


class Torch:
    """An interpreter that has torch, safetensors and loadlock."""

    def __init__(self, python: Path) -> None:
        self._command = [str(python), "-W", "ignore", str(HERE / "tensors.py")]

    def run(self, *arguments: object) -> dict[str, Any]:
        command = self._command + [str(argument) for argument in arguments]
        text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        return json.loads(text) if text else {}


@contextmanager
def daemon(
    build: Path, folder: Path, *, store: bool = True, root: Path | None = None
) -> Iterator[tuple[Stub, int]]:
    state, run = folder / "state", folder / "run"
    shutil.rmtree(state, ignore_errors=True)
    run.mkdir(exist_ok=True)
    ready, ready_daemon = os.pipe()
    command = [
        build / "bin" / "loadlockd", "--socket", run / "loadlock.sock", "--root", root or folder,
        "--policy-dir", ROOT / "deploy" / "policies", "--log-level", "error",
        "--ready-fd", str(ready_daemon), *(["--state-dir", state] if store else []),
    ]  # fmt: skip
    process = subprocess.Popen(command, pass_fds=(ready_daemon,))
    os.close(ready_daemon)
    try:
        if os.read(ready, 16) != b"ready\n":
            raise RuntimeError("loadlockd did not start")
        stub = Stub(f"unix:{run / 'loadlock.sock'}")
        stub.info()
        yield stub, process.pid
        stub.close()
    finally:
        os.close(ready)
        process.terminate()
        process.wait(timeout=60)


def load(stub: Stub, path: Path) -> tuple[float, Any]:
    start = time.perf_counter()
    answer = stub.load(path)
    return time.perf_counter() - start, answer


def hashed(path: Path) -> float:
    start = time.perf_counter()
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while part := file.read(MIB):
            digest.update(part)
    digest.hexdigest()
    return time.perf_counter() - start


def measure(build: Path, folder: Path, path: Path, what: str) -> list[Row]:
    time.sleep(SETTLED)
    sums, colds, warms, growths = [hashed(path)], [], [], []
    stages: dict[str, float] = {}
    for _ in range(ROUNDS):
        sums.append(hashed(path))
        with daemon(build, folder) as (stub, pid):
            before = memory(pid)["VmRSS"]
            took, answer = load(stub, path)
            colds.append(took)
            assert not answer.report.cached
            for name, field in answer.report.timing.ListFields():
                stages[name.name] = field.seconds * 1e3 + field.nanos / 1e6
            for _ in range(WARM_ROUNDS):
                stub.unary("UnloadModel", pb.UnloadModelRequest(token=answer.lease.token))
                took, answer = load(stub, path)
                assert answer.report.cached
                warms.append(took)
            growths.append(memory(pid)["VmHWM"] - before)
    alone, cold, warm = statistics.median(sums), statistics.median(colds), statistics.median(warms) * 1e3
    growth = max(growths) / MIB
    spelled = ", ".join(f"{name} {took:.0f}" for name, took in stages.items())
    # Of less, what a call costs counts for more than its bytes.
    goal = ("<= 1.25x", cold <= 1.25 * alone) if path.stat().st_size >= 1024 * MIB else ("", None)
    return [
        Row(f"LoadModel cold, {what}", f"{cold * 1e3:.0f} ms", f"SHA-256 {alone * 1e3:.0f} ms",
            cold / alone, *goal),
        Row("of that, by stage (they overlap)", "", f"{spelled} ms"),
        Row(f"LoadModel warm, {what}", f"{warm:.2f} ms", "", None, "<= 5 ms", warm <= 5),
        Row("daemon's memory grows by at most", f"{growth:.1f} MiB", "", None, "<= 32 MiB", growth <= 32),
    ]  # fmt: skip


def beside(build: Path, folder: Path, path: Path, what: str, torch: Torch) -> list[Row]:
    """loadlock.load of what was vetted, beside the library whose file it is."""
    with daemon(build, folder) as (stub, _):
        load(stub, path)
        took = torch.run("compare", folder / "run" / "loadlock.sock", path)
    rows = []
    for key, name in (("load", "loadlock.load warm"), ("used", "the same and the first use of all bytes")):
        ours, theirs = took[key]["ours"], took[key]["theirs"]
        goal = ("<= 1x", ours <= theirs) if key == "load" else ("", None)
        rows.append(
            Row(f"{name}, {what}", f"{ours:.2f} ms", f"{took['peer']} {theirs:.2f} ms", ours / theirs, *goal)
        )
    return rows


def many(build: Path, folder: Path, torch: Torch) -> list[Row]:
    path = folder / "many.pt"
    torch.run("many", path)
    with daemon(build, folder, store=False) as (_, _pid):
        took = torch.run("audit", folder / "run" / "loadlock.sock", path)
    path.unlink()
    times = took["load"]
    beside = f"{took['peer']} {times['theirs']:.0f} ms"
    ratios = {key: times[key] / times["theirs"] for key in ("ours", "load")}
    return [
        Row("audit of 10,000 small tensors, nothing remembered", f"{times['ours']:.0f} ms", beside,
            ratios["ours"], "<= 1x", ratios["ours"] <= 1),
        Row("loadlock.load of them, nothing remembered", f"{times['load']:.0f} ms", beside, ratios["load"]),
    ]  # fmt: skip


def models(build: Path, folder: Path, source: Path) -> list[Row]:
    """The models of bench.py from a daemon that has vetted them."""
    files = [source / f"{name}.joblib" for name in ("logistic", "tfidf", "forest", "boosting", "knn")]
    with daemon(build, folder, root=source) as (_, pid):
        socket = folder / "run" / "loadlock.sock"
        command = [sys.executable, HERE / "load.py", socket, str(pid), *files]
        text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    rows = []
    for name, times in json.loads(text)["loads"].items():
        ours, theirs = times["loadlock"], times["joblib"]
        most = 0.1 if name == "knn" else 0.5
        rows.append(
            Row(f"loadlock.load warm, {name}", f"{ours:.2f} ms", f"joblib.load {theirs:.2f} ms",
                ours / theirs, f"<= {most}x", ours <= most * theirs)
        )  # fmt: skip
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--torch", type=Path, required=True, help="an interpreter with torch and safetensors")
    parser.add_argument("--models", type=Path, help="what models.py wrote, for the rows beside joblib")
    parser.add_argument("--mib", type=int, action="append", help="sizes; default 1, 64 and 1024")
    parser.add_argument("--json", type=Path, help="write the rows there instead of a table")
    options = parser.parse_args()
    build, torch = options.build.resolve(), Torch(options.torch)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="loadlock-bench-", dir=options.folder) as name:
        folder = Path(name)
        for mib in options.mib or (1, 64, 1024):
            for kind, suffix in (("torch zip", ".pt"), ("safetensors", ".safetensors")):
                path = folder / f"model-{mib}{suffix}"
                torch.run("make", path, mib * MIB)
                what = f"{mib} MiB {kind}"
                rows.extend(measure(build, folder, path, what))
                rows.extend(beside(build, folder, path, what, torch))
                path.unlink()
        rows.extend(many(build, folder, torch))
        if options.models is not None:
            rows.extend(models(build, folder, options.models.resolve()))
    if options.json is None:
        print_table(rows)
    else:
        options.json.write_text(json.dumps([vars(row) for row in rows]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
