"""The compose file: what is published, what is limited, and that names, files and settings in it exist."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.deploy.dockerfile_reader import REPOSITORY, read_stages
from workers.queue.settings import WorkerSettings

COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EACH = pytest.mark.parametrize("name", sorted(SERVICES))


OURS = ("gateway", "worker", "worker-gpu")
PROFILES = {
    "worker-gpu": "gpu", "models": "models", "store": "s3", "bucket": "s3", "prometheus": "monitoring",
    "grafana": "monitoring",
}  # fmt: skip
ONE_SHOT = ("models", "bucket")
NOT_FROM_OUTSIDE = {"host", "port", "data_dir", "worker_devices", "retarget_engine", "inspect_engine", "scene_reader"}
BESIDE = {"RETARGET_CACHE_DIR", "RETARGET_DEVICE", "RETARGET_ENCODER", "RETARGET_SURFACE_SCORES", "RETARGET_THREADS",
          "RETARGET_MODEL_DIR"}  # fmt: skip


def test_roles() -> None:
    assert set(SERVICES) == {"redis", "gateway", "worker", *PROFILES}
    assert {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service} == {
        name: [profile] for name, profile in PROFILES.items()
    }


def test_only_pages_are_published_and_only_to_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"gateway", "prometheus", "grafana"}
    (port,) = published.pop("gateway")
    assert re.fullmatch(r"\$\{RETARGET_PUBLISH:-127\.0\.0\.1:8000\}:8000", port)
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert COMPOSE["networks"]["backend"]["internal"] is True
    outside = {name for name, service in SERVICES.items() if "frontend" in service["networks"]}
    assert outside == {"gateway", "models", "prometheus", "grafana"}


@pytest.mark.parametrize("name", OURS)
def test_every_setting_can_be_given_from_outside(name: str) -> None:
    known = {f"RETARGET_{field.upper()}" for field in WorkerSettings.model_fields if field not in NOT_FROM_OUTSIDE}
    environment = SERVICES[name]["environment"]
    asked = {key for key, value in environment.items() if value is None or str(value).startswith("${RETARGET_")}
    fixed = {"worker-gpu": {"RETARGET_WORKER_QUEUES"}, "gateway": {"RETARGET_HORSE_MEMORY_MAX_BYTES"}}.get(name, set())
    assert known - fixed <= asked | {"RETARGET_WORKER_QUEUES"}
    assert set(environment) - known <= BESIDE | {key for key in environment if key.startswith(("AWS_", "OTEL_"))}


@EACH
def test_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert not service.get("privileged")


@EACH
def test_image_is_pinned_or_built_here_and_has_a_health_check(name: str) -> None:
    service = SERVICES[name]
    if "image" in service:
        assert re.fullmatch(r"[a-z]+(/[a-z]+)?:(v?\d+\.\d+\.\d+(-[a-z]+)?|RELEASE\.[\dTZ-]+)", service["image"])
        assert name in ONE_SHOT or service["healthcheck"]["test"][0] == "CMD"
        assert service["user"] not in ("root", "0")
    else:
        recipe = REPOSITORY / service["build"]["context"] / service["build"]["dockerfile"]
        arguments = {value.split("=")[0] for value in read_stages(recipe)[0].values("ARG")}
        assert set(service["build"].get("args", {})) <= arguments
        assert read_stages(recipe)[-1].values("HEALTHCHECK")


@EACH
def test_dependencies_wait_for_health(name: str) -> None:
    for other, condition in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        assert condition == {"condition": "service_healthy"}


@EACH
def test_volumes_exist(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source, target = volume.split(":")[:2]
        assert target.startswith("/")
        assert (REPOSITORY / source).exists() if source.startswith("./") else source in COMPOSE["volumes"]


def _given(name: str) -> dict[str, Any]:
    """A service's environment where the shell gives nothing: what has no default is left out, as compose does."""
    environment = {key: value for key, value in SERVICES[name]["environment"].items() if value is not None}
    return {key: re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", str(value)) for key, value in environment.items()}


@pytest.mark.parametrize("name", OURS)
def test_settings_accept_what_is_given(name: str) -> None:
    fields = {f"RETARGET_{field.upper()}": field for field in WorkerSettings.model_fields}
    assert WorkerSettings(**{fields[key]: value for key, value in _given(name).items() if key in fields})


def test_gateway_and_workers_share_redis_and_blobs() -> None:
    shared = ("RETARGET_REDIS_URL", "RETARGET_BLOB_URL")
    seen = {tuple(_given(name)[key] for key in shared) for name in OURS}
    assert len(seen) == 1
    redis_url, blob_url = seen.pop()
    assert redis_url.startswith("redis://redis:6379")
    folder = blob_url.removeprefix("file://")
    assert all("blobs:/data" in SERVICES[name]["volumes"] for name in OURS)
    assert folder.startswith("/data/")


def test_a_job_hits_its_own_memory_limit_before_the_container_does() -> None:
    for name in ("worker", "worker-gpu"):
        most = int(_given(name)["RETARGET_HORSE_MEMORY_MAX_BYTES"])
        assert most < 0.9 * int(SERVICES[name]["mem_limit"].removesuffix("g")) * 2**30


def test_gpu_is_an_option() -> None:
    assert SERVICES["worker-gpu"]["profiles"] == ["gpu"]
    (device,) = SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia" and device["capabilities"] == ["gpu"]
