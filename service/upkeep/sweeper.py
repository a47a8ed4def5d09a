"""Sweeper: finds, every few seconds, the jobs that no process works on any more.

- running, but its lease is over (its worker died): tried again, or failed after the last attempt
- canceling, but its worker is gone: canceled
- queued again after a passing fault, and its pause is over: handed in again
- queued, or parked between two workers, but no longer in RQ (a worker died between taking and claiming it, or before
  it had handed it on, or RQ's entry is gone): handed in again
- inputs and outputs past their time: removed (`service.upkeep.retention`)

It runs as a thread in the gateway and in every worker, so that it runs as long as anything does; a key in Redis lets
one of them do each round. Every step is atomic and fenced, so two at once would do no harm.
"""

from __future__ import annotations

import logging
import threading

import redis
from redis import Redis

from service.files.blobs import BlobStore
from service.jobs.queue import enqueue, is_in_transport
from service.jobs.store import JobStore
from service.records import PREFIX
from service.settings import Settings
from service.upkeep.recovery import retry_or_fail, worker_lost
from service.upkeep.retention import sweep_expired

LOG = logging.getLogger("retarget.sweeper")
TURN_KEY = f"{PREFIX}:sweeper"
SETTLE_S = 0.5  # a job on its way from RQ's list to a worker's claim is in neither for a moment


class Sweeper:
    """`sweep` does one round; `start` and `stop` run it in a thread."""

    def __init__(self, settings: Settings, connection: Redis, interval_s: float = 5.0) -> None:
        self._settings = settings
        self._interval_s = interval_s
        self._store = JobStore(connection)
        self._blobs = BlobStore(settings.blob_url)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=10)

    def sweep(self) -> None:
        """One round over everything. Raises redis.RedisError, OSError."""
        self.settle_dead_executions()
        self.hand_in_lost_jobs()
        sweep_expired(self._store, self._blobs)

    def settle_dead_executions(self) -> None:
        """Jobs whose lease is over go back to their queue, or to their end."""
        for record in self._store.get_many(self._store.expired_leases()):
            if record.execution_id is not None:
                reason = "its worker stopped answering"
                retry_or_fail(self._store, self._settings, record.id, record.execution_id, reason, worker_lost(reason))

    def hand_in_lost_jobs(self) -> None:
        """Queued and parked jobs that RQ does not have, twice in a row, are handed to it again."""
        suspects = self._lost([*self._store.queued_ids(), *self._store.parked_ids()])
        if not suspects or self._stopped.wait(SETTLE_S):
            return
        for job_id in self._lost(suspects):
            for record in self._store.get_many([job_id]):
                if record.status == "queued" or record.is_parked:
                    enqueue(self._store, record, self._settings)
                    LOG.warning("%s: was waiting, but lost on its way; handed in again", job_id)

    def _lost(self, job_ids: list[str]) -> list[str]:
        now = self._store.now()
        return [
            record.id
            for record in self._store.get_many(job_ids)
            if (record.status == "queued" or record.is_parked)
            and (record.retry_at is None or record.retry_at.timestamp() <= now)
            and not is_in_transport(self._store, record, self._settings.lease_s)
        ]

    def _run(self) -> None:
        redis_is_away = False
        while not self._stopped.wait(self._interval_s):
            try:
                # The key is never given back: it expires when the next round is due.
                if self._store.redis.set(TURN_KEY, "1", nx=True, px=max(int(self._interval_s * 900), 1)):
                    self.sweep()
                redis_is_away = False
            except redis.RedisError as error:
                if not redis_is_away:
                    LOG.warning("Redis is away: %s", error)
                redis_is_away = True
            except Exception:
                LOG.exception("a round failed; the next one tries again")
