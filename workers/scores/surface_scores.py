"""The part of a job that measures penetration and self-contact, for the result, the copy and what was refined.

scipy and libigl are imported when the first clip is measured, torch never; where they are not installed, or the
environment variable `RETARGET_SURFACE_SCORES` is `off`, the scores are absent, with the reason. What is measured is
`workers.scores.surface_measures`'.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from workers.motion.body_motion import BodyMotion
from workers.preparation.prepare import PreparedCharacter, PreparedMotion
from workers.scores.scores import SURFACE_KEYS, Scores
from workers.skeleton.model import Array

if TYPE_CHECKING:
    from workers.scores.surface_measures import GeometryScores

PACKAGES = ("scipy", "igl")
SWITCH = "RETARGET_SURFACE_SCORES"


@dataclass(frozen=True, eq=False)
class SurfaceScores:
    """Of one motion: values by `SURFACE_KEYS`, reasons where they are None, and for timelines `penetration_pct` of
    every frame `(frames,)`, between measured frames interpolated; None where it was not measured.
    """

    values: dict[str, float | None]
    reasons: dict[str, str]
    per_frame: Array | None = None

    @staticmethod
    def absent(reason: str) -> SurfaceScores:
        return SurfaceScores(dict.fromkeys(SURFACE_KEYS), dict.fromkeys(SURFACE_KEYS, reason))

    def put(self, scores: Scores) -> None:
        """Set these scores, or why there are none."""
        for key in SURFACE_KEYS:
            scores.not_applicable.pop(key, None)
            scores.put(key, self.values[key], self.reasons.get(key, ""))


def surface_scores(
    motions: list[BodyMotion],
    target: PreparedCharacter | PreparedMotion,
    source: PreparedMotion,
    source_motion: BodyMotion,
    on_step: Callable[[], None] = lambda: None,
) -> list[SurfaceScores]:
    """Scores of motions of the character `target` against `source_motion`, which moves the body of `source`.

    `on_step` is called between pieces of work and may raise to stop.
    """
    if os.environ.get(SWITCH, "").lower() == "off":
        return [SurfaceScores.absent(f"{SWITCH} switches them off here") for _ in motions]
    for package in PACKAGES:
        if find_spec(package) is None:
            return [SurfaceScores.absent(f"the package {package} is not installed") for _ in motions]
    from workers.geometry.prepared import surfaces_of
    from workers.scores.surface_measures import geometry_scores

    seen = surfaces_of(source).light
    on_step()
    found = geometry_scores(motions, source_motion, seen, surfaces_of(target), on_step=on_step)
    return [_of(item, source_motion.frames) for item in found]


def _of(found: GeometryScores, frames: int) -> SurfaceScores:
    per_frame = 100.0 * np.interp(np.arange(frames), found.frames, found.by_frame) if len(found.frames) else None
    return SurfaceScores(found.values, found.not_applicable, per_frame)
