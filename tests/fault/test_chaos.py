"""Many jobs while Redis, workers and job processes are killed at random, and the store of files goes and comes back:
every job ends, with one result, and none fails for a fault that passed.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator

import pytest

from tests.fault.fault_kit import Station, children_of, wait_until

pytestmark = pytest.mark.timeout(120)
KILLS = 10
VICTIMS = ("redis", "worker", "job process", "store")


@pytest.fixture
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    station = Station(tmp_path_factory.mktemp("chaos"))
    try:
        yield station
    finally:
        station.close()


def test_every_job_ends_with_one_result_whatever_is_killed(chaos: Station) -> None:
    dice = random.Random(20)
    patience = {"max_attempts": 50, "lease_s": 1.0}
    workers = [chaos.start_worker(**patience) for _ in range(2)]
    jobs = [chaos.post(f"stages {dice.uniform(0.05, 0.4):.2f}") for _ in range(24)]
    wait_until(lambda: any(chaos.store.get(job).is_final for job in jobs), 20, "a first job")
    for victim in [*dice.choices(VICTIMS, k=KILLS - 4), *VICTIMS]:
        time.sleep(dice.uniform(0.1, 0.5))
        index = dice.randrange(len(workers))
        if victim == "redis":
            chaos.kill_redis()
            time.sleep(dice.uniform(0.0, 0.5))
            chaos.start_redis()
        elif victim == "worker":
            workers[index].kill()
            workers[index].wait()
            workers[index] = chaos.start_worker(**patience)
        elif victim == "store":
            away = (chaos.folder / "blobs").rename(chaos.folder / "away")
            time.sleep(dice.uniform(0.1, 0.5))
            away.rename(chaos.folder / "blobs")
        else:
            for job_process in children_of(workers[index].pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(job_process, signal.SIGKILL)
        for number, worker in enumerate(workers):
            if worker.poll() is not None:  # a worker may give up, as when its job process is killed at its start
                workers[number] = chaos.start_worker(**patience)
    for job in jobs:
        record = chaos.wait_final(job, 40)
        assert record.status == "succeeded", (record.error, record.attempt)
        assert record.result is not None
        published = {artifact.blob for artifact in record.result.artifacts}
        assert len(published) == 2 and len({blob.split("/")[2] for blob in published}) == 1
        assert all(chaos.blobs.exists(blob) for blob in published)
    assert chaos.store.queued_ids() == [] and chaos.store.expired_leases(time.time() + 1e6) == []
