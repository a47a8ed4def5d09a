"""The end of what users sent and what jobs made: inputs after 24 h, outputs after 7 d, records after 30 d by default.

The times are in each record, set when the job was made. `sweep_expired` may run anywhere and any number of times at
once; the workers' sweeper calls it. A job whose inputs expire while it waits becomes `expired`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from service.assets.retention import sweep_assets
from service.batches.retention import sweep_batches
from service.files.blobs import OUTPUTS, SCENES, UNFINISHED, UPLOADS, BlobStore, output_prefix
from service.files.references import BlobReferences
from service.jobs.retention import forget_job, release_inputs
from service.jobs.schemas import JobRecord
from service.jobs.store import JobStore
from service.records import PREFIX
from workers.contract.errors import Unavailable

GIVE_UP_LEASE_S = 5.0
BUSY_RETRY = timedelta(minutes=10)
ORPHAN_INTERVAL_S = 3600
ORPHAN_AGE = timedelta(hours=24)  # longer than any upload or execution lasts


@dataclass
class Swept:
    """Counts of what one sweep removed."""

    expired: int = 0  # queued jobs
    inputs: int = 0  # jobs whose inputs were released
    outputs: int = 0  # jobs whose outputs were removed
    records: int = 0
    assets: int = 0  # stored motions and characters
    batches: int = 0  # records of batches
    orphans: int = 0  # blobs that belong to no job


def purge_time(record: JobRecord) -> datetime:
    """When the record of an ended job goes: after its outputs, so that `expired` can be told from `not-found`."""
    assert record.finished_at is not None and record.expires_at is not None
    return max(record.finished_at + timedelta(seconds=record.record_ttl_s), record.expires_at + timedelta(days=1))


def sweep_expired(store: JobStore, blobs: BlobStore, now: datetime | None = None) -> Swept:
    """Remove what is due at `now` (UTC; default: Redis's clock), and once an hour blobs that no job owns."""
    at = datetime.fromtimestamp(store.now(), UTC) if now is None else now
    swept = Swept()
    for job_id in store.due(at):
        found = store.get_many([job_id])
        if found:
            _sweep_job(store, blobs, found[0], at, swept)
        else:
            store.delete(job_id)  # its deadline is all that is left of it
    swept.assets = sweep_assets(store.redis, blobs, at)
    swept.batches = sweep_batches(store, blobs, at)
    if store.redis.set(f"{PREFIX}:orphans-swept", "1", nx=True, ex=ORPHAN_INTERVAL_S):
        swept.orphans = sweep_orphans(store, blobs, at)
    return swept


def sweep_orphans(store: JobStore, blobs: BlobStore, now: datetime) -> int:
    """Remove day-old leftovers of crashes: half uploads, uploads and scenes without a job, outputs without a record."""
    removed = 0
    references = BlobReferences(store.redis, blobs)
    for prefix in (UNFINISHED, UPLOADS, SCENES, OUTPUTS):
        for entry in list(blobs.list(prefix)):
            if now - entry.modified < ORPHAN_AGE:
                continue
            if prefix in (UPLOADS, SCENES):
                removed += references.release_if_unused(entry.key, now)
            elif prefix == UNFINISHED or not store.get_many([entry.key.split("/")[1]]):
                blobs.delete(entry.key)
                removed += 1
    return removed


def _give_up(store: JobStore, record: JobRecord) -> None:
    """Fail a job that no second worker took while its uploads were kept."""
    execution_id = uuid.uuid4().hex
    if store.claim(record.id, execution_id, GIVE_UP_LEASE_S) is not None:
        error = Unavailable("no worker that retargets took the job on in time; send it again")
        store.fail(record.id, execution_id, error.to_dict())


def _sweep_job(store: JobStore, blobs: BlobStore, record: JobRecord, now: datetime, swept: Swept) -> None:
    if record.status == "queued" and record.deadline_at is not None and record.deadline_at <= now:
        swept.expired += store.expire(record.id, "no worker took the job before its deadline; send it again")
        record = store.get(record.id)
    if record.status == "queued" and record.input_expires_at is not None and record.input_expires_at <= now:
        swept.expired += store.expire(record.id)
        record = store.get(record.id)
    if record.is_parked and record.input_expires_at is not None and record.input_expires_at <= now:
        _give_up(store, record)
        record = store.get(record.id)
    if not record.is_final:
        later = [at for at in (record.deadline_at,) if at is not None and at > now]
        store.postpone(record.id, min([now + BUSY_RETRY, *later]))
        return
    assert record.expires_at is not None
    if purge_time(record) <= now:
        forget_job(store, blobs, record)
        swept.records += 1
        return
    deadlines = [purge_time(record)]
    if record.input_expires_at is not None:
        if record.input_expires_at <= now:
            release_inputs(store, blobs, record)
            swept.inputs += 1
        else:
            deadlines.append(record.input_expires_at)
    if record.expires_at <= now:
        blobs.delete_tree(output_prefix(record.id))
        swept.outputs += 1
    else:
        deadlines.append(record.expires_at)
    store.postpone(record.id, min(deadlines))
