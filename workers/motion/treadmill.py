"""Treadmill: the velocity of the ground under a clip that walks or runs in place.

Games play such clips on a character that the engine moves. The body stays where it is, and the feet slide back while
they bear it, all with one velocity: that of the ground the clip was made for.
"""

from __future__ import annotations

import numpy as np

from workers.contract.roles import SIDES
from workers.motion.body_motion import BodyMotion
from workers.motion.timeline import Timeline
from workers.skeleton.model import Array

# Gaits go with the legs, whatever stands on them: a big head or a hat makes no step longer.
LOW = 0.04  # of the leg, above the level the foot bears on
MIN_SPEED_PER_S = 0.4  # leg lengths
STEP_S = 0.03
MIN_STEPS = 3  # low ones, of both feet together
# A stance foot goes the ground's way within this angle, at a speed between these shares of the ground's: stylised walks
# vary it a lot.
AGREEING_DEG = 30.0
AGREEING_SPEED = (0.25, 2.5)
AGREEING_SHARE = 0.75  # of the steps in which a foot is low
HIPS_SHARE = 0.25  # of the ground's speed, the most that the hips may travel on average


def ground_velocity(motion: BodyMotion, timeline: Timeline) -> Array:
    """Horizontal velocity `(3,)` in m/s of the ground that the feet are planted on; zero unless the clip is in place.

    Taken as the median over the steps of time in which a foot is at its lowest level. Both feet must agree with it and
    the hips must not travel: otherwise the ground stands still.
    """
    still = np.zeros(3)
    body = motion.body
    stances = [_low_velocities(motion, timeline, side) for side in SIDES]
    low = [len(stance) for stance in stances]
    if motion.frames < 3 or min(low) < 1 or sum(low) < MIN_STEPS:
        return still
    ground = np.median(np.concatenate(stances), axis=0)
    speed = float(np.linalg.norm(ground))
    hips = motion.positions_m[:, body.hips]
    drift = float(np.linalg.norm((hips[-1] - hips[0])[[0, 2]])) * motion.rate_hz / (motion.frames - 1)
    in_place = speed > MIN_SPEED_PER_S * body.leg_length_m and drift < HIPS_SHARE * speed
    if not in_place or min(_agreement(stance, ground) for stance in stances) < AGREEING_SHARE:
        return still
    return ground


def _low_velocities(motion: BodyMotion, timeline: Timeline, side: str) -> Array:
    """Horizontal velocities `(n, 3)` of a foot between times at which it is low, where it does not mainly rise or
    fall.
    """
    positions = motion.role_positions(f"{side}Toes")
    if positions is None:
        positions = motion.role_positions(f"{side}Foot")
    if positions is None:
        return np.zeros((0, 3))
    leg = motion.body.leg_length_m
    low = positions[:, 1] <= np.quantile(positions[:, 1], 0.1) + LOW * leg
    step = max(1, timeline.frames_in(STEP_S))
    path = timeline.unroll_positions(positions)
    moving = (path[step:] - path[:-step]) * (motion.rate_hz / step)
    both = timeline.unroll(low)
    both = both[step:] & both[:-step]
    if timeline.period is not None:
        lap = slice(timeline.period, 2 * timeline.period)
        moving, both = moving[lap], both[lap]
    along = moving * np.array([1.0, 0.0, 1.0])
    steepest = np.maximum(MIN_SPEED_PER_S * leg, 0.5 * np.linalg.norm(along, axis=1))
    return np.asarray(along[both & (np.abs(moving[:, 1]) < steepest)])


def _agreement(stance: Array, ground: Array) -> float:
    """Share of a foot's low frames that move with the ground."""
    speed = np.linalg.norm(ground)
    share = np.linalg.norm(stance, axis=1) / speed
    same_way = stance @ ground > np.cos(np.radians(AGREEING_DEG)) * share * speed**2
    return float(np.mean(same_way & (share > AGREEING_SPEED[0]) & (share < AGREEING_SPEED[1])))
