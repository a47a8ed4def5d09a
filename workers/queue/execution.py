"""ExecutionRunner: one execution of a job, seen from the worker that owns the work-horse.

The worker claims the job, hands it to its work-horse, watches (`workers.queue.watch`), and settles the job of a
work-horse that died or had to be killed. The work itself, and every way it ends by itself, are in
`workers.queue.tasks`; where jobs come from, in `workers.queue.queue_worker`.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable

from redis import Redis

from service.jobs.schemas import JobRecord
from service.jobs.store import JobStore
from service.upkeep.recovery import retry_or_fail, worker_lost
from workers.contract.errors import InternalError, OutOfMemory, RetargetError
from workers.queue.job_process import HorseDied, HorseProcess
from workers.queue.settings import WorkerSettings
from workers.queue.watch import MustKill, Watch

LOG = logging.getLogger("retarget.worker")


class ExecutionRunner:
    """Runs jobs one at a time on a work-horse that it replaces when needed."""

    def __init__(self, settings: WorkerSettings, patient: Redis, quick: Redis) -> None:
        """`patient` is used for steps that must not be lost, `quick` while a job is being watched."""
        self._settings = settings
        self._store = JobStore(patient)
        self._watch_store = JobStore(quick)
        self._horse: HorseProcess | None = None

    def ready_horse(self) -> HorseProcess:
        """The work-horse, started and ready. Raises InternalError where it cannot start."""
        if self._horse is None:
            self._horse = HorseProcess(self._settings)
            try:
                self._horse.wait_ready()
            except BaseException:
                self.end_horse()
                raise
            LOG.info("work-horse %d is ready", self._horse.pid)
        return self._horse

    def end_horse(self) -> None:
        """Kill the work-horse, if there is one; the next job gets a fresh one."""
        if self._horse is not None:
            self._horse.kill()
            self._horse = None

    def run(self, job_id: str, heartbeat: Callable[[], None]) -> None:
        """Run the job if it is still to be run, and see it settled. `heartbeat` is called every few seconds meanwhile.

        Raises redis.RedisError when Redis stays away, InternalError when no work-horse can be started; the job's lease
        then runs out and the sweeper settles it.
        """
        execution_id = uuid.uuid4().hex
        record = self._claim(job_id, execution_id)
        if record is None:
            LOG.info("%s: nothing to do, it is no longer queued", job_id)
            return
        try:
            horse = self.ready_horse()
            horse.give(job_id, execution_id, self._timeout_s(record))
            watch = Watch(horse, record, self._timeout_s(record), self._watch_store, self._settings, heartbeat)
            message = watch.wait()
            LOG.info("%s: %s", job_id, message["ended"])
            self._retire_worn_out(horse, message.get("worn_out"))
        except HorseDied as death:
            self.end_horse()
            self._settle_death(record, execution_id, death)
        except MustKill as verdict:
            self.end_horse()
            LOG.warning("%s: work-horse killed: %s", job_id, verdict)
            if not self._store.finish_cancel(job_id, execution_id) and verdict.error is not None:
                self._store.fail(job_id, execution_id, verdict.error.to_dict())
        except BaseException:  # told to stop at once, or no work-horse to be had: the job goes back to the queue
            self.end_horse()
            self._settle(job_id, execution_id, "its worker was stopped", worker_lost("its worker was stopped"))
            raise

    def _claim(self, job_id: str, execution_id: str) -> JobRecord | None:
        record = self._store.claim(job_id, execution_id, self._settings.lease_s)
        if record is None:  # perhaps sent twice over a broken connection, and refused the second time
            record = next((r for r in self._store.get_many([job_id]) if r.execution_id == execution_id), None)
        return record

    def _timeout_s(self, record: JobRecord) -> float:
        settings = self._settings
        return float(settings.inspect_timeout_s if record.kind == "inspect" else settings.job_timeout_s)

    def _retire_worn_out(self, horse: HorseProcess, reason: str | None) -> None:
        if reason is None and horse.is_worn_out():
            reason = f"{horse.jobs} jobs done, {horse.private_bytes() / 2**20:,.0f} MiB held"
        if reason is not None:
            LOG.info("work-horse %d is replaced: %s", horse.pid, reason)
            self.end_horse()

    def _settle_death(self, record: JobRecord, execution_id: str, death: HorseDied) -> None:
        times = f"{record.attempt} time{'s' if record.attempt > 1 else ''}"
        error: RetargetError
        if death.out_of_memory:
            error = OutOfMemory(
                f"the system ended the worker process for want of memory, {times}; "
                "send a shorter clip or a smaller mesh"
            )
        else:
            error = InternalError(f"the worker process died of {death.cause}, {times}; the server's log may say why")
        self._settle(record.id, execution_id, f"its worker process died of {death.cause}", error)

    def _settle(self, job_id: str, execution_id: str, reason: str, error: RetargetError) -> None:
        """Give up an execution that runs no more; its job is tried again or fails with `error`."""
        self._store.release(job_id, execution_id)
        retry_or_fail(self._store, self._settings, job_id, execution_id, reason, error)
