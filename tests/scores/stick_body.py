"""A body of lines for tests of measures: exact lengths, T pose, and motions given by angles and a hips path."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tests.plain_bodies import plain_body
from workers.motion.body_motion import BodyMotion, from_clip
from workers.motion.contacts import FootContacts
from workers.skeleton import quat
from workers.skeleton.body import FOOT_ROLES, Body
from workers.skeleton.model import Array, Clip

LEG_M = 0.8  # hip joint to ankle
ANKLE_M = 0.1

# role, parent role, offset in metres for a body of about 1.7 m
JOINTS: list[tuple[str, str | None, tuple[float, float, float]]] = [
    ("hips", None, (0.0, LEG_M + ANKLE_M, 0.0)),
    ("spine", "hips", (0.0, 0.15, 0.0)),
    ("chest", "spine", (0.0, 0.2, 0.0)),
    ("neck", "chest", (0.0, 0.2, 0.0)),
    ("head", "neck", (0.0, 0.1, 0.0)),
]
for _side, _sign in (("left", 1.0), ("right", -1.0)):
    JOINTS += [
        (f"{_side}UpperArm", "chest", (_sign * 0.2, 0.15, 0.0)),
        (f"{_side}LowerArm", f"{_side}UpperArm", (_sign * 0.3, 0.0, 0.0)),
        (f"{_side}Hand", f"{_side}LowerArm", (_sign * 0.25, 0.0, 0.0)),
        (f"{_side}UpperLeg", "hips", (_sign * 0.1, 0.0, 0.0)),
        (f"{_side}LowerLeg", f"{_side}UpperLeg", (0.0, -0.5 * LEG_M, 0.0)),
        (f"{_side}Foot", f"{_side}LowerLeg", (0.0, -0.5 * LEG_M, 0.0)),
        (f"{_side}Toes", f"{_side}Foot", (0.0, 0.02 - ANKLE_M, 0.15)),
    ]
ROLES = tuple(role for role, _, _ in JOINTS)


def stick_body(
    scale: float = 1.0, yaw_rad: float = 0.0, confidence: float = 0.9, without: tuple[str, ...] = ()
) -> Body:
    """A body `scale` times 1.7 m, at rest turned by `yaw_rad` about Y."""
    joints = [joint for joint in JOINTS if joint[0] not in without]
    return plain_body(joints, scale=scale, yaw_rad=yaw_rad, confidence=confidence)


def stick_motion(
    body: Body,
    frames: int = 31,
    rate_hz: float = 30.0,
    turns: Mapping[str, Array] | None = None,
    path_m: Array | None = None,
) -> BodyMotion:
    """Rotation vectors `(frames, 3)` per role, about axes of the canonical body, and the hips' way from rest.

    `path_m` `(frames, 3)` is in the canonical heading.
    """
    rotations = np.broadcast_to(body.skeleton.node_rotations, (frames, len(body.skeleton), 4)).copy()
    for role, vectors in (turns or {}).items():
        joint = body.mapping.roles[role].joint
        rotations[:, joint] = quat.multiply(rotations[:, joint], quat.from_rotation_vector(vectors))
    path = np.zeros((frames, 3)) if path_m is None else quat.rotate(body.facing, path_m)
    hips = body.skeleton.node_offsets_m[body.hips] + path
    return from_clip(body, Clip("motion", rate_hz, 0.0, rotations, {body.hips: hips}))


def swinging(
    body: Body, frames: int = 61, rate_hz: float = 60.0, swing_hz: float = 1.0, size: float = 0.5
) -> BodyMotion:
    """Arms, legs, trunk and head swing to and fro; the hips go 0.3 m/s forward, scaled with the body."""
    t = np.arange(frames) / rate_hz
    phase = np.sin(2.0 * np.pi * swing_hz * t)
    axes = {
        "leftUpperArm": (0.2, 0.9, 0.3), "rightUpperArm": (0.1, -0.7, 0.4), "leftLowerArm": (0.0, -1.0, 0.0),
        "rightLowerArm": (0.0, 1.0, 0.0), "leftUpperLeg": (0.6, 0.0, 0.1), "rightUpperLeg": (-0.6, 0.0, 0.1),
        "leftLowerLeg": (0.5, 0.0, 0.0), "rightLowerLeg": (0.5, 0.0, 0.0), "chest": (0.2, 0.3, 0.1),
        "head": (0.1, 0.3, 0.0),
    }  # fmt: skip
    turns = {role: size * np.outer(phase, axis) for role, axis in axes.items()}
    for knee in ("leftLowerLeg", "rightLowerLeg"):
        turns[knee] = np.abs(turns[knee])
    path = np.outer(t, [0.0, 0.0, 0.3 * body.height_m])
    return stick_motion(body, frames, rate_hz, turns, path)


def all_planted(motion: BodyMotion, ground_m: float | None = None, velocity: Array | None = None) -> FootContacts:
    """Contacts that hold every foot joint in every frame, on the rest floor unless told."""
    ground = motion.body.floor_m if ground_m is None else ground_m
    shape = (motion.frames, len(FOOT_ROLES))
    return FootContacts(
        np.ones(shape, dtype=bool), np.full(shape, ground), np.zeros(3) if velocity is None else velocity
    )


def none_planted(motion: BodyMotion) -> FootContacts:
    shape = (motion.frames, len(FOOT_ROLES))
    return FootContacts(np.zeros(shape, dtype=bool), np.full(shape, np.nan), np.zeros(3))
