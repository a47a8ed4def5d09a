"""Time, memory and wear of the job process, on a worker of its own with tight limits."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.fault.fault_kit import Station, gone

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    station = Station(tmp_path_factory.mktemp("strict"))
    station.strict_worker = station.start_worker(  # type: ignore[attr-defined]
        job_timeout_s=5, horse_jobs_max=3, horse_memory_max_bytes=400 * 2**20
    )
    try:
        yield station
    finally:
        station.close()


def test_a_job_beyond_its_memory_fails_with_out_of_memory(strict: Station) -> None:
    record = strict.wait_final(strict.post("allocate 2000"), 30)
    assert record.status == "failed" and record.error is not None and record.error["code"] == "out-of-memory"
    assert record.attempt == 1
    assert strict.wait_final(strict.post("allocate 50")).status == "succeeded", "the worker lives on"


@pytest.mark.parametrize("engine", ["stages 30", "hold 30"])
def test_a_job_beyond_its_time_fails_with_timeout(strict: Station, engine: str) -> None:
    record = strict.wait_final(strict.post(engine), 25)
    assert record.status == "failed" and record.error is not None and record.error["code"] == "timeout"
    assert strict.outputs(record.id) == []


def test_the_job_process_is_replaced_after_its_share_of_jobs(strict: Station) -> None:
    pids = [strict.wait_final(strict.post()).engine["pid"] for _ in range(7)]
    runs = [pids.count(pid) for pid in dict.fromkeys(pids)]
    assert max(runs) == 3 and len(runs) >= 3, pids
    assert all(gone(pid) for pid in set(pids[:-1]) - {pids[-1]})
    worker: subprocess.Popen[bytes] = strict.strict_worker  # type: ignore[attr-defined]
    assert worker.poll() is None
