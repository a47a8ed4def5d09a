"""A real Redis for tests that need no worker process."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from service.local.embedded_redis import EmbeddedRedis
from tests.queue.task_bench import Bench
from workers.queue import tasks


@pytest.fixture(scope="package")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    process = subprocess.Popen(server.command(), pass_fds=(server.lock_fd,))
    try:
        server.wait_ready(process.poll)
        yield server.url
    finally:
        process.terminate()
        process.wait(timeout=10)
        server.close()


@pytest.fixture
def connection(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as connection:
        connection.flushall()
        yield connection


@pytest.fixture
def bench(connection: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(tasks, "load_stored", lambda blobs, key: blobs.read(key))
    monkeypatch.setattr(tasks, "check_cost", lambda *scenes: None)
    return Bench(connection, tmp_path)
