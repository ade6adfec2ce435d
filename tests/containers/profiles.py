"""Seccomp profiles that stand for what runtimes answer; made from two real ones.

The profile that this project ships is RuntimeDefault plus five calls, so taking them out again gives a
stand-in for it: namespaces by clone, unshare or setns EPERM, clone3 ENOSYS, mount and pivot_root EPERM,
seccomp and Landlock allowed.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "deploy" / "kubernetes" / "seccomp-loadlock.json"
# What podman uses unless told otherwise; of the package golang-github-containers-common.
PODMAN = Path("/usr/share/containers/seccomp.json")
ADDED = frozenset({"clone", "mount", "pivot_root", "umount2", "unshare"})
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET.
NAMESPACE_FLAGS = 0x7E020000
ENOSYS = 38

Profile = dict[str, Any]


def names(profile: Profile, action: str = "SCMP_ACT_ALLOW") -> set[str]:
    """The calls that some rule with this action names."""
    return {name for rule in profile["syscalls"] if rule["action"] == action for name in rule["names"]}


def without(profile: Profile, calls: frozenset[str] | set[str]) -> Profile:
    """No rule names them any more: they get the default action."""
    changed = copy.deepcopy(profile)
    for rule in changed["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name not in calls]
    changed["syscalls"] = [rule for rule in changed["syscalls"] if rule["names"]]
    return changed


def with_rule(profile: Profile, **rule: Any) -> Profile:
    changed = copy.deepcopy(profile)
    changed["syscalls"].append(rule)
    return changed


def plain_clone_only(profile: Profile) -> Profile:
    """Processes and threads, but no namespaces."""
    flags = {"index": 0, "value": NAMESPACE_FLAGS, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    return with_rule(without(profile, {"clone"}), names=["clone"], action="SCMP_ACT_ALLOW", args=[flags])


def write_all(folder: Path) -> dict[str, Path]:
    """Name to file."""
    shipped: Profile = json.loads(SHIPPED.read_text())
    podman: Profile = json.loads(PODMAN.read_text())
    landlock = {name for name in names(shipped) if name.startswith("landlock_")}
    made = {
        "runtime-default": plain_clone_only(without(shipped, ADDED)),
        # CRI-O's own: podman's, with unshare for CAP_SYS_ADMIN only.
        "cri-o": without(podman, {"unshare"}),
        "unshare-only": plain_clone_only(shipped),
        "no-landlock": with_rule(
            without(shipped, landlock), names=sorted(landlock), action="SCMP_ACT_ERRNO", errnoRet=ENOSYS
        ),
    }
    files = {"podman": PODMAN, "localhost": SHIPPED}
    for name, profile in made.items():
        files[name] = folder / f"{name}.json"
        files[name].write_text(json.dumps(profile))
    return files
