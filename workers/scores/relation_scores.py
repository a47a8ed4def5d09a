"""`relation_error`: how far a result's relations to its own body are from the source's, whole, by limb and over time.

What is measured is `workers.geometry.relations`' (`formula.md` there): 0 where hands, forearms, elbows, feet, knees and
head are where the source has them with respect to its own body; 1 is about a limb that points 30 to 40 degrees
elsewhere, or a hand that lies wrong on the body by one and a half forearm radii. Measured in `FRAMES` frames spread
over the clip. It is shown and judges nothing.

    relation_error            mean over frames and limbs, hands twice
    relation_error_hands, _forearms, _elbows, _feet, _knees    mean over frames of the worse side
    relation_error_head
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from workers.geometry.relations.errors import RelationErrors
from workers.geometry.relations.measure import wanted_relations
from workers.geometry.surface import BodySurface
from workers.motion.body_motion import BodyMotion
from workers.scores.scores import RELATION_KEYS
from workers.skeleton.model import Array, Indices

FRAMES = 48  # of a clip
NO_SHARED_LIMB = "the bodies share no limb with skin"
ENDINGS = {"hands": "Hand", "forearms": "Forearm", "elbows": "Elbow", "feet": "Foot", "knees": "Knee", "head": "head"}


@dataclass(frozen=True, eq=False)
class RelationScores:
    """`values` by `RELATION_KEYS`, None where both bodies lack such a limb, with `reasons`; the whole error `by_frame`
    of `frames`, for timelines.
    """

    values: dict[str, float | None]
    reasons: dict[str, str]
    frames: Indices
    by_frame: Array

    def per_frame(self, frames: int) -> Array | None:
        """The whole error of every frame `(frames,)`, between measured ones interpolated; None where none was."""
        return np.interp(np.arange(frames), self.frames, self.by_frame) if len(self.frames) else None


def relation_scores(
    motions: Sequence[BodyMotion],
    source: BodyMotion,
    source_surface: BodySurface,
    surface: BodySurface,
    on_step: Callable[[], None] = lambda: None,
) -> list[RelationScores]:
    """Of motions of the body that `surface` is of, on `source`'s time axis, which moves the body of `source_surface`.

    `on_step` is called between pieces of work and may raise to stop.
    """
    frames = np.unique(np.linspace(0, source.frames - 1, min(source.frames, FRAMES)).round().astype(np.int64))
    held = wanted_relations(source, source_surface, surface, frames)
    if held is None:
        return [_scores(None, frames[:0]) for _ in motions]
    found = []
    for motion in motions:
        on_step()
        found.append(_scores(held.errors(motion), frames))
    return found


def _scores(errors: RelationErrors | None, frames: Indices) -> RelationScores:
    if errors is None:
        none = dict.fromkeys(RELATION_KEYS, NO_SHARED_LIMB)
        return RelationScores(dict.fromkeys(RELATION_KEYS), none, frames, np.zeros(0))
    values: dict[str, float | None] = {"relation_error": float(errors.by_frame.mean())}
    for name, ending in ENDINGS.items():
        sides = [float(errors.by_limb[:, k].mean()) for k, limb in enumerate(errors.limbs) if limb.endswith(ending)]
        values[f"relation_error_{name}"] = max(sides) if sides else None
    reasons = {key: NO_SHARED_LIMB for key, value in values.items() if value is None}
    return RelationScores(values, reasons, frames, errors.by_frame)
