"""The naive copy that every score stands beside.

Each mapped joint gets the source's world rotation away from its rest pose; the root path is scaled by the ratio of hips
heights. No straightening of rest poses, no inverse kinematics, no spine distribution. `WorldRelation` is the change of
world between two rigs (heading and scale) that every method shares.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workers.motion.body_motion import BodyMotion, from_rotations
from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array

# A node above the hips is the rig's place in its world where it stands so near below them, in leg lengths.
ROOT_NEAR_HIPS = 0.5


@dataclass(frozen=True, eq=False)
class WorldRelation:
    """How a source's world maps to a target's: turned by the difference of facings, scaled, floor upon floor.

    Places are taken relative to where each rig rests on the ground, so that a rig placed off the origin stays there.
    """

    turn: Array  # (4,) about Y
    scale: float
    travel_scale: float  # along the ground
    source_origin_m: Array  # (3,) on the source's floor
    target_origin_m: Array  # (3,) on the target's floor

    def points(self, positions_m: Array) -> Array:
        """Source world positions `(..., 3)` to target world positions."""
        scales = np.array([self.travel_scale, self.scale, self.travel_scale])
        moved: Array = quat.rotate(self.turn, scales * (positions_m - self.source_origin_m)) + self.target_origin_m
        return moved


def relate(
    source: Body, target: Body, scale: float, source_floor_m: float, travel_scale: float | None = None
) -> WorldRelation:
    """`source_floor_m` is the height of the source motion's own ground; travel is scaled as all else by default."""
    source_origin, target_origin = (
        source.rest_positions_m[source.hips].copy(),
        target.rest_positions_m[target.hips].copy(),
    )
    source_origin[1], target_origin[1] = source_floor_m, target.floor_m
    return WorldRelation(
        quat.multiply(target.facing, quat.conjugate(source.facing)),
        scale,
        scale if travel_scale is None else travel_scale,
        source_origin,
        target_origin,
    )


def shared_roles(source: Body, target: Body) -> list[str]:
    """Roles that both rigs have, in the target's order."""
    return [role for role in target.mapping.roles if role in source.mapping.roles]


def rest_deltas(source: BodyMotion, turn: Array, roles: list[str]) -> Array:
    """World rotations away from rest `(frames, roles, 4)`, expressed in the target's world by `turn`."""
    joints = [source.body.mapping.roles[role].joint for role in roles]
    result = np.empty((source.frames, len(joints), 4))
    for some in quat.windows(result):
        deltas = quat.multiply(source.rotations[some, joints], quat.conjugate(source.body.rest_rotations[joints]))
        result[some] = quat.multiply(quat.multiply(turn, deltas), quat.conjugate(turn))
    return result


def copy_rest(source: BodyMotion, target: Body, source_floor_m: float) -> BodyMotion:
    """The naive copy of `source` on `target`."""
    relation = relate(source.body, target, hips_scale(source.body, target), source_floor_m)
    roles = shared_roles(source.body, target)
    joints = [target.mapping.roles[role].joint for role in roles]
    rotations = quat.identity(source.frames, len(target.skeleton))
    rotations[:, joints] = quat.multiply(rest_deltas(source, relation.turn, roles), target.rest_rotations[joints])
    driven = np.zeros(len(target.skeleton), dtype=bool)
    driven[joints] = True
    rotations = kinematics.follow_rest(target.skeleton, rotations, driven)
    return from_rotations(target, source, rotations, pelvis_path(source, relation, target, rotations))


def hips_scale(source: Body, target: Body) -> float:
    """How much higher the target's pelvis stands: the scale that other tools take for the root."""
    return target.hips_height_m / max(source.hips_height_m, 1e-6)


def pelvis_path(source: BodyMotion, relation: WorldRelation, target: Body, rotations: Array) -> Array:
    """Path of the target's hips `(frames, 3)` that brings its pelvis point where `relation` takes the source's."""
    pelvis = source.positions_m[:, source.body.hips] + _carried(
        source.body, source.rotations, source.body.pelvis_offset_m
    )
    path: Array = relation.points(pelvis) - _carried(target, rotations, target.pelvis_offset_m)
    return path


def about_roots(source: Body, target: Body, relation: WorldRelation) -> WorldRelation:
    """The relation that takes the ground below one rig's root to that below the other's, wherever their hips rest."""
    origins = []
    for body, origin in ((source, relation.source_origin_m), (target, relation.target_origin_m)):
        parent = int(body.skeleton.parents[body.hips])
        root = body.rest_positions_m[parent] if parent >= 0 else np.zeros(3)
        away = (root - origin) * [1.0, 0.0, 1.0]
        is_its_root = float(np.linalg.norm(away)) < ROOT_NEAR_HIPS * body.leg_length_m
        origins.append(origin + away if is_its_root else origin)
    return replace(relation, source_origin_m=origins[0], target_origin_m=origins[1])


def _carried(body: Body, rotations: Array, offset_m: Array) -> Array:
    """An offset from the hips joint in the rest pose, as the hips carry it along, `(frames, 3)`."""
    local = quat.rotate(quat.conjugate(body.rest_rotations[body.hips]), offset_m)
    return quat.rotate(rotations[:, body.hips], local)
