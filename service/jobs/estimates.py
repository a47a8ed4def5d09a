"""How long a job still takes, from the mean duration of recent successful executions of its kind with the same needs
(`service.jobs.needs`: refinement and pictures take several times as long as the rest).

The mean is exponential (each new duration counts a fifth) and kept by the publishing script. With no finished job yet
that was asked for as much, or an execution past its expected end, there is no estimate: null is honest, a guess is not.
"""

from __future__ import annotations

from service.jobs.needs import needs_of, written
from service.jobs.queue import QUEUE_OF_KIND
from service.jobs.schemas import JobRecord
from service.jobs.store import JobStore


def remaining_s(store: JobStore, record: JobRecord, position: int | None) -> float | None:
    """Seconds until the job ends, or None."""
    if record.is_final:
        return 0.0
    mean_s = store.mean_duration_s(record.kind, written(needs_of(record.options)))
    if mean_s is None:
        return None
    if record.status == "queued":
        workers = store.worker_count(QUEUE_OF_KIND[record.kind])
        before_s = (store.mean_duration_s(record.kind) or mean_s) * (position or 0)
        return round(mean_s + before_s / workers, 1) if workers else None
    if record.claimed_at is None:
        return None
    left = mean_s - (store.now() - record.claimed_at.timestamp())
    return round(left, 1) if left > 0 else None
