"""Who needs which upload, and which stored scene that was read from one. Equal files are stored once, so a blob goes
only when no job needs it any more.

`adopt` and `release` of one blob exclude each other by a lock in Redis: without it a blob could be found "already
there" by one request while another removes it. The holders of a blob are a sorted set, job id by time of adoption.
Which uploads a job holds its record tells; which stored scenes, a set of its own, as they are made while it runs.
Scenes go without the lock, which a worker that is killed would leave behind for minutes: should one be removed in the
moment that another job finds it, that job reads its files again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from redis import Redis
from redis.client import Pipeline
from redis.lock import Lock

from service.files.blobs import Blob, BlobStore, BlobWriter, upload_key
from service.records import PREFIX, redis_now

LOCK_TIMEOUT_S = 120.0  # on an object store the rename inside is a copy
SCENES_KNOWN_S = 90 * 24 * 3600  # a job that was deleted while it ran leaves its set; sweeping orphans does the rest
SUBMISSION_S = 3600.0  # an adoption younger than this may still be waiting for its job's record


class BlobReferences:
    """References from jobs to the uploads they read and the scenes that were read from them."""

    def __init__(self, redis: Redis, blobs: BlobStore) -> None:
        self._redis = redis
        self._blobs = blobs

    def adopt(self, writer: BlobWriter, job_id: str) -> Blob:
        """Make an upload visible and hold it for the job."""
        key = upload_key(writer.sha256)
        with self._lock(key):
            self._redis.zadd(_holders_key(key), {job_id: redis_now(self._redis)})
            return writer.commit(key)

    def adopt_scene(self, writer: BlobWriter, job_id: str, key: str) -> Blob:
        """Make a stored scene visible and hold it for the job."""
        self._note_scene(key, job_id)
        return writer.commit(key)

    def hold_scene(self, key: str, job_id: str) -> bool:
        """Hold a stored scene for the job; False where there is none yet."""
        self._note_scene(key, job_id)
        return self._blobs.exists(key)

    def hold(self, key: str, holder: str) -> bool:
        """Hold an upload that is stored already; False where it is gone."""
        with self._lock(key):
            if not self._blobs.exists(key):
                return False
            self._redis.zadd(_holders_key(key), {holder: redis_now(self._redis)})
            return True

    def share(self, pipeline: Pipeline, keys: Iterable[str], holder: str, now: float) -> None:
        """Hold uploads for one more holder, in a transaction that only runs while another is known to hold them."""
        for key in keys:
            pipeline.zadd(_holders_key(key), {holder: now})

    def release(self, key: str, job_id: str) -> bool:
        """The job needs the blob no more; True where that removed the blob."""
        with self._lock(key):
            self._redis.zrem(_holders_key(key), job_id)
            if self._redis.zcard(_holders_key(key)):
                return False
            self._blobs.delete(key)
            return True

    def release_scenes(self, job_id: str) -> None:
        """The job needs none of the stored scenes any more that it holds."""
        name = _scenes_key(job_id)
        for key in _texts(self._redis.smembers(name)):
            with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.zrem(_holders_key(key), job_id)
                pipeline.zcard(_holders_key(key))
                _, others = pipeline.execute()
            if not others:
                self._blobs.delete(key)
        self._redis.delete(name)

    def release_if_unused(self, key: str, now: datetime) -> bool:
        """Remove a blob whose holders are all gone, as after a crash; True where that removed it."""
        with self._lock(key):
            holders: Any = self._redis.zrange(_holders_key(key), 0, -1, withscores=True)
            young = [name for name, adopted in holders if adopted > now.timestamp() - SUBMISSION_S]
            if young or self._is_any_there([name.decode() for name, _ in holders]):
                return False
            self._redis.delete(_holders_key(key))
            self._blobs.delete(key)
            return True

    def _note_scene(self, key: str, job_id: str) -> None:
        """Job and scene know of each other; the job's set ends with the longest life of a record."""
        name = _scenes_key(job_id)
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.sadd(name, key)
            pipeline.zadd(_holders_key(key), {job_id: redis_now(self._redis)})
            pipeline.expire(name, SCENES_KNOWN_S)
            pipeline.execute()

    def _is_any_there(self, holders: list[str]) -> bool:
        """Whether one of these jobs, assets or batches has a record."""
        keys = [f"{PREFIX}:{kind}:{name}" for name in holders for kind in ("job", "asset", "batch")]
        return bool(keys and self._redis.exists(*keys))

    def _lock(self, key: str) -> Lock:
        name = f"{PREFIX}:lock:{key}"
        return Lock(self._redis, name, timeout=LOCK_TIMEOUT_S, sleep=0.02, blocking_timeout=LOCK_TIMEOUT_S)


def _holders_key(key: str) -> str:
    return f"{PREFIX}:holders:{key}"


def _scenes_key(job_id: str) -> str:
    return f"{PREFIX}:scenes:{job_id}"


def _texts(values: Any) -> list[str]:
    return sorted(value.decode() if isinstance(value, bytes) else str(value) for value in values)
