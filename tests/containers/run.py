"""Runs the tests in each environment: the tier and its reason, and the core of the integration suite.

    build/venv/bin/python tests/containers/run.py [--long] [--results FOLDER] [NAME...]

--long runs the whole integration suite in each. What a machine cannot give is reported as skipped, with the
reason. The tests run inside: `pytest`, the daemon and its client share the environment.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))
from summary import skipped_in  # noqa: E402

from containers import profiles  # noqa: E402
from containers.environments import ALL, Environment, Workspace, podman  # noqa: E402

ROOT = TESTS.parent
BUILD = Path(os.environ.get("LOADLOCK_BUILD", ROOT / "build" / "release")).absolute()
# What differs from one environment to another: processes, limits, sockets, descriptors, signals.
CORE = (
    "test_artifacts.py",
    "test_leases.py",
    "test_exhaustion.py::test_no_process_can_be_made",
    "test_processes.py::test_a_killed_worker_is_a_refusal",
    "test_processes.py::test_all_warm_workers_killed",
    "test_processes.py::test_the_launcher_killed",
    "test_processes.py::test_the_daemon_killed_leaves_no_process",
    "test_processes.py::test_a_worker_holds_nothing",
)
# Everything takes a few minutes in each.
SECONDS = 3600


def make_workspace(base: Path) -> Workspace:
    """`base` is a folder of root's; what the tests write goes to `home` below it."""
    rootfs = base / "rootfs"
    for name in ("usr", "etc", "proc", "sys", "dev", "tmp", "run"):
        (rootfs / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        (rootfs / name).symlink_to(f"usr/{name}")
    (rootfs / "etc" / "passwd").write_text("loadlock:x:65532:65532::/:/bin/sh\n")
    (base / "profiles").mkdir()
    made = profiles.write_all(base / "profiles") if profiles.PODMAN.exists() else {}
    base.chmod(0o711)
    return Workspace(ROOT, BUILD, base / "home", rootfs, base / "podman", made)


def one_result(file: Path, environment: str, kind: str, text: str) -> None:
    suite = ElementTree.Element("testsuite", name="containers")
    case = ElementTree.SubElement(suite, "testcase", classname="containers", name=environment)
    ElementTree.SubElement(case, kind, message=text)
    ElementTree.ElementTree(suite).write(file)


def run_tests(environment: Environment, workspace: Workspace, results: Path, long: bool) -> bool:
    integration = TESTS / "integration"
    chosen = [integration] if long else [integration / name for name in CORE]
    chosen.insert(0, TESTS / "containers" / "test_environment.py")
    if environment.outside:
        chosen = [TESTS / "containers" / environment.outside]
    file = workspace.home / "results.xml"
    command = [
        sys.executable, "-m", "pytest", "-q", "-c", str(TESTS / "pytest.ini"), "--rootdir", str(TESTS),
        "--basetemp", str(workspace.home / "t"), "--junitxml", str(file), "-o",
        f"junit_suite_name={environment.name}", "--durations=5",
        *map(str, chosen),
    ]  # fmt: skip
    try:
        done = subprocess.run(environment.enter(workspace, command), timeout=SECONDS, check=False, cwd="/")
        code = done.returncode
    except subprocess.TimeoutExpired:
        code = -1
    if file.exists():
        shutil.copyfile(file, results)
    else:
        one_result(results, environment.name, "failure", f"the tests did not end (status {code})")
    return code == 0


def skips(file: Path) -> int:
    """How many tests of a finished run were left out; the reasons are in its output and in the file."""
    return sum(count for count, _ in skipped_in(file))


def visit(environment: Environment, base: Path, results: Path, long: bool) -> bool:
    print(f"\n==> {environment.name}: tier {environment.tier} {environment.reason}", flush=True)
    with tempfile.TemporaryDirectory(prefix="", dir=base) as folder:
        Path(folder).chmod(0o711)
        workspace = make_workspace(Path(folder) / "w")
        workspace.home.mkdir()
        os.environ.update(
            HOME=str(workspace.home), TMPDIR=str(workspace.home), LOADLOCK_BUILD=str(BUILD),
            LOADLOCK_EXPECT_TIER=environment.tier, LOADLOCK_EXPECT_REASON=environment.reason,
            LOADLOCK_EXPECT_CONTAINER=str(int(bool(environment.needs))), PYTHONDONTWRITEBYTECODE="1",
        )  # fmt: skip
        if os.geteuid() == 0:
            os.chown(workspace.home, environment.user, environment.user)
        if missing := environment.missing(workspace):
            print(f"skipped: {missing}", flush=True)
            one_result(results, environment.name, "skipped", missing)
            return True
        try:
            return run_tests(environment, workspace, results, long)
        finally:
            if environment.needs:
                # What a test that did not end has left; its mounts would keep the folder.
                remove = podman(workspace.storage, "runc", "rm", "--all", "--force", "--time=0")
                subprocess.run(remove, stdout=subprocess.DEVNULL, timeout=120, check=False)


def closed_to_others(folder: Path) -> Path | None:
    """The first of its ancestors, or itself, that keeps other users out."""
    for part in (*reversed(folder.parents), folder):
        if part.stat().st_mode & 0o005 != 0o005:
            return part
    return None


def open_the_tree() -> None:
    """A checkout may stand in a private folder: starts this program again where others may read it."""
    closed = closed_to_others(ROOT)
    if os.geteuid() != 0 or closed is None:
        return
    hold = tempfile.mkdtemp(prefix="ll-", dir="/tmp")
    script = str(TESTS / "containers" / "readable_tree.sh")
    again = ["bash", script, str(ROOT), str(closed), hold, sys.executable, *sys.argv]
    os.execvp("unshare", ["unshare", "--mount", *again])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--long", action="store_true", help="the whole integration suite")
    parser.add_argument("--results", type=Path, default=ROOT / "build" / "results")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(env.name for env in ALL))
    arguments = parser.parse_args()
    unknown = set(arguments.names) - {environment.name for environment in ALL}
    if unknown:
        parser.error(f"no such environment: {', '.join(sorted(unknown))}")
    open_the_tree()
    arguments.results.mkdir(parents=True, exist_ok=True)
    os.environ["PATH"] = f"{BUILD / 'bin'}:{os.environ['PATH']}"
    table = []
    # Short names: a socket's path has 108 bytes at most, podman's own folder 50.
    with tempfile.TemporaryDirectory(prefix="ll-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        for environment in ALL:
            if arguments.names and environment.name not in arguments.names:
                continue
            started = time.monotonic()
            file = arguments.results / f"containers-{environment.name}.xml"
            passed = visit(environment, Path(folder), file, arguments.long)
            table.append((environment, passed, time.monotonic() - started, skips(file)))
    print()
    for environment, passed, seconds, skipped in table:
        word = "ok" if passed else "FAILED"
        tier = f"tier {environment.tier}"
        left_out = f"{skipped} skipped" if skipped else ""
        print(f"{environment.name:24} {tier} {word:6} {seconds:4.0f} s  {left_out:11} {environment.reason}")
    print(f"skipped in all: {sum(skipped for *_, skipped in table)}")
    return 0 if all(passed for _, passed, *_ in table) else 1


if __name__ == "__main__":
    sys.exit(main())
