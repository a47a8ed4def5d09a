"""Ten planted faults, each found by name with a remedy; and an installation without one."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from service.cli import main
from service.files.blobs import BlobStore
from service.files.store_marker import StoreMarker
from service.operations.checks import (
    Finding,
    check_clock,
    check_device,
    check_packages,
    check_port,
    check_redis,
    check_store,
    check_weights,
    examine,
)
from service.settings import Settings

NOBODY = 65534


def wrong(findings: list[Finding]) -> list[str]:
    """What is wrong; each has its remedy, and what is right has none."""
    assert all(bool(finding.remedy) != finding.ok for finding in findings), findings
    return [finding.check for finding in findings if not finding.ok]


@pytest.fixture
def ours(settings: Settings) -> Settings:
    return settings.model_copy(update={"port": 0})


def test_nothing_is_wrong_with_a_new_one_and_nothing_is_made(ours: Settings, redis: Redis, tmp_path: Path) -> None:
    assert wrong(examine(ours, ("gateway", "worker"))) == []
    assert not (tmp_path / "blobs").exists() and redis.keys() == []


def test_nothing_is_wrong_with_one_that_served(ours: Settings, redis: Redis, blobs: BlobStore) -> None:
    StoreMarker(redis, blobs).check()
    assert wrong(examine(ours, ("gateway", "worker"))) == []


def test_no_torch() -> None:
    found = check_packages(lambda name: None if name == "torch" else find_spec(name))
    assert wrong([found]) == ["packages"] and "torch" in found.detail


def test_the_store_of_another_installation_and_one_that_was_wiped(
    ours: Settings, redis: Redis, blobs: BlobStore
) -> None:
    StoreMarker(redis, blobs).check()
    blobs.put("store-id", b"another")
    assert wrong(check_store(redis, ours)) == ["store-is-ours"]
    blobs.delete("store-id")
    assert wrong(check_store(redis, ours)) == ["store-is-ours"]


def test_no_redis(ours: Settings, free_port: int) -> None:
    away = ours.model_copy(update={"redis_url": f"redis://user:secret@127.0.0.1:{free_port}/0"})
    found = examine(away, ("gateway",))
    assert wrong(found) == ["redis"]
    assert "secret" not in str(found)


def test_a_full_disk(ours: Settings, redis: Redis, blobs: BlobStore) -> None:
    assert wrong(check_store(redis, ours.model_copy(update={"min_free_disk_ratio": 0.999999}))) == ["disk"]


def test_an_old_redis(ours: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "info", lambda section: {"redis_version": "6.0.16"})
    assert wrong(check_redis(redis, ours)) == ["redis-version"]


def test_missing_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RETARGET_MODEL_DIR", str(tmp_path))
    monkeypatch.setenv("RETARGET_ENCODER", "clip")
    assert wrong([check_weights()]) == ["weights"]


def test_no_permission_to_write(ours: Settings) -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        locked = ours.model_copy(update={"blob_url": f"file://{name}"})
        below = ours.model_copy(update={"blob_url": f"file://{name}/blobs"})
        with as_an_ordinary_user():
            found = [*check_store(None, locked), *check_store(None, below)]
        Path(name).chmod(0o755)
    assert wrong(found) == ["store-is-written", "store-is-written"]


@pytest.mark.parametrize("off_s", [-90.0, 90.0])
def test_a_clock_that_is_off(redis: Redis, off_s: float) -> None:
    assert wrong([check_clock(redis, lambda: time.time() + off_s)]) == ["clock"]


def test_a_port_that_is_taken(ours: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        asked = ours.model_copy(update={"port": taken.getsockname()[1]})
        assert wrong([check_port(asked)]) == ["port"]


def test_no_gpu_where_one_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("RETARGET_DEVICE", "cuda")
    assert wrong(check_device()) == ["gpu"]


def test_the_command_ends_with_1_where_something_is_wrong(
    ours: Settings, redis: Redis, free_port: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETARGET_MIN_FREE_DISK_RATIO", "0")
    words = ["doctor", "--role", "worker", "--blob-url", ours.blob_url, "--redis-url"]
    assert main([*words, ours.redis_url]) == 0
    assert "WRONG" not in capsys.readouterr().out
    assert main([*words, f"redis://127.0.0.1:{free_port}", "--json"]) == 1
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert [entry["check"] for entry in found if not entry["ok"]] == ["redis"]


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def as_an_ordinary_user() -> Iterator[None]:
    """Root may write everywhere; whoever runs the tests as another user stays that."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
