"""A job canceled or killed while its clip is refined: the real engine on our samples, real Redis and processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from service.jobs.queue import submit
from service.jobs.schemas import JobInput, JobRecord
from tests.fault.fault_kit import Station, wait_until
from workers.queue.settings import WorkerSettings
from workers.samples.write import sample_files

pytestmark = pytest.mark.timeout(120)
BUDGET_S = 2.0
# Job processes with everything loaded answer in seconds; killing one that does not come back is not what is tested
# here.
REAL = {name: WorkerSettings.model_fields[name].default for name in ("retarget_engine", "scene_reader")}


@pytest.fixture(scope="module")
def refinery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    station = Station(tmp_path_factory.mktemp("refinery"))
    try:
        station.start_worker(**REAL, stop_grace_s=20.0)
        yield station
    finally:
        station.close()


@pytest.fixture(scope="module")
def samples() -> dict[str, bytes]:
    return sample_files()


def post(station: Station, samples: dict[str, bytes], budget_s: float) -> str:
    motion, character = (station._upload(samples[name], name) for name in ("clap.bvh", "stout.glb"))
    options = {"refine": "geometry", "refine_budget_s": budget_s, "encoder": "none"}
    record = JobRecord(kind="retarget", input=JobInput(motion=[motion], character=[character]), options=options)
    submit(station.store, record, station.settings)
    wait_until(lambda: station.store.get(record.id).stage == "refining", 60.0, "the clip is refined")
    return record.id


def test_a_job_killed_while_it_refines_is_tried_again_and_publishes_once(
    refinery: Station, samples: dict[str, bytes]
) -> None:
    job = post(refinery, samples, BUDGET_S)
    job_process = refinery.job_process_of(refinery.workers[0])
    os.kill(job_process, signal.SIGKILL)
    record = refinery.wait_final(job, 60.0)
    assert (record.status, record.attempt) == ("succeeded", 2)
    assert len({key.split("/")[2] for key in refinery.outputs(job)}) == 1, "outputs of one execution"


def test_cancel_while_a_clip_is_refined_ends_it(refinery: Station, samples: dict[str, bytes]) -> None:
    job = post(refinery, samples, 24.0)
    job_process = refinery.job_process_of(refinery.workers[0])
    wait_until(lambda: refinery.store.get(job).stage == "refining", 60.0, "refining")
    asked = time.monotonic()
    refinery.store.request_cancel(job)
    record = refinery.wait_final(job)
    assert record.status == "canceled"
    assert time.monotonic() - asked < 12.0  # half of what it was given
    assert refinery.job_process_of(refinery.workers[0]) == job_process, "it came back by itself"
    assert refinery.outputs(job) == []
