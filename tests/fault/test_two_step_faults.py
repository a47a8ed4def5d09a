"""Two kinds of workers: one reads files and never retargets, one retargets and never sees an upload.

Real Redis, real processes; what happens to a job when one of them, or what lies between them, is gone.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from service.jobs.queue import RETARGET, queue, withdraw
from service.jobs.retention import forget_job
from service.records import utc_now
from service.upkeep.retention import sweep_expired
from tests.fault.fault_kit import CHARACTER, MOTION, Station, children_of, wait_until

pytestmark = pytest.mark.timeout(90)
Worker = subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """A station whose only worker reads files."""
    station = Station(tmp_path_factory.mktemp("yard"))
    try:
        station.start_worker("--queues", "ingest")
        yield station
    finally:
        station.close()


@pytest.fixture
def retargeter(yard: Station) -> Iterator[Worker]:
    worker = yard.start_worker("--queues", "retarget")
    yield worker
    if worker.poll() is None:
        yard.stop_worker(worker)
    yard.workers.remove(worker)


def parked(yard: Station, description: str = "quick") -> str:
    """A job whose files are read, while nobody retargets."""
    job = yard.post(description)
    wait_until(lambda: yard.store.get(job).is_parked, 20.0, f"{job} parked")
    wait_until(lambda: queue(yard.redis, RETARGET).job_ids, 5.0, f"{job} on its way")
    return job


def test_a_job_passes_through_both_in_one_attempt(yard: Station, retargeter: Worker) -> None:
    record = yard.wait_final(yard.post(), 30.0)
    assert (record.status, record.attempt) == ("succeeded", 1) and record.result is not None
    artifact = next(a for a in record.result.artifacts if a.name == "result.glb")
    assert yard.blobs.read(artifact.blob) == b"glb of " + MOTION + b" and " + CHARACTER


def test_who_retargets_has_no_sandbox_and_needs_no_upload(yard: Station) -> None:
    job = parked(yard)
    record = yard.store.get(job)
    assert (record.status, record.stage, record.progress) == ("running", "loading", 0.08)
    kept = {key: yard.blobs.read(key) for key in record.input.blobs()}
    for key in kept:
        yard.blobs.delete(key)
    worker = yard.start_worker("--queues", "retarget")
    try:
        assert yard.wait_final(job, 30.0).status == "succeeded"
        assert children_of(yard.job_process_of(worker)) == []
        assert len(children_of(yard.job_process_of(yard.workers[0]))) == 1
    finally:
        yard.stop_worker(worker)
        yard.workers.remove(worker)
        for key, data in kept.items():
            yard.blobs.put(key, data)


def test_cancel_and_delete_in_between_are_immediate(yard: Station) -> None:
    canceled = yard.store.request_cancel(parked(yard))
    withdraw(yard.store, canceled)
    assert canceled.status == "canceled"
    deleted = yard.store.get(parked(yard))
    forget_job(yard.store, yard.blobs, deleted)
    assert queue(yard.redis, RETARGET).job_ids == [] and yard.store.parked_ids() == []


def test_a_parked_job_that_rq_lost_is_handed_in_again(yard: Station) -> None:
    """As when the reading worker dies between parking the job and sending it on."""
    job = parked(yard)
    yard.redis.delete(queue(yard.redis, RETARGET).key)
    yard.sweeper().hand_in_lost_jobs()
    assert queue(yard.redis, RETARGET).job_ids == [f"{job}-1-retarget"]
    withdraw(yard.store, yard.store.request_cancel(job))


def test_a_second_worker_that_dies_sends_the_job_through_both_again(
    yard: Station, retargeter: Worker, tmp_path: Path
) -> None:
    job = yard.post(f"signal-then-hold {tmp_path / 'mark'}")
    wait_until((tmp_path / "mark").exists, 30.0, "the engine runs")
    os.kill(yard.job_process_of(retargeter), signal.SIGKILL)
    record = yard.wait_final(job, 30.0)
    assert (record.status, record.attempt) == ("succeeded", 2)


def test_stored_scenes_that_are_gone_or_damaged_are_read_anew(yard: Station) -> None:
    job = parked(yard)
    keys = sorted((yard.store.get(job).scenes or {}).values())
    path = yard.blobs.local_path(keys[1])
    assert path is not None
    path.write_bytes(path.read_bytes()[:-64])
    yard.blobs.delete(keys[0])
    worker = yard.start_worker("--queues", "retarget")
    try:
        record = yard.wait_final(job, 30.0)
        assert (record.status, record.attempt) == ("succeeded", 2)
    finally:
        yard.stop_worker(worker)
        yard.workers.remove(worker)


def test_a_parked_job_that_nobody_takes_fails_when_its_uploads_go(yard: Station) -> None:
    job = parked(yard)
    later = utc_now() + timedelta(days=1, hours=1)
    yard.redis.hset(f"retarget:job:{job}", "input_expires_at", str((utc_now() + timedelta(hours=1)).timestamp()))
    yard.redis.zadd("retarget:deadlines", {job: 0})
    sweep_expired(yard.store, yard.blobs, later)
    record = yard.store.get(job)
    assert record.status == "failed" and record.error is not None and record.error["code"] == "unavailable"
    yard.redis.delete(queue(yard.redis, RETARGET).key)
