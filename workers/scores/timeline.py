"""The report's timeline: where in the clip a result slides, floats or points elsewhere.

At most `MAX_POINTS` points, each the mean over its stretch of frames; a stretch without a value is None.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts
from workers.scores import foot_scores, pose_scores
from workers.skeleton.model import Array

MAX_POINTS = 120
ROWS = ("planted", "foot_skate", "foot_float_cm", "limb_direction_error_deg")


def build_timeline(
    result: BodyMotion,
    source: BodyMotion,
    contacts: FootContacts,
    source_floor_m: float,
    similarity: Array | None = None,
    penetration_pct: Array | None = None,
    relation_error: Array | None = None,
) -> dict[str, Any]:
    """Arrays over time: `{step_s, frames_per_point, planted, foot_skate, foot_float_cm, limb_direction_error_deg,
    penetration_pct, relation_error, semantic_similarity}`.

    `planted` is the share of foot joints planted; `foot_skate` is in body heights a second. `similarity` `(frames,)` is
    the raw semantic similarity, `penetration_pct` `(frames,)` the share of limb vertices inside the body,
    `relation_error` `(frames,)` that of `workers.scores.relation_scores`; without them these rows are None as a whole.
    """
    track = foot_scores.source_track(contacts, source.body, result.body, source_floor_m)
    result_ground = foot_scores.result_track(track, source.body, result.body, source_floor_m)
    frames, width = result.frames, _axis(result)["frames_per_point"]
    slides = np.full((frames, len(track.roles)), np.nan)
    slides[1:] = foot_scores.slide_speeds(result, result_ground)
    above = np.maximum(foot_scores.sole_clearance(result, result_ground), 0.0) * 100.0
    rows = {
        "planted": track.planted.astype(np.float64),
        "foot_skate": slides,
        "foot_float_cm": np.where(track.planted, above, np.nan),
        "limb_direction_error_deg": pose_scores.limb_errors_deg(result, source),
    }
    return {
        **_axis(result),
        **{name: _stretches(values, width) for name, values in rows.items()},
        "penetration_pct": None if penetration_pct is None else _stretches(penetration_pct[:, None], width),
        "relation_error": None if relation_error is None else _stretches(relation_error[:, None], width),
        "semantic_similarity": None if similarity is None else _stretches(similarity[:, None], width, digits=6),
    }


def absent_timeline(result: BodyMotion) -> dict[str, Any]:
    """The timeline of a result of which none could be made: every point is there and holds None."""
    axis = _axis(result)
    points = -(-result.frames // axis["frames_per_point"])
    whole: dict[str, Any] = {"penetration_pct": None, "relation_error": None, "semantic_similarity": None}
    return {**axis, **{name: [None] * points for name in ROWS}, **whole}


def _axis(result: BodyMotion) -> dict[str, Any]:
    width = max(1, -(-result.frames // MAX_POINTS))
    return {"step_s": width / result.rate_hz, "frames_per_point": width}


def _stretches(values: Array, width: int, digits: int = 4) -> list[float | None]:
    """Means of `(frames, n)` over `width` frames each, NaN left out; None where nothing is left."""
    means: list[float | None] = []
    for start in range(0, len(values), width):
        part = values[start : start + width]
        part = part[np.isfinite(part)]
        means.append(round(float(part.mean()), digits) if part.size else None)
    return means
