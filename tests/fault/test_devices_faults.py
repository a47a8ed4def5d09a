"""`retarget worker --devices`: a process for each device; a first SIGTERM lets jobs in hand end and takes no other."""

from __future__ import annotations

import subprocess

import pytest

from service.jobs.registry import registered
from tests.fault.fault_kit import Station, wait_until


@pytest.mark.timeout(240)
def test_each_device_has_a_worker_and_all_drain_at_once(station: Station) -> None:
    for living in station.workers:
        if living.poll() is None:
            station.stop_worker(living)
    both = station.start_worker("--devices", "cpu,cpu", drain_s=15)
    wait_until(lambda: len(registered(station.redis)) == 2, 90.0, "two workers")
    assert {abilities.device for abilities in registered(station.redis).values()} == {"cpu"}
    in_hand = [station.post("stages 2") for _ in range(2)]
    waiting = station.post()
    for job in in_hand:
        station.wait_status(job, "running")
    assert station.stop_worker(both, 30.0) == 0
    assert [station.store.get(job).status for job in in_hand] == ["succeeded", "succeeded"]
    assert station.store.get(waiting).status == "queued" and not registered(station.redis)
    station.store.request_cancel(waiting)


def test_devices_that_are_none_are_refused_in_one_line(station: Station) -> None:
    command = [*station.worker_command(), "--devices", "gpu"]
    outcome = subprocess.run(command, env=station.environment(), capture_output=True, text=True, timeout=100)
    assert outcome.returncode == 2
    assert outcome.stderr == "error: invalid-options: --devices: 'gpu' is no device; write cpu, cuda or cuda:N\n"
