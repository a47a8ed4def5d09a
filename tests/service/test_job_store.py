"""The job store against a real Redis: states, fencing, leases, pages."""

from __future__ import annotations

import json
import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from redis import Redis

from service.files.input_file import InputFile
from service.jobs.schemas import FINAL_STATUSES, JobInput, JobRecord, new_job_id
from service.jobs.store import CHANGES, JobStore, Outlook
from tests.service_fixtures import make_record
from workers.contract.errors import NotCancelable, NotFound, ParseFailed

ERROR = ParseFailed("walk.bvh: line 3: no joint name; name it").to_dict()


def test_a_record_comes_back_as_it_was_written(store: JobStore) -> None:
    file = InputFile(name="löwe/ü.glb", sha256="0" * 64, bytes=3, blob="uploads/00/00")
    now = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    record = make_record(
        store,
        kind="inspect",
        input=JobInput(file=[file]),
        options={"clip": "日本", "fps": 29.97},
        metadata={"shot": None, "": [1, {"a": True}]},
        created_at=now,
        input_expires_at=now,
    )
    assert store.get(record.id) == record


def test_ids_sort_by_age_and_never_repeat() -> None:
    ids = [new_job_id() for _ in range(2000)]
    assert len(set(ids)) == 2000
    milliseconds = [job_id[4:14] for job_id in ids]  # 48 bits of time are the first 10 characters, rounded up
    assert milliseconds == sorted(milliseconds)


def test_a_queued_job_runs_and_succeeds(store: JobStore) -> None:
    record = make_record(store)
    claimed = store.claim(record.id, "e1", 30)
    assert claimed is not None
    assert (claimed.status, claimed.attempt, claimed.execution_id) == ("running", 1, "e1")
    assert claimed.started_at is not None and claimed.lease_until is not None
    assert (claimed.lease_until - claimed.started_at).total_seconds() == pytest.approx(30)
    assert store.progress(record.id, "e1", "mapping", 0.25) == "go"
    assert (store.get(record.id).stage, store.get(record.id).progress) == ("mapping", 0.25)
    assert store.publish(record.id, "e1", {"verdict": "pass", "engine": {"method": "analytic"}, "extra": [1]})
    done = store.get(record.id)
    assert (done.status, done.progress, done.stage, done.execution_id) == ("succeeded", 1.0, None, None)
    assert done.result is not None and done.result.verdict == "pass" and done.result.model_extra == {"extra": [1]}
    assert done.engine == {"method": "analytic"}
    assert done.finished_at is not None and done.expires_at == done.finished_at + timedelta(seconds=done.output_ttl_s)
    assert store.expired_leases(store.now() + 1000) == []


def test_only_one_of_many_claims_wins(store: JobStore) -> None:
    record = make_record(store)
    winners: list[str] = []
    barrier = threading.Barrier(8)

    def claim(name: str) -> None:
        barrier.wait()
        if store.claim(record.id, name, 30) is not None:
            winners.append(name)

    threads = [threading.Thread(target=claim, args=(f"e{index}",)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(winners) == 1
    assert store.get(record.id).execution_id == winners[0]


def test_a_stale_execution_can_do_nothing(store: JobStore) -> None:
    record = make_record(store)
    store.claim(record.id, "old", 30)
    assert store.release(record.id, "old")
    assert store.requeue(record.id, "old", "its worker died")
    assert store.get(record.id).requeue_reason == "its worker died"
    assert store.claim(record.id, "new", 30) is not None
    assert store.progress(record.id, "old", "scoring", 0.9) == "lost"
    assert not store.renew(record.id, "old", 30)
    assert not store.release(record.id, "old")
    assert not store.publish(record.id, "old", {"verdict": "fail"})
    assert not store.fail(record.id, "old", ERROR)
    assert not store.requeue(record.id, "old", "again")
    assert store.get(record.id).status == "running"
    assert store.publish(record.id, "new", {"verdict": "pass"})
    assert not store.publish(record.id, "new", {"verdict": "fail"})
    result = store.get(record.id).result
    assert result is not None and result.verdict == "pass"
    assert store.get(record.id).attempt == 2


def test_a_live_lease_is_not_taken_away(store: JobStore) -> None:
    record = make_record(store)
    store.claim(record.id, "e1", 30)
    assert store.expired_leases() == []
    assert not store.requeue(record.id, "e1", "too early")
    assert store.expired_leases(store.now() + 31) == [record.id]
    assert store.renew(record.id, "e1", 100)
    assert store.expired_leases(store.now() + 31) == []


def test_failing_keeps_the_error(store: JobStore) -> None:
    record = make_record(store)
    store.claim(record.id, "e1", 30)
    assert store.fail(record.id, "e1", ERROR)
    assert store.get(record.id).error == ERROR
    assert store.get(record.id).status == "failed"


def test_canceling_a_queued_job_ends_it(store: JobStore) -> None:
    record = make_record(store)
    assert store.request_cancel(record.id).status == "canceled"
    assert store.claim(record.id, "e1", 30) is None
    assert store.queued_ids() == []
    with pytest.raises(NotCancelable):
        store.request_cancel(record.id)


@pytest.mark.parametrize("ending", ["publish", "fail", "finish_cancel", "lease"])
def test_canceling_a_running_job_always_ends_in_canceled(store: JobStore, ending: str) -> None:
    record = make_record(store)
    store.claim(record.id, "e1", 30)
    assert not store.finish_cancel(record.id, "e1")
    assert store.request_cancel(record.id).status == "canceling"
    assert store.request_cancel(record.id).status == "canceling"
    assert store.progress(record.id, "e1", "scoring", 0.9) == "cancel"
    assert store.renew(record.id, "e1", 30)
    if ending == "publish":
        assert not store.publish(record.id, "e1", {"verdict": "pass"})
    elif ending == "fail":
        assert not store.fail(record.id, "e1", ERROR)
    elif ending == "finish_cancel":
        assert not store.finish_cancel(record.id, "other")
        assert store.finish_cancel(record.id, "e1")
    else:
        assert not store.finish_cancel(record.id, None)  # its lease lives
        store.release(record.id, "e1")
        assert store.finish_cancel(record.id, None)
    done = store.get(record.id)
    assert (done.status, done.result, done.error, done.cancel_requested) == ("canceled", None, None, True)


def test_unknown_jobs(store: JobStore) -> None:
    for call in (store.get, store.request_cancel):
        with pytest.raises(NotFound):
            call(new_job_id())
    assert store.claim(new_job_id(), "e1", 30) is None
    assert not store.delete(new_job_id())
    assert store.progress(new_job_id(), "e1", "x", 0) == "lost"


def test_deleting_a_running_job_leaves_nothing_and_its_execution_is_lost(store: JobStore, redis: Redis) -> None:
    record = make_record(store, input_expires_at=datetime.now(UTC))
    store.claim(record.id, "e1", 30)
    assert store.delete(record.id)
    assert store.progress(record.id, "e1", "scoring", 0.5) == "lost"
    assert not store.publish(record.id, "e1", {})
    assert not store.renew(record.id, "e1", 30)
    counted = {key.decode() for key in redis.scan_iter()}
    assert all(key.startswith("retarget:figures:") for key in counted)  # no job is named in what operators count


def test_what_could_not_be_read_back_is_refused(store: JobStore) -> None:
    record = make_record(store)
    store.claim(record.id, "e1", 30)
    with pytest.raises(ValueError, match="verdict"):
        store.publish(record.id, "e1", {"verdict": "excellent"})
    with pytest.raises(ValueError, match="JSON"):
        store.publish(record.id, "e1", {"scores": {"jerk_ratio": float("nan")}})
    assert store.get(record.id).status == "running"


def test_pages_walk_through_all_jobs_newest_first(store: JobStore) -> None:
    records = [make_record(store, id=f"job_01M8{index:022d}") for index in range(7)]
    make_record(store, kind="inspect")
    store.request_cancel(records[3].id)
    seen: list[str] = []
    cursor = None
    while True:
        page, cursor = store.page(limit=3, cursor=cursor)
        seen += [record.id for record in page]
        if cursor is None:
            break
    assert seen == [record.id for record in reversed(records)]
    assert [record.id for record in store.page(status="canceled")[0]] == [records[3].id]
    assert len(store.page(status="queued")[0]) == 6


def outlook(store: JobStore, record: JobRecord) -> Outlook:
    return store.outlook(record.kind, record.id, "", record.kind)


def test_queue_positions_are_per_kind(store: JobStore) -> None:
    now = datetime.now(UTC)
    first = make_record(store, created_at=now)
    other = make_record(store, kind="inspect", created_at=now)
    second = make_record(store, created_at=now + timedelta(seconds=1))
    assert store.queue_depth() == 3
    assert [outlook(store, record).position for record in (first, second, other)] == [0, 1, 0]
    store.claim(first.id, "e1", 30)
    assert outlook(store, first).position is None
    assert outlook(store, second).position == 0


def test_every_change_is_announced(store: JobStore, redis: Redis) -> None:
    record = make_record(store)
    with redis.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
        subscription.subscribe(CHANGES)
        subscription.get_message(timeout=1)
        store.claim(record.id, "e1", 30)
        store.progress(record.id, "e1", "mapping", 0.5)
        store.progress(record.id, "e1", "mapping", 0.5)  # no change
        store.publish(record.id, "e1", {})
        heard = [message["data"].decode() for message in iter(lambda: subscription.get_message(timeout=0.2), None)]
    assert heard == [record.id, f"{record.id} progress", record.id]
    assert store.get(record.id).version == 3


def test_the_mean_duration_follows_successes_only(store: JobStore) -> None:
    failed = make_record(store)
    assert outlook(store, failed).mean_of_kind_s is None
    store.claim(failed.id, "e1", 30)
    store.fail(failed.id, "e1", ERROR)
    assert outlook(store, failed).mean_of_kind_s is None
    done = make_record(store)
    store.claim(done.id, "e1", 30)
    store.publish(done.id, "e1", {})
    mean_s = outlook(store, done).mean_of_kind_s
    assert mean_s is not None and 0 <= mean_s < 5


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["claim", "renew", "progress", "publish", "fail", "cancel", "finish", "release", "requeue", "expire"]
        ),
        st.sampled_from(["a", "b"]),
    ),
    max_size=25,
)


@hypothesis_settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_whatever_happens_the_rules_hold(store: JobStore, steps: list[tuple[str, str]]) -> None:
    """Any order of calls by two executions: legal moves only, final states stay, one result at most, indexes agree."""
    legal = {
        "queued": {"running", "canceled", "expired"},
        "running": {"succeeded", "failed", "canceling", "queued"},
        "canceling": {"canceled"},
    }
    record = make_record(store)
    tokens = {"a": "never claimed a", "b": "never claimed b"}
    published: list[str] = []
    before = store.get(record.id)
    for step, who in steps:
        if step == "claim":
            token = uuid.uuid4().hex
            if store.claim(record.id, token, 30):
                tokens[who] = token
        elif step == "publish" and store.publish(record.id, tokens[who], {"by": tokens[who]}):
            published.append(tokens[who])
        elif step == "cancel" and before.status in ("queued", "running", "canceling"):
            store.request_cancel(record.id)
        elif step == "finish":
            store.finish_cancel(record.id, tokens[who])
        elif step == "expire":
            store.expire(record.id)
        elif step in ("renew", "progress", "fail", "release", "requeue"):
            arguments = {"renew": (30,), "progress": ("x", 0.5), "fail": (ERROR,), "requeue": ("r",), "release": ()}
            getattr(store, step)(record.id, tokens[who], *arguments[step])
        after = store.get(record.id)
        if before.status != after.status:
            assert after.status in legal[before.status]
        if before.status in FINAL_STATUSES:
            assert after == before
        assert (after.execution_id is not None) == (after.status in ("running", "canceling"))
        assert (after.id in store.queued_ids()) == (after.status == "queued")
        assert [found.id for found in store.page(status=after.status, limit=100)[0]].count(after.id) == 1
        before = after
    assert len(published) <= 1
    if published:
        assert before.result is not None and before.result.model_extra == {"by": published[0]}
    store.delete(record.id)


def test_json_fields_are_readable_by_others(store: JobStore, redis: Redis) -> None:
    """The record is plain JSON and numbers in a hash: another program can read it."""
    record = make_record(store, metadata={"a": 1})
    raw: Any = redis.hgetall(f"retarget:job:{record.id}")
    assert json.loads(raw[b"metadata"]) == {"a": 1}
    assert float(raw[b"created_at"]) == pytest.approx(record.created_at.timestamp())
    assert JobRecord.model_validate_json(record.model_dump_json()) == record


def test_a_job_is_handed_from_one_worker_to_the_next(store: JobStore) -> None:
    """Running all the while, in one attempt, its progress kept; the first execution has lost it, the second fenced."""
    record = make_record(store)
    assert store.claim(record.id, "e1", 30)
    store.progress(record.id, "e1", "loading", 0.08)
    assert store.hand_over(record.id, "other", {"motion": "scenes/x"}) == "lost"
    assert store.hand_over(record.id, "e1", {"motion": "scenes/x"}) == "yes"
    parked = store.get(record.id)
    assert (parked.status, parked.is_parked, parked.execution_id, parked.lease_until) == ("running", True, None, None)
    assert parked.scenes == {"motion": "scenes/x"} and store.parked_ids() == [record.id]
    assert store.expired_leases(store.now() + 1000) == [] and store.queue_depth() == 1
    assert store.progress(record.id, "e1", "loading", 0.5) == "lost"
    assert not store.publish(record.id, "e1", {"artifacts": []}) and not store.fail(record.id, "e1", {"code": "x"})
    assert store.hand_over(record.id, "e1", {}) == "lost"
    taken = store.claim(record.id, "e2", 30)
    assert taken is not None and (taken.attempt, taken.progress, taken.stage) == (1, 0.08, "loading")
    assert not taken.is_parked and store.parked_ids() == [] and store.claim(record.id, "e3", 30) is None
    assert store.publish(record.id, "e2", {"artifacts": []})


def test_a_parked_job_is_canceled_at_once_or_deleted(store: JobStore) -> None:
    canceled, deleted = make_record(store), make_record(store)
    for record in (canceled, deleted):
        assert store.claim(record.id, "e1", 30)
        assert store.hand_over(record.id, "e1", {}) == "yes"
    assert store.request_cancel(canceled.id).status == "canceled"
    assert store.claim(canceled.id, "e2", 30) is None
    assert store.delete(deleted.id) and store.parked_ids() == [] and store.claim(deleted.id, "e2", 30) is None


def test_a_job_that_is_canceling_is_not_handed_over(store: JobStore) -> None:
    record = make_record(store)
    assert store.claim(record.id, "e1", 30)
    store.request_cancel(record.id)
    assert store.hand_over(record.id, "e1", {}) == "cancel" and store.parked_ids() == []


def test_a_second_worker_that_dies_sends_the_job_back_to_be_read(store: JobStore) -> None:
    record = make_record(store)
    assert store.claim(record.id, "e1", 30)
    assert store.hand_over(record.id, "e1", {"motion": "scenes/x"}) == "yes"
    assert store.claim(record.id, "e2", 30)
    assert store.release(record.id, "e2") and store.requeue(record.id, "e2", "its worker died")
    again = store.get(record.id)
    assert (again.status, again.scenes, again.progress) == ("queued", None, 0.0)
    taken = store.claim(record.id, "e3", 30)
    assert taken is not None and taken.attempt == 2
