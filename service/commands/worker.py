"""`retarget worker`: one worker that takes jobs from a Redis by URL and reads and writes blobs by URL."""

from __future__ import annotations

import argparse
import logging
import os

from workers.queue.settings import QUEUES, worker_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--redis-url", metavar="URL", help="Redis with the jobs (default: RETARGET_REDIS_URL)")
    parser.add_argument("--blob-url", metavar="URL", help="store of uploads and results (default: RETARGET_BLOB_URL)")
    parser.add_argument(
        "--queues", metavar="NAMES", help=f"queues to serve, the first one first (default: {','.join(QUEUES)})"
    )
    parser.add_argument("--burst", action="store_true", help="end when the queues are empty")


def run(arguments: argparse.Namespace) -> int:
    """Work until told to stop; 0 then, 1 where it gave up."""
    from redis import RedisError

    from service.logs import set_up_logging
    from service.upkeep.sweeper import Sweeper
    from workers.queue.connections import quick_redis
    from workers.queue.queue_worker import QueueWorker

    settings = worker_settings(
        redis_url=arguments.redis_url, blob_url=arguments.blob_url, worker_queues=arguments.queues
    )
    queues = settings.queue_names
    set_up_logging(f"worker[{os.getpid()}]", settings.log_format)
    logging.getLogger("rq.worker").setLevel(logging.WARNING)  # its own lines say the same as ours
    logging.getLogger("retarget.worker").info("settings: %s", settings.masked())

    sweeper = Sweeper(settings, quick_redis(settings), settings.sweep_interval_s)
    sweeper.start()
    try:
        worker = QueueWorker(settings, queues)
        return worker.serve(burst=arguments.burst)
    except RedisError as error:
        logging.getLogger("retarget.worker").error("Redis does not answer: %s", error)
        return 1
    finally:
        sweeper.stop()
