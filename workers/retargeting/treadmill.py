"""Treadmill: the velocity of the ground under a clip that walks or runs in place.

Games play such clips on a character that the engine moves. The body stays where it is, and the feet slide back while
they bear it, all with one velocity: that of the ground the clip was made for.
"""

from __future__ import annotations

import numpy as np

from workers.retargeting.motion import BodyMotion
from workers.retargeting.timeline import Timeline
from workers.retargeting.velocity import velocities
from workers.skeleton.model import Array
from workers.skeleton.roles import SIDES

LOW = 0.03  # of body height above the level the foot bears on
SLOWEST_PER_S = 0.2  # body heights
AGREEMENT = 0.5  # of the ground's speed, between a stance foot and the ground
AGREEING_SHARE = 0.6  # of the frames in which a foot is low
HIPS_SHARE = 0.25  # of the ground's speed, the most that the hips may travel on average


def ground_velocity(motion: BodyMotion, timeline: Timeline) -> Array:
    """Horizontal velocity `(3,)` in m/s of the ground that the feet are planted on; zero unless the clip is in place.

    Taken as the median over the frames in which a foot is at its lowest level. Both feet must agree with it and the
    hips must not travel: otherwise the ground stands still.
    """
    still = np.zeros(3)
    body = motion.body
    if motion.frames < max(3, 0.2 * motion.rate_hz):
        return still
    stances = []
    for side in SIDES:
        positions = motion.role_positions(f"{side}Toes")
        if positions is None:
            positions = motion.role_positions(f"{side}Foot")
        if positions is None:
            return still
        heights = positions[:, 1]
        low = heights <= np.quantile(heights, 0.1) + LOW * body.height_m
        moving = timeline.crop(velocities(timeline.unroll_positions(positions), motion.rate_hz))[low]
        along = moving * np.array([1.0, 0.0, 1.0])
        level = np.abs(moving[:, 1]) < np.maximum(SLOWEST_PER_S * body.height_m, 0.5 * np.linalg.norm(along, axis=1))
        stances.append(along[level])
    if min(len(stance) for stance in stances) < 2:
        return still
    ground = np.median(np.concatenate(stances), axis=0)
    speed = float(np.linalg.norm(ground))
    hips = motion.positions_m[:, body.hips]
    drift = float(np.linalg.norm((hips[-1] - hips[0])[[0, 2]])) * motion.rate_hz / (motion.frames - 1)
    agree = [np.mean(np.linalg.norm(stance - ground, axis=1) < AGREEMENT * speed) for stance in stances]
    in_place = speed > SLOWEST_PER_S * body.height_m and drift < HIPS_SHARE * speed and min(agree) >= AGREEING_SHARE
    return ground if in_place else still
