"""Results spoilt on purpose, each in a way that retargeting goes wrong: what semantic scores have to find.

Every damage is done to a motion of the character and keeps its body and time axis.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from workers.contract.options import JobOptions
from workers.motion.body_motion import BodyMotion, from_rotations
from workers.preparation.prepare import PreparedCharacter, PreparedMotion
from workers.retargeting.clip import RetargetedClip, retarget_clip
from workers.skeleton import kinematics, quat
from workers.skeleton.mapping import HumanoidMapping

ARM_DEG = 40.0
LEGS = tuple(f"{side}{part}" for side in ("left", "right") for part in ("UpperLeg", "LowerLeg", "Foot", "Toes"))
_SIDE = re.compile("left|right")
_ARM = re.compile("(left|right)(Shoulder|UpperArm|LowerArm|Hand)$")


def damages(
    retargeted: RetargetedClip, target: PreparedCharacter, other: BodyMotion, options: JobOptions
) -> Mapping[str, BodyMotion]:
    """By name: the pose frozen, an arm turned, legs that were not mapped, arms or all sides mapped to the other side,
    and `other`, another clip on the same body.
    """
    return {
        "frozen": frozen(retargeted.scored),
        "arm_turned": arm_turned(retargeted.scored),
        "legs_unmapped": legs_at_rest(retargeted.scored),
        "arms_swapped": retarget_clip(with_sides_swapped(retargeted.source, _ARM), target, options).scored,
        "sides_swapped": retarget_clip(with_sides_swapped(retargeted.source, _SIDE), target, options).scored,
        "other_clip": stretched(other, retargeted.scored.frames),
    }


def frozen(motion: BodyMotion) -> BodyMotion:
    """The first pose throughout."""
    first = np.zeros(motion.frames, dtype=np.int64)
    return motion.some(first)


def arm_turned(motion: BodyMotion, degrees: float = ARM_DEG) -> BodyMotion:
    """The left arm turned at the shoulder, up and to the side."""
    skeleton, joint = motion.body.skeleton, motion.body.mapping.roles["leftUpperArm"].joint
    below = kinematics.subtree(skeleton, joint)
    axis = quat.rotate(motion.body.facing, np.array([0.0, 0.0, 1.0]))
    turn = quat.from_axis_angle(axis, np.radians(degrees))
    rotations, positions = motion.rotations.copy(), motion.positions_m.copy()
    pivot = positions[:, [joint]].copy()
    rotations[:, below] = quat.multiply(turn, rotations[:, below])
    positions[:, below] = quat.rotate(turn, positions[:, below] - pivot) + pivot
    return replace(motion, rotations=rotations, positions_m=positions)


def legs_at_rest(motion: BodyMotion) -> BodyMotion:
    """The legs as they rest below the hips, as where nothing is mapped to them."""
    body, skeleton = motion.body, motion.body.skeleton
    joints = [body.mapping.roles[role].joint for role in LEGS if body.has(role)]
    local = kinematics.local_rotations(skeleton, motion.rotations)
    local[:, joints] = skeleton.rest_rotations[joints]
    world = kinematics.world_rotations(skeleton, local)
    return from_rotations(body, motion, world, motion.positions_m[:, body.hips])


def with_sides_swapped(source: PreparedMotion, roles: re.Pattern[str]) -> PreparedMotion:
    """The motion with the roles that match mapped to the joints of the other side."""
    body = replace(source.body, mapping=_swapped(source.body.mapping, roles))
    return replace(source, body=body, motion=replace(source.motion, body=body))


def _swapped(mapping: HumanoidMapping, roles: re.Pattern[str]) -> HumanoidMapping:
    other = {"left": "right", "right": "left"}
    names = {role: _SIDE.sub(lambda m: other[m[0]], role) if roles.match(role) else role for role in mapping.roles}
    paired = {role: name if name in mapping.roles else role for role, name in names.items()}
    return replace(mapping, roles={role: mapping.roles[name] for role, name in paired.items()})


def stretched(motion: BodyMotion, frames: int) -> BodyMotion:
    """The motion in that many frames, nearest ones taken."""
    chosen = np.round(np.linspace(0, motion.frames - 1, frames)).astype(np.int64)
    return motion.some(chosen)
