"""What kustomize makes of a folder, and Pod Security's level `restricted` as a list of what may stand."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
Object = dict[str, Any]


def kustomize(folder: Path) -> list[Object]:
    """kubectl where it knows components (1.21), else kustomize as run.sh builds it."""
    own = ROOT / "build" / "tools" / "kustomize"
    command = [str(own), "build"] if own.exists() else ["kubectl", "kustomize"]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    made = subprocess.run(
        [*command, str(folder)], capture_output=True, text=True, env=environment, check=False
    )
    assert made.returncode == 0, made.stderr
    return list(yaml.safe_load_all(made.stdout))


def pod_of(thing: Object) -> Object:
    return thing["spec"]["template"]["spec"]


def containers_of(pod: Object) -> Iterator[Object]:
    yield from pod.get("initContainers", [])
    yield from pod["containers"]


# Volumes that `restricted` lets a pod have.
VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected",
    "secret",
}  # fmt: skip


def breaches(pod: Object) -> list[str]:
    """Where a pod is outside Pod Security's `restricted` , by its documentation."""
    found = [
        f"{name} is shared with the host" for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name)
    ]
    for volume in pod.get("volumes", []):
        found += [f"volume {volume['name']}: {kind}" for kind in set(volume) - {"name"} - VOLUMES]
    outer = pod.get("securityContext", {})
    for container in containers_of(pod):
        name, context = container["name"], container.get("securityContext", {})

        def effective(field: str, context: Object = context) -> Any:
            return context.get(field, outer.get(field))

        rules = {
            "privileged": not context.get("privileged"),
            "privilege escalation": context.get("allowPrivilegeEscalation") is False,
            "not every capability is dropped": context.get("capabilities", {}).get("drop") == ["ALL"],
            "adds capabilities": not context.get("capabilities", {}).get("add"),
            "may run as root": effective("runAsNonRoot") is True,
            "runs as root": effective("runAsUser") != 0,
            "no seccomp profile": (effective("seccompProfile") or {}).get("type")
            in ("RuntimeDefault", "Localhost"),
            "another procMount": context.get("procMount", "Default") == "Default",
            "a port of the host": not [port for port in container.get("ports", []) if port.get("hostPort")],
        }
        found += [f"{name}: {what}" for what, kept in rules.items() if not kept]
    return found
