"""The end of stored assets: when they are deleted, or have not been used for a while."""

from __future__ import annotations

from datetime import datetime

from redis import Redis

from service.assets.schemas import AssetRecord
from service.assets.store import AssetStore
from service.files.blobs import BlobStore
from service.files.references import BlobReferences


def forget_asset(redis: Redis, blobs: BlobStore, record: AssetRecord) -> None:
    """Remove an asset now. Jobs that use it keep their files."""
    assets, references = AssetStore(redis), BlobReferences(redis, blobs)
    with assets.lock(record.id):
        assets.delete(record)
        for entry in record.files:
            references.release(entry.blob, record.id)


def sweep_assets(redis: Redis, blobs: BlobStore, now: datetime) -> int:
    """Remove the assets that have expired at `now` (UTC); how many."""
    due = AssetStore(redis).due(now)
    for record in due:
        forget_asset(redis, blobs, record)
    return len(due)
