"""QueueWorker: an RQ worker that keeps one warm job process instead of forking one a job.

RQ carries job ids here, knows which workers are alive, and keeps its own books of what ran; our record is the truth, so
trouble with RQ's books is logged and no more. Before it takes any job, a worker proves that it sees the blob store of
all others and writes down what it can do; it listens to the queues of jobs whose needs it can meet. What happens to a
job is `workers.queue.execution`.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Sequence
from types import FrameType

import redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry
from rq import Queue, Worker
from rq.exceptions import DeserializationError
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus

from service.files.blobs import BlobStore
from service.files.store_marker import StoreMarker
from service.jobs import needs
from service.jobs.queue import RETARGET, retarget_queue
from service.jobs.registry import known_needs, register, sign_off
from workers.platform.free_memory import free_memory_bytes
from workers.queue.abilities import lacks, own_abilities
from workers.queue.connections import patient_redis, quick_redis
from workers.queue.execution import ExecutionRunner
from workers.queue.result_cache import digests_here
from workers.queue.settings import WorkerSettings

LOG = logging.getLogger("retarget.worker")
MEMORY_LOOK_S = 1.0


class QueueWorker(Worker):
    """Takes jobs of the named queues, the first queue first."""

    max_connection_wait_time = 5.0
    listen_s = 5  # how soon it listens to a queue that is new

    def __init__(self, settings: WorkerSettings, queues: Sequence[str]) -> None:
        connection = patient_redis(settings)
        super().__init__(
            list(queues),
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=settings.worker_ttl_s,
            job_monitoring_interval=max(1, int(settings.lease_s / 3)),
        )
        self._settings = settings
        self._abilities = own_abilities(queues)
        self._able: dict[str, bool] = {}  # by the words of a queue
        self._told_s = float("-inf")
        self._holding_back: str | None = None
        self._drain_s = settings.drain_s
        self._runner = ExecutionRunner(settings, connection, quick_redis(settings))

    def serve(self, *, burst: bool = False) -> int:
        """Work until told to stop, or with `burst` until the queues are empty. 0 then, 1 where it had to give up.

        Raises Unavailable where the blob store is not the one of the gateway.
        """
        StoreMarker(self.connection, BlobStore(self._settings.blob_url)).check()
        ready = self._runner.ready_process()  # before any job comes: a worker that cannot work must not take one
        self._abilities = self._abilities.model_copy(update={"device_found": ready.device})
        self.work(burst=burst, logging_level="WARNING")
        return 0 if burst or self._shutdown_requested_date else 1

    @property
    def dequeue_timeout(self) -> int:
        return min(super().dequeue_timeout, self.listen_s)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """RQ's own, which comes before each look for a job and during one; with it, what this worker can do."""
        super().heartbeat(timeout, pipeline)
        now_s = time.monotonic()
        if now_s - self._told_s >= self.listen_s:
            self._told_s = now_s
            self._tell_state()
            if RETARGET in self.queue_names():
                self._listen()

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """RQ's own, once there is memory for a job: others may have it meanwhile, and no job dies of it."""
        self._wait_for_memory()
        return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)

    def _wait_for_memory(self) -> None:
        needed = self._settings.min_free_memory_bytes
        while needed and (free := free_memory_bytes()) is not None and free < needed:
            if self._holding_back is None:
                self.set_state(WorkerStatus.IDLE)  # a signal ends the wait at once
                LOG.warning("takes no job while less than %.0f MiB of memory are free", needed / 2**20)
            self._holding_back = f"{free / 2**20:.0f} MiB of memory are free, fewer than {needed / 2**20:.0f}"
            self.heartbeat()
            time.sleep(MEMORY_LOOK_S)
        if self._holding_back is not None:
            self._holding_back = None
            LOG.info("takes jobs again")
            self._tell_state()

    def _tell_state(self) -> None:
        told = {"circumstances": digests_here(self._abilities.encoders)}  # a model may have come or changed
        now = self._runner.state(self._holding_back)
        register(self.connection, self.name, self._abilities.model_copy(update=told), self._settings.worker_ttl_s, now)

    def _listen(self) -> None:
        """Listen to the queues of all needs that it can meet, beside those that it was told to serve."""
        listened = {queue.name for queue in self._ordered_queues}
        for words in known_needs(self.connection):
            if words not in self._able:
                self._able[words] = lacks(needs.read(words)) is None
            name = retarget_queue(words)
            if self._able[words] and name not in listened:
                self._ordered_queues.append(Queue(name, connection=self.connection, serializer=JSONSerializer))

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
            sign_off(self.connection, self.name)
            super().teardown()  # type: ignore[no-untyped-call]
        except redis.RedisError as error:
            LOG.warning("could not sign off from RQ: %s", error)
