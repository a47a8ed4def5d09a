"""Relations of motions, by numpy: of some frames of a body that moves, and a source's to hold results against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workers.geometry.posing import pose
from workers.geometry.relations.errors import RelationErrors, relation_errors
from workers.geometry.relations.features import Relations, relations
from workers.geometry.relations.points import RelationPoints, relation_points, shared_points
from workers.geometry.surface import BodySurface
from workers.motion.body_motion import BodyMotion
from workers.skeleton.model import Indices


@dataclass(frozen=True, eq=False)
class WantedRelations:
    """The relations that a source has in `frames` of its motion, and the points by which a result's are measured."""

    frames: Indices
    wanted: Relations
    points: RelationPoints

    def errors(self, motion: BodyMotion, start: int = 0) -> RelationErrors:
        """Of a motion of the result's body, by frame and limb; `motion` is the clip from frame `start` on, and holds
        all of `frames`.
        """
        return relation_errors(self.wanted, motion_relations(self.points, motion, self.frames - start))


def wanted_relations(
    source: BodyMotion,
    source_surface: BodySurface,
    surface: BodySurface,
    frames: Sequence[int] | Indices,
    shift: float = 0.0,
) -> WantedRelations | None:
    """What results on the body of `surface` are held against; None where the bodies share no limb. `shift` 0.5 takes
    other marks and probes than an optimiser with 0.
    """
    one, other = shared_points(relation_points(source_surface, shift), relation_points(surface, shift))
    if not one.limbs:
        return None
    chosen = np.asarray(frames, dtype=np.int64)
    return WantedRelations(chosen, motion_relations(one, source, chosen), other)


def motion_relations(
    points: RelationPoints, motion: BodyMotion, frames: Sequence[int] | Indices | None = None
) -> Relations:
    """Of all frames of a motion, or of those named; `motion` moves the body that the points are of."""
    return relations(points, pose(points.surface, motion, frames))
