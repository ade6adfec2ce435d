"""pickle.loads on the files given, for comparison: median microseconds by name, as JSON.

Processor time, as in bench_pickle: one thread that waits for nothing, so that other work on the
machine does not count.
"""

from __future__ import annotations

import json
import pickle
import statistics
import sys
import time
from pathlib import Path

MIN_SECONDS = 0.5
MIN_ROUNDS = 5


def measure(data: bytes) -> float:
    pickle.loads(data)  # Imports what it names.
    times: list[float] = []
    while len(times) < MIN_ROUNDS or sum(times) < MIN_SECONDS:
        start = time.thread_time()
        loaded = pickle.loads(data)
        times.append(time.thread_time() - start)
        del loaded
    return statistics.median(times) * 1e6


if __name__ == "__main__":
    print(json.dumps({Path(name).name: measure(Path(name).read_bytes()) for name in sys.argv[1:]}))
