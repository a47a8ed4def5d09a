"""The body of a BodyShape in T pose: joints, a skinned surface of about 6,000 vertices, and linear blend skinning.

The trunk's profile is shared with the clips, which need to know where the hips are (`trunk_half_width`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from workers.contract.roles import FINGERS, finger_roles
from workers.samples.curves import smoothstep, through_keys
from workers.samples.shape import (
    FINGER_SHARES,
    INDEX,
    ROLES,
    BodyShape,
    finger_base,
    finger_length_m,
    rest_joints,
)
from workers.samples.surface import Part, Station, ball, loft, reweighted
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices

X, Y, Z = np.eye(3)
MATERIALS: dict[str, tuple[float, float, float]] = {
    "skin": (0.80, 0.56, 0.44),
    "shirt": (0.16, 0.36, 0.62),
    "trousers": (0.20, 0.20, 0.24),
    "shoes": (0.35, 0.16, 0.09),
    "hair": (0.12, 0.07, 0.04),
    "eye_white": (0.92, 0.92, 0.90),
    "eye_dark": (0.03, 0.03, 0.04),
}


@dataclass(frozen=True, eq=False)
class SampleBody:
    """`positions_m`, `normals` `(vertices, 3)`, `weights` `(vertices, 52)`, `materials` `(faces,)` into MATERIALS."""

    shape: BodyShape
    joints_m: Array
    positions_m: Array
    normals: Array
    faces: Indices
    materials: Indices
    weights: Array

    def skinned(self, turns: Array, joints_m: Array) -> Array:
        """Vertices `(..., vertices, 3)` for world turns from T `(..., 52, 4)` and joint positions `(..., 52, 3)`."""
        moved = np.zeros((*turns.shape[:-2], *self.positions_m.shape))
        for joint in np.flatnonzero(self.weights.any(axis=0)):
            used = np.flatnonzero(self.weights[:, joint])
            local = self.positions_m[used] - self.joints_m[joint]
            placed = quat.rotate(turns[..., joint, None, :], local) + joints_m[..., joint, None, :]
            moved[..., used, :] += self.weights[used, joint, None] * placed
        return moved


def trunk_profile(shape: BodyShape) -> list[Station]:
    """Stations by height; u is Z (depth), v is X (width)."""
    crotch = shape.hip_height_m - 0.062 * shape.height_m
    arm, shoulder_x = shape.arm_radius_m[0], 0.5 * shape.shoulder_spacing_m
    top = shape.chin_m - shape.neck_length_m
    waist = shape.hip_height_m + 0.42 * (shape.shoulder_height_m - shape.hip_height_m)
    chest = shape.hip_height_m + 0.78 * (shape.shoulder_height_m - shape.hip_height_m)
    belly = shape.belly_m
    return [
        (crotch, 0.80 * shape.pelvis_m[1], 0.68 * shape.pelvis_m[0], 0.0, 0.0),
        (shape.hip_height_m, shape.pelvis_m[1], shape.pelvis_m[0], 0.2 * belly, 0.0),
        (waist, shape.waist_m[1] + 0.5 * belly, shape.waist_m[0], 0.5 * belly, 0.0),
        (chest, shape.chest_m[1], shape.chest_m[0], 0.1 * belly, 0.0),
        (shape.shoulder_height_m + 0.35 * arm, 0.70 * shape.chest_m[1], shoulder_x - 0.1 * arm, 0.0, 0.0),
        (top, 1.05 * shape.neck_radius_m, 1.3 * shape.neck_radius_m, 0.0, 0.0),
        (top + 0.02 * shape.height_m, shape.neck_radius_m, shape.neck_radius_m, 0.0, 0.0),
    ]


def trunk_half_width(shape: BodyShape, height_m: float) -> float:
    """Half width (along X) of the trunk's surface at a height in T pose."""
    table = np.array(trunk_profile(shape))
    return float(through_keys(table[:, 0], table[:, 2], [height_m])[0])


def _trunk(shape: BodyShape, joints: Array) -> list[Part]:
    """Trousers up to the hips and, a little wider, a shirt from there to the neck."""
    profile = trunk_profile(shape)
    height = {role: joints[INDEX[role], 1] for role in ROLES}
    blend = 0.3 * (height["chest"] - height["spine"])
    boundaries = [(role, height[role], blend) for role in ("hips", "spine", "chest", "upperChest")]
    boundaries.append(("neck", height["neck"], 0.5 * blend))
    table = np.array(profile)
    hem = shape.hip_height_m - 0.005 * shape.height_m
    at_hem, at_belt = (through_keys(table[:, 0], table[:, 1:], [y])[0] for y in (hem, hem + 0.02 * shape.height_m))
    wider = [(s, 1.03 * ru, 1.03 * rv, ou, ov) for s, ru, rv, ou, ov in [(hem, *at_hem), *profile[2:]]]
    belt = (hem + 0.02 * shape.height_m, 0.95 * at_belt[0], 0.95 * at_belt[1], at_belt[2], at_belt[3])
    lower = [*profile[:2], belt]
    axes, cap = (Y, Z, X), 0.01 * shape.height_m
    parts = [
        loft("trousers", (0, 0, 0), axes, lower, boundaries, 8, 28, (4.5 * cap, cap), 2.3),
        loft("shirt", (0, 0, 0), axes, wider, boundaries, 22, 28, (cap, cap), 2.3),
    ]
    return [_shared_with_limbs(part, shape, height["chest"]) for part in parts]


def _shared_with_limbs(part: Part, shape: BodyShape, chest_m: float) -> Part:
    """Trunk weights handed over to the collar bones near the shoulders and to the thighs below the hips."""
    for side, sign in (("left", 1.0), ("right", -1.0)):
        x, y = sign * part.positions_m[:, 0], part.positions_m[:, 1]
        near_arm = smoothstep((x / (0.5 * shape.shoulder_spacing_m) - 0.25) / 0.5)
        near_arm *= smoothstep((y - chest_m) / (0.1 * shape.height_m))
        part = reweighted(part, 0.8 * near_arm, {"upperChest": f"{side}Shoulder", "neck": f"{side}Shoulder"})
        below = smoothstep((shape.hip_height_m + 0.02 - y) / (0.09 * shape.height_m))
        at_side = smoothstep((x / shape.pelvis_m[0] + 0.05) / 0.6)
        part = reweighted(part, 0.75 * below * at_side, {"hips": f"{side}UpperLeg"})
    return part


def _neck_and_head(shape: BodyShape, joints: Array) -> list[Part]:
    chin, size, wide = shape.chin_m, shape.head_height_m, 0.5 * shape.head_width_m
    deep = 0.5 * max(shape.head_width_m * 1.18, 0.80 * size)
    neck, head = joints[INDEX["neck"], 1], joints[INDEX["head"], 1]
    ahead = 0.12 * deep
    neck_profile: list[Station] = [
        (neck - 0.03 * shape.height_m, shape.neck_radius_m, shape.neck_radius_m, 0.0, 0.0),
        (chin + 0.25 * size, 0.9 * shape.neck_radius_m, 0.9 * shape.neck_radius_m, 0.0, 0.0),
    ]
    blend = 0.35 * (head - neck)
    trunk_to_head = [("upperChest", 0.0, 0.0), ("neck", neck, blend), ("head", head, blend)]
    face: list[Station] = [
        (chin, 0.55 * deep, 0.45 * wide, 0.55 * ahead + 0.25 * deep, 0.0),
        (chin + 0.18 * size, 0.72 * deep, 0.74 * wide, 0.2 * deep, 0.0),
        (chin + 0.42 * size, 0.94 * deep, 0.95 * wide, ahead, 0.0),
        (chin + 0.62 * size, 1.0 * deep, 1.0 * wide, 0.5 * ahead, 0.0),
        (chin + size, 0.92 * deep, 0.93 * wide, 0.2 * ahead, 0.0),
    ]
    hair: list[Station] = [
        (chin + 0.30 * size, 0.78 * deep, 0.95 * wide, -0.20 * deep, 0.0),
        (chin + 0.62 * size, 0.98 * deep, 1.07 * wide, -0.07 * deep, 0.0),
        (chin + 1.03 * size, 0.98 * deep, 1.02 * wide, 0.0, 0.0),
    ]
    on_head = [("head", head, blend)]
    parts = [
        loft("skin", (0, 0, 0), (Y, Z, X), neck_profile, trunk_to_head, 8, 18, (0.01, 0.01)),
        loft("skin", (0, 0, 0), (Y, Z, X), face, on_head, 12, 24, (0.14 * size, 0.36 * size)),
        loft("hair", (0, 0, 0), (Y, Z, X), hair, on_head, 8, 24, (0.12 * size, 0.38 * size)),
        ball("skin", (0.0, chin + 0.40 * size, 0.98 * deep + ahead), (0.11 * wide, 0.075 * size, 0.13 * deep), "head"),
    ]
    front = 0.90 * deep + ahead
    eyes = [
        ball("skin", (1.0 * wide, chin + 0.43 * size, -0.02 * deep), (0.09 * wide, 0.10 * size, 0.13 * deep), "head"),
        ball(
            "eye_white",
            (0.40 * wide, chin + 0.51 * size, front - 0.10 * deep),
            (0.20 * wide, 0.055 * size, 0.12 * deep),
            "head",
        ),
        ball(
            "eye_dark",
            (0.39 * wide, chin + 0.51 * size, front - 0.02 * deep),
            (0.09 * wide, 0.036 * size, 0.07 * deep),
            "head",
        ),
        ball(
            "hair",
            (0.40 * wide, chin + 0.60 * size, front - 0.06 * deep),
            (0.24 * wide, 0.018 * size, 0.06 * deep),
            "head",
        ),
    ]
    return [*parts, *eyes, *(part.mirrored() for part in eyes)]


def _arm(shape: BodyShape, joints: Array) -> list[Part]:
    shoulder, elbow, wrist = (joints[INDEX[f"left{role}"]] for role in ("UpperArm", "LowerArm", "Hand"))
    thick, thin = shape.arm_radius_m
    length, to_elbow = wrist[0] - shoulder[0], elbow[0] - shoulder[0]
    profile: list[Station] = [
        (-0.8 * thick, 0.62 * thick, 0.7 * thick, -0.1 * thick, 0.0),
        (0.14 * length, 0.95 * thick, 0.95 * thick, 0.0, 0.0),
        (0.32 * length, 0.86 * thick, 0.86 * thick, 0.0, 0.0),
        (to_elbow, 0.5 * (thick + thin), 0.5 * (thick + thin), 0.0, 0.0),
        (to_elbow + 0.15 * length, 0.50 * (thick + thin), 0.55 * (thick + thin), 0.0, 0.0),
        (length, thin, 1.15 * thin, 0.0, 0.0),
        (length + 0.8 * thin, 0.8 * thin, 1.1 * thin, 0.0, 0.0),
    ]
    boundaries = [
        ("leftShoulder", 0.0, 0.0),
        ("leftUpperArm", 0.0, 0.9 * thick),
        ("leftLowerArm", to_elbow, 0.8 * thick),
        ("leftHand", length, 0.9 * thin),
    ]
    arm = loft("skin", shoulder, (X, Y, Z), profile, boundaries, 20, 14, (0.8 * thick, thin))
    sleeve_profile: list[Station] = [
        (-2.4 * thick, 0.70 * thick, 0.80 * thick, -0.25 * thick, 0.0),
        (-0.1 * thick, 0.92 * thick, 0.97 * thick, -0.08 * thick, 0.0),
        (0.10 * length, 1.12 * thick, 1.12 * thick, 0.0, 0.0),
        (0.34 * length, 1.1 * thick, 1.1 * thick, 0.0, 0.0),
    ]
    sleeve = loft("shirt", shoulder, (X, Y, Z), sleeve_profile, boundaries, 8, 16, (1.6 * thick, 0.02 * length))
    return [arm, sleeve]


def _hand(shape: BodyShape, joints: Array) -> list[Part]:
    wrist = joints[INDEX["leftHand"]]
    length, width, thick = shape.palm_m
    thin = shape.arm_radius_m[1]
    palm: list[Station] = [
        (-0.6 * thin, 0.75 * thin, 0.9 * thin, 0.0, 0.0),
        (0.30 * length, 1.1 * thick, 0.92 * width, 0.0, 0.0),
        (0.70 * length, thick, 1.02 * width, 0.0, 0.0),
        (1.06 * length, 0.8 * thick, 0.98 * width, 0.0, 0.0),
    ]
    wrist_blend = [("leftLowerArm", 0.0, 0.0), ("leftHand", 0.0, 0.9 * thin)]
    parts = [loft("skin", wrist, (X, Y, Z), palm, wrist_blend, 7, 16, (0.6 * thin, 0.5 * thick), 2.6)]
    for finger in FINGERS:
        base, direction = finger_base(shape, finger)
        size = finger_length_m(shape, finger)
        radius = (0.115 if finger == "Thumb" else 0.092) * 0.48 * shape.hand_length_m
        knuckles = np.concatenate([[0.0], np.cumsum(FINGER_SHARES)[:2]]) * size
        profile: list[Station] = [
            (-1.6 * radius, radius, radius, 0.0, 0.0),
            (knuckles[1], 0.98 * radius, 0.98 * radius, 0.0, 0.0),
            (knuckles[2], 0.9 * radius, 0.9 * radius, 0.0, 0.0),
            (size, 0.75 * radius, 0.8 * radius, 0.0, 0.0),
        ]
        roles = finger_roles("left", finger)
        boundaries = [("leftHand", 0.0, 0.0), *((r, s, 0.8 * radius) for r, s in zip(roles, knuckles, strict=True))]
        u = np.cross(Z, direction) / np.linalg.norm(np.cross(Z, direction))
        axes = (direction, u, np.cross(direction, u))
        parts.append(loft("skin", wrist + base, axes, profile, boundaries, 7, 8, (radius, radius)))
    return parts


def _leg(shape: BodyShape, joints: Array) -> list[Part]:
    hip, knee, ankle = (joints[INDEX[f"left{role}"]] for role in ("UpperLeg", "LowerLeg", "Foot"))
    thick, thin = shape.leg_radius_m
    length, to_knee = hip[1] - ankle[1], hip[1] - knee[1]
    calf = to_knee + 0.16 * length
    profile: list[Station] = [
        (-0.7 * thick, 0.95 * thick, 1.2 * thick, 0.0, 0.0),
        (0.12 * length, thick, 1.12 * thick, 0.0, 0.0),
        (0.80 * to_knee, 0.45 * thick + 0.55 * thin, 0.45 * thick + 0.55 * thin, 0.0, 0.0),
        (to_knee, 0.35 * thick + 0.65 * thin, 0.40 * thick + 0.65 * thin, 0.0, 0.0),
        (calf, 0.33 * thick + 0.67 * thin, 0.42 * thick + 0.67 * thin, 0.0, -0.012),
        (0.97 * length, thin, thin, 0.0, 0.0),
        (length + 0.35 * shape.ankle_height_m, 0.9 * thin, 0.95 * thin, 0.0, 0.0),
    ]
    boundaries = [
        ("hips", 0.0, 0.0),
        ("leftUpperLeg", 0.0, 0.7 * thick),
        ("leftLowerLeg", to_knee, 0.7 * thick),
        ("leftFoot", length, 0.7 * thin),
    ]
    axes = (-Y, X, -Z)
    profile = [(s, ru, rv, ou, -ov) for s, ru, rv, ou, ov in profile]
    return [loft("trousers", hip, axes, profile, boundaries, 22, 16, (0.7 * thick, 0.3 * thin))]


def _foot(shape: BodyShape, joints: Array) -> list[Part]:
    ankle, ball_of_foot = joints[INDEX["leftFoot"]], joints[INDEX["leftToes"]]
    size, tall = shape.foot_length_m, shape.ankle_height_m
    width = max(0.17 * size, 1.02 * shape.leg_radius_m[1])
    # Centre and radius by height of the upper; what reaches below the floor is flattened to the sole.
    profile: list[Station] = [
        (-0.25 * size, 0.80 * width, 0.42 * tall, 0.0, 0.36 * tall),
        (-0.05 * size, 0.86 * width, 0.62 * tall, 0.0, 0.50 * tall),
        (0.16 * size, 0.90 * width, 0.55 * tall, 0.0, 0.42 * tall),
        (0.46 * size, 1.12 * width, 0.36 * tall, 0.0, 0.26 * tall),
        (0.75 * size, 0.85 * width, 0.28 * tall, 0.0, 0.22 * tall),
    ]
    boundaries = [("leftFoot", 0.0, 0.0), ("leftToes", ball_of_foot[2], 0.08 * size)]
    origin = [ankle[0], 0.0, 0.0]
    shoe = loft("shoes", origin, (Z, X, Y), profile, boundaries, 12, 16, (0.14 * size, 0.16 * size), 2.3)
    sole = shoe.positions_m * [1.0, 0.0, 1.0] + np.maximum(shoe.positions_m, 0.0) * [0.0, 1.0, 0.0]
    return [Part(shoe.material, sole, shoe.faces, shoe.weights)]


def surface_normals(positions: Array, faces: Indices) -> Array:
    """Area-weighted means of the face normals around each vertex."""
    corners = positions[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(positions)
    for corner in range(3):
        np.add.at(total, faces[:, corner], normal)
    return quat.unit(total)


@lru_cache(maxsize=8)
def build_body(shape: BodyShape) -> SampleBody:
    """The body in T pose. Skin weights keep at most four joints a vertex."""
    joints = rest_joints(shape)
    left = [*_arm(shape, joints), *_hand(shape, joints), *_leg(shape, joints), *_foot(shape, joints)]
    parts = [*_trunk(shape, joints), *_neck_and_head(shape, joints), *left, *(part.mirrored() for part in left)]
    first = np.cumsum([0] + [len(part.positions_m) for part in parts])
    positions = np.concatenate([part.positions_m for part in parts])
    faces = np.concatenate([part.faces + start for part, start in zip(parts, first, strict=False)])
    names = list(MATERIALS)
    materials = np.concatenate([np.full(len(part.faces), names.index(part.material)) for part in parts])
    weights = np.concatenate([part.weights for part in parts])
    smallest_kept = np.sort(weights, axis=1)[:, -4, None]
    weights = np.where((weights >= smallest_kept) & (weights > 1e-4), weights, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return SampleBody(shape, joints, positions, surface_normals(positions, faces), faces, materials, weights)
