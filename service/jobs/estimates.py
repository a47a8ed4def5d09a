"""How long a job still takes, from the mean duration of recent successful executions of its kind with the same needs
(`service.jobs.needs`: refinement and pictures take several times as long as the rest).

The mean is exponential (each new duration counts a fifth) and kept by the publishing script. With no finished job yet
that was asked for as much, or an execution past its expected end, there is no estimate: null is honest, a guess is not.
"""

from __future__ import annotations

import time

from service.jobs.needs import needs_of, written
from service.jobs.queue import QUEUE_OF_KIND
from service.jobs.schemas import JobRecord
from service.jobs.store import JobStore, Outlook


def outlook_of(store: JobStore, record: JobRecord) -> Outlook | None:
    """What the estimate is made of; None for a job that has ended. Blocking."""
    if record.is_final:
        return None
    return store.outlook(record.kind, record.id, written(needs_of(record.options)), QUEUE_OF_KIND[record.kind])


def remaining_s(record: JobRecord, outlook: Outlook | None) -> float | None:
    """Seconds until the job ends, or None."""
    if outlook is None:
        return 0.0
    if outlook.mean_s is None:
        return None
    if record.status == "queued":
        before_s = (outlook.mean_of_kind_s or outlook.mean_s) * (outlook.position or 0)
        return round(outlook.mean_s + before_s / outlook.workers, 1) if outlook.workers else None
    if record.claimed_at is None:
        return None
    left = outlook.mean_s - (time.time() - record.claimed_at.timestamp())
    return round(left, 1) if left > 0 else None
