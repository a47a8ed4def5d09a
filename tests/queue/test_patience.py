"""What is ours to retry is retried: a fault that passes ends no job, and is told."""

from __future__ import annotations

import errno

import pytest

from service.jobs import queue
from service.jobs.schemas import JobRecord
from service.jobs.views import job_view
from service.upkeep.recovery import pause_before
from service.upkeep.sweeper import Sweeper
from tests.queue.task_bench import Bench
from workers.contract.errors import Expired, Unavailable
from workers.queue import tasks


def raising(error: Exception) -> object:
    def hook() -> None:
        raise error

    return hook


def let_it_be_due(bench: Bench) -> None:
    bench.store.redis.hset(f"retarget:job:{bench.record.id}", "retry_at", "1.0")


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), Unavailable("the store does not answer")])
def test_a_fault_that_passes_puts_the_job_back_and_says_so(bench: Bench, error: Exception) -> None:
    bench.hook = raising(error)  # type: ignore[assignment]
    assert bench.run() == "postponed"
    record = bench.now()
    assert (record.status, record.faults, record.error) == ("queued", 1, None) and bench.outputs() == []
    view = job_view(bench.store, record)
    assert view.retry_at is not None and view.retry_at.timestamp() - bench.store.now() <= 1.25
    assert view.retry_reason and ("full" in view.retry_reason or "does not answer" in view.retry_reason)


def test_many_faults_are_no_attempts_and_the_job_succeeds_when_they_have_passed(bench: Bench) -> None:
    bench.hook = raising(OSError(errno.EDQUOT, "full"))  # type: ignore[assignment]
    for _ in range(7):  # twice the attempts that a job has
        assert bench.run() == "postponed"
        let_it_be_due(bench)
        assert bench.store.claim(bench.record.id, "me", 30.0)
    bench.hook = lambda: None
    assert bench.run() == "succeeded"
    assert (bench.now().status, bench.now().attempt, bench.now().faults) == ("succeeded", 8, 7)


def test_patience_ends(bench: Bench) -> None:
    bench.hook = raising(Unavailable("the store does not answer"))  # type: ignore[assignment]
    assert bench.run() == "postponed"
    bench.store.redis.hset(f"retarget:job:{bench.record.id}", "first_fault_at", "1.0")
    assert bench.store.claim(bench.record.id, "me", 30.0)
    assert bench.run() == "postponed"
    record = bench.now()
    assert record.status == "failed" and record.error is not None and record.error["code"] == "unavailable"


def test_an_upload_that_this_worker_does_not_see_is_left_to_others_a_few_times(bench: Bench) -> None:
    bench.hook = raising(Expired("the uploaded file walk.bvh is gone"))  # type: ignore[assignment]
    for attempt in (1, 2):
        assert bench.run() == "postponed" and bench.now().status == "queued", attempt
        assert bench.store.claim(bench.record.id, "me", 30.0)
    bench.run()
    record = bench.now()
    assert record.status == "failed" and record.error is not None and record.error["code"] == "expired"


def test_a_canceled_job_is_not_tried_again(bench: Bench) -> None:
    def hook() -> None:
        bench.store.request_cancel(bench.record.id)
        raise Unavailable("the store does not answer")

    bench.hook = hook
    bench.run()
    assert bench.now().status == "canceled"


def test_the_sweeper_hands_it_in_when_the_pause_is_over_and_not_before(bench: Bench) -> None:
    bench.hook = raising(Unavailable("the store does not answer"))  # type: ignore[assignment]
    bench.run()
    bench.store.redis.hset(f"retarget:job:{bench.record.id}", "retry_at", str(bench.store.now() + 100))
    sweeper = Sweeper(bench.desk.settings, bench.store.redis)
    waiting = queue.queue(bench.store.redis, queue.INGEST)
    sweeper.hand_in_lost_jobs()
    assert waiting.job_ids == []
    let_it_be_due(bench)
    sweeper.hand_in_lost_jobs()
    assert waiting.job_ids == [queue.transport_id(bench.now())]


def test_pauses_grow_to_a_minute() -> None:
    pauses = [pause_before(attempt) for attempt in range(1, 12)]
    assert 1 <= pauses[0] <= 1.25 and pauses[3] >= 8 and all(60 <= pause <= 75 for pause in pauses[7:])


def test_a_worker_that_lacks_what_a_job_needs_hands_it_to_one_that_does_not(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are read, and it waits on a queue that only able workers listen to."""
    monkeypatch.setattr("workers.refinement.budget.find_spec", lambda name: None)
    options = {"refine": "geometry", "preview": True, "scene": True}
    record = JobRecord(input=bench.record.input, options=options)
    bench.store.create(record)
    assert bench.store.claim(record.id, "me", 30.0)
    assert bench.desk.run(record.id, "me", 700.0).how == "handed over"
    assert bench.store.get(record.id).is_parked and bench.seen == []
    told = job_view(bench.store, bench.store.get(record.id)).retry_reason
    assert told is not None and "waits for a worker that can do preview:webp, refine:geometry, scene:glb" in told
    able = queue.queue(bench.store.redis, queue.retarget_queue("preview:webp+refine:geometry+scene:glb"))
    assert able.job_ids == [f"{record.id}-1-retarget"]
    assert queue.queue(bench.store.redis, queue.RETARGET).job_ids == []
    monkeypatch.undo()
    monkeypatch.setattr(tasks, "load_stored", lambda blobs, key: blobs.read(key))
    monkeypatch.setattr(tasks, "check_cost", lambda *scenes: None)
    assert bench.store.claim(record.id, "you", 30.0)
    assert bench.desk.run(record.id, "you", 700.0).how == "succeeded"
