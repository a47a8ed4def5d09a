"""The end of one job: its record, results and hold on uploads. When that is due is left to `service.upkeep`."""

from __future__ import annotations

from service.files.blobs import BlobStore, output_prefix
from service.files.references import BlobReferences
from service.jobs.queue import withdraw
from service.jobs.schemas import JobRecord
from service.jobs.store import JobStore


def forget_job(store: JobStore, blobs: BlobStore, record: JobRecord) -> None:
    """Remove a job now: first its record, which ends a running execution's right to publish, then its blobs."""
    store.delete(record.id)
    if record.status == "queued" or record.is_parked:
        withdraw(store, record)
    blobs.delete_tree(output_prefix(record.id))
    release_inputs(store, blobs, record)


def release_inputs(store: JobStore, blobs: BlobStore, record: JobRecord) -> None:
    """The uploads of a job, and what was read from them, are its no more."""
    references = BlobReferences(store.redis, blobs)
    for key in record.input.blobs():
        references.release(key, record.id)
    references.release_scenes(record.id)
