"""`retarget gateway`: the HTTP gateway alone, until SIGTERM or Ctrl-C. Prints its settings, passwords hidden."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI
from redis import RedisError

from service.app import create_app
from service.batches.feeding import feeder
from service.files.blobs import WrongStore
from service.http.timed_protocol import timed_protocol
from service.logs import set_up_logging
from service.redis_url import connect
from service.settings import Settings
from service.telemetry import set_up_telemetry
from service.upkeep.announcements import dispatcher
from service.upkeep.sweeper import Sweeper
from workers.contract.errors import Unavailable

LOG = logging.getLogger("retarget.gateway")
SWEEP_INTERVAL_S = 5.0
GRACE_S = 10  # for requests in flight at the end; waiting ones are answered at once


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (RETARGET_HOST, default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on, 0 for a free one (RETARGET_PORT, default 8000)")
    parser.add_argument("--redis-url", help="Redis of job records and queues (RETARGET_REDIS_URL)")
    parser.add_argument("--blob-url", help="fsspec URL of the blob store (RETARGET_BLOB_URL)")
    parser.add_argument("--data-dir", type=Path, help="folder of the default blob store (RETARGET_DATA_DIR)")


def run(arguments: argparse.Namespace) -> int:
    names = ("host", "port", "redis_url", "blob_url", "data_dir")
    settings = Settings.given(**{name: getattr(arguments, name) for name in names})
    set_up_logging("gateway", settings.log_format)
    if settings.log_format == "json":
        LOG.info("settings", extra={"fields": {"settings": settings.masked()}})
    else:
        for name, value in settings.masked().items():
            print(f"{name} = {value}", file=sys.stderr)
    set_up_telemetry("gateway", settings.telemetry)
    app = create_app(settings)
    _check_store(app)
    server = GatewayServer(app, settings)
    # Workers sweep too; this one settles the jobs of the last worker, when there is none left.
    sweeper = Sweeper(settings, connect(settings), SWEEP_INTERVAL_S)
    context = app.state.context
    feeding = feeder(settings, context.store, context.blobs)
    helpers = (sweeper, feeding, dispatcher(settings, connect(settings)))
    for helper in helpers:
        helper.start()
    try:
        server.run()
    finally:
        for helper in helpers:
            helper.stop()
    return 0 if server.started else 1


def _check_store(app: FastAPI) -> None:
    """Raises WrongStore; a store or Redis that is away for the moment is told by `/readyz`."""
    try:
        app.state.context.marker.check()
    except WrongStore:
        raise
    except (Unavailable, RedisError) as error:
        LOG.warning("not ready yet: %s", error)


class GatewayServer(uvicorn.Server):
    """uvicorn that answers who waits or sends at once when it is told to stop, which is no failure (exit 0)."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_level="info",
                # its own handlers write text; without them its lines go where ours go
                log_config=None if settings.log_format == "json" else uvicorn.config.LOGGING_CONFIG,
                access_log=False,
                timeout_graceful_shutdown=GRACE_S,
                server_header=False,
                http=timed_protocol(settings.header_timeout_s),
            )
        )
        self._context = app.state.context

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop gracefully; a second Ctrl-C stops at once. uvicorn's own would raise the signal again at the end."""
        self._context.changes.close_soon()
        self._context.reception.close_soon()
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
