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
from service.operations.overview import WorkerState, overview
from service.records import PREFIX
from workers.contract.stages import STAGES

# Figures of each worker: name, field of `WorkerNow`, text.
OF_WORKERS = (
    ("retarget_worker_free_memory_bytes", "free_memory_bytes", "Memory that its machine or container still has."),
    ("retarget_worker_job_process_bytes", "job_process_bytes", "Memory that its job process holds."),
    ("retarget_gpu_memory_used_bytes", "gpu_used_bytes", "Memory in use of the GPU that it works on."),
    ("retarget_gpu_memory_total_bytes", "gpu_total_bytes", "Memory of the GPU that it works on."),
)


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
    states = [worker.state for worker in seen.workers.values()]
    for state_name in ("busy", "idle", "held"):
        workers.add_metric([state_name], states.count(state_name))
    running = GaugeMetricFamily("retarget_jobs_running", "Executions now.", seen.running)
    return [depth, oldest, workers, running, *_of_workers(seen.workers)]


def _of_workers(workers: Mapping[str, WorkerState]) -> list[Metric]:
    """What each worker says of itself, where it does."""
    families: list[Metric] = []
    for name, field, text in OF_WORKERS:
        family = GaugeMetricFamily(name, text, labels=["worker"])
        for worker, state in workers.items():
            value = getattr(state.now, field)
            if value is not None:
                family.add_metric([worker], value)
        families.append(family)
    return families


def _counts(redis: Redis) -> list[Metric]:
    ended = CounterMetricFamily("retarget_jobs_ended", "Jobs by how they ended.", labels=["kind", "status"])
    for name, count in _hash(redis, "ended").items():
        ended.add_metric(name.split(":"), float(count))
    return [
        ended,
        _counted(redis, "failures", "retarget_jobs_failed", "Failed jobs by the code of their error.", "code"),
        _counted(redis, "model-loads", "retarget_model_loads", "How often a job process loaded a model.", "model"),
        _times(redis, "retarget_execution_seconds", "Successful executions.", "kind", "", QUEUE_OF_KIND),
        _times(redis, "retarget_wait_seconds", "From a job's request to its start.", "kind", "wait:", QUEUE_OF_KIND),
        _times(redis, "retarget_stage_seconds", "Stages of executions.", "stage", "stage:", STAGES),
    ]


def _counted(redis: Redis, key: str, name: str, text: str, label: str) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in _hash(redis, key).items():
        family.add_metric([value], float(count))
    return family


def _times(redis: Redis, name: str, text: str, label: str, prefix: str, values: Iterable[str]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=[label])
    for value in values:
        counted = _hash(redis, f"took:{prefix}{value}")
        family.add_metric([value], _cumulative(counted), sum_value=float(counted.get("sum", 0.0)))
    return family


def _cumulative(counted: Mapping[str, str]) -> list[tuple[str, float]]:
    """Prometheus's buckets: how many took at most so long."""
    buckets, total = [], 0.0
    for bound, word in [*((repr(bound), f"{bound:g}") for bound in BOUNDS_S), ("+Inf", "more")]:
        total += float(counted.get(word, 0))
        buckets.append((bound, total))
    return buckets


def _hash(redis: Redis, name: str) -> dict[str, str]:
    found: Any = redis.hgetall(f"{PREFIX}:figures:{name}")
    return {key.decode(): value.decode() for key, value in found.items()}
