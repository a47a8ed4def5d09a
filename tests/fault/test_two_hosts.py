"""Two hosts on one Redis and one bucket; one is cut off and comes back (`tests.fault.two_hosts`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fault.two_hosts import share, two_hosts, why_not


@pytest.mark.timeout(240)
def test_no_job_is_lost_or_done_twice_when_a_host_is_cut_off(tmp_path: Path) -> None:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with two_hosts(tmp_path) as (station, hosts):
        counts, done = share(station, hosts, jobs=20, seed=3, longest_s=0.2)
    assert counts.clean, counts
    assert done.total() == counts.jobs >= 20 and min(done["0"], done["1"]) > 0
