"""The embedded Redis: durable, private, one a folder."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from redis import Redis

from service.local import embedded_redis
from service.local.embedded_redis import EmbeddedRedis, find_redis_server
from workers.contract.errors import InvalidOptions, Unavailable

Start = Callable[[EmbeddedRedis], "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts servers; at the end all are killed and their folders given back."""
    running: list[tuple[EmbeddedRedis, subprocess.Popen[bytes]]] = []

    def begin(server: EmbeddedRedis) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(server.command(), pass_fds=(server.lock_fd,))
        running.append((server, process))
        server.wait_ready(process.poll)
        return process

    yield begin
    for _, process in running:
        process.kill()
        process.wait()
    for server in {id(server): server for server, _ in running}.values():
        server.close()


def test_what_it_acknowledged_survives_kill_9(start: Start, tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    process = start(server)
    with Redis.from_url(server.url) as client:
        for number in range(200):
            client.rpush("jobs", number)
    process.kill()
    process.wait()
    start(server)
    with Redis.from_url(server.url) as client:
        assert client.lrange("jobs", 0, -1) == [str(number).encode() for number in range(200)]


def test_it_is_private_and_never_forgets_to_make_room(start: Start, tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / "redis")
    start(server)
    with Redis.from_url(server.url) as client:
        assert client.config_get("port")["port"] == "0", "no port that other users could reach"
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert client.config_get("appendfsync")["appendfsync"] == "always"
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700


def test_a_folder_whose_server_still_runs_is_refused_though_its_parent_is_gone(start: Start, tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    process = start(server)
    os.close(server.lock_fd)  # as when the parent ends; the server process has inherited the lock
    program = (
        f"from pathlib import Path; from service.local.embedded_redis import *; EmbeddedRedis(Path({str(tmp_path)!r}))"
    )
    refused = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert "InvalidOptions" in refused.stderr and "--data-dir" in refused.stderr
    process.terminate()
    assert process.wait(timeout=10) == 0
    server.lock_fd = EmbeddedRedis(tmp_path).lock_fd  # free at once


def test_a_long_path_gets_a_short_socket_elsewhere(start: Start, tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / ("long" * 30))
    process = start(server)
    assert process.poll() is None
    with Redis.from_url(server.url) as client:
        assert client.ping()
    assert (server.folder / "appendonly.aof").exists()


def test_a_path_with_signs_that_urls_use(start: Start, tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / "a b?c#d%41")
    start(server)
    with Redis.from_url(server.url) as client:
        assert client.ping()


def test_a_server_that_cannot_read_its_file_says_so(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    (tmp_path / "appendonly.aof").write_bytes(b"*2\r\n$3\r\nnot what a server writes\r\n" * 9)
    process = subprocess.Popen(server.command(), pass_fds=(server.lock_fd,))
    with pytest.raises(Unavailable, match="redis"):
        server.wait_ready(process.poll, 10.0)
    process.wait(timeout=10)
    server.close()


def test_without_a_server_the_remedies_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InvalidOptions, match=r"embedded.*PATH.*--redis-url"):
        find_redis_server()


def test_a_server_on_path_is_used_where_the_wheel_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/redis-server")
    assert find_redis_server() == Path("/usr/bin/redis-server")


def test_a_full_disk_costs_the_ballast_so_that_the_server_can_write_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedRedis(tmp_path / "redis")
    try:
        ballast = tmp_path / "redis" / "ballast"
        free = [10 * embedded_redis.BALLAST_BYTES]
        monkeypatch.setattr(
            "service.local.embedded_redis.shutil.disk_usage", lambda folder: SimpleNamespace(free=free[0], total=1)
        )
        server.make_room()
        assert ballast.stat().st_size == embedded_redis.BALLAST_BYTES
        server.make_room()
        assert ballast.exists()
        free[0] = embedded_redis.ROOM_BYTES - 1
        server.make_room()
        assert not ballast.exists()
        free[0] = embedded_redis.BALLAST_BYTES
        server.make_room()
        assert not ballast.exists(), "not before there is plenty of room"
    finally:
        server.close()
