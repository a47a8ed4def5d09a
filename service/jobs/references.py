"""Who needs which upload. Equal files are stored once, so a blob goes only when no job needs it any more.

`adopt` and `release` of one blob exclude each other by a lock in Redis: without it a blob could be found "already
there" by one request while another removes it. The holders of a blob are a sorted set, job id by time of adoption.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from redis.lock import Lock

from service.blobs import Blob, BlobStore, BlobWriter, upload_key
from service.jobs.store import PREFIX, JobStore

LOCK_TIMEOUT_S = 120.0  # on an object store the rename inside is a copy
SUBMISSION_S = 3600.0  # an adoption younger than this may still be waiting for its job's record


class BlobReferences:
    """References from jobs to the uploads they read."""

    def __init__(self, store: JobStore, blobs: BlobStore) -> None:
        self._store = store
        self._blobs = blobs

    def adopt(self, writer: BlobWriter, job_id: str) -> Blob:
        """Make an upload visible and hold it for the job."""
        key = upload_key(writer.sha256)
        with self._lock(key):
            self._store.redis.zadd(_holders_key(key), {job_id: self._store.now()})
            return writer.commit(key)

    def release(self, key: str, job_id: str) -> bool:
        """The job needs the blob no more; True where that removed the blob."""
        with self._lock(key):
            self._store.redis.zrem(_holders_key(key), job_id)
            if self._store.redis.zcard(_holders_key(key)):
                return False
            self._blobs.delete(key)
            return True

    def release_if_unused(self, key: str, now: datetime) -> bool:
        """Remove an upload whose holders are all gone, as after a crash; True where that removed it."""
        with self._lock(key):
            holders: Any = self._store.redis.zrange(_holders_key(key), 0, -1, withscores=True)
            young = [name for name, adopted in holders if adopted > now.timestamp() - SUBMISSION_S]
            if young or self._store.get_many(name.decode() for name, _ in holders):
                return False
            self._store.redis.delete(_holders_key(key))
            self._blobs.delete(key)
            return True

    def _lock(self, key: str) -> Lock:
        name = f"{PREFIX}:lock:{key}"
        return Lock(self._store.redis, name, timeout=LOCK_TIMEOUT_S, sleep=0.02, blocking_timeout=LOCK_TIMEOUT_S)


def _holders_key(key: str) -> str:
    return f"{PREFIX}:holders:{key}"
