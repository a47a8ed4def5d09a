"""A simple body and motions that are functions of time, so that they can be sampled at any rate, turned and scaled."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.plain_bodies import plain_body
from workers.motion.body_motion import BodyMotion
from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array

Curves = Callable[[Array], tuple[Array, Array]]  # seconds -> joint angles (t, joints, 3) rad, hips path (t, 3) m

JOINTS: list[tuple[str, str | None, tuple[float, float, float]]] = [
    ("hips", None, (0.0, 0.95, 0.0)),
    ("spine", "hips", (0.0, 0.15, 0.0)),
    ("head", "spine", (0.0, 0.45, 0.0)),
    *(
        entry
        for side, sign in (("left", 1.0), ("right", -1.0))
        for entry in (
            (f"{side}UpperArm", "spine", (0.2 * sign, 0.35, 0.0)),
            (f"{side}LowerArm", f"{side}UpperArm", (0.3 * sign, 0.0, 0.0)),
            (f"{side}Hand", f"{side}LowerArm", (0.27 * sign, 0.0, 0.0)),
            (f"{side}UpperLeg", "hips", (0.1 * sign, 0.0, 0.0)),
            (f"{side}LowerLeg", f"{side}UpperLeg", (0.0, -0.43, 0.0)),
            (f"{side}Foot", f"{side}LowerLeg", (0.0, -0.42, 0.0)),
        )
    ),
]
NAMES = [name for name, _, _ in JOINTS]


def make_body(scale: float = 1.0) -> Body:
    return plain_body(JOINTS, scale=scale)


def sample(
    curves: Curves,
    seconds: float,
    rate_hz: float,
    *,
    scale: float = 1.0,
    heading_rad: float = 0.0,
    start_s: float = 0.0,
) -> BodyMotion:
    """The motion sampled from `start_s` on, on a body of this scale that faces this way."""
    body = make_body(scale)
    times = start_s + np.arange(round(seconds * rate_hz) + 1) / rate_hz
    angles, path = curves(times)
    local = from_rotation_vector(angles)
    turn = from_rotation_vector(np.array([0.0, heading_rad, 0.0]))
    local[:, 0] = quat.multiply(np.broadcast_to(turn, local[:, 0].shape), local[:, 0])
    rotations = kinematics.world_rotations(body.skeleton, local)
    positions = kinematics.world_positions(body.skeleton, rotations, body.skeleton.node_offsets_m)
    hips = quat.rotate(np.broadcast_to(turn, (len(times), 4)), path * scale) + positions[:, 0]
    positions += (hips - positions[:, 0])[:, None]
    return BodyMotion(body, "made", rate_hz, 0.0, rotations, positions)


def from_rotation_vector(vectors: Array) -> Array:
    angle = np.linalg.norm(vectors, axis=-1, keepdims=True)
    axis = vectors / np.maximum(angle, 1e-12)
    return np.concatenate([axis * np.sin(angle / 2), np.cos(angle / 2)], axis=-1)


def random_curves(seed: int, period_s: float | None = None) -> Curves:
    """Joints that swing by sums of three sines each, and hips that sway; with a period, all of it repeats."""
    generator = np.random.default_rng(seed)
    shape = (3, len(JOINTS), 3)
    hertz = generator.uniform(0.2, 0.9, shape) if period_s is None else generator.integers(1, 3, shape) / period_s
    phase, size = generator.uniform(0, 2 * np.pi, shape), generator.uniform(0, 0.35, shape)
    sway = generator.uniform(0, 0.1, 3)

    def curves(times: Array) -> tuple[Array, Array]:
        waves = size * np.sin(2 * np.pi * hertz * times[:, None, None, None] + phase)
        slow = 1.0 / period_s if period_s else 0.3
        return waves.sum(axis=1), sway * np.sin(2 * np.pi * slow * times)[:, None]

    return curves
