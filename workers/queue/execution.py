"""ExecutionRunner: one execution of a job, seen from the worker that owns the job process.

The worker claims the job, hands it to its job process, watches (`workers.queue.watch`), and settles the job of a
job process that died or had to be killed. The work itself, and every way it ends by itself, are in
`workers.queue.tasks`; where jobs come from, in `workers.queue.queue_worker`.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable

from redis import Redis

from service.jobs.registry import WorkerNow
from service.jobs.schemas import JobRecord
from service.jobs.store import JobStore
from service.logs import about
from service.upkeep.recovery import retry_or_fail, worker_lost
from workers.contract.errors import InternalError, OutOfMemory, RetargetError
from workers.platform.free_memory import free_memory_bytes
from workers.queue.job_process import JobProcess, JobProcessDied
from workers.queue.settings import WorkerSettings
from workers.queue.watch import MustKill, Watch

LOG = logging.getLogger("retarget.worker")
CLAIM_TRIES = 10  # others take jobs in the same moment


class ExecutionRunner:
    """Runs jobs one at a time on a job process that it replaces when needed."""

    def __init__(self, settings: WorkerSettings, patient: Redis, quick: Redis) -> None:
        """`patient` is used for steps that must not be lost, `quick` while a job is being watched."""
        self._settings = settings
        self._store = JobStore(patient)
        self._watch_store = JobStore(quick)
        self._job_process: JobProcess | None = None

    def ready_process(self) -> JobProcess:
        """The job process, started and ready. Raises InternalError where it cannot start."""
        if self._job_process is None:
            self._job_process = JobProcess(self._settings)
            try:
                self._job_process.wait_ready()
            except BaseException:
                self.end_job_process()
                raise
            LOG.info("job process %d is ready", self._job_process.pid)
        return self._job_process

    def state(self, holding_back: str | None) -> WorkerNow:
        """How the worker fares now."""
        gpu = (self._job_process.gpu if self._job_process is not None else None) or {}
        return WorkerNow(
            holding_back=holding_back,
            free_memory_bytes=free_memory_bytes(),
            job_process_bytes=0 if self._job_process is None else self._job_process.private_bytes(),
            gpu_used_bytes=gpu.get("used"),
            gpu_total_bytes=gpu.get("total"),
        )

    def end_job_process(self) -> None:
        """Kill the job process, if there is one; the next job gets a fresh one."""
        if self._job_process is not None:
            self._job_process.kill()
            self._job_process = None

    def run(self, job_id: str, heartbeat: Callable[[], None]) -> None:
        """Run the job if it is still to be run, and see it settled. `heartbeat` is called every few seconds meanwhile.

        Raises redis.RedisError when Redis stays away, InternalError when no job process can be started; the job's lease
        then runs out and the sweeper settles it.
        """
        execution_id = uuid.uuid4().hex
        record = self._claim(job_id, execution_id)
        if record is None:
            LOG.info("%s: nothing to do, it is no longer queued", job_id)
            return
        with about(job_id=record.id, execution_id=execution_id, request_id=record.request_id):
            self._run(record, execution_id, heartbeat)

    def _run(self, record: JobRecord, execution_id: str, heartbeat: Callable[[], None]) -> None:
        """See a claimed job settled."""
        job_id = record.id
        try:
            job_process = self.ready_process()
            job_process.give(record, execution_id, self._timeout_s(record))
            watch = Watch(job_process, record, self._timeout_s(record), self._watch_store, self._settings, heartbeat)
            message = watch.wait()
            LOG.info("%s: %s", job_id, message["ended"])
            self._retire_worn_out(job_process, message.get("worn_out"))
        except JobProcessDied as death:
            self.end_job_process()
            self._settle_death(record, execution_id, death)
        except MustKill as verdict:
            self.end_job_process()
            LOG.warning("%s: job process killed: %s", job_id, verdict)
            if not self._store.finish_cancel(job_id, execution_id) and verdict.error is not None:
                self._store.fail(job_id, execution_id, verdict.error.to_dict())
        except BaseException:  # told to stop at once, or no job process to be had: the job goes back to the queue
            self.end_job_process()
            self._settle(job_id, execution_id, "its worker was stopped", worker_lost("its worker was stopped"))
            raise

    def _claim(self, job_id: str, execution_id: str) -> JobRecord | None:
        """The job whose turn it is: RQ's entry for a queued job stands for any that waits, in the order of arrival, and
        the fair order between owners is the records' (`service.jobs.scripts`). A parked job is taken itself.
        """
        found = self._store.get_many([job_id])
        if not found or found[0].is_parked:
            return self._claim_this(job_id, execution_id)
        for _ in range(CLAIM_TRIES):
            chosen = self._store.first_waiting(found[0].kind)
            if chosen is None:
                return None
            record = self._claim_this(chosen, execution_id)
            if record is not None:
                return record
        return None

    def _claim_this(self, job_id: str, execution_id: str) -> JobRecord | None:
        record = self._store.claim(job_id, execution_id, self._settings.lease_s)
        if record is None:  # perhaps sent twice over a broken connection, and refused the second time
            record = next((r for r in self._store.get_many([job_id]) if r.execution_id == execution_id), None)
        return record

    def _timeout_s(self, record: JobRecord) -> float:
        settings = self._settings
        return float(settings.inspect_timeout_s if record.kind == "inspect" else settings.job_timeout_s)

    def _retire_worn_out(self, job_process: JobProcess, reason: str | None) -> None:
        if reason is None and job_process.is_worn_out():
            reason = f"{job_process.jobs} jobs done, {job_process.private_bytes() / 2**20:,.0f} MiB held"
        if reason is not None:
            LOG.info("job process %d is replaced: %s", job_process.pid, reason)
            self.end_job_process()

    def _settle_death(self, record: JobRecord, execution_id: str, death: JobProcessDied) -> None:
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
