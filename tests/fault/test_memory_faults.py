"""A worker whose machine runs out of memory takes no job, says so, and goes on once there is some."""

from __future__ import annotations

import pytest

from service.jobs.registry import registered, states_of
from tests.fault.fault_kit import Station, wait_until


@pytest.mark.timeout(240)
def test_no_job_is_taken_while_memory_is_short(station: Station) -> None:
    for living in station.workers:
        if living.poll() is None:
            station.stop_worker(living)
    worker = station.start_worker(min_free_memory_bytes=10**15)
    job = station.post()

    def held() -> bool:
        return any(state.holding_back for state in states_of(station.redis, registered(station.redis)).values())

    wait_until(held, 90.0, "told")
    assert station.store.get(job).status == "queued"
    assert station.stop_worker(worker) == 0  # a signal ends the wait
    assert station.store.get(job).status == "queued"
    station.start_worker(min_free_memory_bytes=1)
    station.wait_final(job, 90.0)
    assert not held()
