"""Faults that pass, with real worker processes: no job fails for one, and no worker takes what it cannot do."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.jobs.registry import registered
from service.upkeep.recovery import PAUSE_MIN_S
from tests.fault.fault_kit import Station, wait_until

pytestmark = pytest.mark.timeout(90)


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    station = Station(tmp_path_factory.mktemp("passing"))
    try:
        station.start_worker(sweep_interval_s=0.3)
        station.wait_final(station.post(), 30.0)
        yield station
    finally:
        station.close()


def test_a_worker_on_another_store_takes_no_job(yard: Station, tmp_path: Path) -> None:
    """It ends before it takes one, and says what is wrong: it would fail each for files that it cannot see."""
    stranger = subprocess.run(
        [*yard.worker_command(), "--blob-url", f"file://{tmp_path}/elsewhere"],
        env=yard.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert stranger.returncode == 1
    assert stranger.stderr.strip().splitlines()[-1].startswith("error: unavailable: the store of uploads and results")


def test_a_store_that_goes_and_comes_back_fails_no_job(yard: Station) -> None:
    folder = yard.folder / "blobs"
    jobs = [yard.post(f"stages {delay}") for delay in (0.5, 0.1, 0.1)]
    wait_until(lambda: yard.store.get(jobs[0]).status == "running", 20.0, "the first runs")
    shutil.move(folder, yard.folder / "away")
    wait_until(lambda: any(record.faults for record in yard.store.get_many(jobs)), 20.0, "a fault is met")
    assert not folder.exists(), "a store that vanished is not made anew"
    shutil.move(yard.folder / "away", folder)
    for job in jobs:
        record = yard.wait_final(job, 30.0 + PAUSE_MIN_S)
        assert record.status == "succeeded", record.error


def test_a_worker_without_torch_leaves_refinement_to_one_with_it(yard: Station) -> None:
    """The one that lacks it reads the files and parks the job; one that starts later takes it on."""
    first = yard.workers[0]
    yard.stop_worker(first)
    lacking = yard.start_worker(PYTHONPATH=os.pathsep.join([str(Path(__file__).parent / "without_torch")]))
    job = yard.post(refine="geometry", refine_budget_s=1.0)
    wait_until(lambda: yard.store.get(job).is_parked, 30.0, "parked")
    (abilities,) = registered(yard.redis).values()
    assert (abilities.refine, abilities.encoders, abilities.methods) == ([], [], ["analytic"])
    plain = yard.post()
    assert yard.wait_final(plain, 20.0).status == "succeeded", "what needs none it does itself"
    assert yard.store.get(job).is_parked
    yard.start_worker()
    assert yard.wait_final(job, 30.0).status == "succeeded"
    assert lacking.poll() is None
    assert sorted(len(found.refine) for found in registered(yard.redis).values()) == [0, 2]
