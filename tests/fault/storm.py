"""Many small jobs while Redis, workers and job processes are killed and the store of files goes and comes back.

`python -m tests.fault.storm --jobs 2000 --kills 300` runs it at any size and prints what was counted; the test of chaos
runs it small. The engine is a stand-in (`fault_engines`), so that the time goes into the queue and its recovery.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.jobs.schemas import JobRecord
from tests.fault.fault_kit import Station, children_of, wait_until

VICTIMS = ("redis", "worker", "job process", "store")
PATIENCE: dict[str, Any] = {"max_attempts": 50, "lease_s": 1.0}
SETTLE_S = 60.0  # without any job ending, after the last fault: what is left then is stuck


@dataclass
class Counts:
    """`lost`: no record. `stuck`: not ended. `failed`: ended otherwise than well. `twice`: ended more than once, or
    with files of more than one execution. `damaged`: a result's file is not there. `kills` by victim."""

    jobs: int
    lost: int = 0
    stuck: int = 0
    failed: int = 0
    twice: int = 0
    damaged: int = 0
    left_over: int = 0  # entries of queue and leases that nobody will take
    attempts_max: int = 0
    repeated: int = 0  # jobs that took more than one attempt
    kills: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.stuck or self.failed or self.twice or self.damaged or self.left_over)


def storm(station: Station, jobs: int, kills: int, seed: int, longest_s: float, pause_s: float = 0.5) -> Counts:
    """Post `jobs` jobs of up to `longest_s` seconds; meet `kills` faults, each kind at least once and at most
    `pause_s` after the one before; count the ends. Workers that ended are started again, as a supervisor would."""
    dice = random.Random(seed)
    workers = [station.start_worker(**PATIENCE) for _ in range(2)]
    posted = [station.post(f"stages {dice.uniform(0.0, longest_s):.3f}") for _ in range(jobs)]
    counts = Counts(jobs)
    wait_until(lambda: any(record.is_final for record in station.store.get_many(posted)), 30, "a first job")
    victims = [*dice.choices(VICTIMS, k=max(kills - len(VICTIMS), 0)), *VICTIMS]
    for victim in victims:
        time.sleep(dice.uniform(0.1, pause_s))
        _strike(station, victim, workers, dice)
        counts.kills[victim] += 1
        _start_again(station, workers)
    _settle(station, posted, workers)
    for job in posted:
        count_job(station, job, counts)
    counts.left_over = len(station.store.queued_ids()) + len(station.store.expired_leases(time.time() + 1e6))
    return counts


def _strike(station: Station, victim: str, workers: list[subprocess.Popen[bytes]], dice: random.Random) -> None:
    index = dice.randrange(len(workers))
    worker = workers[index]
    if victim == "redis":
        station.kill_redis()
        time.sleep(dice.uniform(0.0, 0.5))
        station.start_redis()
    elif victim == "worker":
        worker.kill()
        worker.wait()
        workers[index] = station.start_worker(**PATIENCE)
    elif victim == "store":
        away = (station.folder / "blobs").rename(station.folder / "away")
        time.sleep(dice.uniform(0.1, 0.5))
        away.rename(station.folder / "blobs")
    else:
        for job_process in children_of(worker.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(job_process, signal.SIGKILL)


def _start_again(station: Station, workers: list[subprocess.Popen[bytes]]) -> None:
    """A worker may give up, as when its job process is killed at its start."""
    for number, worker in enumerate(workers):
        if worker.poll() is not None:
            workers[number] = station.start_worker(**PATIENCE)


def _settle(station: Station, posted: list[str], workers: list[subprocess.Popen[bytes]]) -> None:
    """Until all have ended, or none has for `SETTLE_S`."""
    ended, since = -1, time.monotonic()
    while ended < len(posted) and time.monotonic() - since < SETTLE_S:
        _start_again(station, workers)
        now = sum(record.is_final for record in station.store.get_many(posted))
        if now != ended:
            ended, since = now, time.monotonic()
        time.sleep(0.2)


def count_job(station: Station, job: str, counts: Counts) -> None:
    """Add how one job ended."""
    records = station.store.get_many([job])
    if not records:
        counts.lost += 1
        return
    record: JobRecord = records[0]
    counts.attempts_max = max(counts.attempts_max, record.attempt)
    counts.repeated += record.attempt > 1
    if not record.is_final:
        counts.stuck += 1
        return
    if record.status != "succeeded" or record.result is None:
        counts.failed += 1
        counts.errors[record.error["code"] if record.error else record.status] += 1
        return
    files = {artifact.blob for artifact in record.result.artifacts}
    ends = sum(event["event"] == "done" or event["status"] == "succeeded" for _, event in station.store.events(job, 0))
    counts.twice += ends != 1 or len({file.split("/")[2] for file in files}) != 1
    counts.damaged += len(files) != 2 or not all(station.blobs.exists(file) for file in files)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2000, metavar="N", help="(%(default)s)")
    parser.add_argument("--kills", type=int, default=300, metavar="N", help="faults of all kinds (%(default)s)")
    parser.add_argument("--seed", type=int, default=20, metavar="S", help="(%(default)s)")
    parser.add_argument("--longest", type=float, default=0.1, metavar="SECONDS", help="of one job (%(default)s)")
    parser.add_argument("--pause", type=float, default=2.0, metavar="SECONDS", help="at most, between (%(default)s)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="retarget-storm-") as folder:
        station, start = Station(Path(folder)), time.monotonic()
        try:
            counts = storm(station, asked.jobs, asked.kills, asked.seed, asked.longest, asked.pause)
        finally:
            station.close()
    for name, value in vars(counts).items():
        print(f"{name:14}{dict(value) if isinstance(value, Counter) else value}")
    print(f"{'seconds':14}{time.monotonic() - start:.0f}")
    return 0 if counts.clean else 1


if __name__ == "__main__":
    sys.exit(main())
