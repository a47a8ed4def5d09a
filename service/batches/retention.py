"""The end of a batch: its uploads are let go a day after it ended, its record with those of jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.batches.schemas import BatchRecord
from service.batches.store import BatchStore
from service.files.blobs import BlobStore
from service.files.references import BlobReferences
from service.jobs.retention import forget_job
from service.jobs.store import JobStore

BUSY_RETRY = timedelta(minutes=10)


def forget_batch(jobs: JobStore, blobs: BlobStore, record: BatchRecord) -> None:
    """Remove a batch now, with its jobs. The record goes last, so that what broke off can be asked for again."""
    store = BatchStore(jobs.redis)
    store.drop_pending(record.id, "canceled")
    for job_id in store.all_job_ids(record.id):
        for job in jobs.get_many([job_id]):
            forget_job(jobs, blobs, job)
    release_inputs(jobs, blobs, record)
    store.delete(record)


def release_inputs(jobs: JobStore, blobs: BlobStore, record: BatchRecord) -> None:
    """The uploads are the batch's no more; its items cannot be done again."""
    references = BlobReferences(jobs.redis, blobs)
    if record.holds_inputs:
        for blob in record.blobs():
            references.release(blob, record.id)
        BatchStore(jobs.redis).inputs_released(record.id)


def sweep_batches(jobs: JobStore, blobs: BlobStore, now: datetime) -> int:
    """Do what is due at `now` (UTC); the number of records that were removed."""
    store, removed = BatchStore(jobs.redis), 0
    for name in store.due(now):
        record = store.find(name)
        if record is None or record.finished_at is None:
            store.look_again(name, now + BUSY_RETRY)
            continue
        purge_at = record.finished_at + timedelta(seconds=record.record_ttl_s)
        if purge_at <= now:
            release_inputs(jobs, blobs, record)
            store.delete(record)  # its jobs go by themselves
            removed += 1
        elif record.finished_at + timedelta(seconds=record.input_ttl_s) <= now:
            release_inputs(jobs, blobs, record)
            store.look_again(name, purge_at.astimezone(UTC))
        else:
            store.look_again(name, record.finished_at + timedelta(seconds=record.input_ttl_s))
    return removed
