"""QueueWorker: an RQ worker that keeps one warm job process instead of forking one a job.

RQ carries job ids here, knows which workers are alive, and keeps its own books of what ran; our record is the truth, so
trouble with RQ's books is logged and no more. What happens to a job is `workers.queue.execution`.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from types import FrameType

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue, Worker
from rq.exceptions import DeserializationError
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus

from workers.queue.connections import patient_redis, quick_redis
from workers.queue.execution import ExecutionRunner
from workers.queue.settings import WorkerSettings

LOG = logging.getLogger("retarget.worker")


class QueueWorker(Worker):
    """Takes jobs of the named queues, the first queue first."""

    max_connection_wait_time = 5.0

    def __init__(self, settings: WorkerSettings, queues: Sequence[str]) -> None:
        connection = patient_redis(settings)
        super().__init__(
            list(queues),
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=settings.worker_ttl_s,
            job_monitoring_interval=max(1, int(settings.lease_s / 3)),
        )
        self._drain_s = settings.drain_s
        self._runner = ExecutionRunner(settings, connection, quick_redis(settings))

    def serve(self, *, burst: bool = False) -> int:
        """Work until told to stop, or with `burst` until the queues are empty. 0 then, 1 where it had to give up."""
        self._runner.ready_process()  # before any job comes: a worker that cannot work must not take one
        self.work(burst=burst, logging_level="WARNING")
        return 0 if burst or self._shutdown_requested_date else 1

    def subscribe(self) -> None:
        """No thread for RQ's remote commands: jobs are canceled through their records."""

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run one job and close RQ's books on it."""
        execution: Execution = self.prepare_execution(job)
        try:
            self.prepare_job_execution(job, remove_from_intermediate_queue=len(self.queues) == 1)
            (job_id,) = job.args
        except (DeserializationError, ValueError) as error:
            LOG.error("RQ's job %s is none of ours: %s", job.id, error)
            self.handle_job_failure(job, queue, exc_string=str(error), execution=execution)
            self.set_state(WorkerStatus.IDLE)
            return
        try:
            self._runner.run(str(job_id), lambda: self.maintain_heartbeats(job, execution))
        finally:
            self._close_books(job, queue, execution)
        self.set_state(WorkerStatus.IDLE)
        self._runner.ready_process()  # a fresh one starts between two jobs, not inside the next

    def _close_books(self, job: Job, queue: Queue, execution: Execution) -> None:
        try:
            self.handle_execution_ended(job, queue, self.job_monitoring_interval)
            self.handle_job_success(job, queue, queue.started_job_registry, execution)
        except redis.RedisError as error:
            LOG.warning("RQ's books on %s stay open: %s", job.id, error)

    def handle_warm_shutdown_request(self) -> None:
        """A first signal: the job in hand may end, but not for ever, or whoever asked would kill us in the end."""
        LOG.info("stopping, once the job in hand has ended or %g s have passed", self._drain_s)
        signal.signal(signal.SIGALRM, self.request_force_stop)
        signal.setitimer(signal.ITIMER_REAL, self._drain_s)

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """A second signal, or the time is up: stop now. The job in hand goes back to its queue."""
        LOG.warning("stopping at once")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        raise SystemExit(0)

    def teardown(self) -> None:
        """End the job process, then tell RQ, without patience: the server may be on its way down too."""
        self._runner.end_job_process()
        self.connection.set_retry(Retry(NoBackoff(), 0))
        try:
            super().teardown()  # type: ignore[no-untyped-call]
        except redis.RedisError as error:
            LOG.warning("could not sign off from RQ: %s", error)
