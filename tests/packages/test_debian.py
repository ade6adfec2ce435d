"""The Debian packages on a machine with systemd: installed, used, attacked, upgraded, purged."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from corpora import opcodes as op
from integration.daemon import ROOT

from .machine import SECONDS, Machine

CONFIG = "/etc/loadlock/loadlockd.textproto"
SOCKET = "/run/loadlock/loadlock.sock"
GOOD = op.stream(op.value({"a": [1, 2, 3]}))
EVIL = op.stream(op.call(op.global_("posix", "system"), "touch /srv/models/executed"))
# What dpkg, adduser and systemd write about what they did, whatever the package is.
RECORDS = re.compile(
    r"/(var/lib/(dpkg|logrotate|systemd)/.*|var/log/.*|var/cache/ldconfig/.*|etc/(machine-id|\.pwd\.lock|subuid|subgid"
    r"|((passwd|group|shadow|gshadow)-?)))"
)


def audit(machine: Machine, name: str, expect: int, **caller: str) -> str:
    return machine.run(
        "loadlock", "audit", f"--address=unix:{SOCKET}", f"/srv/models/{name}", expect=expect, **caller
    )


def main_pid(machine: Machine) -> str:
    return machine.run("systemctl", "show", "--property=MainPID", "--value", "loadlockd").strip()


def install(machine: Machine, packages: dict[str, Path]) -> None:
    for name in ("loadlockd", "loadlock"):
        machine.write(f"/root/{name}.deb", packages[name].read_bytes())
    machine.run("dpkg", "--install", "/root/loadlockd.deb", "/root/loadlock.deb")
    machine.run("sed", "-i", '$a roots: "/srv/models"', CONFIG)
    machine.write("/srv/models/good.pkl", GOOD)
    machine.write("/srv/models/evil.pkl", EVIL)


def test_the_unit_is_hardened() -> None:
    unit = ROOT / "deploy" / "systemd" / "loadlockd.service"
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    score = re.search(r"Overall exposure level for loadlockd.service: ([0-9.]+)", told)
    print(score.group())
    assert float(score[1]) <= 2.0, told


def test_the_library_has_its_own_package(packages: dict[str, Path]) -> None:
    """And no file is in two packages."""
    seen: dict[str, str] = {}
    for name, file in packages.items():
        listed = subprocess.run(["dpkg-deb", "--contents", file], capture_output=True, text=True, check=True)
        for line in listed.stdout.splitlines():
            mode, owner, *_, path = line.split()
            assert owner == "root/root"
            assert "w" not in mode[4:], f"{path} of {name} can be written by others"
            if mode[0] != "d":
                assert seen.setdefault(path, name) == name, path
    assert set(packages) == {"loadlockd", "loadlock", "libloadlock-client-dev"}
    assert seen["./usr/lib/libloadlock_client.a"] == "libloadlock-client-dev"
    assert seen["./usr/bin/loadlock"] == "loadlock"
    assert seen["./etc/loadlock/loadlockd.textproto"] == "loadlockd"


@pytest.mark.systemd
def test_install_use_and_purge(machine: Machine, packages: dict[str, Path]) -> None:
    before = {path for path in machine.written() if not RECORDS.fullmatch(path)}
    users = machine.run("getent", "passwd"), machine.run("getent", "group")
    install(machine, packages)

    # The socket waits, and the first caller starts the daemon.
    assert machine.run("systemctl", "is-active", "loadlockd.socket").strip() == "active"
    assert machine.run("systemctl", "is-active", "loadlockd.service", expect=3).strip() == "inactive"
    assert machine.run("stat", "--format=%A %U:%G", SOCKET).split() == ["srw-rw----", "loadlock:loadlock"]
    assert machine.run("stat", "--format=%A %U:%G", "/run/loadlock").split() == [
        "drwxr-x---", "loadlock:loadlock",
    ]  # fmt: skip
    assert "good.pkl: accepted" in audit(machine, "good.pkl", 0)
    assert "posix.system" in audit(machine, "evil.pkl", 1)
    assert machine.run("systemctl", "is-active", "loadlockd.service").strip() == "active"

    # The unit takes nothing from the workers' sandbox.
    info = json.loads(machine.run("loadlock", "info", "--json", f"--address=unix:{SOCKET}"))["server"]
    assert (info["tier"], info["tierReason"]) == ("TIER_A", "")
    status = machine.run("cat", f"/proc/{main_pid(machine)}/status")
    for line in (r"NoNewPrivs:\s1", r"Seccomp:\s2", r"CapEff:\s0+", r"CapBnd:\s0+"):
        assert re.search(f"^{line}$", status, re.MULTILINE), line

    # Only the group may connect.
    assert "accepted" in audit(machine, "good.pkl", 0, user="daemon", groups="loadlock")
    assert "accepted" not in audit(machine, "good.pkl", 2, user="daemon")

    # A new start and a crash: callers wait or come again, and find the daemon.
    machine.run("systemctl", "restart", "loadlockd.service")
    audit(machine, "good.pkl", 0)
    machine.run("kill", "-KILL", old := main_pid(machine))
    audit_again(machine)
    assert main_pid(machine) not in (old, "0")

    # Roots and policies are taken over while it runs, what is wrong is told, and logs are rotated.
    rotated = old_and_new_log(machine)
    assert (rotated[0].count('"event":"verdict"'), rotated[1].count('"event":"verdict"')) == (1, 1)

    # The same package once more keeps what was configured.
    machine.run("dpkg", "--install", "/root/loadlockd.deb")
    assert "/srv/models" in machine.run("cat", CONFIG)
    audit(machine, "good.pkl", 0)

    machine.run("dpkg", "--remove", "loadlockd", "loadlock")
    assert "/srv/models" in machine.run("cat", CONFIG)
    assert machine.run("pgrep", "--exact", "loadlockd", expect=1) == ""
    machine.run("dpkg", "--purge", "loadlockd", "loadlock")
    machine.run("rm", "-r", "/srv/models", "/root/loadlockd.deb", "/root/loadlock.deb")
    assert users == (machine.run("getent", "passwd"), machine.run("getent", "group"))
    assert {path for path in machine.written() if not RECORDS.fullmatch(path)} <= before
    for folder in (
        "/etc/logrotate.d/loadlockd",
        "/run/loadlock",
        "/var/log/loadlock",
        "/etc/loadlock",
        "/usr/share/loadlock",
    ):
        machine.run("test", "-e", folder, expect=1)


def old_and_new_log(machine: Machine) -> tuple[str, str]:
    """What the log holds that was rotated between two audits, and what the new one does."""
    log = "/var/log/loadlock/loadlockd.log"
    machine.run("sed", "-i", f's|# file: .*|file: "{log}"|', CONFIG)
    machine.run("systemctl", "restart", "loadlockd.service")
    audit(machine, "good.pkl", 0)
    machine.run("logrotate", "--force", "/etc/logrotate.d/loadlockd")
    deadline = time.monotonic() + SECONDS
    while machine.run("stat", "--format=%a %U", log, expect=None).strip() != "600 loadlock":
        assert time.monotonic() < deadline, "the log was not opened anew"
        time.sleep(0.2)
    # A root more, by systemd's own command.
    machine.run("mkdir", "-p", "/srv/more")
    machine.run("sed", "-i", '$a roots: "/srv/more"', CONFIG)
    machine.run("systemctl", "reload", "loadlockd.service")
    while '"roots":2' not in machine.run("cat", log):
        assert time.monotonic() < deadline, "the roots were not taken over"
        time.sleep(0.2)
    audit(machine, "good.pkl", 0)
    machine.run("rm", "-r", "/srv/more")
    machine.run("sed", "-i", "/srv.more/d", CONFIG)
    return machine.run("cat", f"{log}.1"), machine.run("cat", log)


def audit_again(machine: Machine) -> None:
    """Until the daemon is back."""
    deadline = time.monotonic() + SECONDS
    while "accepted" not in audit(machine, "good.pkl", expect=None):
        assert time.monotonic() < deadline, machine.run("journalctl", "--no-pager", "--unit=loadlockd")
        time.sleep(0.5)


@pytest.mark.systemd
def test_a_wrong_configuration_is_told_and_not_tried_again(
    machine: Machine, packages: dict[str, Path]
) -> None:
    install(machine, packages)
    machine.run("sed", "-i", '$a roots: "/no/such/folder"', CONFIG)
    machine.run("systemctl", "start", "loadlockd.service", expect=1)
    assert machine.run("systemctl", "is-failed", "loadlockd.service").strip() == "failed"
    status = machine.run("systemctl", "show", "--property=ExecMainStatus,NRestarts", "loadlockd.service")
    assert status.split() == ["NRestarts=0", "ExecMainStatus=2"]
    told = machine.run("journalctl", "--no-pager", "--output=cat", "--unit=loadlockd")
    assert f"{CONFIG}:" in told
    assert "roots: is not an existing folder" in told

    # A socket at which the configuration does not listen is not left to callers who would wait.
    machine.run(
        "sed", "-i", '/no.such.folder/d; s|unix_socket: .*|unix_socket: "/run/loadlock/other"|', CONFIG
    )
    machine.run("systemctl", "start", "loadlockd.socket", expect=None)
    machine.run("systemctl", "start", "loadlockd.service", expect=1)
    told = machine.run("journalctl", "--no-pager", "--output=cat", "--unit=loadlockd")
    assert f"was started with a socket {SOCKET}" in told
