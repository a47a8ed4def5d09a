"""Watch: what the worker looks at while its job process runs a job.

It keeps the job's lease alive, and says when the job process has to be killed: past its time or memory, or when its job
was canceled, deleted or taken away and it has not stopped within the grace period. It looks from outside, so it works
even while the engine holds the interpreter. What follows from it is decided by `workers.queue.execution`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import redis

from service.jobs.schemas import JobRecord
from service.jobs.store import JobStore
from workers.contract.errors import JobTimeout, NotFound, OutOfMemory, RetargetError
from workers.queue.job_process import JobProcess
from workers.queue.job_process_channel import Message
from workers.queue.settings import WorkerSettings

LOG = logging.getLogger("retarget.worker")


class MustKill(Exception):
    """The job process has to be killed; `error` is what its job fails with, None where the job has moved on."""

    def __init__(self, why: str, error: RetargetError | None = None) -> None:
        super().__init__(why)
        self.error = error


class Watch:
    """One job on one job process. `store` must fail fast when Redis is away: there is more to look at."""

    def __init__(
        self,
        job_process: JobProcess,
        record: JobRecord,
        timeout_s: float,
        store: JobStore,
        settings: WorkerSettings,
        heartbeat: Callable[[], None],
    ) -> None:
        """`record` as claimed. `heartbeat` is called each time the lease has been renewed."""
        self._job_process = job_process
        self._record = record
        self._timeout_s = timeout_s
        self._store = store
        self._settings = settings
        self._heartbeat = heartbeat
        self._start_s = time.monotonic()
        self._renew_at_s = self._start_s + settings.lease_s / 3
        self._stop_by_s: float | None = None
        self._redis_is_away = False

    def wait(self) -> Message:
        """The job process's message that the job has ended. Raises HorseDied, MustKill."""
        while True:
            message = self._job_process.receive(self._settings.watch_interval_s)
            if message is not None:
                return message
            self._check_limits()
            self._look_at_record()

    def _check_limits(self) -> None:
        now_s = time.monotonic()
        grace_s, memory_max_bytes = self._settings.stop_grace_s, self._settings.horse_memory_max_bytes
        if now_s - self._start_s > self._timeout_s + grace_s:
            why = f"the job did not end within its {self._timeout_s:g} s"
            remedy = "send a shorter clip, or raise RETARGET_JOB_TIMEOUT_S on the server"
            raise MustKill(why, JobTimeout(f"{why} and was stopped; {remedy}"))
        if self._job_process.private_bytes() > memory_max_bytes:
            why = f"the job took more than {memory_max_bytes / 2**20:,.0f} MiB of memory"
            raise MustKill(why, OutOfMemory(f"{why} and was stopped; send a shorter clip or a smaller mesh"))
        if self._stop_by_s is not None and now_s > self._stop_by_s:
            raise MustKill("the job was canceled or taken away, and the engine did not stop")

    def _look_at_record(self) -> None:
        now_s = time.monotonic()
        try:
            if now_s >= self._renew_at_s:
                self._store.renew(self._record.id, self._execution_id, self._settings.lease_s)
                self._heartbeat()
                self._renew_at_s = now_s + self._settings.lease_s / 3
            if self._stop_by_s is None and not self._is_wanted():
                self._stop_by_s = now_s + self._settings.stop_grace_s
            self._redis_is_away = False
        except redis.RedisError as error:  # every step of the job process is fenced, so it may go on meanwhile
            if not self._redis_is_away:
                LOG.warning("%s: Redis is away: %s", self._record.id, error)
            self._redis_is_away = True

    @property
    def _execution_id(self) -> str:
        assert self._record.execution_id is not None
        return self._record.execution_id

    def _is_wanted(self) -> bool:
        try:
            record = self._store.get(self._record.id)
        except NotFound:
            return False
        if record.is_final:  # it has just published; its message is on the way
            return True
        return record.status == "running" and record.execution_id == self._execution_id
