"""Smoothness: how much jerk the joints carry, result beside source."""

from __future__ import annotations

import numpy as np

from workers.retargeting.copy_rest import shared_roles
from workers.retargeting.motion import BodyMotion
from workers.skeleton.body import Body

MIN_FRAMES = 4  # a third difference needs four


def moving_roles(source: Body, result: Body) -> list[str]:
    """Roles that both bodies have, without the hips (the root that others are measured against)."""
    return [role for role in shared_roles(source, result) if role != "hips"]


def jerk(motion: BodyMotion, roles: list[str]) -> float | None:
    """Median over `roles` of the mean size of the third time derivative of position, in body heights / s^3.

    Positions are taken relative to the hips joint. The derivative is the third difference times rate^3, so it is exact
    for a cubic path. None for less than four frames or no role.
    """
    if motion.frames < MIN_FRAMES or not roles:
        return None
    joints = [motion.body.mapping.roles[role].joint for role in roles]
    relative = motion.positions_m[:, joints] - motion.positions_m[:, [motion.body.hips]]
    third = np.diff(relative, n=3, axis=0) * motion.rate_hz**3
    sizes = np.linalg.norm(third, axis=-1).mean(axis=0)
    return float(np.median(sizes) / motion.body.height_m)
