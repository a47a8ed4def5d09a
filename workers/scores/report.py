"""The report of one job: a JSON object that a build can gate on and a person can read.

Pure: takes what the engine measured, returns a dict that `json.dumps(..., allow_nan=False)` accepts. The scores, the
verdict and the timeline are made elsewhere (the modules beside). `SCHEMA` changes when a key
changes its meaning or goes; new keys may join.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np

from workers.scores.scores import Scores
from workers.scores.verdict import SEVERITY
from workers.skeleton.body import Body
from workers.skeleton.fold_notices import fold_notices
from workers.skeleton.model import Notice, Units

SCHEMA = "retarget-report/1"


@dataclass(frozen=True, eq=False)
class FileFacts:
    """What a report says about the motion's or the character's side.

    `rest_kind` names the pose that counted as rest; `floor_m` is the world height of the ground that was assumed, and
    `floor` how it was found (`workers.motion.ground.Floor.to_dict`), None for a character's own.
    `frames`, `rate_hz` and `clip` are those of the clip that was used (source) or made (target). `definition` is what
    the user's gave, `left_alone` the joints it names, `joint_limits` how its limits were kept, by role.
    """

    body: Body
    format: str
    units: Units
    rest_kind: str
    rest_guessed: bool
    floor_m: float
    clip: str
    rate_hz: float
    frames: int
    floor: Mapping[str, Any] | None = None
    fingerprint: str | None = None
    preset: Mapping[str, Any] | None = None
    definition: Mapping[str, Any] | None = None
    left_alone: tuple[str, ...] = ()
    joint_limits: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        skeleton = self.body.skeleton
        return {
            "format": self.format,
            "joints": skeleton.joint_count,
            "units": self.units.to_dict(),
            "clip": self.clip,
            "fps": self.rate_hz,
            "frames": self.frames,
            "duration_s": max(self.frames - 1, 0) / self.rate_hz,
            "rest_pose": {"kind": self.rest_kind, "guessed": self.rest_guessed},
            "height_m": self.body.height_m,
            "leg_length_m": self.body.leg_length_m,
            "floor_m": self.floor_m,
            "floor": self.floor,
            "skeleton_fingerprint": self.fingerprint,
            "definition": self.definition,
            "left_alone": list(self.left_alone),
            "joint_limits": self.joint_limits,
        }

    def mapping(self) -> dict[str, Any]:
        """The `M` of the contract, with the preset that was used."""
        return {**self.body.mapping.to_dict(self.body.skeleton), "preset": self.preset}


def build_report(
    *,
    engine: Mapping[str, Any],
    source: FileFacts,
    target: FileFacts,
    scores: Scores,
    scores_naive_copy: Scores,
    verdict: Mapping[str, Any],
    timeline: Mapping[str, Any],
    notices: Sequence[Notice],
    timings_s: Mapping[str, float],
    semantics: Mapping[str, Any] | None = None,
    refinement: Mapping[str, Any] | None = None,
    scores_before_refinement: Scores | None = None,
    timeline_before_refinement: Mapping[str, Any] | None = None,
    timeline_naive_copy: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The report. `engine` is `{version, method}`; equal notices are listed once, those alike folded. `semantics` says
    how meaning was measured (`workers.semantics.scoring`), `refinement` what was refined
    (`workers.refinement.refine`), None where nothing was; scores and timeline before it have the keys of those after.

    `not_applicable` holds the reasons for the result, and those of the copy where they differ, as `naive_copy.<key>`.
    """
    reasons = dict(scores.not_applicable)
    for key, reason in scores_naive_copy.not_applicable.items():
        if reasons.get(key) != reason:
            reasons[f"naive_copy.{key}"] = reason
    report = {
        "schema": SCHEMA,
        "engine": dict(engine),
        "source": source.to_dict(),
        "target": target.to_dict(),
        "mapping": {
            "source": source.mapping(),
            "target": target.mapping(),
        },
        "scores": scores.values,
        "scores_naive_copy": scores_naive_copy.values,
        "scores_before_refinement": None if scores_before_refinement is None else scores_before_refinement.values,
        "not_applicable": reasons,
        "verdict": verdict,
        "timeline": timeline,
        "timeline_naive_copy": timeline_naive_copy,
        "timeline_before_refinement": timeline_before_refinement,
        "semantics": semantics,
        "refinement": refinement,
        "warnings": [notice.to_dict() for notice in fold_notices(dict.fromkeys(notices))],
        "timings_s": {stage: round(seconds, 4) for stage, seconds in timings_s.items()},
    }
    cleaned = json_ready(report)
    assert isinstance(cleaned, dict)
    return cleaned


CLIP_KEYS = (
    "scores", "scores_naive_copy", "scores_before_refinement", "not_applicable", "verdict",
    "timeline", "timeline_naive_copy", "timeline_before_refinement", "semantics", "refinement", "warnings",
)  # fmt: skip


def join_reports(reports: Sequence[Mapping[str, Any]], timings_s: Mapping[str, float]) -> dict[str, Any]:
    """The report of a job from those of its clips, at least one; `timings_s` are the whole job's.

    One clip: its report. Several: that of the clip with the worst verdict (the first of them), with the warnings of all
    and `clips`, a list of the clip's name and `CLIP_KEYS` for each, in the file's order.
    """
    worst = max(reports, key=lambda report: SEVERITY[report["verdict"]["verdict"]])
    joined = {**worst, "timings_s": {stage: round(seconds, 4) for stage, seconds in timings_s.items()}}
    if len(reports) > 1:
        told = dict.fromkeys(Notice.from_dict(item) for report in reports for item in report["warnings"])
        joined["warnings"] = json_ready([notice.to_dict() for notice in fold_notices(told)])
        joined["clips"] = [
            {"clip": report["source"]["clip"], **{key: report[key] for key in CLIP_KEYS}} for report in reports
        ]
    return joined


def json_ready(value: Any) -> Any:
    """The value in plain JSON types: tuples become lists, numbers that are not finite None, floats get seven digits."""
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    number = float(value)
    return float(f"{number:.7g}") if math.isfinite(number) else None
