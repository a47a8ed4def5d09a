"""What happens to a job whose job process misbehaves, with real Redis and real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from service.files.blobs import SCENES
from service.jobs.queue import submit
from service.jobs.schemas import JobRecord
from tests.fault.fault_kit import CHARACTER, MOTION, Station, gone, wait_until
from workers.contract.errors import NotFound

pytestmark = pytest.mark.timeout(60)
Worker = subprocess.Popen[bytes]


def test_a_job_runs_and_its_artifacts_are_published(station: Station, worker: Worker) -> None:
    record = station.wait_final(station.post())
    assert (record.status, record.attempt, record.error) == ("succeeded", 1, None)
    assert record.result is not None and record.result.verdict == "pass"
    by_name = {artifact.name: artifact for artifact in record.result.artifacts}
    assert set(by_name) == {"result.glb", "report.json"}
    assert station.blobs.read(by_name["result.glb"].blob) == b"glb of " + MOTION + b" and " + CHARACTER
    assert station.outputs(record.id) == sorted(artifact.blob for artifact in by_name.values())


def test_an_inspection_runs_on_its_queue(station: Station, worker: Worker) -> None:
    record = station.wait_final(station.post(kind="inspect"))
    assert record.result is not None and record.result.inspection == {"name": "hero.glb", "bytes": len(CHARACTER)}


def test_the_job_process_keeps_what_it_loaded(station: Station, worker: Worker) -> None:
    first, second = (station.wait_final(station.post()).engine for _ in range(2))
    assert first["pid"] == second["pid"] == station.job_process_of(worker)
    assert second["calls"] == first["calls"] + 1


def test_a_job_process_killed_mid_job_is_replaced_and_the_job_ends(
    station: Station, worker: Worker, tmp_path: Path
) -> None:
    marker = tmp_path / "running"
    job = station.post(f"signal-then-hold {marker}")
    wait_until(lambda: marker.exists() and marker.read_text(), 10, "the engine runs")
    job_process = int(marker.read_text())
    os.kill(job_process, signal.SIGKILL)
    record = station.wait_final(job)
    assert (record.status, record.attempt) == ("succeeded", 2)
    assert record.requeue_reason is not None and "signal 9 (SIGKILL)" in record.requeue_reason
    assert gone(job_process) and worker.poll() is None
    assert len({key.split("/")[2] for key in station.outputs(job)}) == 1, "outputs of one execution"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_job_that_always_kills_its_process_fails_in_the_end(
    station: Station, worker: Worker, number: signal.Signals
) -> None:
    record = station.wait_final(station.post(f"die {int(number)}"), 30)
    assert (record.status, record.attempt) == ("failed", station.settings.max_attempts)
    assert record.error is not None and record.error["code"] == "internal"
    assert f"signal {int(number)} ({number.name})" in record.error["detail"]
    assert station.wait_final(station.post()).status == "succeeded", "the worker lives on"


def test_an_unexpected_exception_is_an_internal_error_without_its_text(station: Station, worker: Worker) -> None:
    record = station.wait_final(station.post("raise secret detail"))
    assert record.status == "failed" and record.error is not None and record.error["code"] == "internal"
    assert "RuntimeError" in record.error["detail"] and "secret" not in str(record.error)
    assert record.attempt == 1, "a deterministic failure is not tried again"


def test_a_gpu_error_replaces_the_job_process(station: Station, worker: Worker) -> None:
    before = station.job_process_of(worker)
    record = station.wait_final(station.post("raise CUDA error: an illegal memory access was encountered"))
    assert record.status == "failed"
    assert station.wait_final(station.post()).engine["pid"] != before
    assert gone(before)


def test_a_missing_upload_is_a_typed_error(station: Station, worker: Worker) -> None:
    job = station.post("stages 0")
    # A content-addressed upload is shared, so this is a job whose files went with their time.
    record = station.store.get(job)
    station.wait_final(job)
    station.blobs.delete(record.input.motion[0].blob)
    for stored in list(station.blobs.list(SCENES)):  # else the scene that was read from it would serve
        station.blobs.delete(stored.key)
    late = JobRecord(id="job_" + "0" * 26, input=record.input, options=record.options)
    submit(station.store, late, station.settings)
    ended = station.wait_final(late.id)
    assert ended.error is not None and ended.error["code"] == "expired" and "walk.bvh" in ended.error["detail"]


def test_cancel_of_a_cooperative_job_keeps_the_job_process(station: Station, worker: Worker) -> None:
    before = station.job_process_of(worker)
    job = station.post("stages 20")
    station.wait_status(job, "running")
    asked = time.monotonic()
    station.store.request_cancel(job)
    record = station.wait_final(job)
    assert record.status == "canceled" and time.monotonic() - asked < 10  # the job would take far longer
    assert record.result is None and station.outputs(job) == []
    assert station.job_process_of(worker) == before


def test_cancel_of_a_job_that_does_not_come_back_kills_it(station: Station, worker: Worker) -> None:
    before = station.job_process_of(worker)
    job = station.post("hold 30")
    wait_until(lambda: station.store.get(job).stage == "retargeting", 10, "the engine runs")
    asked = time.monotonic()
    station.store.request_cancel(job)
    record = station.wait_final(job)
    assert record.status == "canceled" and time.monotonic() - asked < 10  # the job would take far longer
    assert record.result is None and station.outputs(job) == [] and gone(before)
    assert station.wait_final(station.post()).status == "succeeded"


def test_a_deleted_job_stops_and_publishes_nothing(station: Station, worker: Worker) -> None:
    job = station.post("hold 30")
    wait_until(lambda: station.store.get(job).stage == "retargeting", 10, "the engine runs")
    before = station.job_process_of(worker)
    station.store.delete(job)
    wait_until(lambda: gone(before), 3, "the job process is stopped")
    with pytest.raises(NotFound):
        station.store.get(job)
    assert station.wait_final(station.post()).status == "succeeded"


def test_a_long_hold_of_the_interpreter_does_not_lose_the_lease(station: Station, worker: Worker) -> None:
    """The lease is kept by the parent, so native code that blocks every thread of the child costs nothing."""
    hold_s = int(station.settings.lease_s * 2)
    record = station.wait_final(station.post(f"hold {hold_s}"), hold_s + 10)
    assert (record.status, record.attempt) == ("succeeded", 1)


def test_an_execution_that_lost_its_job_cannot_publish(station: Station, worker: Worker) -> None:
    """The job is taken from a running execution, as after a false alarm; the thief's result is the one that stays."""
    job = station.post("stages 3")
    running = station.wait_status(job, "running")
    assert running.execution_id is not None
    assert station.store.release(job, running.execution_id)
    assert station.store.requeue(job, running.execution_id, "taken by the test")
    assert station.store.claim(job, "thief", 30.0) is not None
    assert not station.store.publish(job, running.execution_id, {"artifacts": [], "verdict": "fail"})
    wait_until(lambda: station.outputs(job) == [], 5, "what the loser wrote is removed")
    time.sleep(0.5)
    assert station.store.publish(job, "thief", {"artifacts": [], "verdict": "review"})
    record = station.store.get(job)
    assert record.status == "succeeded" and record.result is not None and record.result.verdict == "review"
