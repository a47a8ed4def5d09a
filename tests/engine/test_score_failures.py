"""A score that fails never costs the result; what ends a job still ends it."""

from __future__ import annotations

import logging
from typing import Any, NoReturn

import pytest

from tests.formats.bvh.bvh_kit import person, swinging_rows
from workers.contract.errors import ModelUnavailable, OutputInvalid
from workers.contract.options import JobOptions
from workers.engine.engine import EngineResult, retarget
from workers.engine.score_files import score_files
from workers.formats.bundle import FileBundle
from workers.scores import scores as scores_module
from workers.scores.scores import (
    FEET_KEYS,
    LIMB_KEYS,
    POSE_KEYS,
    RELATION_KEYS,
    SEMANTIC_KEYS,
    SKIN_KEYS,
    SMOOTHNESS_KEYS,
    STANCE_KEYS,
    SURFACE_KEYS,
)

Samples = dict[str, FileBundle]
OPTIONS = JobOptions(end_s=0.8)
PARTS = {
    "_put_feet": FEET_KEYS,
    "_put_smoothness": SMOOTHNESS_KEYS,
    "_put_pose": POSE_KEYS,
    "_put_limbs": LIMB_KEYS,
    "_put_stance": STANCE_KEYS,
}


def breaks(error: BaseException) -> Any:
    def broken(*_: Any, **__: Any) -> NoReturn:
        raise error

    return broken


def run(samples: Samples, **given: Any) -> EngineResult:
    return retarget(samples["walk.bvh"], samples["stout.glb"], OPTIONS, **given)


@pytest.fixture(scope="module")
def whole(samples: Samples) -> EngineResult:
    return run(samples)


def warned(report: dict[str, Any]) -> list[str]:
    return [warning["message"] for warning in report["warnings"] if warning["code"] == "score-failed"]


@pytest.mark.parametrize(
    ("place", "keys", "says"),
    [
        ("workers.engine.engine.surface_scores", SURFACE_KEYS, "penetration"),
        ("workers.engine.engine.MeaningStage.measure_clip", SEMANTIC_KEYS[1:], "meaning"),
        *((f"workers.scores.scores.{name}", keys, "could not") for name, keys in PARTS.items()),
    ],
)
def test_a_score_that_raises_is_absent_with_its_reason(
    samples: Samples,
    whole: EngineResult,
    place: str,
    keys: tuple[str, ...],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(place, breaks(IndexError("index 0 is out of bounds")))
    with caplog.at_level(logging.ERROR, logger="retarget.scores"):
        result = run(samples)
    assert result.artifacts == whole.artifacts
    for side in ("scores", "scores_naive_copy"):
        assert list(result.report[side]) == list(whole.report[side])
        assert all(result.report[side][key] is None for key in keys)
        others = [key for key in whole.report[side] if key not in keys]
        assert [result.report[side][key] for key in others] == [whole.report[side][key] for key in others]
    told = [result.report["not_applicable"][key] for key in keys]
    assert all("IndexError" in reason for reason in told)
    (message,) = warned(result.report)
    assert says in message and "IndexError" in message
    assert any(record.exc_info and "score-failed" in record.getMessage() for record in caplog.records)


def test_each_part_sets_the_keys_that_it_answers_for(whole: EngineResult) -> None:
    values = whole.report["scores"]
    known = {
        *FEET_KEYS, *SMOOTHNESS_KEYS, *POSE_KEYS, *LIMB_KEYS, *STANCE_KEYS, *SEMANTIC_KEYS,
        *SURFACE_KEYS, *RELATION_KEYS, *SKIN_KEYS,
    }  # fmt: skip
    assert known | {"mapping_confidence", "mpjpe_pct_height"} == set(values)


def shape_of(timeline: dict[str, Any]) -> dict[str, Any]:
    return {key: len(row) if isinstance(row, list) else row for key, row in timeline.items()}


def test_a_timeline_that_raises_is_there_and_empty(
    samples: Samples, whole: EngineResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = whole.report["timeline"]
    monkeypatch.setattr("workers.engine.engine.build_timeline", breaks(ZeroDivisionError()))
    report = run(samples).report
    assert shape_of(report["timeline"]) == shape_of(expected)
    assert set(report["timeline"]["foot_skate"]) == {None}
    assert len(warned(report)) == 1


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        OSError(28, "No space left on device"),
        ModelUnavailable("encoder: its weights are not here; pull them"),
        KeyboardInterrupt(),
    ],
)
@pytest.mark.parametrize(
    "place", ["workers.engine.engine.surface_scores", "workers.engine.engine.MeaningStage.measure_clip"]
)
def test_what_is_no_fault_of_a_score_ends_the_job(
    samples: Samples, error: BaseException, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, breaks(error))
    with pytest.raises(type(error)):
        run(samples)


def test_an_encoder_that_gives_nothing_usable_costs_its_scores_only(
    samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = breaks(OutputInvalid("the embedding is not finite; choose another encoder"))
    monkeypatch.setattr("workers.engine.engine.MeaningStage.measure_clip", broken)
    report = run(samples).report
    assert report["scores"]["scl"] is None and len(warned(report)) == 1


@pytest.mark.parametrize("error", [IndexError("stop"), TimeoutError(), LookupError("canceled")])
def test_what_on_stage_raises_while_scoring_ends_the_job(
    samples: Samples, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RETARGET_SURFACE_SCORES")
    asked = []

    def stop(stage: str, fraction: float) -> None:
        asked.append(stage)
        if asked.count("scoring") > 2:
            raise error

    with pytest.raises(type(error)):
        run(samples, on_stage=stop)
    assert asked.count("scoring") == 3


def test_two_files_are_scored_without_what_fails(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.engine.score_files.surface_scores", breaks(IndexError()))
    monkeypatch.setattr(scores_module, "_put_pose", breaks(ValueError()))
    ((_, data),) = retarget(samples["walk.bvh"], samples["stout.glb"], JobOptions()).artifacts.items()
    found = score_files(samples["walk.bvh"], FileBundle("result.glb", data))
    assert found["scores"]["penetration_pct"] is None and found["scores"]["limb_direction_error_deg"] is None
    assert found["scores"]["jerk_ratio"] is not None
    assert len(warned(found)) == 2


@pytest.mark.parametrize(("swing_frames", "degrees"), [(1, 60.0), (2, 40.0), (3, 40.0), (3, 60.0)])
def test_arms_that_leave_the_sides_for_a_moment_are_scored(
    samples: Samples, swing_frames: int, degrees: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two swings contact counts as held, though the arms hang then: what is left of it holds no near pair."""
    monkeypatch.delenv("RETARGET_SURFACE_SCORES")
    rows = 0.0 * swinging_rows(40)
    rows[:, 1] = 93.0
    left, right = 3 + 3 * 6, 3 + 3 * 10
    rows[:, left], rows[:, right] = -88.0, 88.0
    for start in (12, 12 + 2 * swing_frames + 2):
        rows[start : start + swing_frames, left] += degrees
        rows[start : start + swing_frames, right] -= degrees
    motion = FileBundle("swing.bvh", person(rows).encode())
    report = retarget(motion, samples["stout.glb"], JobOptions()).report
    assert not warned(report)
    assert report["scores"]["penetration_pct"] is not None
