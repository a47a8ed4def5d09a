"""Results of the same request are taken from the job before: only what was asked for counts, and only what is kept."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis

from service.jobs import results
from service.jobs.schemas import JobRecord
from service.mappings.schemas import PresetRecord
from service.mappings.store import MappingStore
from service.records import new_id, utc_now
from tests.queue.task_bench import Bench
from workers.engine import circumstances
from workers.queue.result_cache import digest_here, request_of


def told_of(record: JobRecord, connection: Redis) -> tuple[str | None, str]:
    """What a job's result is remembered by."""
    return request_of(record, connection), digest_here(record.options.get("encoder"))


def again(bench: Bench, **changes: Any) -> JobRecord:
    """A second job of the bench's request, with these fields of its record changed, run to its end."""
    record = JobRecord(input=bench.record.input, options=bench.record.options, output_ttl_s=1000)
    record = record.model_copy(update=changes)
    bench.store.create(record)
    assert bench.store.claim(record.id, "me", 30.0)
    assert bench.desk.run(record.id, "me", 30.0).how == "succeeded"
    return bench.store.get(record.id)


def test_the_same_request_is_answered_without_the_engine(bench: Bench) -> None:
    assert bench.run() == "succeeded"
    first, second = bench.now(), again(bench)
    assert len(bench.seen) == 1 and first.result is not None and second.result is not None
    assert second.result.cached_from == first.id and first.result.cached_from is None
    assert second.result.verdict == first.result.verdict and second.engine == first.engine
    ours, theirs = (
        {a.name: bench.blobs.read(a.blob) for a in job.result.artifacts} for job in (second, first) if job.result
    )
    assert ours == theirs and {a.blob for a in second.result.artifacts}.isdisjoint(
        a.blob for a in first.result.artifacts
    )
    third = again(bench)
    assert third.result is not None and third.result.cached_from == first.id, "it names who made it"


@pytest.mark.parametrize(
    "changes",
    [
        {"options": {"seed": 8}},
        {"fresh": True},
        {"owner": "somebody"},
        {"options": {"seed": 7, "refine": "geometry", "refine_budget_s": 5.0}},
    ],
)
def test_another_request_is_made_anew(bench: Bench, changes: dict[str, Any]) -> None:
    assert bench.run() == "succeeded"
    result = again(bench, **changes).result
    assert len(bench.seen) == 2 and result is not None and result.cached_from is None


def test_what_the_engine_reads_counts(bench: Bench, connection: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of files stand in reports, presets change mappings, settings of the worker change scores."""
    told = {told_of(bench.record, connection)}
    given = bench.record.input
    renamed = given.model_copy(update={"motion": [given.motion[0].model_copy(update={"name": "run.bvh"})]})
    defined = given.model_copy(update={"definition": '{"height_m": 1.6}'})
    for changed in (renamed, defined):
        told.add(told_of(bench.record.model_copy(update={"input": changed}), connection))
    monkeypatch.setenv("RETARGET_DEVICE", "another")
    told.add(told_of(bench.record, connection))
    monkeypatch.undo()
    preset = PresetRecord(
        id=new_id("map_"), name="p", kind="any", fingerprint=f"skl_{'0' * 32}", mapping={}, created_at=utc_now()
    )
    MappingStore(connection).put(preset)
    told.add(told_of(bench.record, connection))
    MappingStore(connection).delete(preset)
    monkeypatch.setattr(circumstances, "ENGINE_VERSION", "0.0.1")
    told.add(told_of(bench.record, connection))
    assert len(told) == 6
    monkeypatch.undo()
    plain = bench.record.model_copy(
        update={"options": {**bench.record.options, "fail_on": "review"}, "metadata": {"a": 1}}
    )
    assert told_of(plain, connection) == told_of(bench.record, connection)


def test_a_result_that_is_gone_is_made_anew(bench: Bench) -> None:
    assert bench.run() == "succeeded"
    first = bench.now()
    assert first.result is not None
    bench.blobs.delete(first.result.artifacts[-1].blob)
    result = again(bench).result
    assert len(bench.seen) == 2 and result is not None and result.cached_from is None
    assert all(bench.blobs.exists(artifact.blob) for artifact in result.artifacts)


def test_a_result_that_expires_or_was_deleted_counts_no_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench.run() == "succeeded"
    request, circumstances = told_of(bench.record, bench.store.redis)
    assert request is not None

    def find() -> JobRecord | None:
        return results.find(bench.store, request, circumstances, bench.record)

    found = find()
    assert found is not None and found.id == bench.record.id
    assert found.expires_at is not None
    late = found.expires_at
    monkeypatch.setattr(results, "utc_now", lambda: late)
    assert find() is None
    monkeypatch.undo()
    assert bench.store.delete(bench.record.id)
    assert find() is None
