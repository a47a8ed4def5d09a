"""A real Redis for tests that need no worker process."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from redis import Redis

from service.local.embedded_redis import EmbeddedRedis


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
