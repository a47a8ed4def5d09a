"""Moments: single poses of a family's first body, and more of them from few.

A moment faces +Z where its clip does on average, and stands at the origin. New moments come from between two moments,
from the arms or the upper body of one on another, from turning ball joints by what any shoulder or hip allows, and from
bringing a hand to the body, which clips seldom do and meaning often depends on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.contract.roles import SIDES
from workers.lab.eye.data.bodies import LabelledClip, PosableBody
from workers.lab.eye.data.damage import carried_by, change_gap, probe_of, touches
from workers.motion.body_motion import BodyMotion, from_rotations
from workers.rendering.moving_body import motion_facing
from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Indices

MAX_PER_CLIP = 48
# Shares of new moments by how they are made; the rest are moments as they are.
SHARES = {"between": 0.15, "swap": 0.15, "turn": 0.15, "touch": 0.35}
BALL_JOINTS = ("leftUpperArm", "rightUpperArm", "leftUpperLeg", "rightUpperLeg", "spine", "head")
TURN_DEG = 15.0  # standard deviation
MAX_TURN_DEG = 30.0
TOUCH_REACH = 0.2  # body heights: a hand this near to a part may be brought to it


@dataclass(frozen=True, eq=False)
class MomentBank:
    """Moments of one body: local rotations and the place of the hips, with the clip and time each comes from."""

    body: Body
    rotations: Array  # (moments, joints, 4) local
    hips_m: Array  # (moments, 3)
    clips: Indices  # (moments,) number of the clip
    times_s: Array  # (moments,)

    def motion(self, chosen: Indices) -> BodyMotion:
        """Some moments, a frame each."""
        return pose(self.body, self.rotations[chosen], self.hips_m[chosen])


def pose(body: Body, rotations: Array, hips_m: Array) -> BodyMotion:
    """Local rotations `(n, joints, 4)` and hips `(n, 3)` as a motion of n unrelated frames."""
    world = kinematics.world_rotations(body.skeleton, rotations)
    like = BodyMotion(body, "moments", 30.0, 0.0, world, np.zeros((len(world), len(body.skeleton), 3)))
    return from_rotations(body, like, world, hips_m)


def sample_moments(clip: LabelledClip) -> tuple[Array, Array, Array]:
    """Local rotations, hips and times of at most `MAX_PER_CLIP` moments, evenly over the clip."""
    motion = clip.motion
    frames = np.unique(np.linspace(0, motion.frames - 1, min(motion.frames, MAX_PER_CLIP)).round().astype(np.int64))
    straight = quat.conjugate(motion_facing(motion))
    world = quat.multiply(straight, motion.rotations[frames])
    hips = motion.positions_m[frames, motion.body.hips] * [0.0, 1.0, 0.0]
    return kinematics.local_rotations(motion.body.skeleton, world), hips, frames / motion.rate_hz


def draw_moments(bank: MomentBank, posable: PosableBody, random: np.random.Generator, count: int) -> MomentBank:
    """Moments of clips taken evenly, as they are or made new by `SHARES`; clip and time are those of the legs."""
    clips = np.unique(bank.clips)
    names, shares = [*SHARES, "as is"], [*SHARES.values(), 1.0 - sum(SHARES.values())]
    rows, kept, hips = [], [], []
    for _ in range(count):
        first, second = (int(random.choice(np.flatnonzero(bank.clips == random.choice(clips)))) for _ in range(2))
        rotations, place = bank.rotations[first], bank.hips_m[first]
        way = str(random.choice(names, p=shares))
        if way == "between":
            share = float(random.uniform(0.25, 0.75))
            rotations = quat.slerp(rotations, bank.rotations[second], share)
            place = (1.0 - share) * place + share * bank.hips_m[second]
        elif way == "swap":
            rotations = _swapped(bank.body, rotations, bank.rotations[second], random)
        elif way == "turn":
            rotations = _turned(bank.body, rotations, random)
        elif way == "touch":
            rotations = _touching(posable, rotations, place, random)
        rows.append(first)
        kept.append(rotations)
        hips.append(place)
    return MomentBank(bank.body, np.stack(kept), np.stack(hips), bank.clips[rows], bank.times_s[rows])


def keep_touches(copied: BodyMotion, posable: PosableBody, original: BodyMotion, first: PosableBody) -> BodyMotion:
    """One moment copied to another body, its hands moved so that they touch what they touched on the first body."""
    for side, part in touches(original, first):
        gap = _gap(original, first, side, part) * posable.body.height_m / first.body.height_m
        copied, _ = change_gap(copied, posable, side, part, gap - _gap(copied, posable, side, part))
    return copied


def _gap(motion: BodyMotion, posable: PosableBody, side: str, part: str) -> float:
    nearest = probe_of(posable).nearest(motion, side, part)
    return 0.0 if nearest is None else float(nearest.gap_m[0])


def _swapped(body: Body, rotations: Array, other: Array, random: np.random.Generator) -> Array:
    """One arm, both arms or the whole upper body of another moment."""
    arms = [f"{side}{part}" for side in SIDES for part in ("Shoulder", "UpperArm")]
    roles = {"left": arms[:2], "right": arms[2:], "both": arms, "upper": ["spine", *arms]}[
        str(random.choice(["left", "right", "both", "upper"]))
    ]
    result = rotations.copy()
    for joint in (body.joint(role) for role in roles):
        if joint is not None:
            moved = carried_by(body, joint)
            result[moved] = other[moved]
    return result


def _turned(body: Body, rotations: Array, random: np.random.Generator) -> Array:
    result = rotations.copy()
    for joint in (body.joint(role) for role in BALL_JOINTS):
        if joint is not None and random.random() < 0.6:
            angle = np.clip(random.normal(0.0, TURN_DEG), -MAX_TURN_DEG, MAX_TURN_DEG)
            axis = quat.unit(random.normal(size=3))
            result[joint] = quat.multiply(result[joint], quat.from_axis_angle(axis, np.radians(angle)))
    return result


def _touching(posable: PosableBody, rotations: Array, hips_m: Array, random: np.random.Generator) -> Array:
    """A hand that is near a part brought to touch it; as it was where none is near."""
    motion = pose(posable.body, rotations[None], hips_m[None])
    near = touches(motion, posable, TOUCH_REACH)
    if not near:
        return rotations
    side, part = near[int(random.integers(len(near)))]
    gap = _gap(motion, posable, side, part)
    wanted = float(random.uniform(-0.005, 0.01)) * posable.body.height_m
    moved, _ = change_gap(motion, posable, side, part, wanted - gap)
    touching: Array = kinematics.local_rotations(posable.body.skeleton, moved.rotations)[0]
    return touching
