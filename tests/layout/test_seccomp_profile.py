"""The seccomp profile for pods: what any runtime reads the same way, and nothing beyond the five calls."""

from __future__ import annotations

import json

from containers import profiles

SHIPPED = json.loads(profiles.SHIPPED.read_text())
# Calls that the default profiles of Docker, containerd and podman refuse to containers without
# capabilities, or let through for none but old kernels' sake.
NEVER = {
    "acct", "add_key", "bpf", "chroot", "clock_settime", "clone3", "delete_module", "fanotify_init",
    "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "get_mempolicy", "init_module",
    "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kcmp",
    "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "mbind", "migrate_pages",
    "mount_setattr", "move_mount", "move_pages", "nfsservctl", "open_by_handle_at", "open_tree",
    "perf_event_open", "pidfd_getfd", "process_madvise", "quotactl", "reboot", "request_key",
    "set_mempolicy", "setdomainname", "sethostname", "setns", "settimeofday", "swapoff", "swapon",
    "syslog", "umount", "userfaultfd", "uselib", "ustat", "vhangup",
}  # fmt: skip


def test_it_has_plain_rules_only() -> None:
    """containerd ignores conditions in a Localhost profile, which turns them into rules for everybody."""
    assert set(SHIPPED) == {"defaultAction", "defaultErrnoRet", "architectures", "syscalls"}
    assert (SHIPPED["defaultAction"], SHIPPED["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", 1)
    for rule in SHIPPED["syscalls"]:
        assert {"names", "action"} <= set(rule) <= {"names", "action", "args", "errnoRet"}
        assert rule["names"] == sorted(set(rule["names"]))
    assert SHIPPED["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"]


def test_it_adds_five_calls_and_nothing_that_runtimes_refuse() -> None:
    allowed = profiles.names(SHIPPED)
    assert not allowed & NEVER
    assert allowed >= profiles.ADDED
    last = SHIPPED["syscalls"][-1]
    assert last == {"names": sorted(profiles.ADDED), "action": "SCMP_ACT_ALLOW"}


def test_calls_that_would_hide_their_arguments_do_not_exist() -> None:
    assert profiles.names(SHIPPED, "SCMP_ACT_ERRNO") == {"clone3"}


def test_the_stand_in_for_the_default_has_none_of_them() -> None:
    """Only clone, and that without namespace flags."""
    default = profiles.plain_clone_only(profiles.without(SHIPPED, profiles.ADDED))
    assert profiles.names(default) & profiles.ADDED == {"clone"}
    (clone,) = [rule for rule in default["syscalls"] if "clone" in rule["names"]]
    assert clone["args"] == [{"index": 0, "value": 0x7E020000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]
    assert {"seccomp", "landlock_create_ruleset"} <= profiles.names(default)
