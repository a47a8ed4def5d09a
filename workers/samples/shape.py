"""BodyShape: the measures of a humanoid, and where its joints lie in T pose.

The T pose stands on y = 0, faces +Z, arms along X with the palms down and straight knees. Joints are named by their
VRM 1.0 roles, all 52 of them with three joints a finger. The surface is left to `body`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.contract.roles import ARM, FINGERS, LEG, SIDES, SPINE, finger_roles, side_roles
from workers.skeleton.model import Array


@dataclass(frozen=True)
class BodyShape:
    """Measures in metres; pairs are half width (X) and half depth (Z) of the trunk."""

    name: str
    height_m: float  # sole to crown
    head_height_m: float  # chin to crown
    head_width_m: float
    neck_length_m: float
    neck_radius_m: float
    hip_height_m: float  # hip joints above the floor
    hip_spacing_m: float  # between the hip joints
    shoulder_spacing_m: float  # between the shoulder joints
    arm_length_m: float  # shoulder to wrist
    hand_length_m: float  # wrist to the tip of the middle finger
    foot_length_m: float
    ankle_height_m: float
    chest_m: tuple[float, float]
    waist_m: tuple[float, float]
    pelvis_m: tuple[float, float]
    belly_m: float  # how far the belly stands out in front of the waist
    arm_radius_m: tuple[float, float]  # at the shoulder, at the wrist
    leg_radius_m: tuple[float, float]  # at the thigh, above the ankle

    @property
    def chin_m(self) -> float:
        return self.height_m - self.head_height_m

    @property
    def shoulder_height_m(self) -> float:
        """Height of the arms in T pose."""
        return self.chin_m - self.neck_length_m - 0.35 * self.arm_radius_m[0] - 0.02 * self.height_m

    @property
    def palm_m(self) -> tuple[float, float, float]:
        """Length from wrist to knuckles, half width, half thickness."""
        return 0.48 * self.hand_length_m, 0.21 * self.hand_length_m, 0.075 * self.hand_length_m


TALL = BodyShape(
    name="tall",
    height_m=1.88, head_height_m=0.235, head_width_m=0.165, neck_length_m=0.085, neck_radius_m=0.054,
    hip_height_m=0.985, hip_spacing_m=0.19, shoulder_spacing_m=0.37, arm_length_m=0.575, hand_length_m=0.195,
    foot_length_m=0.275, ankle_height_m=0.085, chest_m=(0.165, 0.112), waist_m=(0.125, 0.092), pelvis_m=(0.165, 0.112),
    belly_m=0.0, arm_radius_m=(0.052, 0.029), leg_radius_m=(0.082, 0.043),
)  # fmt: skip

STOUT = BodyShape(
    name="stout",
    height_m=1.24, head_height_m=0.37, head_width_m=0.35, neck_length_m=0.03, neck_radius_m=0.075,
    hip_height_m=0.44, hip_spacing_m=0.2, shoulder_spacing_m=0.40, arm_length_m=0.365, hand_length_m=0.145,
    foot_length_m=0.235, ankle_height_m=0.075, chest_m=(0.20, 0.155), waist_m=(0.235, 0.19), pelvis_m=(0.21, 0.17),
    belly_m=0.06, arm_radius_m=(0.068, 0.043), leg_radius_m=(0.098, 0.066),
)  # fmt: skip


def _build_parents() -> dict[str, str | None]:
    parents: dict[str, str | None] = {role: (SPINE[i - 1] if i else None) for i, role in enumerate(SPINE)}
    for side in SIDES:
        for base, chain in (("upperChest", side_roles(side, ARM)), ("hips", side_roles(side, LEG))):
            parents |= dict(zip(chain, (base, *chain[:-1]), strict=True))
        for finger in FINGERS:
            chain = finger_roles(side, finger)
            parents |= dict(zip(chain, (f"{side}Hand", *chain[:-1]), strict=True))
    return parents


PARENTS: dict[str, str | None] = _build_parents()
ROLES: tuple[str, ...] = tuple(PARENTS)  # parents first
INDEX: dict[str, int] = {role: index for index, role in enumerate(ROLES)}
PARENT_INDICES: tuple[int, ...] = tuple(-1 if parent is None else INDEX[parent] for parent in PARENTS.values())

# Across the palm (in half widths, + is towards the thumb) and length (in finger lengths) of the four fingers.
FINGER_LAYOUT = {"Index": (0.78, 0.93), "Middle": (0.27, 1.0), "Ring": (-0.25, 0.94), "Little": (-0.76, 0.76)}
FINGER_SHARES = (0.45, 0.30, 0.25)
THUMB_DIRECTION = np.array([0.72, -0.18, 0.67]) / np.linalg.norm([0.72, -0.18, 0.67])


def finger_length_m(shape: BodyShape, finger: str) -> float:
    """Knuckle to tip; for the thumb from its base beside the wrist."""
    if finger == "Thumb":
        return 0.60 * shape.hand_length_m
    return (shape.hand_length_m - shape.palm_m[0]) * FINGER_LAYOUT[finger][1]


def finger_base(shape: BodyShape, finger: str) -> tuple[Array, Array]:
    """First joint relative to the left wrist, and unit direction, in T pose."""
    length, width, thickness = shape.palm_m
    if finger == "Thumb":
        return np.array([0.16 * length, -0.2 * thickness, 0.62 * width]), THUMB_DIRECTION
    across = FINGER_LAYOUT[finger][0]
    direction = np.array([1.0, 0.0, 0.07 * across])
    return np.array([length * (1.0 - 0.05 * across**2), 0.0, across * width]), direction / np.linalg.norm(direction)


def rest_joints(shape: BodyShape) -> Array:
    """World positions `(52, 3)` of all ROLES in T pose, metres."""
    place: dict[str, Array] = {}
    hips = shape.hip_height_m + 0.03 * shape.height_m
    neck = shape.chin_m - shape.neck_length_m
    for role, share in (("hips", 0.0), ("spine", 0.18), ("chest", 0.42), ("upperChest", 0.68), ("neck", 1.0)):
        place[role] = np.array([0.0, hips + share * (neck - hips), 0.0])
    place["head"] = np.array([0.0, shape.chin_m + 0.08 * shape.head_height_m, 0.0])
    shoulder_x, height = 0.5 * shape.shoulder_spacing_m, shape.shoulder_height_m
    place["leftShoulder"] = np.array([0.18 * shoulder_x, height, 0.0])
    place["leftUpperArm"] = np.array([shoulder_x, height, 0.0])
    place["leftLowerArm"] = place["leftUpperArm"] + [0.53 * shape.arm_length_m, 0.0, 0.0]
    place["leftHand"] = place["leftUpperArm"] + [shape.arm_length_m, 0.0, 0.0]
    for finger in FINGERS:
        base, direction = finger_base(shape, finger)
        starts = np.concatenate([[0.0], np.cumsum(FINGER_SHARES)[:2]]) * finger_length_m(shape, finger)
        for role, start in zip(finger_roles("left", finger), starts, strict=True):
            place[role] = place["leftHand"] + base + start * direction
    hip_x, shin = 0.5 * shape.hip_spacing_m, shape.hip_height_m - shape.ankle_height_m
    place["leftUpperLeg"] = np.array([hip_x, shape.hip_height_m, 0.0])
    place["leftLowerLeg"] = np.array([hip_x, shape.ankle_height_m + 0.49 * shin, 0.0])
    place["leftFoot"] = np.array([hip_x, shape.ankle_height_m, 0.0])
    place["leftToes"] = np.array([hip_x, 0.25 * shape.ankle_height_m, 0.46 * shape.foot_length_m])
    for role in [role for role in place if role.startswith("left")]:
        place["right" + role[4:]] = place[role] * [-1.0, 1.0, 1.0]
    return np.array([place[role] for role in ROLES])
