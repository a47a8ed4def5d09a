"""`retarget bench --batches N`: N cheap jobs posted as batches to a whole service, and what each of them leaves behind.

The motions are a few frames long, and semantic and surface scores are off, so that the service is what is measured: is
every state right at the end, how many jobs a second get done, how much do Redis and the gateway grow with each job.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis

from service.client import Batch, Client
from service.commands.demo import running_server
from service.commands.samples import write_into
from workers.lab.bench.process_tree import child_with, memory_mib

CHEAP = {"RETARGET_ENCODER": "none", "RETARGET_SURFACE_SCORES": "off", "RETARGET_MIN_FREE_DISK_RATIO": "0"}
MOTIONS, CHARACTERS = 100, ("stout.glb", "stout_a_pose.glb", "tall.glb", "tall_a_pose.glb")
END_S = 0.2  # of each motion


@dataclass(frozen=True)
class BatchFigures:
    """What N jobs took. Bytes a job are those that Redis and the gateway hold more than before the first one."""

    jobs: int
    batches: int
    seconds: float
    states: dict[str, int]
    is_right: bool
    redis_bytes_per_job: float
    gateway_bytes_per_job: float

    def row(self) -> str:
        states = ", ".join(f"{number} {name}" for name, number in sorted(self.states.items()))
        return (
            f"{self.jobs} cheap jobs in {self.batches} batches: {self.jobs / self.seconds:.1f} a second, {states}, "
            f"states {'right' if self.is_right else 'WRONG'}, a job leaves {self.redis_bytes_per_job:,.0f} bytes in "
            f"Redis and {self.gateway_bytes_per_job:,.0f} in the gateway"
        )


def bench_batches(jobs: int, workers: int = 2) -> BatchFigures:
    """All jobs posted at once, as many batches as it takes."""
    with tempfile.TemporaryDirectory(prefix="retarget-bench-") as name:
        folder = Path(name)
        samples = {path.name: path for path in write_into(folder / "samples")}
        walk = samples["walk.bvh"].read_bytes()
        bodies = [samples[body] for body in CHARACTERS]
        count = min(MOTIONS, max(jobs // len(bodies), 1))
        with (
            (folder / "log").open("w") as log,
            running_server(folder / "data", log, workers, {**os.environ, **CHEAP}, folder) as url,
            Client(url) as client,
            embedded_redis(folder / "data") as redis,
        ):
            serve = child_with(os.getpid(), "serve", str(folder / "data")) or 0
            gateway = child_with(serve, "gateway") or 0
            motions = [client.upload_motion((f"walk{n}.bvh", walk + b"\n" * n)) for n in range(count)]
            characters = [client.upload_character(path) for path in bodies]
            before = used_bytes(redis), memory_mib(gateway)
            start_s, made = time.perf_counter(), []
            for number in range(max(round(jobs / (count * len(bodies))), 1)):
                made.append(client.batch(motions, characters, seed=number, end_s=END_S))
            ended = [client.wait_for_batch(batch) for batch in made]
            seconds = time.perf_counter() - start_s
            is_right = all(_is_right(client, batch) for batch in ended)
            after = used_bytes(redis), memory_mib(gateway)
    states: Counter[str] = Counter()
    for batch in ended:
        states.update({name: number for name, number in batch.counts.items() if number and name != "total"})
    total = sum(batch.counts["total"] for batch in ended)
    return BatchFigures(
        total,
        len(ended),
        seconds,
        dict(states),
        is_right,
        (after[0] - before[0]) / total,
        (after[1] - before[1]) * 2**20 / total,
    )


def embedded_redis(data: Path) -> Redis:
    """The Redis of a `retarget serve` on this data folder."""
    return Redis.from_url(f"unix://{data / 'redis' / 'redis.sock'}?db=0")


def used_bytes(redis: Redis) -> int:
    """What Redis holds, by its own books."""
    told: Any = redis.info("memory")
    return int(told["used_memory"])


def _is_right(client: Client, batch: Batch) -> bool:
    """Whether what the batch counts is what its items are, and each has a job of its own."""
    items = list(client.results(batch))
    counted = {name: number for name, number in batch.counts.items() if number and name != "total"}
    own = {item.job for item in items}
    return counted == dict(Counter(item.status for item in items)) and len(own) == len(items) == batch.counts["total"]
