"""`retarget status`: the workers, what each can do, and the queues, as a table or as JSON."""

from __future__ import annotations

import argparse

from workers.contract.errors import Unavailable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--redis-url", metavar="URL", help="Redis of the service (default: RETARGET_REDIS_URL)")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """0; raises Unavailable where Redis does not answer."""
    from redis import RedisError

    from service.commands.gateway import settings_from
    from service.http.context import connect
    from service.operations.overview import overview

    empty = argparse.Namespace(host=None, port=None, blob_url=None, data_dir=None, redis_url=arguments.redis_url)
    with connect(settings_from(empty)) as redis:
        try:
            seen = overview(redis)
        except RedisError as error:
            raise Unavailable(f"Redis does not answer ({error}); start it or give --redis-url") from None
    if arguments.json:
        print(seen.model_dump_json(indent=1))
        return 0
    print(f"{'queue':<12}{'waiting':>8}{'oldest':>10}")
    for name, queue in seen.queues.items():
        print(f"{name:<12}{queue.depth:>8}{queue.oldest_s:>8.0f} s")
    print(f"{seen.running} running, {len(seen.workers)} workers")
    for name, worker in seen.workers.items():
        can = worker.abilities
        words = [*can.methods, *(f"refine:{each}" for each in can.refine), *can.encoders, *can.preview]
        state = "busy" if worker.busy else "idle"
        print(f"{name}  {state}  {','.join(can.queues)}  {can.device}  {' '.join(words)}")
    return 0
