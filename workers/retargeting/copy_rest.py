"""The naive copy that every score stands beside.

Each mapped joint gets the source's world rotation away from its rest pose; the root path is scaled by the ratio of hips
heights. No straightening of rest poses, no inverse kinematics, no spine distribution. `WorldRelation` is the change of
world between two rigs (heading and scale) that every method shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.motion.body_motion import BodyMotion, from_rotations
from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array


@dataclass(frozen=True, eq=False)
class WorldRelation:
    """How a source's world maps to a target's: turned by the difference of facings, scaled, floor upon floor.

    Places are taken relative to where each rig rests on the ground, so that a rig placed off the origin stays there.
    """

    turn: Array  # (4,) about Y
    scale: float
    source_origin_m: Array  # (3,) on the source's floor
    target_origin_m: Array  # (3,) on the target's floor

    def points(self, positions_m: Array) -> Array:
        """Source world positions `(..., 3)` to target world positions."""
        moved: Array = quat.rotate(self.turn, self.scale * (positions_m - self.source_origin_m)) + self.target_origin_m
        return moved


def relate(source: Body, target: Body, scale: float, source_floor_m: float) -> WorldRelation:
    """`source_floor_m` is the height of the source motion's own ground."""
    source_origin, target_origin = (
        source.rest_positions_m[source.hips].copy(),
        target.rest_positions_m[target.hips].copy(),
    )
    source_origin[1], target_origin[1] = source_floor_m, target.floor_m
    return WorldRelation(
        quat.multiply(target.facing, quat.conjugate(source.facing)), scale, source_origin, target_origin
    )


def shared_roles(source: Body, target: Body) -> list[str]:
    """Roles that both rigs have, in the target's order."""
    return [role for role in target.mapping.roles if role in source.mapping.roles]


def rest_deltas(source: BodyMotion, turn: Array, roles: list[str]) -> Array:
    """World rotations away from rest `(frames, roles, 4)`, expressed in the target's world by `turn`."""
    joints = [source.body.mapping.roles[role].joint for role in roles]
    deltas = quat.multiply(source.rotations[:, joints], quat.conjugate(source.body.rest_rotations[joints]))
    return quat.multiply(quat.multiply(turn, deltas), quat.conjugate(turn))


def copy_rest(source: BodyMotion, target: Body, source_floor_m: float) -> BodyMotion:
    """The naive copy of `source` on `target`."""
    scale = target.hips_height_m / max(source.body.hips_height_m, 1e-6)
    relation = relate(source.body, target, scale, source_floor_m)
    roles = shared_roles(source.body, target)
    joints = [target.mapping.roles[role].joint for role in roles]
    rotations = quat.identity(source.frames, len(target.skeleton))
    rotations[:, joints] = quat.multiply(rest_deltas(source, relation.turn, roles), target.rest_rotations[joints])
    driven = np.zeros(len(target.skeleton), dtype=bool)
    driven[joints] = True
    rotations = kinematics.follow_rest(target.skeleton, rotations, driven)
    pelvis = source.positions_m[:, source.body.hips] + _carried(
        source.body, source.rotations, source.body.pelvis_offset_m
    )
    path = relation.points(pelvis) - _carried(target, rotations, target.pelvis_offset_m)
    return from_rotations(target, source, rotations, path)


def _carried(body: Body, rotations: Array, offset_m: Array) -> Array:
    """An offset from the hips joint in the rest pose, as the hips carry it along, `(frames, 3)`."""
    local = quat.rotate(quat.conjugate(body.rest_rotations[body.hips]), offset_m)
    return quat.rotate(rotations[:, body.hips], local)
