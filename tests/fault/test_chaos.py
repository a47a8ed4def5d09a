"""Many jobs while Redis, workers and job processes are killed at random, and the store of files goes and comes back:
every job ends, with one result, and none fails for a fault that passed.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fault.fault_kit import Station
from tests.fault.storm import storm

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    station = Station(tmp_path_factory.mktemp("chaos"))
    try:
        yield station
    finally:
        station.close()


def test_every_job_ends_with_one_result_whatever_is_killed(chaos: Station) -> None:
    counts = storm(chaos, jobs=24, kills=10, seed=20, longest_s=0.4)
    assert sum(counts.kills.values()) == 10
    assert counts.clean, counts
