"""JobProcess: the worker's handle on its job process, one long-lived child that keeps what it loaded.

The child is started fresh (never forked: CUDA does not survive a fork), leads its own process group, so that whatever
it started can be killed with it, and ends with its parent. What it does inside is `workers.queue.job_process_child`;
when it has to die is decided by `workers.queue.execution`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

from service.jobs.schemas import JobRecord
from workers.contract.errors import InternalError
from workers.platform.processes import describe_exit, memory_kills, private_bytes
from workers.queue.job_process_channel import Channel, ChannelClosed, Message
from workers.queue.settings import WorkerSettings


class JobProcessDied(Exception):
    """The job process ended by itself or was killed from outside; `cause` says how, in words."""

    def __init__(self, cause: str, out_of_memory: bool) -> None:
        super().__init__(cause)
        self.cause = cause
        self.out_of_memory = out_of_memory


class JobProcess:
    """A running job process. `jobs` counts what it was given; `device` is what its models work on, None where it has
    loaded none.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        """Starts it; `wait_ready` waits for its imports and models."""
        self._settings = settings
        self._memory_kills = memory_kills()
        self.jobs = 0
        self.device: str | None = None  # known once it is ready
        self.gpu: dict[str, int] | None = None  # `used` and `total` bytes, as it said last
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workers.queue.job_process_child", str(theirs.fileno()), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=2,  # stray prints belong to the log
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
        self._channel = Channel(ours)
        # Settings travel here and not as arguments: URLs in them may hold passwords, which `ps` would show.
        with contextlib.suppress(ChannelClosed):  # one that died already is told by wait_ready
            self._channel.send({"settings": settings.model_dump(mode="json")})

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self) -> None:
        """Return once the engine is imported and warm. Raises InternalError where that fails or takes too long."""
        deadline = time.monotonic() + self._settings.horse_start_timeout_s
        try:
            message = self.receive(deadline - time.monotonic())
            if message is not None:
                self.device, self.gpu = message.get("device"), message.get("gpu")
                return
        except JobProcessDied as death:
            raise InternalError(f"the job process could not start ({death.cause}); its log says why") from None
        self.kill()
        raise InternalError(
            f"the job process did not start within {self._settings.horse_start_timeout_s:g} s; "
            "raise RETARGET_HORSE_START_TIMEOUT_S on a slow machine"
        )

    def give(self, record: JobRecord, execution_id: str, timeout_s: float) -> None:
        """Hand it a job. Raises JobProcessDied."""
        self.jobs += 1
        about = {"job_id": record.id, "execution_id": execution_id, "request_id": record.request_id}
        try:
            self._channel.send({**about, "timeout_s": timeout_s, "trace": record.trace})
        except ChannelClosed:
            raise self._death() from None

    def receive(self, timeout_s: float) -> Message | None:
        """Its next message, None when there was none in time. Raises JobProcessDied."""
        try:
            message = self._channel.receive(timeout_s)
            self.gpu = (message or {}).get("gpu", self.gpu)
            return message
        except ChannelClosed:
            raise self._death() from None

    def private_bytes(self) -> int:
        return private_bytes(self.pid)

    def kill(self) -> None:
        """End it and all that it started, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._channel.close()

    def is_worn_out(self) -> bool:
        """Whether it has done its share of jobs or kept too much memory."""
        settings = self._settings
        return self.jobs >= settings.horse_jobs_max or self.private_bytes() > settings.horse_memory_keep_bytes

    def _death(self) -> JobProcessDied:
        """Reap the child whose end of the channel closed, and say how it ended."""
        try:
            code = self._process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:  # it closed its end and lives on: of no use to anyone
            self.kill()
            return JobProcessDied("closed its connection", False)
        self.kill()  # what it may have started
        return JobProcessDied(describe_exit(code), code == -signal.SIGKILL and memory_kills() > self._memory_kills)
