"""Roll spread over the twist joints of a body that moves: hands over forearms, shoulders over upper arms, legs alike.

The roll of a bone is the twist of a swing-twist split: of the hand's turn against the lower arm, about the lower arm;
of the upper arm's turn against the shoulder. Three things go wrong with that split; here is what is done about each:

* it has a pole: bones that point opposite to the reference direction have no roll. The reference is where the bone
  rests, since its skin was bound there; but the opposite of a hanging arm or leg is straight up, where limbs do go, so
  there it is moved outwards (arms) or forwards (legs) and the pole with it to where no limb reaches. Lifting the arm
  sideways and the leg forwards is then still no roll. Frames near the pole take the roll of their neighbours.
* it is known up to full turns only: it is unwrapped along time, so that a share of it never flips, and the clip as a
  whole is put nearest to zero.
* unwrapped, it can pile up: arms that circle add a turn a circle, although no skin does. Beyond `MAX_RAD` a whole turn
  is taken back gradually. It is never capped, which would stop a joint in the middle of a roll.

Only twist joints, and helpers that hang on them, change.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workers.motion.body_motion import BodyMotion, with_followers
from workers.motion.smoothing import weighted_mean
from workers.retargeting.feet.legs import turn_part
from workers.skeleton import quat
from workers.skeleton.body import Body
from workers.skeleton.find_roles.twists import BONES
from workers.skeleton.kinematics import subtree
from workers.skeleton.model import Array, Indices
from workers.skeleton.twist_joints import UPPER_PARTS

# Added to the direction in which a left limb rests, in the canonical frame (left, up, forward).
ARM_OUTWARD: Array = np.array([0.7, 0.0, 0.0])
LEG_FORWARD: Array = np.array([0.0, 0.0, 0.5])
MIN_CERTAINTY = 0.15  # cosine of half the swing: about 163 degrees away from the reference
MAX_RAD = 1.5 * np.pi
UNWIND_S = 0.5
# What an upper arm without a collar bone rolls against: the first that the rig has.
TRUNK = ("upperChest", "chest", "spine", "hips")
TIPS = dict(BONES)


def twist_joints(body: Body) -> list[int]:
    """Joints that `spread_twist` keys."""
    return [twist.joint for twist in body.twists]


def spread_twist(motion: BodyMotion) -> BodyMotion:
    """The motion with its body's twist joints at their share of the roll; itself where the body has none."""
    body = motion.body
    if not body.twists:
        return motion
    rotations, positions = motion.rotations.copy(), motion.positions_m.copy()
    rolls = {role: bone_roll(motion, role) for role in {twist.role for twist in body.twists}}
    for twist in body.twists:
        limb = body.mapping.roles[twist.role].joint
        turned = quat.multiply(rotations[:, limb], quat.conjugate(body.rest_rotations[limb]))
        own = quat.from_axis_angle(twist.axis, twist.share * rolls[twist.role])
        wanted = quat.multiply(quat.multiply(turned, own), body.rest_rotations[twist.joint])
        turn = quat.multiply(wanted, quat.conjugate(rotations[:, twist.joint]))
        pivot = positions[:, twist.joint].copy()
        turn_part(rotations, positions, _carried(body, twist.joint), turn, pivot, pivot)
    return with_followers(replace(motion, rotations=rotations, positions_m=positions))


def bone_roll(motion: BodyMotion, role: str) -> Array:
    """Roll `(frames,)` of a limb bone away from rest, radians, continuous: see the module's head."""
    body = motion.body
    limb, tip = body.mapping.roles[role].joint, body.mapping.roles[TIPS[role]].joint
    axis = quat.unit(body.rest_positions_m[tip] - body.rest_positions_m[limb])
    if not role.endswith(UPPER_PARTS):
        return continuous_roll(_relative(motion, limb, tip), axis, axis, motion.rate_hz)
    side = "left" if role.startswith("left") else "right"
    is_arm = role.endswith("Arm")
    names, moved = ((f"{side}Shoulder", *TRUNK), ARM_OUTWARD) if is_arm else (("hips",), LEG_FORWARD)
    root = next(joint for name in names if (joint := body.joint(name)) is not None)
    mirrored = moved if side == "left" else moved * [-1.0, 1.0, 1.0]
    reference = quat.unit(axis + quat.rotate(body.facing, mirrored))
    return continuous_roll(_relative(motion, root, limb), axis, reference, motion.rate_hz)


def continuous_roll(turns: Array, axis: Array, reference: Array, rate_hz: float) -> Array:
    """Roll `(frames,)` in radians of a bone that rests along `axis` `(3,)` and is turned by `turns` `(frames, 4)`.

    The twist about `reference` `(3,)` of the turn that starts there: 0 at rest, and for any turn by the shortest way
    from `reference`.
    """
    split = quat.multiply(turns, quat.between(reference, axis))
    along, w = split[:, :3] @ reference, split[:, 3]
    sure = np.flatnonzero(np.hypot(along, w) > MIN_CERTAINTY)
    if not len(sure):
        return np.zeros(len(turns))
    known = np.unwrap(2.0 * np.arctan2(along[sure], w[sure]))
    known -= 2.0 * np.pi * np.round(np.median(known) / (2.0 * np.pi))
    roll = np.interp(np.arange(len(turns)), sure, known)
    return roll - 2.0 * np.pi * weighted_mean(_turns_too_many(roll), round(0.5 * UNWIND_S * rate_hz))


def _turns_too_many(roll: Array) -> Array:
    """Whole turns `(frames,)` to take back, so that what is left stays within `MAX_RAD`; they change rarely."""
    result = np.zeros(len(roll))
    if np.abs(roll).max() <= MAX_RAD:
        return result
    turns = 0.0
    for frame, value in enumerate(roll):
        if abs(value - 2.0 * np.pi * turns) > MAX_RAD:
            turns = np.round(value / (2.0 * np.pi))
        result[frame] = turns
    return result


def _relative(motion: BodyMotion, lower: int, upper: int) -> Array:
    """Turn away from rest of one joint as another one sees it, `(frames, 4)`, in the rest pose's world."""
    rest = motion.body.rest_rotations
    below, above = (quat.multiply(motion.rotations[:, joint], quat.conjugate(rest[joint])) for joint in (lower, upper))
    return quat.multiply(quat.conjugate(below), above)


def _carried(body: Body, joint: int) -> Indices:
    """The joint and what moves rigidly with it: not the limb below, which has its own place."""
    skeleton = body.skeleton
    apart = {match.joint for match in body.mapping.roles.values()} - {joint}
    below = subtree(skeleton, joint)
    limbs = [subtree(skeleton, other) for other in below if int(other) in apart]
    return np.setdiff1d(below, np.concatenate(limbs)) if limbs else below
