"""A machine with systemd, made of this one: its root below an overlay, namespaces of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

# Everything is slow on a machine that does other things besides.
SECONDS = 300


def why_not() -> str:
    """Why no machine can be had here; empty if it can."""
    if os.geteuid() != 0:
        return "only root can boot systemd over an overlay"
    if not Path("/lib/systemd/systemd").exists():
        return "systemd is not installed"
    overlay = "mount -t overlay overlay -o lowerdir=/,upperdir=u,workdir=w r"
    mounts = f"mkdir u w r c && {overlay} && mount -t cgroup2 none c"
    script = f"cd $(mktemp -d -p /dev/shm) && {mounts}; code=$?; umount r c; rm -r $PWD; exit $code"
    command = ["unshare", "--mount", "--cgroup", "sh", "-c", script]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    return "" if tried.returncode == 0 else f"no overlay or no cgroup2: {tried.stderr.strip()[-200:]}"


class Machine:
    def __init__(self, work: Path) -> None:
        self.upper = work / "upper"
        self.upper.mkdir()
        self.work = work
        self.unshare: subprocess.Popen[bytes] | None = None
        self.pid = 0

    def start(self) -> None:
        boot = Path(__file__).with_name("boot.sh")
        # A network of its own: an abstract socket or a port of this machine is not there.
        command = [
            "unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--cgroup",
            "--uts", "--ipc", "--net", "bash", str(boot), str(self.work),
        ]  # fmt: skip
        self.unshare = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + SECONDS
        while self.state() not in ("running", "degraded"):
            assert self.unshare.poll() is None, "it did not boot"
            assert time.monotonic() < deadline, f"systemd is not up: {self.state()}"
            time.sleep(0.5)

    def stop(self) -> None:
        if self.unshare is not None:
            # Process 1 ends with it, and with that all others.
            self.unshare.send_signal(signal.SIGKILL)
            self.unshare.wait(timeout=SECONDS)

    def state(self) -> str:
        """What systemd says of itself; empty while it is not there."""
        if not self.pid:
            children = Path(f"/proc/{self.unshare.pid}/task/{self.unshare.pid}/children").read_text().split()
            name = Path(f"/proc/{children[0]}/comm").read_text() if children else ""
            self.pid = int(children[0]) if name == "systemd\n" else 0
        return self.run("systemctl", "is-system-running", expect=None).strip() if self.pid else ""

    def run(self, *command: str, expect: int | None = 0, user: str = "root", groups: str = "") -> str:
        """What the command prints, run inside; its status must be `expect` unless that is None."""
        become = []
        if user != "root":
            add = [f"--groups={groups}"] if groups else ["--clear-groups"]
            become = ["setpriv", f"--reuid={user}", "--regid=nogroup", *add]
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup"]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(
            [*enter, "--root", "--wd", *become, *command], env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        assert expect is None or done.returncode == expect, f"{command}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def write(self, path: str, data: bytes) -> None:
        """By way of a process inside: an overlay's layers are not to be written below it."""
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--root", "--wd"]
        script = 'mkdir -p "$(dirname "$1")" && cat >"$1"'
        subprocess.run([*enter, "sh", "-c", script, "sh", path], input=data, timeout=SECONDS, check=True)

    def written(self) -> set[str]:
        """Every file that differs from what this machine has, removed ones too."""
        return {
            "/" + str(Path(folder, name).relative_to(self.upper))
            for folder, _, names in os.walk(self.upper)
            for name in names
        }
