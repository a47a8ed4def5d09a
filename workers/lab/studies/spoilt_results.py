"""Ten kinds of spoilt results: what a person sees first, each at a size of 1 (as stated here) or a share of it.

    torn            one part moved away from the body by 10 % of its height
    hovering, sunk  the whole body up or down by 3 % of its height
    frozen_limb     a limb that keeps the pose of the first frame against the trunk; at half, half way to it
    turned_limb     a limb turned at its root by 20 degrees, about the trunk's forward axis
    mirrored_bend   knees (or elbows) bent as far the other way; at half, straight
    swapped_sides   left and right exchanged; at half, of the arms alone
    wrung_wrist     a hand rolled by 180 degrees against its forearm
    short_root      the way from the first frame at 0.8 of its scale
    other_clip      another clip's poses; at half, from the middle on

Every damage is done to a motion of the character and keeps its body and time axis. Which limb suffers goes by a number,
so that bodies differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from workers.contract.options import JobOptions
from workers.contract.roles import SIDES
from workers.lab.studies.meaning_damage import stretched, with_sides_swapped
from workers.motion.body_motion import BodyMotion, from_rotations
from workers.preparation.prepare import PreparedCharacter
from workers.retargeting.clip import RetargetedClip, retarget_clip
from workers.retargeting.feet.legs import carried
from workers.scores.pose_scores import angles_deg, away_from_rest, segment
from workers.skeleton import kinematics, quat
from workers.skeleton.body import FORWARD, LEFT, UP
from workers.skeleton.model import Array

TORN, RAISED, TURNED_DEG, WRUNG_DEG, SHORTENED = 0.1, 0.03, 20.0, 180.0, 0.2
SIZES = (1.0, 0.5)
TORN_PARTS = ("leftLowerArm", "rightLowerLeg", "head", "leftUpperLeg")
LIMBS = ("leftUpperArm", "rightUpperLeg", "rightUpperArm", "leftUpperLeg")
BENT = (("UpperLeg", "LowerLeg"), ("UpperArm", "LowerArm"))
_BOTH, _ARMS = re.compile("left|right"), re.compile("(left|right)(Shoulder|UpperArm|LowerArm|Hand)$")


@dataclass(frozen=True, eq=False)
class Good:
    """A good result to spoil, what made it, and the poses of another clip on the same body."""

    done: RetargetedClip
    target: PreparedCharacter
    options: JobOptions
    other: BodyMotion
    number: int  # of the body: chooses the limb

    @property
    def motion(self) -> BodyMotion:
        return self.done.scored


def torn(good: Good, size: float) -> BodyMotion:
    motion, body = good.motion, good.motion.body
    role = TORN_PARTS[good.number % len(TORN_PARTS)]
    joint = body.mapping.roles[role if body.has(role) else TORN_PARTS[0]].joint
    away = quat.rotate(away_from_rest(motion, "hips"), quat.rotate(body.facing, LEFT))
    positions = motion.positions_m.copy()
    positions[:, carried(body, joint)] += (TORN * size * body.height_m * away)[:, None]
    return replace(motion, positions_m=positions)


def hovering(good: Good, size: float) -> BodyMotion:
    return replace(good.motion, positions_m=good.motion.positions_m + RAISED * size * good.motion.body.height_m * UP)


def sunk(good: Good, size: float) -> BodyMotion:
    return hovering(good, -size)


def frozen_limb(good: Good, size: float) -> BodyMotion:
    motion, skeleton = good.motion, good.motion.body.skeleton
    joints = carried(motion.body, motion.body.mapping.roles[LIMBS[good.number % len(LIMBS)]].joint)
    local = kinematics.local_rotations(skeleton, motion.rotations)
    local[:, joints] = quat.slerp(local[:, joints], np.broadcast_to(local[:1, joints], local[:, joints].shape), size)
    return _posed(motion, local)


def turned_limb(good: Good, size: float) -> BodyMotion:
    motion = good.motion
    role = LIMBS[good.number % len(LIMBS)]
    sign = 1.0 if role.startswith("left") else -1.0
    axis = quat.rotate(away_from_rest(motion, "hips"), quat.rotate(motion.body.facing, FORWARD))
    return _turned(motion, role, axis, np.full(motion.frames, sign * np.radians(TURNED_DEG * size)))


def mirrored_bend(good: Good, size: float) -> BodyMotion:
    motion, (upper, lower) = good.motion, BENT[good.number % len(BENT)]
    for side in SIDES:
        first, second = segment(motion, side + upper), segment(motion, side + lower)
        axis = quat.unit(np.cross(first, second))
        motion = _turned(motion, side + lower, axis, -2.0 * size * np.radians(angles_deg(first, second)))
    return motion


def swapped_sides(good: Good, size: float) -> BodyMotion:
    swapped = with_sides_swapped(good.done.source, _BOTH if size >= 1.0 else _ARMS)
    return retarget_clip(swapped, good.target, good.options).scored


def wrung_wrist(good: Good, size: float) -> BodyMotion:
    motion = good.motion
    side = SIDES[good.number % len(SIDES)]
    angle = np.full(motion.frames, np.radians(WRUNG_DEG * size))
    return _turned(motion, f"{side}Hand", segment(motion, f"{side}LowerArm"), angle)


def short_root(good: Good, size: float) -> BodyMotion:
    motion = good.motion
    hips = motion.positions_m[:, motion.body.hips]
    way = hips - hips[:1]
    return replace(motion, positions_m=motion.positions_m - SHORTENED * size * way[:, None])


def other_clip(good: Good, size: float) -> BodyMotion:
    motion, other = good.motion, stretched(good.other, good.motion.frames)
    start = round((1.0 - size) * motion.frames)
    rotations, positions = motion.rotations.copy(), motion.positions_m.copy()
    rotations[start:], positions[start:] = other.rotations[start:], other.positions_m[start:]
    return replace(motion, rotations=rotations, positions_m=positions)


KINDS: Mapping[str, Callable[[Good, float], BodyMotion]] = {
    function.__name__: function
    for function in (
        torn, hovering, sunk, frozen_limb, turned_limb, mirrored_bend, swapped_sides, wrung_wrist, short_root,
        other_clip,
    )
}  # fmt: skip


def _turned(motion: BodyMotion, role: str, axis: Array, angle_rad: Array) -> BodyMotion:
    """The part below a role turned about its joint; `axis` `(frames, 3)` in the world, `angle_rad` `(frames,)`."""
    joint = motion.body.mapping.roles[role].joint
    below = carried(motion.body, joint)
    turn = quat.from_axis_angle(axis, angle_rad)[:, None]
    rotations, positions = motion.rotations.copy(), motion.positions_m.copy()
    pivot = positions[:, [joint]].copy()
    rotations[:, below] = quat.multiply(turn, rotations[:, below])
    positions[:, below] = quat.rotate(turn, positions[:, below] - pivot) + pivot
    return replace(motion, rotations=rotations, positions_m=positions)


def _posed(motion: BodyMotion, local: Array) -> BodyMotion:
    world = kinematics.world_rotations(motion.body.skeleton, local)
    return from_rotations(motion.body, motion, world, motion.positions_m[:, motion.body.hips])
