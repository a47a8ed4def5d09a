"""`retarget worker`: one worker that takes jobs from a Redis by URL and reads and writes blobs by URL; or one a device.

A first SIGTERM lets the job in hand end, for at most `RETARGET_DRAIN_S`, and takes no other; a second one does not
wait: the job goes back to its queue. With `--devices` each device has a worker process of its own, started again when
it ends, with its share of the threads.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from typing import TYPE_CHECKING

from workers.contract.errors import InvalidOptions
from workers.platform.devices import Device, read_devices
from workers.platform.threads import settle_threads, thread_settings
from workers.queue.settings import QUEUES, WorkerSettings, worker_settings

if TYPE_CHECKING:
    from service.local.supervisor import ChildSpec

FAREWELL_S = 10.0  # what a worker needs after its job has ended, or was given back


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--redis-url", metavar="URL", help="Redis with the jobs (default: RETARGET_REDIS_URL)")
    parser.add_argument("--blob-url", metavar="URL", help="store of uploads and results (default: RETARGET_BLOB_URL)")
    parser.add_argument(
        "--queues", metavar="NAMES", help=f"queues to serve, the first one first (default: {','.join(QUEUES)})"
    )
    parser.add_argument(
        "--devices",
        metavar="NAMES",
        help="a worker process for each: cuda:0,cuda:1 or cuda (all) or cpu,cpu (default: RETARGET_WORKER_DEVICES; "
        "without it this process alone, on RETARGET_DEVICE)",
    )
    parser.add_argument("--burst", action="store_true", help="end when the queues are empty")


def run(arguments: argparse.Namespace) -> int:
    """Work until told to stop; 0 then, 1 where it gave up."""
    settings = worker_settings(
        redis_url=arguments.redis_url,
        blob_url=arguments.blob_url,
        worker_queues=arguments.queues,
        worker_devices=arguments.devices,
    )
    if settings.worker_devices:
        return _run_devices(settings, burst=arguments.burst)
    try:
        settle_threads()  # before anything loads a library that has threads
    except ValueError as error:
        raise InvalidOptions(str(error)) from None
    return _run_one(settings, burst=arguments.burst)


def _run_one(settings: WorkerSettings, *, burst: bool) -> int:
    from redis import RedisError

    from service.logs import set_up_logging
    from service.upkeep.sweeper import Sweeper
    from workers.queue.connections import quick_redis
    from workers.queue.queue_worker import QueueWorker

    queues = settings.queue_names
    set_up_logging(f"worker[{os.getpid()}]", settings.log_format)
    logging.getLogger("rq.worker").setLevel(logging.WARNING)  # its own lines say the same as ours
    logging.getLogger("retarget.worker").info("settings: %s", settings.masked())

    sweeper = Sweeper(settings, quick_redis(settings), settings.sweep_interval_s)
    sweeper.start()
    try:
        return QueueWorker(settings, queues).serve(burst=burst)
    except RedisError as error:
        logging.getLogger("retarget.worker").error("Redis does not answer: %s", error)
        return 1
    finally:
        sweeper.stop()


def _run_devices(settings: WorkerSettings, *, burst: bool) -> int:
    """A worker process for each device until told to stop; all drain at the same time."""
    from service.local.supervisor import STEADY_S, Supervisor
    from service.logs import set_up_logging

    if burst:
        raise InvalidOptions("--burst is of one worker; leave out --devices")
    try:
        devices = read_devices(settings.worker_devices)
        threads = thread_settings(workers=len(devices))
    except ValueError as error:
        raise InvalidOptions(f"--devices: {error}") from None
    set_up_logging(f"workers[{os.getpid()}]", settings.log_format)
    supervisor = Supervisor()
    supervisor.handle_signals()
    try:
        specs = [_spec(settings, device, threads, number) for number, device in enumerate(devices, 1)]
        children = supervisor.start(*specs)

        def steady() -> bool:
            return all(child.alive and time.monotonic() - child.started_s > STEADY_S for child in children)

        supervisor.watch(until=steady, starting=True)
        supervisor.watch(until=lambda: False)
    finally:
        supervisor.stop()
    return 0


def _spec(settings: WorkerSettings, device: Device, threads: dict[str, str], number: int) -> ChildSpec:
    from service.local.supervisor import ChildSpec

    environment = {
        **os.environ,
        **threads,
        **device.variables,
        "RETARGET_WORKER_DEVICES": "",
        "RETARGET_REDIS_URL": settings.redis_url,
        "RETARGET_BLOB_URL": settings.blob_url,
        "RETARGET_WORKER_QUEUES": settings.worker_queues,
    }
    command = [sys.executable, "-m", "service.cli", "worker"]
    return ChildSpec(f"worker {number} ({device.name})", command, environment, settings.drain_s + FAREWELL_S)
