"""The part of a job that measures surfaces, for the result, the copy and what was refined: penetration, self-contact,
relations to the own body, and whether the skin is torn, wrung or left behind.

scipy, numba and libigl are imported when the first clip is measured, torch never; where they are not installed, or the
environment variable `RETARGET_SURFACE_SCORES` is `off`, the scores are absent, with the reason. What is measured is
`workers.scores.surface_measures`', `relation_scores`' and `skin_measures`'.
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
from workers.scores.scores import RELATION_KEYS, SKIN_KEYS, SURFACE_KEYS, Scores
from workers.skeleton.model import Array, Notice

if TYPE_CHECKING:
    from workers.scores.relation_scores import RelationScores
    from workers.scores.skin_measures import SkinScores
    from workers.scores.surface_measures import GeometryScores

KEYS = (*SURFACE_KEYS, *RELATION_KEYS, *SKIN_KEYS)
PACKAGES = ("scipy", "igl", "numba")
SWITCH = "RETARGET_SURFACE_SCORES"


@dataclass(frozen=True, eq=False)
class SurfaceScores:
    """Of one motion: values by `KEYS`, reasons where they are None, and for timelines `penetration_pct` and
    `relation_error` of every frame `(frames,)`, between measured frames interpolated; None where it was not measured.
    `notices` are for the report.
    """

    values: dict[str, float | None]
    reasons: dict[str, str]
    per_frame: Array | None = None
    relation_per_frame: Array | None = None
    notices: tuple[Notice, ...] = ()

    @staticmethod
    def absent(reason: str) -> SurfaceScores:
        return SurfaceScores(dict.fromkeys(KEYS), dict.fromkeys(KEYS, reason))

    def put(self, scores: Scores) -> None:
        """Set these scores, or why there are none."""
        for key in KEYS:
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
    from workers.scores.relation_scores import relation_scores
    from workers.scores.skin_measures import skin_scores
    from workers.scores.surface_measures import geometry_scores

    seen, surfaces = surfaces_of(source).light, surfaces_of(target)
    on_step()
    found = geometry_scores(motions, source_motion, seen, surfaces, on_step=on_step)
    related = relation_scores(motions, source_motion, seen, surfaces.light, on_step)
    skins = []
    for motion in motions:
        on_step()
        skins.append(skin_scores(motion, surfaces.full))
    return [_of(*measured, source_motion.frames) for measured in zip(found, related, skins, strict=True)]


def _of(found: GeometryScores, related: RelationScores, skin: SkinScores, frames: int) -> SurfaceScores:
    per_frame = 100.0 * np.interp(np.arange(frames), found.frames, found.by_frame) if len(found.frames) else None
    values = {**found.values, **related.values, **skin.values}
    reasons = {**found.not_applicable, **related.reasons, **skin.reasons}
    return SurfaceScores(values, reasons, per_frame, related.per_frame(frames), skin.notices)
