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

LOW = 0.02  # of body height above the level the foot bears on
SLOWEST_PER_S = 0.2  # body heights
# A stance foot goes the ground's way within this angle, at a speed between these shares of the ground's: stylised walks
# vary it a lot.
AGREEING_DEG = 30.0
AGREEING_SPEED = (0.25, 2.5)
AGREEING_SHARE = 0.6  # of the frames in which a foot is low
HIPS_SHARE = 0.25  # of the ground's speed, the most that the hips may travel on average


def ground_velocity(motion: BodyMotion, timeline: Timeline) -> Array:
    """Horizontal velocity `(3,)` in m/s of the ground that the feet are planted on; zero unless the clip is in place.

    Taken as the median over the frames in which a foot is at its lowest level. Both feet must agree with it and the
    hips must not travel: otherwise the ground stands still.
    """
    still = np.zeros(3)
    body = motion.body
    stances = [_low_velocities(motion, timeline, side) for side in SIDES]
    if motion.frames < 3 or min(len(stance) for stance in stances) < 2:
        return still
    ground = np.median(np.concatenate(stances), axis=0)
    speed = float(np.linalg.norm(ground))
    hips = motion.positions_m[:, body.hips]
    drift = float(np.linalg.norm((hips[-1] - hips[0])[[0, 2]])) * motion.rate_hz / (motion.frames - 1)
    in_place = speed > SLOWEST_PER_S * body.height_m and drift < HIPS_SHARE * speed
    if not in_place or min(_agreement(stance, ground) for stance in stances) < AGREEING_SHARE:
        return still
    return ground


def _low_velocities(motion: BodyMotion, timeline: Timeline, side: str) -> Array:
    """Horizontal velocities `(n, 3)` of a foot in the frames in which it is low and does not mainly rise or fall."""
    positions = motion.role_positions(f"{side}Toes")
    if positions is None:
        positions = motion.role_positions(f"{side}Foot")
    if positions is None:
        return np.zeros((0, 3))
    heights = positions[:, 1]
    low = heights <= np.quantile(heights, 0.1) + LOW * motion.body.height_m
    moving = timeline.crop(velocities(timeline.unroll_positions(positions), motion.rate_hz))[low]
    along = moving * np.array([1.0, 0.0, 1.0])
    steepest = np.maximum(SLOWEST_PER_S * motion.body.height_m, 0.5 * np.linalg.norm(along, axis=1))
    return np.asarray(along[np.abs(moving[:, 1]) < steepest])


def _agreement(stance: Array, ground: Array) -> float:
    """Share of a foot's low frames that move with the ground."""
    speed = np.linalg.norm(ground)
    share = np.linalg.norm(stance, axis=1) / speed
    same_way = stance @ ground > np.cos(np.radians(AGREEING_DEG)) * share * speed**2
    return float(np.mean(same_way & (share > AGREEING_SPEED[0]) & (share < AGREEING_SPEED[1])))
