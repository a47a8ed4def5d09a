"""A small installation for the fault tests: a real Redis, real workers as processes, a blob folder, and jobs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from redis import Redis

from service.files.blobs import BlobStore
from service.files.input_file import InputFile
from service.jobs.queue import submit
from service.jobs.schemas import JobInput, JobKind, JobRecord
from service.jobs.store import JobStore
from service.local.embedded_redis import EmbeddedRedis
from service.upkeep.sweeper import Sweeper
from workers.queue.connections import patient_redis
from workers.queue.settings import worker_settings

# The first bytes say what a file is; the reader of these tests (`fault_engines.read`) never reads on.
MOTION = b"HIERARCHY\nROOT Hips\n"
CHARACTER = b"glTF\x02\x00\x00\x00"

FAST = {
    "lease_s": 2.0,
    "min_free_disk_ratio": 0,
    "sweep_interval_s": 0.5,
    "watch_interval_s": 0.1,
    "stop_grace_s": 0.5,
    "job_timeout_s": 30,
    "max_attempts": 3,
    "result_cache": False,  # each job is to run
    "retarget_engine": "fault_engines:retarget",
    "inspect_engine": "fault_engines:inspect",
    "scene_reader": "fault_engines:read",
}


def wait_until(condition: Callable[[], object], timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s} s"
        time.sleep(0.03)


def gone(pid: int) -> bool:
    """Whether no process with this id runs (a zombie does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def children_of(pid: int) -> list[int]:
    """Ids of the processes that any thread of `pid` has started and that still are."""
    lists = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for some in lists for child in some]


class Station:
    """Redis and blobs below one folder, and the workers started on them. `close` ends every process.

    `given` are settings in place of those; with a `redis_url` that Redis is somebody else's to start and end.
    """

    def __init__(self, folder: Path, **given: str) -> None:
        self.folder = folder
        self.server = EmbeddedRedis(folder / "redis")
        self.redis_process: subprocess.Popen[bytes] | None = None
        if "redis_url" not in given:
            self.start_redis()
        self.settings = worker_settings(**{"redis_url": self.server.url, "data_dir": folder, **FAST, **given})
        self.redis: Redis = patient_redis(self.settings)
        self.store = JobStore(self.redis)
        self.blobs = BlobStore(self.settings.blob_url)
        self.blobs.make_root()
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_redis(self) -> None:
        self.redis_process = subprocess.Popen(self.server.command(), pass_fds=(self.server.lock_fd,))
        self.server.wait_ready(self.redis_process.poll)

    def kill_redis(self) -> None:
        assert self.redis_process is not None
        self.redis_process.kill()
        self.redis_process.wait()

    def start_worker(self, *arguments: str, within: Sequence[str] = (), **overrides: object) -> subprocess.Popen[bytes]:
        """A `retarget worker` process with a ready job process; `within` is the command that runs it elsewhere."""
        worker = subprocess.Popen([*within, *self.worker_command(), *arguments], env=self.environment(**overrides))
        self.workers.append(worker)
        return worker

    def worker_command(self) -> list[str]:
        return [sys.executable, "-m", "service.cli", "worker"]

    def environment(self, **overrides: object) -> dict[str, str]:
        """What a worker is started with; of the overrides, settings in lower case and other variables in capitals."""
        settings = {
            **FAST,
            "redis_url": self.settings.redis_url,
            "blob_url": self.settings.blob_url,
            **{name: value for name, value in overrides.items() if name.islower()},
        }
        return {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parent),
            **{f"RETARGET_{name.upper()}": str(value) for name, value in settings.items()},
            **{name: str(value) for name, value in overrides.items() if name.isupper()},
        }

    def stop_worker(self, worker: subprocess.Popen[bytes], timeout_s: float = 10.0) -> int:
        worker.terminate()
        return worker.wait(timeout=timeout_s)

    def job_process_of(self, worker: subprocess.Popen[bytes]) -> int:
        (job_process,) = children_of(worker.pid)
        return job_process

    def sweeper(self) -> Sweeper:
        return Sweeper(self.settings, self.redis, 0.5)

    def post(self, description: str = "quick", kind: JobKind = "retarget", **options: object) -> str:
        files = [self._upload(MOTION, "walk.bvh")], [self._upload(CHARACTER, "hero.glb")]
        job_input = JobInput(file=files[1]) if kind == "inspect" else JobInput(motion=files[0], character=files[1])
        record = JobRecord(kind=kind, input=job_input, options={"description": description, **options})
        submit(self.store, record, self.settings)
        return record.id

    def _upload(self, data: bytes, name: str) -> InputFile:
        blob = self.blobs.put_stream([data])
        return InputFile(name=name, sha256=blob.sha256, bytes=blob.bytes, blob=blob.key)

    def wait_status(self, job_id: str, status: str, timeout_s: float = 15.0) -> JobRecord:
        wait_until(lambda: self.store.get(job_id).status == status, timeout_s, f"{job_id} {status}")
        return self.store.get(job_id)

    def wait_final(self, job_id: str, timeout_s: float = 15.0) -> JobRecord:
        wait_until(lambda: self.store.get(job_id).is_final, timeout_s, f"{job_id} final")
        return self.store.get(job_id)

    def outputs(self, job_id: str) -> list[str]:
        return sorted(entry.key for entry in self.blobs.list(f"outputs/{job_id}"))

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGKILL)
                worker.wait()
        self.redis.close()
        if self.redis_process is not None:
            self.redis_process.terminate()
            self.redis_process.wait(timeout=10)
        self.server.close()
