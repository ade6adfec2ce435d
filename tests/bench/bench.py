"""Runs the benches and prints a table with a verdict for each goal: bench.py --build B --models M.

Ratios are of figures from this very run: absolute times say more about the machine than about
loadlock. Ends with 0 unless something broke; a missed goal is not a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MIB = 1 << 20
COMMAND_ROUNDS = 30
RATE_SECONDS = 5


@dataclass
class Row:
    what: str
    ours: str
    beside: str = ""
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None

    def cells(self) -> list[str]:
        verdict = "" if self.met is None else "PASS" if self.met else "MISS"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return [self.what, self.ours, self.beside, ratio, self.goal, verdict]


class Bench:
    def __init__(self, build: Path, models: Path) -> None:
        self.bin = build / "bin"
        self.models = models
        self.python = Path(sys.executable)
        self.socket = Path()
        self.pid = 0

    def file(self, name: str) -> Path:
        return self.models / name

    def output(self, *command: str | Path, **env: str) -> str:
        return subprocess.run(
            [str(part) for part in command],
            check=True, stdout=subprocess.PIPE, text=True, env=os.environ | env,
        ).stdout  # fmt: skip

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """A loadlockd that ends with this process at the latest."""
        ready, ready_daemon = os.pipe()
        life_daemon, life = os.pipe()
        with tempfile.TemporaryDirectory(prefix="loadlock-bench-") as folder:
            self.socket = Path(folder) / "run" / "loadlock.sock"
            self.socket.parent.mkdir()
            command = [
                self.bin / "loadlockd", "--socket", self.socket, "--root", self.models,
                "--policy-dir", ROOT / "deploy" / "policies", "--log-level", "error",
                "--ready-fd", str(ready_daemon), "--lifeline-fd", str(life_daemon),
            ]  # fmt: skip
            process = subprocess.Popen(command, pass_fds=(ready_daemon, life_daemon))
            self.pid = process.pid
            os.close(ready_daemon)
            os.close(life_daemon)
            try:
                if os.read(ready, 16) != b"ready\n":
                    raise RuntimeError("loadlockd did not start")
                yield
            finally:
                os.close(life)
                os.close(ready)
                process.wait(timeout=30)

    def rpc(self) -> list[Row]:
        result = json.loads(
            self.output(self.bin / "bench_rpc", self.socket, self.file("small.pkl"), str(RATE_SECONDS))
        )
        empty_name = min(("health", "info"), key=lambda name: result[name]["p50"])
        empty = result[empty_name]
        spelled = {"health": "grpc.health Check", "info": "GetServerInfo"}[empty_name]
        rows = []
        for name, goal in (("audit_path", "<= 3x"), ("audit_content", "")):
            ours = result[name]
            ratio = ours["p50"] / empty["p50"]
            rows.append(
                Row(
                    f"AuditModel, 1 KiB pickle by {name.removeprefix('audit_')}, p50 (p99)",
                    f"{ours['p50']:.0f} ({ours['p99']:.0f}) us",
                    f"{spelled} {empty['p50']:.0f} ({empty['p99']:.0f}) us",
                    ratio, goal, ratio <= 3 if goal else None,
                )
            )  # fmt: skip
        p99, p50 = result["audit_path"]["p99"], result["audit_path"]["p50"]
        rows.append(
            Row("audit by path p99", f"{p99:.0f} us", f"p50 {p50:.0f} us", p99 / p50, "<= 5x", p99 <= 5 * p50)
        )  # fmt: skip
        stages = sorted(result["stages"].items(), key=lambda stage: -stage[1])
        parts = ", ".join(f"{name} {micros:.0f}" for name, micros in stages if name != "total")
        total = result["stages"]["total"]
        rows.append(Row("of that in the daemon, by stage (they overlap)", f"{total:.0f} us", f"{parts} us"))
        rate = result["rate"]
        clients = f"{result['clients']} clients, {os.cpu_count()} cores"
        rows.append(Row(f"audits a second, {clients}", f"{rate:.0f}/s", "", None, ">= 3000/s", rate >= 3000))
        cpu = result["cpu"]
        split = ", ".join(f"{name} {micros:.0f}" for name, micros in cpu.items())
        rows.append(Row("processor time of one of these", f"{sum(cpu.values()):.0f} us", f"{split} us"))
        return rows

    def google_benchmark(self, clock: str, *command: str | Path, **env: str) -> dict[str, float]:
        """Microseconds by name; `clock` is "real_time" or "cpu_time"."""
        text = self.output(*command, "--benchmark_format=json", **env)
        runs = json.loads(text[text.index("{") :])["benchmarks"]
        for run in runs:
            if run.get("error_occurred"):
                raise RuntimeError(f"{run['name']}: {run['error_message']}")
        return {run["name"].split("/iterations")[0]: run[clock] for run in runs}

    def jail(self) -> list[Row]:
        times = self.google_benchmark(
            "real_time", self.bin / "bench_jail", LOADLOCK_WORKER=str(self.bin / "loadlock-worker")
        )
        fork, bwrap = times["ForkAndWait"], self.bubblewrap()
        beside = f"fork+wait of nothing {fork:.0f} us, bwrap {bwrap:.0f} us"
        names = {
            "HandOffWarm": ("a ready worker is handed over", 50),
            "MakeOnDemand": ("a worker is made on demand, best tier", 300),
            "StartJail": ("launcher starts, probes its tier", None),
        }
        return [
            Row(what, f"{times[name]:.0f} us", beside, times[name] / fork,
                f"<= {goal} us" if goal else "", times[name] <= goal if goal else None)
            for name, (what, goal) in names.items()
        ]  # fmt: skip

    def bubblewrap(self) -> float:
        """Microseconds from start to end of a bubblewrap that runs nothing; median."""
        command = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "/bin/true"]
        times = []
        for _ in range(COMMAND_ROUNDS):
            start = time.perf_counter()
            subprocess.run(command, check=True)
            times.append((time.perf_counter() - start) * 1e6)
        return statistics.median(times)

    def pickle(self) -> list[Row]:
        names = ("small", "logistic", "tfidf", "boosting", "forest", "plain")
        files = [self.file(f"{name}.pkl") for name in names]
        ours = self.google_benchmark("cpu_time", self.bin / "bench_pickle", *files)
        theirs = json.loads(self.output(self.python, HERE / "cpython_pickle.py", *files))
        rows = []
        for file in files:
            parse, both = ours[f"{file.name}/parse"], ours[f"{file.name}/parse+encode"]
            cpython = theirs[file.name]
            rows.append(
                Row(
                    f"pickle machine, {file.stem} ({file.stat().st_size / 1000:.0f} kB)",
                    f"{parse:.0f} us (and encoding: {both:.0f} us, {both / cpython:.2f}x)",
                    f"pickle.loads {cpython:.0f} us",
                    parse / cpython, "<= 1x", parse <= cpython,
                )
            )  # fmt: skip
        return rows

    def load(self) -> list[Row]:
        names = ("logistic", "tfidf", "forest", "boosting", "knn")
        files = [self.file(f"{name}.joblib") for name in names]
        result = json.loads(self.output(self.python, HERE / "load.py", self.socket, str(self.pid), *files))
        rows = []
        for name, times in result["loads"].items():
            ours, theirs = times["loadlock"], times["joblib"]
            if name == "logistic":
                goal, met = "<= +3 ms", ours - theirs <= 3
            else:
                goal, met = "<= 2x", ours <= 2 * theirs
            size = self.file(f"{name}.joblib").stat().st_size / 1e6
            rows.append(
                Row(f"loadlock.load, {name} ({size:.2f} MB)", f"{ours:.2f} ms",
                    f"joblib.load {theirs:.2f} ms", ours / theirs, goal, met)
            )  # fmt: skip
        growth = {name: value / MIB for name, value in result["growth"].items()}
        rows.append(
            Row(
                "daemon's RSS (VmHWM - VmRSS) while the 50 MB model passes",
                f"{growth['peak_rss']:.1f} MiB",
                f"after: anonymous {growth['anonymous']:+.1f}, shared {growth['shared']:+.1f} MiB",
                None, "< 32 MiB", growth["peak_rss"] < 32,
            )
        )  # fmt: skip
        return rows

    def large(self, sizes: list[int], torch: Path) -> list[Row]:
        """In a process of its own; its daemons have stores."""
        with tempfile.TemporaryDirectory(prefix="loadlock-bench-") as folder:
            rows = Path(folder) / "rows.json"
            mib = [part for size in sizes for part in ("--mib", str(size))]
            self.output(
                self.python, HERE / "large.py", "--build", self.bin.parent, "--folder", folder,
                "--torch", torch, "--models", self.models, "--json", rows, *mib,
            )  # fmt: skip
            return [Row(**row) for row in json.loads(rows.read_text())]

    def commands(self) -> list[Row]:
        small = str(self.file("small.pkl"))
        venv = self.python.parent
        loadlock = str(self.bin / "loadlock")
        commands = {
            "private": [loadlock, "audit", "--private", small],
            "running": [loadlock, "audit", "--address", f"unix:{self.socket}", small],
            "picklescan": [str(venv / "picklescan"), "-p", small],
            "fickling": [str(venv / "fickling"), "--check-safety", small],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(COMMAND_ROUNDS):
            for name, command in commands.items():
                start = time.perf_counter()
                # In a folder of its own: fickling writes its findings to where it runs.
                process = subprocess.run(command, capture_output=True, check=False, cwd=self.socket.parent)
                times[name].append((time.perf_counter() - start) * 1e3)
                if name in ("private", "running") and process.returncode != 0:
                    raise RuntimeError(f"{command}: {process.stdout + process.stderr!r}")
        median = {name: statistics.median(values) for name, values in times.items()}
        rows = []
        for name, part, goal in (("private", 1.0, "<= 1x"), ("running", 0.25, "<= 0.25x")):
            for other in ("picklescan", "fickling"):
                ratio = median[name] / median[other]
                rows.append(
                    Row(f"loadlock audit, {name} daemon", f"{median[name]:.1f} ms",
                        f"{other} {median[other]:.1f} ms", ratio, goal, ratio <= part)
                )  # fmt: skip
        return rows


def print_table(rows: list[Row]) -> None:
    table = [["", "loadlock", "beside", "ratio", "goal", ""]] + [row.cells() for row in rows]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument(
        "--only", choices=["rpc", "jail", "pickle", "load", "commands", "large"], action="append"
    )
    parser.add_argument("--json", type=Path, help="write the rows there too")
    parser.add_argument(
        "--large", type=int, action="append", metavar="MIB", default=[],
        help="also measure checkpoints of that size; they take four times that on the disk of TMPDIR",
    )  # fmt: skip
    parser.add_argument(
        "--torch", type=Path, default=ROOT / "build" / "venv-debian" / "bin" / "python",
        help="for --large: an interpreter that has torch, safetensors and loadlock",
    )  # fmt: skip
    options = parser.parse_args()
    if "large" in (options.only or ()) and not options.large:
        parser.error("--only large needs --large MIB")
    bench = Bench(options.build.resolve(), options.models.resolve())
    rows: list[Row] = []
    broken: list[str] = []

    def run(name: str, group: Callable[[], list[Row]]) -> None:
        if options.only and name not in options.only:
            return
        print(f"... {name}", file=sys.stderr)
        try:
            rows.extend(group())
        except Exception:
            traceback.print_exc()
            broken.append(name)

    run("jail", bench.jail)
    run("pickle", bench.pickle)
    with bench.daemon():
        run("rpc", bench.rpc)
        run("load", bench.load)
        run("commands", bench.commands)
    if options.large:
        run("large", lambda: bench.large(options.large, options.torch))
    print_table(rows)
    goals = [row for row in rows if row.met is not None]
    missed = [row.what for row in goals if not row.met]
    print(f"\n{len(goals) - len(missed)} of {len(goals)} goals met", end="")
    print("; missed: " + "; ".join(missed) if missed else "")
    if broken:
        print("broke: " + ", ".join(broken))
    if options.json:
        options.json.write_text(json.dumps([vars(row) for row in rows], indent=1))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
