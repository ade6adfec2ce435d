"""loadlock beside torch and safetensors, in an interpreter that has them; prints one JSON object.

tensors.py make FILE.pt|FILE.safetensors BYTES     writes one tensor of float32
tensors.py many FILE.pt                            writes 10,000 small ones
tensors.py compare SOCKET FILE                     milliseconds; the two alternate
tensors.py audit SOCKET FILE                       the same of a daemon that remembers nothing

All files are in the page cache for both, and the daemon has vetted what is compared.
"""

from __future__ import annotations

import inspect
import json
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import loadlock
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from timing import timed

BLOCK = 16 << 20
MANY = 10_000
ROUNDS = 20
# Of what takes long: these sizes, or many tensors.
FEW_ROUNDS, LARGE = 5, 256 << 20
MMAP = "mmap" in inspect.signature(torch.load).parameters


def make(path: Path, size: int) -> None:
    """Of finite numbers that no file system stores as a hole."""
    block = torch.randn(min(BLOCK, size) // 4)
    tensor = block.repeat(-(-size // (4 * len(block))))[: size // 4].clone()
    if path.suffix == ".pt":
        torch.save({"w": tensor}, path)
    else:
        save_file({"w": tensor}, path)


def many(path: Path) -> None:
    torch.save({f"layer{i}.weight": torch.randn(8, 4) for i in range(MANY)}, path)


def medians(path: Path, **calls: Callable[[], Any]) -> dict[str, float]:
    rounds = ROUNDS if path.stat().st_size < LARGE and not path.stem.startswith("many") else FEW_ROUNDS
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(timed(call))
    return {name: statistics.median(took) for name, took in times.items()}


def theirs(path: Path) -> Any:
    """As its own library loads it, with its mapping if it has one."""
    if path.suffix == ".pt":
        return torch.load(path, weights_only=True, **({"mmap": True} if MMAP else {}))
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is no dict)


def peer(path: Path) -> str:
    if path.suffix != ".pt":
        return "safetensors.safe_open"
    return f"torch.load({'mmap=True, ' if MMAP else ''}weights_only=True) of torch {torch.__version__[:4]}"


def compare(client: loadlock.Client, path: Path) -> dict[str, Any]:
    def ours() -> Any:
        return client.load_state_dict(path)

    mine, other = ours(), theirs(path)
    assert mine.keys() == other.keys()
    assert all(torch.equal(mine[name], other[name]) for name in other)
    del mine, other
    loads = medians(path, ours=ours, theirs=lambda: theirs(path))
    used = medians(path, ours=lambda: ours()["w"].sum(), theirs=lambda: theirs(path)["w"].sum())
    return {"peer": peer(path), "load": loads, "used": used}


def audit(client: loadlock.Client, path: Path) -> dict[str, Any]:
    assert client.audit(path).accepted
    loads = medians(
        path,
        ours=lambda: client.audit(path),
        theirs=lambda: torch.load(path, weights_only=True),
        load=lambda: client.load_state_dict(path),
    )
    return {"peer": peer(path).replace("mmap=True, ", ""), "load": loads}


def main(what: str, *arguments: str) -> None:
    torch.set_num_threads(1)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if what == "make":
        make(Path(arguments[0]), int(arguments[1]))
    elif what == "many":
        many(Path(arguments[0]))
    else:
        client = loadlock.Client(f"unix:{arguments[0]}")
        measure = {"compare": compare, "audit": audit}[what]
        print(json.dumps(measure(client, Path(arguments[1]))))


if __name__ == "__main__":
    main(*sys.argv[1:])
