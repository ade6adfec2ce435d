"""loadlock.load beside joblib.load: load.py SOCKET PID FILE... Prints one JSON object.

The two alternate. "Cold" is: no verdict and no graph is remembered from the round before; the
file itself is in the page cache for both.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

import joblib
import loadlock
from timing import timed

ROUNDS = 30
KIB = 1024


def compare(client: loadlock.Client, path: Path) -> dict[str, float]:
    """Medians in milliseconds."""
    if type(client.load(path)) is not type(joblib.load(path)):
        raise AssertionError(f"{path}: not the same class")
    ours, theirs = [], []
    for _ in range(ROUNDS):
        theirs.append(timed(lambda: joblib.load(path)))
        ours.append(timed(lambda: client.load(path)))
    return {"loadlock": statistics.median(ours), "joblib": statistics.median(theirs)}


def memory(pid: int) -> dict[str, int]:
    """Bytes by name of what /proc/PID/status says of memory."""
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {line[0].rstrip(":"): int(line[1]) * KIB for line in lines if line[-1] == "kB"}


def growth(client: loadlock.Client, pid: int, path: Path) -> dict[str, int]:
    """Bytes by which the daemon grows while one model passes and stays leased."""
    client.load(path)  # What is allocated once is not what a model costs.
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # Sets the high-water mark to what is now.
    before = memory(pid)
    model = client.load(path)
    after = memory(pid)
    del model
    return {
        "peak_rss": after["VmHWM"] - before["VmRSS"],
        "anonymous": after["RssAnon"] - before["RssAnon"],
        "shared": after["RssShmem"] - before["RssShmem"],
    }


def main(socket: str, pid: int, files: list[Path]) -> None:
    client = loadlock.Client(f"unix:{socket}")
    results = {path.stem: compare(client, path) for path in files}
    largest = max(files, key=lambda path: path.stat().st_size)
    print(json.dumps({"loads": results, "growth": growth(client, pid, largest)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), [Path(name) for name in sys.argv[3:]])
