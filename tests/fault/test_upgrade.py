"""An upgrade while jobs wait: what the version before handed to RQ, this version's workers finish."""

from __future__ import annotations

import subprocess

import pytest
from rq.job import Job
from rq.serializers import JSONSerializer

from service.jobs import queue
from service.jobs.schemas import JobKind
from tests.fault.fault_kit import Station

pytestmark = pytest.mark.timeout(60)
# As they were called before they moved to workers.queue, and a name that never was.
EARLIER_NAMES: list[tuple[JobKind, str]] = [
    ("retarget", "workers.tasks.retarget_job"),
    ("inspect", "workers.tasks.inspect_job"),
    ("retarget", "workers.nowhere.retarget"),
]


@pytest.mark.parametrize(("kind", "name"), EARLIER_NAMES)
def test_a_job_queued_under_an_earlier_name_runs(
    station: Station, worker: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, kind: JobKind, name: str
) -> None:
    monkeypatch.setitem(queue.FUNCTION_OF_KIND, kind, name)
    job = station.post(kind=kind)
    record = station.wait_final(job)
    assert (record.status, record.attempt) == ("succeeded", 1), record.error
    assert worker.poll() is None


def test_a_job_handed_over_under_an_earlier_name_runs(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two workers: parked by one that ingests, in RQ when the upgrade comes."""
    for worker in station.workers:
        worker.kill()
        worker.wait()
    monkeypatch.setitem(queue.FUNCTION_OF_KIND, "retarget", "workers.tasks.retarget_job")
    job = station.post()
    assert station.store.claim(job, "ingests", 60.0) is not None
    assert station.store.hand_over(job, "ingests", {}) == "yes"  # its scenes are of an earlier form, and unusable
    queue.enqueue(station.store, station.store.get(job), station.settings)
    waiting = Job.fetch(f"{job}-1-retarget", connection=station.redis, serializer=JSONSerializer)
    assert waiting.func_name == "workers.tasks.retarget_job"
    station.start_worker()
    assert station.wait_final(job).status == "succeeded"
