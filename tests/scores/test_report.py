"""The report's shape, pinned by a closed pydantic model, and that it is plain JSON whatever it is given."""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict

from tests.scores.stick_body import all_planted, stick_body, swinging
from workers.contract.axes import UpAxis
from workers.contract.options import parse_options
from workers.engine.engine import retarget
from workers.formats.bundle import FileBundle
from workers.retargeting.copy_rest import copy_rest
from workers.samples.body import build_body
from workers.samples.clips import walk
from workers.samples.glb import make_character
from workers.samples.shape import STOUT, TALL
from workers.scores.report import CLIP_KEYS, SCHEMA, FileFacts, build_report, join_reports, json_ready
from workers.scores.scores import kinematic_scores
from workers.scores.timeline import MAX_POINTS, build_timeline
from workers.scores.verdict import judge
from workers.skeleton.model import Notice, Units


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class EngineModel(Closed):
    version: str
    method: str


class UnitsModel(Closed):
    factor: float
    unit: str
    up_axis: UpAxis
    guessed: bool
    reason: str


class RestPoseModel(Closed):
    kind: str
    guessed: bool


class FloorModel(Closed):
    kind: Literal["plane", "per_contact", "none"]
    base_m: float | None
    lowest_m: float | None
    highest_m: float | None


class LimitModel(Closed):
    beyond_pct: float
    worst_deg: float


class FileModel(Closed):
    format: str
    joints: int
    units: UnitsModel
    clip: str
    fps: float
    frames: int
    duration_s: float
    rest_pose: RestPoseModel
    height_m: float
    leg_length_m: float
    floor_m: float
    floor: FloorModel | None
    skeleton_fingerprint: str | None
    definition: dict[str, Any] | None
    left_alone: list[str]
    joint_limits: dict[str, LimitModel]


class PresetModel(Closed):
    id: str
    name: str


class MappingModel(Closed):
    roles: dict[str, dict[str, Any]]
    chains: dict[str, list[str]]
    unmapped: list[str]
    preset: PresetModel | None


class Sides(Closed):
    source: MappingModel
    target: MappingModel


class VerdictRow(Closed):
    score: str
    meaning: str
    value: float | None
    worse: Literal["above", "below"]
    limit_review: float
    limit_fail: float
    outcome: Literal["pass", "review", "fail", "absent"]
    reason: str | None


class VerdictModel(Closed):
    verdict: Literal["pass", "review", "fail"]
    decided_by: list[str]
    absent: list[str]
    rows: list[VerdictRow]


class TimelineModel(Closed):
    step_s: float
    frames_per_point: int
    planted: list[float | None]
    foot_skate: list[float | None]
    foot_float_cm: list[float | None]
    limb_direction_error_deg: list[float | None]
    penetration_pct: list[float] | None
    relation_error: list[float] | None
    semantic_similarity: list[float] | None


class EncoderModel(Closed):
    name: str
    version: str
    identity: str


class KeyframeModel(Closed):
    frame: int
    time_s: float
    raw: float
    calibrated: float | None
    raw_naive_copy: float
    calibrated_naive_copy: float | None


class MomentModel(KeyframeModel):
    view: str
    view_raw: float
    reason: str


class AnswerModel(Closed):
    frame: int
    source: str
    result: str


class SemanticsModel(Closed):
    encoder: EncoderModel
    built_in: bool
    device: str
    renderer: str
    views: list[str]
    views_from_cache: int
    source_body: Literal["skinned", "generated"]
    same_pose: dict[str, float | None] | None
    match_scale: Literal["probability", "cosine"] | None
    description: str | None
    keyframes: list[KeyframeModel]
    answers: list[AnswerModel] | None
    worst_moments: list[MomentModel]
    seconds: float


class WarningModel(Closed):
    code: str
    message: str
    joint: str | None
    frames: list[int] | None
    count: int
    joints: list[str]


Score = float | None | dict[str, float | None]


class Report(Closed):
    schema_: str
    engine: EngineModel
    source: FileModel
    target: FileModel
    mapping: Sides
    scores: dict[str, Score]
    scores_naive_copy: dict[str, Score]
    not_applicable: dict[str, str]
    verdict: VerdictModel
    timeline: TimelineModel
    semantics: SemanticsModel | None
    refinement: dict[str, Any] | None
    scores_before_refinement: dict[str, Any] | None
    timeline_naive_copy: dict[str, Any] | None
    timeline_before_refinement: dict[str, Any] | None
    shaping: list[dict[str, Any]] = []  # where the engine wrote files
    variants: list[dict[str, Any]] = []
    warnings: list[WarningModel]
    timings_s: dict[str, float]


def make_report(frames: int = 61) -> dict[str, Any]:
    source_body, body = stick_body(), stick_body(0.6, yaw_rad=1.0)
    source, result = swinging(source_body, frames), swinging(body, frames)
    contacts = all_planted(source)
    naive = copy_rest(source, body, source_body.floor_m)
    scores = kinematic_scores(result, source, contacts, source_body.floor_m)
    units = Units(np.float64(0.01), "centimetre", "Y", True, "a person would be 170 m tall")
    facts = [
        FileFacts(motion.body, "glb", units, "bind", False, motion.body.floor_m, "Walk", motion.rate_hz, motion.frames)
        for motion in (source, result)
    ]
    notice = Notice("rest-pose-guessed", "an estimate was used", "hips", (0, 10))
    return build_report(
        engine={"version": "0.1.0", "method": "analytic"},
        source=facts[0],
        target=facts[1],
        scores=scores,
        scores_naive_copy=kinematic_scores(naive, source, contacts, source_body.floor_m),
        verdict=judge(scores.values, scores.not_applicable, body.height_m),
        timeline=build_timeline(result, source, contacts, source_body.floor_m),
        notices=[notice, notice, Notice("units-guessed", "centimetres were assumed")],
        timings_s={"reading": 0.01, "retargeting": 0.02},
    )


def test_shape() -> None:
    report = json.loads(json.dumps(make_report(), allow_nan=False))
    report["schema_"] = report.pop("schema")
    parsed = Report.model_validate(report)
    assert parsed.schema_ == SCHEMA
    assert set(parsed.scores) == set(parsed.scores_naive_copy)
    assert parsed.mapping.source.roles["hips"]["joint"] == "hips"
    assert [warning.code for warning in parsed.warnings] == ["rest-pose-guessed", "units-guessed"]
    assert parsed.source.duration_s == pytest.approx(1.0)
    assert "semantic_similarity" in parsed.not_applicable


def test_every_absent_score_has_its_reason() -> None:
    report = make_report()
    for key, value in report["scores"].items():
        absent = value is None or isinstance(value, dict)
        assert absent == (key in report["not_applicable"])


@pytest.mark.parametrize("frames", [1, 2, MAX_POINTS, MAX_POINTS + 1, 1000])
def test_timeline_stays_small_and_covers_the_clip(frames: int) -> None:
    timeline = make_report(frames)["timeline"]
    points = len(timeline["planted"])
    assert points <= MAX_POINTS
    assert (points - 1) * timeline["frames_per_point"] < frames <= points * timeline["frames_per_point"]
    assert len({len(values) for values in timeline.values() if isinstance(values, list)}) == 1
    assert timeline["foot_skate"][-1] is None if frames == 1 else timeline["foot_skate"][-1] >= 0.0


def test_json_ready_makes_plain_values() -> None:
    mixed = {
        1: (np.float32(0.5), np.int64(3), np.bool_(True), float("nan"), float("inf"), None, "x", [np.float64(1 / 3)])
    }
    ready = json_ready(mixed)
    assert ready == {"1": [0.5, 3, True, None, None, None, "x", [0.3333333]]}
    assert [type(value) for value in ready["1"][:3]] == [float, int, bool]
    json.dumps(ready, allow_nan=False)


def test_reports_of_several_clips_join_to_the_worst() -> None:
    reports = [make_report(), make_report(40), make_report(50)]
    reports[1]["verdict"]["verdict"] = "fail"
    reports[2]["warnings"].append(Notice("roll-guessed", "no fingers").to_dict())
    for number, report in enumerate(reports):
        report["warnings"].append(Notice("scale-animation-ignored", f"clip 'clip {number}': not followed").to_dict())
    joined = join_reports(reports, {"loading": 0.12345678})
    assert joined["verdict"]["verdict"] == "fail"
    assert joined["target"]["frames"] == 40
    assert [set(clip) for clip in joined["clips"]] == [{"clip", *CLIP_KEYS}] * 3
    assert [warning["code"] for warning in joined["warnings"]] == [
        "rest-pose-guessed", "units-guessed", "scale-animation-ignored", "roll-guessed",
    ]  # fmt: skip
    assert joined["warnings"][2]["count"] == 3
    assert joined["timings_s"] == {"loading": 0.1235}


def test_the_report_of_one_clip_has_no_list_of_clips() -> None:
    report = make_report()
    assert join_reports([report], {"loading": 0.1}) == {**report, "timings_s": {"loading": 0.1}}


def test_the_engines_own_report_has_this_shape() -> None:
    motion = walk(build_body(TALL))
    files = FileBundle("walk.glb", make_character(TALL, motions=[motion])), FileBundle("c.glb", make_character(STOUT))
    report = json.loads(json.dumps(retarget(*files, parse_options(None)).report, allow_nan=False))
    report["schema_"] = report.pop("schema")
    parsed = Report.model_validate(report)
    assert parsed.source.floor is not None
    assert parsed.source.floor.kind == "plane"
    assert parsed.target.floor is None
