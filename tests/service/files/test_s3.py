"""Blobs in an object store: a real client against a real (moto) server, and against one that hangs or is down."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import fsspec
import pytest
from fastapi.testclient import TestClient
from moto.server import ThreadedMotoServer
from redis import Redis

from service.app import create_app
from service.files.blobs import BlobStore, WrongStore
from service.files.store_marker import StoreMarker
from service.jobs.store import JobStore
from service.settings import Settings
from service.upkeep.retention import sweep_orphans
from tests.service_fixtures import finish_job, post_job
from workers.contract.errors import Unavailable

BUCKET = "retarget-test"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


def point_to(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty store."""
    point_to(monkeypatch, server)
    s3 = boto3.resource("s3", endpoint_url=server)
    made = s3.create_bucket(Bucket=BUCKET)
    yield f"s3://{BUCKET}/store"
    made.objects.all().delete()
    made.delete()


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                held.append(listener.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for connection in held:
        connection.close()
    thread.join()


def test_everything_that_a_store_does(bucket: str, store: JobStore) -> None:
    blobs = BlobStore(bucket)
    with blobs.writer() as writer:
        for _ in range(7):
            writer.write(bytes(2**20))  # more than one part of an upload
        stored = writer.commit()
    assert blobs.exists(stored.key) and blobs.bytes(stored.key) == 7 * 2**20
    assert [entry.key for entry in blobs.list("uploads")] == [stored.key] and list(blobs.list("unfinished")) == []
    assert b"".join(blobs.read_range(stored.key, 5, 2_000_000)) == bytes(1_999_995)
    blobs.put("outputs/job_1/e/a.glb", b"result")
    blobs.copy("outputs/job_1/e/a.glb", "outputs/job_2/e/a.glb")
    assert blobs.read("outputs/job_2/e/a.glb") == b"result"
    blobs.delete_tree("outputs/job_2")
    assert blobs.read("outputs/job_1/e/a.glb") == b"result" and blobs.local_path("outputs/a") is None
    blobs.delete_tree("outputs/job_1")
    blobs.delete_tree("outputs/job_1")
    blobs.delete(stored.key)
    blobs.delete(stored.key)
    assert not blobs.exists(stored.key) and list(blobs.list("outputs")) == []
    with pytest.raises(FileNotFoundError):
        blobs.read(stored.key)
    assert sweep_orphans(store, blobs, datetime.now(UTC)) == 0


def test_a_job_from_upload_to_result(bucket: str, settings: Settings, store: JobStore) -> None:
    own = settings.model_copy(update={"blob_url": bucket})
    with TestClient(create_app(own)) as client:
        assert client.get("/readyz").status_code == 200
        job = post_job(client).json()
        finish_job(store, BlobStore(bucket), job["id"], {"walk.glb": ("model/gltf-binary", b"0123456789")})
        artifact = f"/v1/jobs/{job['id']}/artifacts/walk.glb"
        assert client.get(artifact).content == b"0123456789"
        assert client.get(artifact, headers={"Range": "bytes=2-4"}).content == b"234"
        assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert [entry.key for entry in BlobStore(bucket).list("uploads")] == []


def test_a_bucket_that_is_not_there_is_named(server: str, monkeypatch: pytest.MonkeyPatch, redis: Redis) -> None:
    point_to(monkeypatch, server)
    with pytest.raises(WrongStore, match="no bucket 'nowhere'"):
        StoreMarker(redis, BlobStore("s3://nowhere/store")).check()


def test_a_store_that_is_down_and_comes_back(
    bucket: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, server: str, redis: Redis
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        point_to(monkeypatch, f"http://127.0.0.1:{probe.getsockname()[1]}")
    with TestClient(create_app(settings.model_copy(update={"blob_url": bucket}))) as client:
        start_s = time.monotonic()
        assert (post_job(client).status_code, post_job(client).json()["code"]) == (503, "unavailable")
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["blobs"]["ok"]) == (503, False)
        assert "does not answer" in ready.json()["detail"] and "127.0.0.1" not in ready.text
        assert time.monotonic() - start_s < 10
    point_to(monkeypatch, server)
    with TestClient(create_app(settings.model_copy(update={"blob_url": bucket}))) as client:
        assert post_job(client).status_code == 202


def test_a_store_that_hangs_costs_seconds(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    point_to(monkeypatch, silent)
    monkeypatch.setattr(
        "service.files.blobs.S3_CLIENT", {"connect_timeout": 1, "read_timeout": 1, "retries": {"total_max_attempts": 1}}
    )
    blobs = BlobStore(f"s3://{BUCKET}/store")
    with pytest.raises(Unavailable, match="does not answer"):
        blobs.exists("uploads/a")
    known_s = time.monotonic()
    for _ in range(20):  # while it is known to hang it is not asked again
        with pytest.raises(Unavailable, match="does not answer"):
            blobs.exists("uploads/a")
    assert time.monotonic() - known_s < 1.0  # one wait alone
