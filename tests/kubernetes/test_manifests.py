"""The manifests of deploy/kubernetes: valid by Kubernetes' own schemas, `restricted`, as they promise."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from .manifests import FOLDER, ROOT, Object, breaches, containers_of, kustomize, pod_of

VERSION = "1.35"
SOCKET = "/run/loadlock/loadlock.sock"


@pytest.fixture(scope="module")
def example() -> list[Object]:
    return kustomize(FOLDER / "example")


@pytest.fixture
def pod(example: list[Object]) -> Object:
    (deployment,) = [thing for thing in example if thing["kind"] == "Deployment"]
    return copy.deepcopy(pod_of(deployment))


def sidecar_of(pod: Object) -> Object:
    (found,) = [container for container in pod["initContainers"] if container["name"] == "loadlockd"]
    return found


def test_every_object_is_valid(example: list[Object]) -> None:
    assert {thing["kind"] for thing in example} == {"Namespace", "Deployment"}
    for thing in example:
        kubernetes_validate.validate(copy.deepcopy(thing), VERSION, strict=True)


def test_a_wrong_field_is_found(example: list[Object]) -> None:
    for thing in copy.deepcopy(example):
        thing["spec"] = {**thing.get("spec", {}), "replica": 2}
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(thing, VERSION, strict=True)


def test_it_is_restricted(pod: Object, example: list[Object]) -> None:
    assert breaches(pod) == []
    (namespace,) = [thing for thing in example if thing["kind"] == "Namespace"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("privileged", True), ("allowPrivilegeEscalation", True), ("capabilities", {"drop": ["NET_RAW"]}),
        ("capabilities", {"drop": ["ALL"], "add": ["SYS_ADMIN"]}), ("runAsNonRoot", False), ("runAsUser", 0),
        ("seccompProfile", {"type": "Unconfined"}), ("procMount", "Unmasked"),
    ],
)  # fmt: skip
def test_a_breach_is_found(pod: Object, field: str, value: Any) -> None:
    sidecar_of(pod)["securityContext"][field] = value
    assert breaches(pod)


def test_a_volume_of_the_host_is_found(pod: Object) -> None:
    pod["volumes"].append({"name": "x", "hostPath": {"path": "/"}})
    assert breaches(pod) == ["volume x: hostPath"]


def test_it_is_a_native_sidecar_that_is_probed(pod: Object) -> None:
    sidecar = sidecar_of(pod)
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["securityContext"]["readOnlyRootFilesystem"] is True
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        program, *arguments = sidecar[probe]["exec"]["command"]
        # tests/containers/test_built_image.py runs it in the image.
        assert (program, arguments[0]) == ("/usr/bin/loadlock", "info")
        assert f"unix:{SOCKET}" in arguments


def test_the_socket_is_in_memory_and_for_the_pod_alone(pod: Object) -> None:
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "loadlock-socket"]
    assert volume["emptyDir"]["medium"] == "Memory"
    assert pod["securityContext"]["fsGroup"] == sidecar_of(pod)["securityContext"]["runAsGroup"]
    for container in containers_of(pod):
        places = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert places["loadlock-socket"] == str(Path(SOCKET).parent)


def test_models_are_read_by_the_sidecar_alone(pod: Object) -> None:
    """The server gets what was vetted, over the socket, and never the files."""
    mounts = {
        container["name"]: mount
        for container in containers_of(pod)
        for mount in container["volumeMounts"]
        if mount["name"] == "loadlock-models"
    }
    assert set(mounts) == {"loadlockd"}
    assert mounts["loadlockd"]["readOnly"] is True
    config = (ROOT / "deploy/container/loadlockd.textproto").read_text()
    assert f'roots: "{mounts["loadlockd"]["mountPath"]}"' in config
    assert f'unix_socket: "{SOCKET}"' in config


def test_the_profile_is_the_one_that_is_shipped(pod: Object) -> None:
    sidecar = sidecar_of(pod)
    profile = sidecar["securityContext"]["seccompProfile"]
    assert profile["type"] == "Localhost"
    assert (FOLDER / Path(profile["localhostProfile"]).name).exists()
    # With the profile it is tier A or nothing.
    assert sidecar["args"] == ["--min-tier", "A"]


def test_without_the_profile_it_is_runtime_default(tmp_path: Path) -> None:
    """The sidecar alone, in a kustomization of somebody else's."""
    (tmp_path / "server.yaml").write_text((FOLDER / "example/server.yaml").read_text())
    (tmp_path / "sidecar").mkdir()
    for file in (FOLDER / "sidecar").iterdir():
        (tmp_path / "sidecar" / file.name).write_text(file.read_text())
    (tmp_path / "kustomization.yaml").write_text(
        yaml.safe_dump({"resources": ["server.yaml"], "components": ["sidecar"]})
    )
    (deployment,) = kustomize(tmp_path)
    kubernetes_validate.validate(copy.deepcopy(deployment), VERSION, strict=True)
    pod = pod_of(deployment)
    assert breaches(pod) == []
    assert sidecar_of(pod)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert "args" not in sidecar_of(pod)
