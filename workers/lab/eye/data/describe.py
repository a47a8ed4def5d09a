"""What a picture shows, in numbers: where limbs point, and how far the hands are from the body.

Directions are given in the frame of a view: X to the picture's right, Y up, Z towards the viewer (yaw only). They mean
the same on every rig: limbs point from joint to joint, trunk, head and feet point as they were turned away from rest.
Distances are between surfaces, signed: negative inside. They tell whether a copied pose kept its contacts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.contract.roles import FINGERS, SIDES, finger_roles
from workers.lab.eye.data.bodies import PosableBody
from workers.motion.body_motion import BodyMotion
from workers.skeleton import quat
from workers.skeleton.body import FORWARD, UP, Body
from workers.skeleton.model import Array, Indices, Mesh

# Name, from role, to role: a limb points from joint to joint.
LIMBS = (
    *(
        (f"{side} {name}", f"{side}{start}", f"{side}{end}")
        for side in SIDES
        for name, start, end in (
            ("upper arm", "UpperArm", "LowerArm"), ("lower arm", "LowerArm", "Hand"),
            ("upper leg", "UpperLeg", "LowerLeg"), ("lower leg", "LowerLeg", "Foot"),
        )
    ),
    ("shoulders", "rightUpperArm", "leftUpperArm"),
    ("hips", "rightUpperLeg", "leftUpperLeg"),
)  # fmt: skip
# Name, role, direction in the rest pose: a part points as it was turned away from rest.
TURNED = (
    ("pelvis up", "hips", UP), ("chest up", "chest", UP), ("head up", "head", UP), ("head forward", "head", FORWARD),
    ("left foot", "leftFoot", FORWARD), ("right foot", "rightFoot", FORWARD),
)  # fmt: skip
HANDS = tuple((f"{side} hand", f"{side}Hand", f"{side}LowerArm") for side in SIDES)
SEGMENTS = tuple(name for name, *_ in (*LIMBS, *TURNED, *HANDS))

TARGETS = ("trunk", "head", "thighs")
CONTACTS = (*(f"{side} hand to {target}" for side in SIDES for target in TARGETS), "hand to hand", "root height")
DISTANCE_LIMITS = (-0.1, 0.3)  # body heights
MAX_DEPTH = 0.08  # body heights: what lies deeper is on the other side of an opening
HAND_POINTS, TARGET_SAMPLES = 24, 160
PART_ROLES = {
    "trunk": ("hips", "spine", "chest", "upperChest"),
    "head": ("head", "jaw", "leftEye", "rightEye"),
    "thighs": ("leftUpperLeg", "rightUpperLeg"),
    **{
        f"{side} hand": (f"{side}Hand", *(role for finger in FINGERS for role in finger_roles(side, finger)))
        for side in SIDES
    },
}


def directions(motion: BodyMotion, view: Array) -> Array:
    """`(frames, len(SEGMENTS), 3)`, unit; NaN for what the body lacks. `view` turns +Z to the viewer,
    `(4,)` or `(frames, 4)`.
    """
    body = motion.body
    rows = [_between(motion, start, end) for _, start, end in LIMBS]
    rows += [_turned(motion, role, quat.rotate(body.facing, way)) for _, role, way in TURNED]
    for _, hand, forearm in HANDS:
        joint, before = body.joint(hand), body.joint(forearm)
        if joint is None or before is None:
            rows.append(np.full((motion.frames, 3), np.nan))
        else:
            rows.append(_turned(motion, hand, quat.unit(body.rest_positions_m[joint] - body.rest_positions_m[before])))
    return quat.rotate(quat.conjugate(view)[..., None, :], np.stack(rows, axis=1))


def _between(motion: BodyMotion, start: str, end: str) -> Array:
    first, last = motion.role_positions(start), motion.role_positions(end)
    if first is None or last is None:
        return np.full((motion.frames, 3), np.nan)
    return quat.unit(last - first)


def _turned(motion: BodyMotion, role: str, way: Array) -> Array:
    joint = motion.body.joint(role)
    if joint is None and role == "chest":
        joint = motion.body.joint("spine")
    if joint is None:
        return np.full((motion.frames, 3), np.nan)
    away = quat.multiply(motion.rotations[:, joint], quat.conjugate(motion.body.rest_rotations[joint]))
    return quat.rotate(away, way)


@dataclass(frozen=True, eq=False)
class Nearest:
    """Where a hand comes nearest to a part of the body, a row a frame: the gap in metres, negative inside, and the
    direction that leads out of the part.
    """

    gap_m: Array  # (frames,)
    outward: Array  # (frames, 3)


class ContactProbe:
    """Distances of a body's hands to its other parts in any pose, from some points of its surface."""

    def __init__(self, posable: PosableBody) -> None:
        self.body = posable.body
        mesh, owners = posable.surface, part_owners(posable.body)
        strongest = mesh.strongest
        vertex_part = np.array([owners[joint] for joint in strongest.tolist()], dtype=object)
        self._hands: dict[str, Indices] = {}
        self._targets: dict[str, Indices] = {}
        self._strides: dict[str, int] = {}  # of how many faces each sample is one
        for side in SIDES:
            points = np.flatnonzero(vertex_part == f"{side} hand")
            if len(points):
                self._hands[side] = points[:: max(1, len(points) // HAND_POINTS)]
        for part in (*TARGETS, *(f"{side} hand" for side in SIDES)):
            faces = mesh.faces[(vertex_part[mesh.faces] == part).all(axis=1)]
            if len(faces):
                stride = max(1, len(faces) // TARGET_SAMPLES)
                self._targets[part], self._strides[part] = faces[::stride], stride
        used = [*self._hands.values(), *(faces.ravel() for faces in self._targets.values())]
        self._vertices = np.unique(np.concatenate(used)) if used else np.zeros(0, dtype=np.int64)
        self._row = np.full(len(mesh.positions_m), -1)
        self._row[self._vertices] = np.arange(len(self._vertices))
        self._mesh = Mesh(
            mesh.positions_m[self._vertices], np.zeros((0, 3), dtype=np.int64),
            mesh.joints[self._vertices], mesh.weights[self._vertices],
        )  # fmt: skip

    def nearest(self, motion: BodyMotion, side: str, part: str) -> Nearest | None:
        """A hand and a part (`TARGETS` or `<other side> hand`); None where the body lacks either."""
        if side not in self._hands or part not in self._targets:
            return None
        return self._nearest(self._skinned(motion), side, part)

    def contacts(self, motion: BodyMotion) -> Array:
        """`(frames, len(CONTACTS))` in body heights, within `DISTANCE_LIMITS`; NaN for what the body lacks."""
        skinned = self._skinned(motion)
        pairs = [(side, target) for side in SIDES for target in TARGETS] + [("left", "right hand")]
        result = np.full((motion.frames, len(CONTACTS)), np.nan)
        for column, (side, part) in enumerate(pairs):
            if side in self._hands and part in self._targets:
                gap = self._nearest(skinned, side, part).gap_m / self.body.height_m
                result[:, column] = np.clip(gap, *DISTANCE_LIMITS)
        root = motion.positions_m[:, self.body.hips, 1] + self.body.pelvis_offset_m[1] - self.body.floor_m
        result[:, -1] = root / self.body.height_m
        return result

    def _skinned(self, motion: BodyMotion) -> Array:
        """Places of the vertices that are looked at, `(frames, vertices, 3)`: linear blend skinning."""
        turns = quat.multiply(motion.rotations, quat.conjugate(self.body.rest_rotations))
        result = np.zeros((motion.frames, len(self._vertices), 3))
        for column in range(self._mesh.joints.shape[1]):
            joints = self._mesh.joints[:, column]
            away = quat.rotate(turns[:, joints], self._mesh.positions_m - self.body.rest_positions_m[joints])
            result += self._mesh.weights[:, column, None] * (away + motion.positions_m[:, joints])
        return result

    def _nearest(self, skinned: Array, side: str, part: str) -> Nearest:
        points = skinned[:, self._row[self._hands[side]]]
        corners = skinned[:, self._row[self._targets[part]]]
        centres = corners.mean(axis=2)
        area = np.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0])
        normals = quat.unit(area)
        # A sample stands for a disc of the size of its share of the surface, so that there are no holes.
        radius = np.sqrt(self._strides[part] * np.linalg.norm(area, axis=-1) / (2.0 * np.pi))
        way = points[:, :, None] - centres[:, None]
        height = np.einsum("fpti,fti->fpt", way, normals)
        aside = np.sqrt(np.maximum(np.einsum("fpti,fpti->fpt", way, way) - height**2, 0.0))
        distance = np.hypot(height, np.maximum(aside - radius[:, None], 0.0))
        nearest = np.argmin(distance, axis=2)

        def chosen(values: Array) -> Array:
            return np.take_along_axis(values, nearest[..., None], axis=2)[..., 0]

        # Parts are open where they were cut from the body: a point counts as inside only right behind a face.
        behind = (height < 0.0) & (aside <= 1.5 * radius[:, None]) & (height > -MAX_DEPTH * self.body.height_m)
        gap = chosen(distance) * np.where(chosen(behind), -1.0, 1.0)
        deepest = np.argmin(gap, axis=1)
        frames = np.arange(len(points))
        return Nearest(gap[frames, deepest], normals[frames, nearest[frames, deepest]])


def part_owners(body: Body) -> list[str]:
    """For each joint the part of `PART_ROLES` that it moves, "" for none: that of the nearest mapped joint above it."""
    roles = {match.joint: role for role, match in body.mapping.roles.items()}
    parts = {role: part for part, names in PART_ROLES.items() for role in names}
    owners = []
    for joint in range(len(body.skeleton)):
        above = joint
        while above >= 0 and above not in roles:
            above = int(body.skeleton.parents[above])
        owners.append(parts.get(roles.get(above, ""), ""))
    return owners
