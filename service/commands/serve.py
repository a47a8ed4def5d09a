"""`retarget serve`: gateway, workers and an embedded Redis with one command, for one machine.

Prints `ready: http://HOST:PORT` on stdout once a job can be posted; everything else goes to stderr. Ctrl-C stops all,
jobs in hand go back to their queue and run at the next start; a second Ctrl-C does not wait.
"""

from __future__ import annotations

import argparse
import http.client
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from workers.contract.errors import InvalidOptions, Unavailable
from workers.platform.threads import thread_settings
from workers.queue.settings import WorkerSettings, worker_settings

if TYPE_CHECKING:
    from service.local.supervisor import Supervisor

LOG = logging.getLogger("retarget.serve")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1, this machine only)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 8000; 0 takes a free one)")
    parser.add_argument("--data-dir", type=Path, metavar="FOLDER", help="where uploads, results and jobs are kept")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="jobs at the same time (%(default)s)")
    parser.add_argument("--redis-url", metavar="URL", help="use this Redis instead of an embedded one")


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop."""
    from service.local.supervisor import Supervisor

    logging.basicConfig(level=logging.INFO, format="%(asctime)s serve %(levelname)s %(name)s: %(message)s")
    if arguments.workers < 1:
        raise InvalidOptions(f"--workers {arguments.workers}: at least 1")
    settings = worker_settings(**{name: getattr(arguments, name) for name in ("host", "port", "data_dir", "redis_url")})
    port = _free_port(settings.host, settings.port)
    supervisor = Supervisor()
    supervisor.handle_signals()
    if "redis_url" in settings.model_fields_set:
        _check_redis(settings)
        _serve(supervisor, settings, port, settings.redis_url, arguments.workers)
    else:
        _serve_with_embedded_redis(supervisor, settings, port, arguments.workers)
    return 0


def _serve_with_embedded_redis(supervisor: Supervisor, settings: WorkerSettings, port: int, workers: int) -> None:
    from service.local.embedded_redis import EmbeddedRedis
    from service.local.supervisor import ChildSpec

    server = EmbeddedRedis(settings.data_dir / "redis")
    try:
        spec = ChildSpec(
            "embedded Redis",
            server.command(),
            os.environ,
            stop_grace_s=10.0,
            pass_fds=(server.lock_fd,),
            orphan_signal=signal.SIGTERM,  # it has files to close
            prepare=server.make_room,
        )
        (child,) = supervisor.start(spec)
        try:
            server.wait_ready(child.return_code)
            _serve(supervisor, settings, port, server.url, workers)
        finally:
            supervisor.stop()
    finally:
        server.close()


def _serve(supervisor: Supervisor, settings: WorkerSettings, port: int, redis_url: str, workers: int) -> None:
    """Run gateway and workers until a signal."""
    from service.local.supervisor import ChildSpec

    environment = {
        **os.environ,
        **_threads(workers),
        "RETARGET_HOST": settings.host,
        "RETARGET_PORT": str(port),
        "RETARGET_DATA_DIR": str(settings.data_dir),
        "RETARGET_BLOB_URL": settings.blob_url,
        "RETARGET_REDIS_URL": redis_url,
    }
    program = [sys.executable, "-m", "service.cli"]
    try:
        supervisor.start(
            ChildSpec("gateway", [*program, "gateway"], environment),
            *(ChildSpec(f"worker {n + 1}", [*program, "worker"], environment) for n in range(workers)),
        )
        supervisor.watch(until=lambda: _is_ready(settings.host, port), starting=True)
        if not supervisor.signals:
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            print(f"ready: http://{host}:{port}", flush=True)
        supervisor.watch(until=lambda: False)
        LOG.info("stopping; once more to stop at once")
    finally:
        supervisor.stop()


def _threads(workers: int) -> dict[str, str]:
    """What each of the workers side by side may take. Raises InvalidOptions."""
    try:
        return thread_settings(workers=workers)
    except ValueError as error:
        raise InvalidOptions(str(error)) from None


def _check_redis(settings: WorkerSettings) -> None:
    """Raises Unavailable where the user's own Redis does not answer, rather than wait for it without a word."""
    from redis import RedisError

    from service.settings import mask_secrets
    from workers.queue.connections import quick_redis

    try:
        with quick_redis(settings) as connection:
            connection.ping()
    except RedisError as error:
        url = mask_secrets(settings.redis_url)
        raise Unavailable(f"Redis at {url} does not answer ({error}); start it or check the URL") from None


def _free_port(host: str, port: int) -> int:
    """`port`, or a free one for 0. Raises InvalidOptions where it is taken, before anything is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InvalidOptions(
                f"cannot listen on {host} port {port} ({error.strerror}); choose another with --host or --port"
            ) from None
        return int(probe.getsockname()[1])


def _is_ready(host: str, port: int) -> bool:
    """Whether the gateway's /readyz says 200."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    connection = http.client.HTTPConnection(reachable, port, timeout=2.0)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
