"""The operator's figures in Prometheus's text format, all read from Redis when they are asked for.

Every gateway of an installation tells the same figures, whichever worker they came from, so one scrape of any of them
is enough; sums over several gateways would count twice. Counts live in Redis (`service.jobs.scripts`) and survive
restarts of every process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from redis import Redis

from service.jobs.durations import BOUNDS_S
from service.jobs.queue import QUEUE_OF_KIND
from service.operations.overview import overview
from service.records import PREFIX


def metrics_text(redis: Redis, free_disk_ratio: float | None) -> bytes:
    """The whole page. `free_disk_ratio` of the disk of a local store, None elsewhere. Raises redis.RedisError."""
    families = [*_state_now(redis), *_counts(redis)]
    if free_disk_ratio is not None:
        families.append(
            GaugeMetricFamily("retarget_disk_free_ratio", "Free share of the store's disk.", free_disk_ratio)
        )
    registry = CollectorRegistry()
    registry.register(_Read(families))
    return generate_latest(registry)


class _Read:
    """A collector of what was read already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _state_now(redis: Redis) -> list[Metric]:
    seen = overview(redis)
    depth = GaugeMetricFamily("retarget_queue_depth", "Jobs that wait.", labels=["queue"])
    oldest = GaugeMetricFamily("retarget_queue_oldest_age_seconds", "Age of the oldest that waits.", labels=["queue"])
    for name, state in seen.queues.items():
        depth.add_metric([name], state.depth)
        oldest.add_metric([name], state.oldest_s)
    workers = GaugeMetricFamily("retarget_workers", "Workers that live.", labels=["state"])
    busy = sum(worker.busy for worker in seen.workers.values())
    workers.add_metric(["busy"], busy)
    workers.add_metric(["idle"], len(seen.workers) - busy)
    return [depth, oldest, workers, GaugeMetricFamily("retarget_jobs_running", "Executions now.", seen.running)]


def _counts(redis: Redis) -> list[Metric]:
    ended = CounterMetricFamily("retarget_jobs_ended", "Jobs by how they ended.", labels=["kind", "status"])
    for name, count in _hash(redis, "ended").items():
        ended.add_metric(name.split(":"), float(count))
    failures = CounterMetricFamily("retarget_jobs_failed", "Failed jobs by the code of their error.", labels=["code"])
    for code, count in _hash(redis, "failures").items():
        failures.add_metric([code], float(count))
    took = HistogramMetricFamily("retarget_execution_seconds", "Time of successful executions.", labels=["kind"])
    for kind in QUEUE_OF_KIND:
        counted = _hash(redis, f"took:{kind}")
        took.add_metric([kind], _cumulative(counted), sum_value=float(counted.get("sum", 0.0)))
    return [ended, failures, took]


def _cumulative(counted: Mapping[str, str]) -> list[tuple[str, float]]:
    """Prometheus's buckets: how many took at most so long."""
    buckets, total = [], 0.0
    for bound, word in [*((repr(bound), f"{bound:g}") for bound in BOUNDS_S), ("+Inf", "more")]:
        total += float(counted.get(word, 0))
        buckets.append((bound, total))
    return buckets


def _hash(redis: Redis, name: str) -> dict[str, str]:
    found: Any = redis.hgetall(f"{PREFIX}:{name}")
    return {key.decode(): value.decode() for key, value in found.items()}
