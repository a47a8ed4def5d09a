"""What happens to a job whose execution died: it is tried again while it has attempts left, else it fails for good.

Used by the worker, whose job process died, and by the sweeper, which found a lease that nobody renews. Each step
is atomic and fenced by the execution id, so it does no harm when both come to the same job.
"""

from __future__ import annotations

import logging

from service.jobs.queue import enqueue
from service.jobs.store import JobStore
from service.settings import Settings
from workers.contract.errors import NotFound, RetargetError, Unavailable

LOG = logging.getLogger("retarget.recovery")


def retry_or_fail(
    store: JobStore, settings: Settings, job_id: str, execution_id: str, reason: str, error: RetargetError
) -> None:
    """Requeue the job of an execution whose lease is over, or fail it with `error` after its last attempt.

    A job that is being canceled is canceled then. One that has moved on meanwhile, or whose lease lives, is left alone.
    """
    if store.finish_cancel(job_id, None):
        LOG.info("%s: canceled (%s)", job_id, reason)
        return
    try:
        record = store.get(job_id)
    except NotFound:
        return
    if record.execution_id != execution_id:
        return
    if record.attempt < settings.max_attempts:
        if store.requeue(job_id, execution_id, reason):
            enqueue(store, store.get(job_id), settings)
            LOG.warning("%s: queued again after attempt %d: %s", job_id, record.attempt, reason)
    elif record.lease_until is None or record.lease_until.timestamp() <= store.now():
        store.fail(job_id, execution_id, error.to_dict())
        LOG.warning("%s: failed after %d attempts: %s", job_id, record.attempt, reason)


def worker_lost(reason: str) -> Unavailable:
    """The error of a job that no worker could finish."""
    return Unavailable(f"no worker could finish the job, the last one because {reason}; send it again")
