"""One execution in this process: what it publishes, what it leaves behind, and what users see when it fails."""

from __future__ import annotations

import errno
from typing import Any

import pytest
import redis

from tests.queue.task_bench import REPORT, Bench
from workers.contract.errors import JobTimeout, ParseFailed
from workers.queue.failures import as_typed_error
from workers.queue.tasks import Progress


def test_files_and_options_reach_the_engine_and_its_result_is_published(bench: Bench) -> None:
    assert bench.run() == "succeeded"
    ((motion, character, options),) = bench.seen
    assert (motion, character, options.seed) == (b"HIERARCHY\n", b"glTF\x02\0\0\0", 7)
    record = bench.now()
    assert record.status == "succeeded" and record.result is not None and record.result.verdict == "review"
    assert {artifact.name: artifact.media_type for artifact in record.result.artifacts} == {
        "result.glb": "model/gltf-binary",
        "report.json": "application/json",
    }
    assert all("/me/" in artifact.blob and bench.blobs.exists(artifact.blob) for artifact in record.result.artifacts)


def test_an_execution_that_lost_its_job_removes_what_it_wrote_and_publishes_nothing(bench: Bench) -> None:
    bench.hook = bench.take_over
    assert bench.run() == "lost"
    assert bench.outputs() == []
    record = bench.now()
    assert (record.status, record.execution_id, record.result) == ("running", "other", None)


def test_a_job_lost_while_its_artifacts_are_written_is_not_published(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last moment: the fence is the publishing step itself, not a check before it."""
    publish = bench.store.publish

    def late(job_id: str, execution_id: str, result: dict[str, Any]) -> bool:
        assert len(bench.outputs()) == 2
        bench.take_over()
        return publish(job_id, execution_id, result)

    monkeypatch.setattr(bench.store, "publish", late)
    assert bench.run() == "lost"
    assert bench.outputs() == [] and bench.now().execution_id == "other"


def test_a_publication_sent_twice_over_a_broken_connection_counts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = bench.store.publish
    monkeypatch.setattr(bench.store, "publish", lambda *arguments: publish(*arguments) and publish(*arguments))
    assert bench.run() == "succeeded"
    assert bench.now().status == "succeeded" and len(bench.outputs()) == 2


def test_an_execution_that_cannot_reach_redis_says_nothing_about_the_job(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its result may or may not have arrived, so nothing is removed; the lease decides."""

    def away(*_: object) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(bench.store, "publish", away)
    assert bench.run() == "lost"
    assert bench.now().status == "running" and len(bench.outputs()) == 2


def test_a_canceled_job_leaves_nothing(bench: Bench) -> None:
    bench.hook = lambda: bench.store.request_cancel(bench.record.id)
    assert bench.run() == "canceled"
    assert bench.now().status == "canceled" and bench.outputs() == []


def test_a_failure_leaves_no_outputs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ParseFailed("walk.bvh: line 3: no number; check the export")

    monkeypatch.setattr(bench.store, "publish", refuse)
    assert bench.run() == "failed"
    record = bench.now()
    assert record.status == "failed" and record.error is not None and record.error["code"] == "parse-failed"
    assert bench.outputs() == []


def test_a_report_with_nan_is_our_bug_and_not_published(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REPORT, "scores", {"jerk_ratio": float("nan")})
    assert bench.run() == "failed"
    record = bench.now()
    assert record.error is not None and record.error["code"] == "internal"


def test_progress_stops_a_job_whose_time_is_up(bench: Bench) -> None:
    progress = Progress(bench.store, bench.record, "me", timeout_s=-1.0)
    with pytest.raises(JobTimeout, match="stage mapping"):
        progress("mapping", 0.2)


@pytest.mark.parametrize(
    ("error", "code", "worn_out"),
    [
        (MemoryError(), "out-of-memory", True),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
            "out-of-memory",
            True,
        ),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory"), "out-of-memory", True),
        (RuntimeError("CUDA error: device-side assert triggered"), "internal", True),
        (type("AcceleratorError", (RuntimeError,), {})("launch failed"), "internal", True),
        (OSError(errno.ENOSPC, "No space left on device"), "unavailable", False),
        (ParseFailed("x: y; z"), "parse-failed", False),
        (ZeroDivisionError("secret"), "internal", False),
    ],
)
def test_every_failure_is_one_typed_error(error: Exception, code: str, worn_out: bool) -> None:
    typed, reason = as_typed_error(error)
    assert typed.code == code and (reason is not None) == worn_out
    assert "secret" not in typed.detail and "\n" not in typed.detail
