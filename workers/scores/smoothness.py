"""Smoothness: how much jerk the joints carry, result beside source."""

from __future__ import annotations

import numpy as np

from workers.contract.roles import SIDES
from workers.motion.body_motion import BodyMotion, hip_centre
from workers.retargeting.copy_rest import shared_roles
from workers.skeleton.body import Body

MIN_FRAMES = 4  # a third difference needs four
# Differences span about a displayed frame. Over the steps of a 120 Hz capture, noise of a tenth of a millimetre would
# outweigh the motion (it grows with the cube of the rate), though nobody sees it.
STEP_S = 1.0 / 30.0


def moving_roles(source: Body, result: Body) -> list[str]:
    """Roles that both bodies have, without the hips (the root that others are measured against)."""
    return [role for role in shared_roles(source, result) if role != "hips"]


def leg_roles(source: Body, result: Body) -> list[str]:
    """Knees and ankles that both bodies have: where corrections of foot contacts show that a median over all hides."""
    roles = [f"{side}{part}" for side in SIDES for part in ("LowerLeg", "Foot")]
    return [role for role in roles if source.has(role) and result.has(role)]


def jerk(motion: BodyMotion, roles: list[str]) -> float | None:
    """Median over `roles` of the mean size of the third time derivative of position, in body heights / s^3.

    Positions are taken relative to the middle between the hip joints (some rigs have their hips joint at the ground).
    The derivative is the third difference over steps of about `STEP_S`, fewer frames where the clip is short, divided
    by the step cubed, so it is exact for a cubic path. It is taken at every frame, so a pop of one frame shows. None
    for less than four frames or no role.
    """
    if motion.frames < MIN_FRAMES or not roles:
        return None
    step = min(max(1, round(STEP_S * motion.rate_hz)), (motion.frames - 1) // 3)
    joints = [motion.body.mapping.roles[role].joint for role in roles]
    relative = motion.positions_m[:, joints] - hip_centre(motion)[:, None]
    first, second, third, fourth = (relative[n * step : motion.frames - (3 - n) * step] for n in range(4))
    changes = (fourth - 3.0 * third + 3.0 * second - first) * (motion.rate_hz / step) ** 3
    sizes = np.linalg.norm(changes, axis=-1).mean(axis=0)
    return float(np.median(sizes) / motion.body.height_m)
