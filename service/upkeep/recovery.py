"""What happens to a job whose execution died or met a fault of ours: it is tried again, or fails for good.

- An execution that died may have died of its job: it is tried again `max_attempts` times in all.
- A fault of ours that passes (full disk, store away, no parsing process to be had) says nothing about the job: it is
  tried again with growing pauses for `patience_s`, and does not count as an attempt.

Used by the worker, whose job process died or told, and by the sweeper, which found a lease that nobody renews. Each
step is atomic and fenced by the execution id, so it does no harm when both come to the same job.
"""

from __future__ import annotations

import logging
import random

from service.jobs.queue import enqueue
from service.jobs.schemas import JobRecord
from service.jobs.store import JobStore
from service.settings import Settings
from workers.contract.errors import NotFound, RetargetError, Unavailable

LOG = logging.getLogger("retarget.recovery")
PAUSE_MIN_S, PAUSE_MAX_S = 1.0, 60.0


def retry_or_fail(
    store: JobStore, settings: Settings, job_id: str, execution_id: str, reason: str, error: RetargetError
) -> None:
    """Requeue the job of an execution whose lease is over, or fail it with `error` after its last attempt.

    A job that is being canceled is canceled then. One that has moved on meanwhile, or whose lease lives, is left alone.
    """
    record = _still_its(store, job_id, execution_id, reason)
    if record is None:
        return
    if record.attempt - record.faults < settings.max_attempts:
        if store.requeue(job_id, execution_id, reason):
            enqueue(store, store.get(job_id), settings)
            LOG.warning("%s: queued again after attempt %d: %s", job_id, record.attempt, reason)
    else:
        _fail(store, record, execution_id, reason, error)


def retry_later(
    store: JobStore, settings: Settings, job_id: str, execution_id: str, error: RetargetError, *, ours: bool = True
) -> None:
    """Put the job of an execution that gave up on a passing fault back, to be tried again after a pause.

    `ours`: the fault says nothing about the job, which fails with `error` once `patience_s` are over. Otherwise it
    counts as an attempt. As `retry_or_fail` for canceled and lost jobs.
    """
    record = _still_its(store, job_id, execution_id, error.detail)
    if record is None:
        return
    if ours:
        since = store.now() - record.first_fault_at.timestamp() if record.first_fault_at else 0.0
        again = since < settings.patience_s
    else:
        again = record.attempt - record.faults < settings.max_attempts
    pause_s = pause_before(record.attempt)
    if not again:
        _fail(store, record, execution_id, error.detail, error)
    elif store.postpone_execution(job_id, execution_id, error.detail, pause_s, fault=ours):
        LOG.warning("%s: tried again in %.0f s: %s", job_id, pause_s, error.detail)


def pause_before(attempt: int) -> float:
    """Seconds: 1, 2, 4 ... 60, each up to a quarter longer, so that jobs that failed together do not come together."""
    return min(PAUSE_MIN_S * 2.0 ** min(attempt - 1, 10), PAUSE_MAX_S) * random.uniform(1.0, 1.25)


def worker_lost(reason: str) -> Unavailable:
    """The error of a job that no worker could finish."""
    return Unavailable(f"no worker could finish the job, the last one because {reason}; send it again")


def _still_its(store: JobStore, job_id: str, execution_id: str, reason: str) -> JobRecord | None:
    """The record, where the execution is still the one that has the job and the job is still wanted."""
    if store.finish_cancel(job_id, None):
        LOG.info("%s: canceled (%s)", job_id, reason)
        return None
    try:
        record = store.get(job_id)
    except NotFound:
        return None
    return record if record.execution_id == execution_id else None


def _fail(store: JobStore, record: JobRecord, execution_id: str, reason: str, error: RetargetError) -> None:
    if record.lease_until is None or record.lease_until.timestamp() <= store.now():
        store.fail(record.id, execution_id, error.to_dict())
        LOG.warning("%s: failed after %d attempts: %s", record.id, record.attempt, reason)
