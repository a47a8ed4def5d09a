"""Posing a sample body: trunk, arms by shoulder turn and elbow bend, legs by inverse kinematics from planted feet.

Everything is a world rotation away from T pose, vectorised over frames; joint axes and files are left to `rig` and
`glb`. Arms are given in the frame of the chest, so contacts with the trunk hold while the trunk moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from workers.contract.roles import FINGERS, SIDES, finger_roles
from workers.samples.body import SampleBody
from workers.samples.rig import world_joints
from workers.samples.shape import INDEX, ROLES, THUMB_DIRECTION
from workers.skeleton import quat
from workers.skeleton.model import Array

X, Y, Z = np.eye(3)
SIGN = {"left": 1.0, "right": -1.0}
FINGER_BEND_RAD = np.radians([65.0, 85.0, 55.0])
THUMB_BEND_RAD = np.radians([22.0, 40.0, 45.0])
FOREARM_TWIST_SHARE = 0.5  # of the hand's turn about the forearm


@dataclass(frozen=True, eq=False)
class SampleMotion:
    """World rotations away from T pose `(frames, 52, 4)` and the place of the hips `(frames, 3)` in metres."""

    name: str
    rate_hz: float
    turns: Array
    hips_m: Array


@dataclass(frozen=True, eq=False)
class ArmPose:
    """Upper arm and hand as turns away from T in the chest's frame `(..., 4)`, elbow bend, finger curl 0 to 1."""

    upper: Array
    bend_rad: Array
    hand: Array
    curl: Array

    def blend(self, other: ArmPose, share: ArrayLike) -> ArmPose:
        """From this pose (share 0) to the other (share 1)."""
        t = np.asarray(share, dtype=np.float64)
        return ArmPose(
            quat.slerp(self.upper, other.upper, t),
            (1.0 - t) * self.bend_rad + t * other.bend_rad,
            quat.slerp(self.hand, other.hand, t),
            (1.0 - t) * self.curl + t * other.curl,
        )


@dataclass(frozen=True, eq=False)
class Foot:
    """Ankle `(..., 3)`, turns of the foot and of the toes `(..., 4)`, all in the world."""

    ankle_m: Array
    turn: Array
    toes: Array


def hand_turn(side: str, fingers: ArrayLike, palm: ArrayLike) -> Array:
    """Turn of a hand whose fingers point along `fingers` and whose palm faces `palm`."""
    return quat.multiply(quat.frame(fingers, palm), quat.conjugate(quat.frame(SIGN[side] * X, -Y)))


def arm_towards(
    side: str, upper: ArrayLike, lower: ArrayLike, fingers: ArrayLike, palm: ArrayLike, curl: float
) -> ArmPose:
    """An arm from the directions of its two bones, which must not be parallel: their plane is the elbow's."""
    upper, lower = quat.unit(upper), quat.unit(lower)
    hinge = np.cross(upper, lower)
    rest_hinge = -SIGN[side] * Y
    turn = quat.multiply(quat.frame(upper, hinge), quat.conjugate(quat.frame(SIGN[side] * X, rest_hinge)))
    bend = np.arctan2(np.linalg.norm(hinge, axis=-1), np.sum(upper * lower, axis=-1))
    return ArmPose(turn, bend, hand_turn(side, fingers, palm), np.full(bend.shape, curl))


def two_bones(root: Array, target: Array, lengths: tuple[float, float], pole: ArrayLike) -> tuple[Array, Array]:
    """Unit directions `(..., 3)` of both bones, the joint between them on the side of `pole` (law of cosines).

    A target out of reach is approached along its own direction.
    """
    first, second = lengths
    span = target - root
    distance = np.clip(np.linalg.norm(span, axis=-1), abs(first - second) + 1e-6, (first + second) * 0.99999)
    ahead = quat.unit(span)
    pole = np.asarray(pole, dtype=np.float64)
    aside = quat.unit(pole - ahead * np.sum(pole * ahead, axis=-1, keepdims=True))
    cosine = ((first**2 + distance**2 - second**2) / (2.0 * first * distance))[..., None]
    upper = cosine * ahead + np.sqrt(np.maximum(1.0 - cosine**2, 0.0)) * aside
    return upper, quat.unit(ahead * distance[..., None] - first * upper)


def arm_reaching(
    body: SampleBody, side: str, wrist_m: ArrayLike, pole: ArrayLike, hand: tuple[ArrayLike, ArrayLike], curl: float
) -> ArmPose:
    """An arm whose wrist lies at a place given in T-pose coordinates of the trunk; `hand` is fingers and palm."""
    shoulder, elbow, wrist = (body.joints_m[INDEX[side + part]] for part in ("UpperArm", "LowerArm", "Hand"))
    lengths = (float(np.linalg.norm(elbow - shoulder)), float(np.linalg.norm(wrist - elbow)))
    upper, lower = two_bones(shoulder, np.asarray(wrist_m, dtype=np.float64), lengths, pole)
    return arm_towards(side, upper, lower, *hand, curl)


def planted_foot(body: SampleBody, side: str, place: ArrayLike, pitch_rad: ArrayLike) -> Foot:
    """A foot on the floor. `place` `(..., 3)` shifts its T-pose place; pitch > 0 lifts the heel, < 0 the toes.

    A lifted heel turns about the toe joint while the toes stay flat; lifted toes turn about the heel's lower edge.
    """
    ankle, toe = body.joints_m[INDEX[f"{side}Foot"]], body.joints_m[INDEX[f"{side}Toes"]]
    heel = np.array([ankle[0], 0.0, ankle[2] - 0.20 * body.shape.foot_length_m])
    pitch = np.asarray(pitch_rad, dtype=np.float64)
    turn = quat.from_axis_angle(X, pitch)
    pivot = np.where((pitch > 0.0)[..., None], toe, heel)
    toes = quat.from_axis_angle(X, np.minimum(pitch, 0.0))
    return Foot(pivot + quat.rotate(turn, ankle - pivot) + np.asarray(place), turn, toes)


def pose_body(
    body: SampleBody,
    hips_m: Array,
    hips: Array,
    chest: Array,
    head: Array,
    arms: dict[str, ArmPose],
    feet: dict[str, Foot],
    shoulder_lift_rad: ArrayLike = 0.0,
) -> Array:
    """Turns `(frames, 52, 4)` of a whole body from world turns of hips, chest and head `(frames, 4)`, arms and feet."""
    turns = quat.identity(len(hips_m), len(ROLES))
    trunk = {"hips": hips, "upperChest": chest, "head": head}
    trunk["spine"], trunk["chest"] = quat.slerp(hips, chest, 0.33), quat.slerp(hips, chest, 0.67)
    trunk["neck"] = quat.slerp(chest, head, 0.5)
    for role, turn in trunk.items():
        turns[:, INDEX[role]] = turn
    for side in SIDES:
        lift = quat.from_axis_angle(Z, SIGN[side] * np.asarray(shoulder_lift_rad))
        turns[:, INDEX[f"{side}Shoulder"]] = quat.multiply(chest, lift)
        _set_arm(turns, side, chest, arms[side])
        _set_leg(turns, body, side, hips_m, hips, feet[side])
    return turns


def _set_arm(turns: Array, side: str, chest: Array, arm: ArmPose) -> None:
    upper, hand = quat.multiply(chest, arm.upper), quat.multiply(chest, arm.hand)
    lower = quat.multiply(upper, quat.from_axis_angle(-SIGN[side] * Y, arm.bend_rad))
    _, twist = quat.swing_twist(quat.multiply(quat.conjugate(lower), hand), X)
    lower = quat.multiply(lower, quat.slerp(quat.identity(), twist, FOREARM_TWIST_SHARE))
    for role, turn in (("UpperArm", upper), ("LowerArm", lower), ("Hand", hand)):
        turns[:, INDEX[side + role]] = turn
    thumb_axis = quat.unit(np.cross(THUMB_DIRECTION, [0.45, -0.75, -0.45]))
    for finger in FINGERS:
        # In T pose the fingers bend downwards, about Z; the thumb across the palm. Mirrored axes for the right.
        axis = thumb_axis * [1.0, SIGN[side], SIGN[side]] if finger == "Thumb" else -SIGN[side] * Z
        parent = hand
        for role, most in zip(
            finger_roles(side, finger), THUMB_BEND_RAD if finger == "Thumb" else FINGER_BEND_RAD, strict=True
        ):
            parent = quat.multiply(parent, quat.from_axis_angle(axis, most * arm.curl))
            turns[:, INDEX[role]] = parent


def _set_leg(turns: Array, body: SampleBody, side: str, hips_m: Array, hips: Array, foot: Foot) -> None:
    hip, knee, ankle = (body.joints_m[INDEX[side + part]] for part in ("UpperLeg", "LowerLeg", "Foot"))
    lengths = (float(np.linalg.norm(knee - hip)), float(np.linalg.norm(ankle - knee)))
    root = hips_m + quat.rotate(hips, hip - body.joints_m[INDEX["hips"]])
    pole = quat.rotate(hips, np.array([0.10 * SIGN[side], 0.0, 1.0]))
    upper, lower = two_bones(root, foot.ankle_m, lengths, pole)
    # The knee's hinge is X in T pose; a direction across the leg, since the leg may be straight.
    hinge = np.cross(quat.unit(foot.ankle_m - root), pole)
    rest = quat.conjugate(quat.frame(-Y, -X))
    for role, direction in (("UpperLeg", upper), ("LowerLeg", lower)):
        turns[:, INDEX[side + role]] = quat.multiply(quat.frame(direction, hinge), rest)
    turns[:, INDEX[f"{side}Foot"]], turns[:, INDEX[f"{side}Toes"]] = foot.turn, foot.toes


def joints_of(body: SampleBody, motion: SampleMotion) -> Array:
    """Joint positions `(frames, 52, 3)` of a motion."""
    return world_joints(body.joints_m, motion.turns, motion.hips_m)
