"""LoadModel of large files beside SHA-256 of them: large.py --build B --folder F [--mib N]...

Cold: a daemon with an empty store takes the file in, hashes, parses and verifies it. Warm: the same
daemon is asked again. The file is in the page cache for all. Rounds alternate, figures are medians,
and ratios are of one run. What it writes below --folder (thrice the largest file) is removed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import struct
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

from corpora import torch_write  # noqa: E402
from integration.daemon import Stub  # noqa: E402

ROUNDS = 3
WARM_ROUNDS = 20
SETTLED = 2.1
PART = 16 * MIB


def noise(count: int) -> Iterator[bytes]:
    """Bytes that no file system stores as a hole."""
    block = os.urandom(PART)
    for start in range(0, count, PART):
        yield block[: min(PART, count - start)]


def safetensors(path: Path, size: int) -> None:
    shape = [size // 4]
    header = json.dumps({"w": {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}}).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.writelines(noise(size))


def torch(path: Path, size: int) -> None:
    count = size // 4
    storage = torch_write.storage(count=count)
    tensor = torch_write.v2(storage, 0, (count,), (1,))
    path.write_bytes(torch_write.torch_zip(tensor, {"0": b"".join(noise(size))}))


@contextmanager
def daemon(build: Path, folder: Path) -> Iterator[tuple[Stub, int]]:
    state, run = folder / "state", folder / "run"
    shutil.rmtree(state, ignore_errors=True)
    run.mkdir(exist_ok=True)
    ready, ready_daemon = os.pipe()
    command = [
        build / "bin" / "loadlockd", "--socket", run / "loadlock.sock", "--root", folder,
        "--state-dir", state, "--policy-dir", ROOT / "deploy" / "policies", "--log-level", "error",
        "--ready-fd", str(ready_daemon),
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
    return [
        Row(f"LoadModel cold, {what}", f"{cold * 1e3:.0f} ms", f"SHA-256 {alone * 1e3:.0f} ms", cold / alone,
            "<= 1.25x" if path.stat().st_size >= 1024 * MIB else "", cold <= 1.25 * alone),
        Row("of that, by stage (they overlap)", "", f"{spelled} ms"),
        Row(f"LoadModel warm, {what}", f"{warm:.2f} ms", "", None, "<= 5 ms", warm <= 5),
        Row("daemon's memory grows by at most", f"{growth:.1f} MiB", "", None, "<= 32 MiB", growth <= 32),
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--mib", type=int, action="append", help="sizes; default 1, 64 and 1024")
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="loadlock-bench-", dir=options.folder) as name:
        folder = Path(name)
        for mib in options.mib or (1, 64, 1024):
            for kind, make in (("torch zip", torch), ("safetensors", safetensors)):
                path = folder / f"model-{mib}"
                make(path, mib * MIB)
                rows.extend(measure(options.build.resolve(), folder, path, f"{mib} MiB {kind}"))
                path.unlink()
    print_table(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
