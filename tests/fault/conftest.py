"""Fixtures of the fault tests. One station and one worker serve all tests that leave both alive."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.fault.fault_kit import Station, wait_until


@pytest.fixture(scope="package")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    station = Station(tmp_path_factory.mktemp("station"))
    try:
        yield station
    finally:
        station.close()


@pytest.fixture
def worker(station: Station) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that lives: started when there is none, so that a test may kill it."""
    alive = [worker for worker in station.workers if worker.poll() is None]
    if alive:
        yield alive[0]
        return
    worker = station.start_worker()
    probe = station.post()
    wait_until(lambda: station.store.get(probe).is_final, 30.0, "a first job")
    yield worker
