"""Joint limits that a definition gives: which frames of a motion go beyond them.

A joint's turn is its rotation relative to its parent, away from the same in the rest pose, in the joint's own axes.
`twist` is its part about the bone, `swing` the angle of the rest (swing-twist decomposition); x, y, z are the
components of its rotation vector. All in degrees.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from workers.contract.definitions import JointLimits
from workers.motion.body_motion import BodyMotion
from workers.skeleton import quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Mask

Limits = Mapping[str, JointLimits]


def beyond_given(motion: BodyMotion, limits: Limits) -> dict[str, Mask]:
    """Role -> `(frames,)`, true where the joint is beyond a limit; for the roles that the body has."""
    return {role: excess_deg(motion, role, limits[role]) > 0.0 for role in limits if motion.body.has(role)}


def excess_deg(motion: BodyMotion, role: str, limits: JointLimits) -> Array:
    """How far beyond its limits a joint is, `(frames,)`; 0 within them."""
    turn = _turn(motion, motion.body.mapping.roles[role].joint)
    vector = _rotation_vector_deg(turn)
    excess = np.zeros(motion.frames)
    for axis, bounds in enumerate((limits.x, limits.y, limits.z)):
        if bounds is not None:
            excess = np.maximum(excess, _outside(vector[:, axis], bounds))
    bone = bone_axis(motion.body, motion.body.mapping.roles[role].joint)
    twist, swing = _swing_twist_deg(turn, bone)
    if limits.twist is not None:
        excess = np.maximum(excess, _outside(twist, limits.twist))
    if limits.swing is not None:
        excess = np.maximum(excess, swing - limits.swing)
    return excess


def limit_summary(motion: BodyMotion, limits: Limits) -> dict[str, dict[str, float]]:
    """For the report: per role the share of frames beyond its limits and the worst excess."""
    result = {}
    for role, given in limits.items():
        if motion.body.has(role):
            excess = excess_deg(motion, role, given)
            result[role] = {"beyond_pct": 100.0 * float((excess > 0.0).mean()), "worst_deg": float(excess.max())}
    return result


def _turn(motion: BodyMotion, joint: int) -> Array:
    """Rotation away from rest `(frames, 4)`, relative to the parent, in the joint's own axes."""
    body, parent = motion.body, int(motion.body.skeleton.parents[joint])
    local, rest = motion.rotations[:, joint], body.rest_rotations[joint]
    if parent >= 0:
        local = quat.multiply(quat.conjugate(motion.rotations[:, parent]), local)
        rest = quat.multiply(quat.conjugate(body.rest_rotations[parent]), rest)
    turn = quat.multiply(quat.conjugate(rest), local)
    return np.where(turn[:, 3:] < 0.0, -turn, turn)


def _rotation_vector_deg(turn: Array) -> Array:
    sine = np.linalg.norm(turn[:, :3], axis=1)
    angle = 2.0 * np.degrees(np.arctan2(sine, turn[:, 3]))
    vector: Array = turn[:, :3] * (angle / np.maximum(sine, 1e-12))[:, None]
    return vector


def _swing_twist_deg(turn: Array, axis: Array) -> tuple[Array, Array]:
    along = turn[:, :3] @ axis
    twist = 2.0 * np.degrees(np.arctan2(along, turn[:, 3]))
    twist = (twist + 180.0) % 360.0 - 180.0
    cosine = np.clip(np.hypot(along, turn[:, 3]), 0.0, 1.0)
    return twist, 2.0 * np.degrees(np.arccos(cosine))


def bone_axis(body: Body, joint: int) -> Array:
    """Unit direction of the bone in the joint's own axes: to its children's middle, for a leaf from its parent."""
    skeleton, positions = body.skeleton, body.rest_positions_m
    children = [child for child in skeleton.children[joint] if skeleton.deforming[child]]
    parent = int(skeleton.parents[joint])
    bone = np.zeros(3)
    if children:
        bone = positions[children].mean(axis=0) - positions[joint]
    if np.linalg.norm(bone) < 1e-6 and parent >= 0:
        bone = positions[joint] - positions[parent]
    if np.linalg.norm(bone) < 1e-6:
        bone = np.array([0.0, 1.0, 0.0])
    axis: Array = quat.rotate(quat.conjugate(body.rest_rotations[joint]), quat.unit(bone))
    return axis


def _outside(values: Array, bounds: tuple[float, float]) -> Array:
    least, most = bounds
    return np.maximum(np.maximum(least - values, values - most), 0.0)
