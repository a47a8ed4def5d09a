"""`retarget status`: the workers, what each can do, and the queues, as a table or as JSON."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from workers.contract.errors import Unavailable

if TYPE_CHECKING:
    from service.operations.overview import Overview


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--redis-url", metavar="URL", help="Redis of the service (default: RETARGET_REDIS_URL)")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """0; raises Unavailable where Redis does not answer."""
    from redis import RedisError

    from service.operations.overview import overview
    from service.redis_url import connect
    from service.settings import Settings

    with connect(Settings.given(redis_url=arguments.redis_url)) as redis:
        try:
            seen = overview(redis)
        except RedisError as error:
            raise Unavailable(f"Redis does not answer ({error}); start it or give --redis-url") from None
    print(seen.model_dump_json(indent=1) if arguments.json else "\n".join(_table(seen)))
    return 0


def _table(seen: Overview) -> Iterator[str]:
    yield f"{'queue':<12}{'waiting':>8}{'oldest':>10}"
    for name, queue in seen.queues.items():
        yield f"{name:<12}{queue.depth:>8}{queue.oldest_s:>8.0f} s"
    yield f"{seen.running} running, {len(seen.workers)} workers"
    for name, worker in seen.workers.items():
        can, now = worker.abilities, worker.now
        words = [*can.methods, *(f"refine:{each}" for each in can.refine), *can.encoders, *can.preview]
        device = f"{can.device} ({can.device_found})" if can.device_found else can.device
        free = "" if now.free_memory_bytes is None else f"  {now.free_memory_bytes / 2**30:.1f} GiB free"
        yield f"{name}  {worker.state}  {','.join(can.queues)}  {device}  {' '.join(words)}{free}"
        if now.holding_back:
            yield f"  takes no job: {now.holding_back}"
