"""The Kubernetes manifests: right by Kubernetes' schemas, confined; settings, figures and paths that they name exist.

KEDA's own kind has no schema there; of it only what it points to is checked. Nothing here was applied to a cluster.
"""

from __future__ import annotations

import re
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy.dockerfile_reader import REPOSITORY
from workers.queue.settings import WorkerSettings

TEXT = (REPOSITORY / "docker/kubernetes/retarget.yaml").read_text()
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all(TEXT))
VERSION = "1.31"
KEDA = "keda.sh/v1alpha1"
WORKLOADS = [it for it in MANIFESTS if it["kind"] == "Deployment"]


def name_of(manifest: dict[str, Any]) -> str:
    return f"{manifest['kind']}-{manifest['metadata']['name']}"


@pytest.mark.parametrize("manifest", [it for it in MANIFESTS if it["apiVersion"] != KEDA], ids=name_of)
def test_kubernetes_would_take_it(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, VERSION, strict=True)


@pytest.mark.parametrize("manifest", WORKLOADS, ids=name_of)
def test_pods_are_confined_and_limited(manifest: dict[str, Any]) -> None:
    pod = manifest["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
    for container in pod["containers"]:
        confined = container["securityContext"]
        assert confined["readOnlyRootFilesystem"] and confined["capabilities"]["drop"] == ["ALL"]
        assert not confined["allowPrivilegeEscalation"]
        assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]["cpu"]
        assert container["readinessProbe"] and container["livenessProbe"]
        recipe = container["image"].partition("retarget-")[2].partition(":")[0]
        assert (REPOSITORY / "docker" / f"{recipe}.Dockerfile").is_file()


def test_settings_are_known_and_secrets_are_no_text() -> None:
    known = {f"RETARGET_{field.upper()}" for field in WorkerSettings.model_fields}
    (given,) = (it["data"] for it in MANIFESTS if it["kind"] == "ConfigMap")
    entries = [entry for it in WORKLOADS for entry in it["spec"]["template"]["spec"]["containers"][0]["env"]]
    assert {*given, *(entry["name"] for entry in entries if not entry["name"].startswith("AWS_"))} <= known
    values: dict[str, Any] = {name.removeprefix("RETARGET_").lower(): value for name, value in given.items()}
    assert WorkerSettings(**values)
    assert all("secretKeyRef" in entry["valueFrom"] for entry in entries)


def test_a_worker_may_drain_before_it_is_killed() -> None:
    (worker,) = (it for it in WORKLOADS if it["metadata"]["name"] == "retarget-worker")
    assert worker["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > WorkerSettings().drain_s


def test_workers_are_scaled_by_a_figure_that_is_told() -> None:
    (scaled,) = (it for it in MANIFESTS if it["apiVersion"] == KEDA)
    assert scaled["spec"]["scaleTargetRef"]["name"] in {it["metadata"]["name"] for it in WORKLOADS}
    (trigger,) = scaled["spec"]["triggers"]
    figures = re.findall(r"retarget_\w+", trigger["metadata"]["query"])
    told = (REPOSITORY / "service/operations/metrics.py").read_text()
    assert figures and all(f'"{figure}"' in told for figure in figures)
