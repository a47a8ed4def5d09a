"""Relations of motions, by numpy: of some frames of a body that moves."""

from __future__ import annotations

from collections.abc import Sequence

from workers.geometry.posing import pose
from workers.geometry.relations.features import Relations, relations
from workers.geometry.relations.points import RelationPoints
from workers.motion.body_motion import BodyMotion
from workers.skeleton.model import Indices


def motion_relations(
    points: RelationPoints, motion: BodyMotion, frames: Sequence[int] | Indices | None = None
) -> Relations:
    """Of all frames of a motion, or of those named; `motion` moves the body that the points are of."""
    return relations(points, pose(points.surface, motion, frames))
