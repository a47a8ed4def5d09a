"""A body of capsules with known sizes, in T pose, and motions of it, for tests of geometry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tests.plain_bodies import plain_body
from workers.geometry.surface import BodySurface, build_surface
from workers.motion.body_motion import BodyMotion, from_clip
from workers.skeleton import quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Clip, Indices, Mesh

TRUNK, ARM, HAND, LEG = 0.15, 0.04, 0.05, 0.07  # radii in metres
JOINTS = [
    ("hips", None, (0.0, 1.0, 0.0)),
    ("spine", "hips", (0.0, 0.25, 0.0)),
    ("neck", "spine", (0.0, 0.30, 0.0)),
    ("head", "neck", (0.0, 0.10, 0.0)),
    *(
        joint
        for side, x in (("left", 1.0), ("right", -1.0))
        for joint in (
            (f"{side}UpperArm", "spine", (0.2 * x, 0.22, 0.0)),
            (f"{side}LowerArm", f"{side}UpperArm", (0.28 * x, 0.0, 0.0)),
            (f"{side}Hand", f"{side}LowerArm", (0.25 * x, 0.0, 0.0)),
            (f"{side}UpperLeg", "hips", (0.1 * x, -0.05, 0.0)),
            (f"{side}LowerLeg", f"{side}UpperLeg", (0.0, -0.43, 0.0)),
            (f"{side}Foot", f"{side}LowerLeg", (0.0, -0.42, 0.0)),
        )
    ),
]

Vector = Sequence[float] | Array


def capsule(start: Vector, end: Vector, radius: float, rings: int = 10) -> tuple[Array, Indices]:
    """Vertices and outward faces of a closed capsule; both ends may be one point, for a ball."""
    around, caps = 16, 4
    first, last = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    axis = quat.unit(last - first) if np.linalg.norm(last - first) > 0.0 else np.array([0.0, 1.0, 0.0])
    u = quat.perpendicular(axis)
    v = np.cross(axis, u)
    bend = np.linspace(0.0, 0.5 * np.pi, caps + 1)[1:]
    rows = [(first - axis * radius * np.cos(a), radius * np.sin(a)) for a in bend]
    rows += [(first + (last - first) * t, radius) for t in np.linspace(0.0, 1.0, rings)[1:-1]]
    rows += [(last + axis * radius * np.cos(a), radius * np.sin(a)) for a in bend[::-1]]
    turn = 2.0 * np.pi * np.arange(around) / around
    points = [c + r * (np.cos(turn)[:, None] * u + np.sin(turn)[:, None] * v) for c, r in rows]
    vertices = np.concatenate([*points, (first - axis * radius)[None], (last + axis * radius)[None]])
    a = (np.arange(len(rows) - 1)[:, None] * around + np.arange(around)).ravel()
    b = (np.arange(len(rows) - 1)[:, None] * around + (np.arange(around) + 1) % around).ravel()
    low, high = np.arange(around), (len(rows) - 1) * around + np.arange(around)
    south, north = np.full(around, len(rows) * around), np.full(around, len(rows) * around + 1)
    faces = [
        np.stack([a, b, b + around], axis=1), np.stack([a, b + around, a + around], axis=1),
        np.stack([south, np.roll(low, -1), low], axis=1), np.stack([north, high, np.roll(high, -1)], axis=1),
    ]  # fmt: skip
    return vertices, np.concatenate(faces)


def capsule_body(scale: float = 1.0, yaw_rad: float = 0.0) -> Body:
    return plain_body(JOINTS, scale=scale, yaw_rad=yaw_rad)


def capsule_mesh(body: Body, scale: float = 1.0, without: Sequence[str] = (), trunk: float = TRUNK) -> Mesh:
    """Rigid capsules on the body's joints; parts named in `without` are left out, the trunk is as wide as is said."""
    place = {role: body.rest_positions_m[body.mapping.roles[role].joint] for role, _, _ in JOINTS}
    parts: list[tuple[str, Array, Array, float]] = [
        ("hips", place["hips"], place["neck"], trunk),
        ("head", place["head"] + [0.0, 0.1 * scale, 0.0], place["head"] + [0.0, 0.1 * scale, 0.0], 0.11),
    ]
    for side in ("left", "right"):
        for part, end, radius in (
            ("UpperArm", "LowerArm", ARM), ("LowerArm", "Hand", ARM),
            ("UpperLeg", "LowerLeg", LEG), ("LowerLeg", "Foot", 0.8 * LEG),
        ):  # fmt: skip
            parts.append((side + part, place[side + part], place[side + end], radius))
        outward = quat.unit(place[f"{side}Hand"] - place[f"{side}LowerArm"])
        parts.append((f"{side}Hand", place[f"{side}Hand"], place[f"{side}Hand"] + 0.1 * scale * outward, HAND))
        ahead = quat.rotate(body.facing, np.array([0.0, 0.0, 0.15 * scale]))
        parts.append((f"{side}Foot", place[f"{side}Foot"], place[f"{side}Foot"] + ahead, 0.04))
    made = [(role, *capsule(a, b, radius * scale)) for role, a, b, radius in parts if role not in without]
    starts = np.cumsum([0] + [len(vertices) for _, vertices, _ in made])
    joints = [np.full(len(vertices), body.mapping.roles[role].joint) for role, vertices, _ in made]
    return Mesh(
        np.concatenate([vertices for _, vertices, _ in made]),
        np.concatenate([faces + first for (_, _, faces), first in zip(made, starts, strict=False)]),
        np.concatenate(joints)[:, None],
        np.ones((starts[-1], 1)),
    )


def capsule_surface(
    scale: float = 1.0, yaw_rad: float = 0.0, without: Sequence[str] = (), trunk: float = TRUNK
) -> BodySurface:
    body = capsule_body(scale, yaw_rad)
    return build_surface(body, capsule_mesh(body, scale, without, trunk))


def moved(body: Body, turns: Mapping[str, Array], frames: int = 1, rate_hz: float = 30.0) -> BodyMotion:
    """Local turns `(4,)` or `(frames, 4)` of some roles on top of the rest pose."""
    rotations = np.tile(body.skeleton.rest_rotations, (frames, 1, 1))
    for role, turn in turns.items():
        joint = body.mapping.roles[role].joint
        rotations[:, joint] = quat.multiply(rotations[:, joint], turn)
    return from_clip(body, Clip("made", rate_hz, 0.0, rotations, {}))


def arm_across(angle_deg: Array | float, side: str = "left") -> dict[str, Array]:
    """Upper arm down, forearm level: at 0 degrees straight through the trunk, at 90 ahead of it."""
    sign = 1.0 if side == "left" else -1.0
    down = quat.from_axis_angle(np.array([0.0, 0.0, -sign]), np.radians(90.0))
    # In the arm's own axes the world's up is the way back along the bone.
    inward = quat.from_axis_angle(np.array([0.0, 0.0, -sign]), np.radians(90.0))
    swing = quat.from_axis_angle(np.array([-1.0, 0.0, 0.0]), np.radians(angle_deg))
    return {f"{side}UpperArm": down, f"{side}LowerArm": quat.multiply(swing, inward)}
