"""Where loadlock has to work, and with which tier: users and containers, each a way to run a command."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

# An ordinary user, and who a Kubernetes pod runs as.
USER = 65532
AS_USER = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")
REFUSED = "tier A: clone(namespaces): {0}, unshare(namespaces): {0}"
NO_LANDLOCK = "worker: landlock_create_ruleset: Function not implemented"


@dataclass(frozen=True)
class Workspace:
    """What a command needs: the source tree and the build, read-only, and `home`, which is its own."""

    root: Path
    build: Path
    home: Path
    # An empty root filesystem with mount points, podman's storage, and the profiles by name.
    rootfs: Path
    storage: Path
    profiles: dict[str, Path]


# The command line that runs a command there.
Enter = Callable[[Workspace, Sequence[str]], list[str]]


@dataclass(frozen=True)
class Environment:
    name: str
    tier: str
    # Why the tier is not better: the step and the error, word by word.
    reason: str
    enter: Enter
    user: int = USER
    # Programs besides those that every Debian has.
    needs: tuple[str, ...] = ()
    # Tests that start the container themselves; empty: those of this folder and of tests/integration, inside.
    outside: str = ""

    def missing(self, workspace: Workspace) -> str:
        """Why it cannot be had on this machine; empty if it can."""
        if os.geteuid() != 0 and self.enter is not as_user:
            return "only root may become other users and start these containers"
        absent = [program for program in self.needs if shutil.which(program) is None]
        if absent:
            return f"not installed: {', '.join(absent)}"
        files = (workspace.root / "tests" / "pytest.ini", workspace.build / "bin" / "loadlockd")
        read = self.enter(workspace, ["/bin/head", "--quiet", "--bytes=0", *map(str, files)])
        tried = subprocess.run(read, capture_output=True, text=True, timeout=120, check=False)
        return "" if tried.returncode == 0 else f"does not start: {tried.stderr.strip()[-500:]}"


def as_root(workspace: Workspace, command: Sequence[str]) -> list[str]:
    return list(command)


def as_user(workspace: Workspace, command: Sequence[str]) -> list[str]:
    return [*AS_USER, *command] if os.geteuid() == 0 else list(command)


def as_user_without_namespaces(workspace: Workspace, command: Sequence[str]) -> list[str]:
    """The limit of user namespaces is one of each user namespace: this one's is 0."""
    script = Path(__file__).with_name("without_user_namespaces.py")
    return ["/usr/bin/python3", "-I", str(script), *as_user(workspace, command)]


def podman(storage: Path, runtime: str, *command: str) -> list[str]:
    line = [
        "podman", "--root", str(storage / "root"), "--runroot", str(storage / "run"), "--storage-driver=vfs",
        "--cgroup-manager=cgroupfs", f"--runtime={runtime}", *command,
    ]  # fmt: skip
    if runtime != "crun":
        return line
    # crun of Debian 12 needs cgroup version 2, which a machine may have elsewhere.
    mount = 'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", mount, "sh", *line]


def restricted(runtime: str, profile: str) -> list[str]:
    """As `restricted` has it in Kubernetes: read-only, no capability, no_new_privs, not root."""
    return [
        "run", "--rm", "--pull=never", "--network=none", "--read-only", "--cap-drop=ALL",
        f"--user={USER}:{USER}", "--security-opt=no-new-privileges", f"--security-opt=seccomp={profile}",
        # The defaults of podman are above what a machine may grant.
        "--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096",
        *(["--cgroups=disabled"] if runtime == "crun" else []),
    ]  # fmt: skip


def container(runtime: str, profile: str) -> Enter:
    """Holds the tests too: the system's programs and libraries, the source tree and the build, read-only."""

    def enter(workspace: Workspace, command: Sequence[str]) -> list[str]:
        run = restricted(runtime, str(workspace.profiles.get(profile, profile)))
        run.append(f"--volume={workspace.home}:{workspace.home}")
        system = (Path("/usr"), Path("/etc/alternatives"), Path("/etc/ld.so.cache"))
        for path in (workspace.root, workspace.build, *system):
            run.append(f"--volume={path}:{path}:ro")
        ours = [name for name in os.environ if name.startswith("LOADLOCK_")]
        for name in ("PATH", "HOME", "TMPDIR", "PYTHONDONTWRITEBYTECODE", *ours):
            run.append(f"--env={name}")
        # The shell is process 1 and reaps what is orphaned, as an init process does.
        init = ["sh", "-c", '"$@"; exit "$?"', "sh"]
        return podman(
            workspace.storage, runtime, *run, "--rootfs", str(workspace.rootfs), *init, *command
        )  # fmt: skip

    return enter


def in_container(
    name: str, tier: str, reason: str = "", runtime: str = "runc", profile: str = ""
) -> Environment:
    needs = ("podman", runtime)
    return Environment(name, tier, reason, container(runtime, profile or name), needs=needs)


DENIED = REFUSED.format("Operation not permitted")
ALL = (
    Environment("root", "A", "", as_root, user=0),
    Environment("user", "A", "", as_user),
    Environment(
        "user-without-namespaces", "B", REFUSED.format("No space left on device"), as_user_without_namespaces
    ),
    in_container("runtime-default", "B", DENIED),
    in_container("runtime-default-crun", "B", DENIED, runtime="crun", profile="runtime-default"),
    in_container("localhost", "A"),
    in_container("localhost-crun", "A", runtime="crun", profile="localhost"),
    in_container("podman-default", "A", profile="podman"),
    in_container("cri-o", "A"),
    in_container("unshare-only", "A"),
    in_container("unconfined", "A"),
    in_container("no-landlock", "C", f"tier A: {NO_LANDLOCK}; tier B: {NO_LANDLOCK}"),
    # The daemon with nothing else.
    Environment("image", "A", "", as_root, user=0, needs=("podman", "runc"), outside="test_image.py"),
    # The image that deploy/container builds.
    Environment(
        "built-image", "A", "", as_root, user=0, needs=("podman", "runc"), outside="test_built_image.py"
    ),
)
