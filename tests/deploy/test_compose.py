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


def test_roles() -> None:
    assert set(SERVICES) == {"redis", "gateway", "worker", "worker-gpu"}


def test_only_the_gateway_is_published_and_only_to_this_machine() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["gateway"]
    (port,) = SERVICES["gateway"]["ports"]
    assert re.fullmatch(r"\$\{RETARGET_PUBLISH:-127\.0\.0\.1:8000\}:8000", port)
    assert COMPOSE["networks"]["backend"]["internal"] is True
    assert [name for name, service in SERVICES.items() if "frontend" in service["networks"]] == ["gateway"]


@EACH
def test_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert not service.get("privileged")


@EACH
def test_image_is_pinned_or_built_here_and_has_a_health_check(name: str) -> None:
    service = SERVICES[name]
    if "image" in service:
        assert re.fullmatch(r"[a-z]+:\d+\.\d+\.\d+-[a-z]+", service["image"])
        assert service["healthcheck"]["test"][0] == "CMD"
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
    for volume in SERVICES[name]["volumes"]:
        source, target = volume.split(":")[:2]
        assert target.startswith("/")
        assert (REPOSITORY / source).exists() if source.startswith("./") else source in COMPOSE["volumes"]


@EACH
def test_environment_is_what_the_settings_know(name: str) -> None:
    environment = {**SERVICES[name].get("environment", {})}
    known = {f"RETARGET_{field.upper()}" for field in WorkerSettings.model_fields}
    assert set(environment) <= known
    values = {key.removeprefix("RETARGET_").lower(): value for key, value in environment.items()}
    assert WorkerSettings(**values)


def test_gateway_and_workers_share_redis_and_blobs() -> None:
    shared = ("RETARGET_REDIS_URL", "RETARGET_BLOB_URL")
    seen = {tuple(SERVICES[name]["environment"][key] for key in shared) for name in SERVICES if name != "redis"}
    assert len(seen) == 1
    redis_url, blob_url = seen.pop()
    assert redis_url.startswith("redis://redis:6379")
    folder = blob_url.removeprefix("file://")
    assert all("blobs:/data" in SERVICES[name]["volumes"] for name in SERVICES if name != "redis")
    assert folder.startswith("/data/")


def test_a_job_hits_its_own_memory_limit_before_the_container_does() -> None:
    for name in ("worker", "worker-gpu"):
        most = int(SERVICES[name]["environment"]["RETARGET_HORSE_MEMORY_MAX_BYTES"])
        assert most < 0.9 * int(SERVICES[name]["mem_limit"].removesuffix("g")) * 2**30


def test_gpu_is_an_option() -> None:
    assert SERVICES["worker-gpu"]["profiles"] == ["gpu"]
    (device,) = SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia" and device["capabilities"] == ["gpu"]
