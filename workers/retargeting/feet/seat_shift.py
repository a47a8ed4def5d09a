"""A body that lies or sits on the ground lies on its own seat, not as high as the length of its legs says.

Legs give the scale at which hips move, and are right for a body that stands on them. One that is carried by its seat
(`workers.motion.lying`) is as high as it is thick there: a stout one of short legs would leave a slender one in the
air, or in the ground. So its seat comes as high over its floor as the source's is, by height, the more the nearer the
source's is to the floor: it goes down with it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workers.motion.body_motion import BodyMotion
from workers.motion.lying import seat_heights_m
from workers.motion.smoothing import weighted_mean
from workers.motion.timeline import Timeline
from workers.retargeting.feet.foot_heights import FootHeights
from workers.skeleton.body import FOOT_ROLES, UP
from workers.skeleton.model import Array

SMOOTH_S = 0.15


def with_seat_down(
    shift: Array, motion: BodyMotion, source: BodyMotion, source_floor_m: float, timeline: Timeline, seated: Array
) -> Array:
    """`shift` `(unrolled frames, 3)` of the body of `motion`, with its height such that the seat lies on the floor
    where that of `source` does: where `seated` `(unrolled frames,)`, of `carried_by_seat`, is 1. The same where it is
    0.
    """
    over = _size(motion, source) * (seat_heights_m(source) - source_floor_m)
    needed = timeline.unroll(motion.body.floor_m + over - seat_heights_m(motion))
    lowered = weighted_mean(seated * (needed - shift[:, 1]), timeline.frames_in(SMOOTH_S))
    return np.asarray(shift + UP * lowered[:, None])


def over_floor(
    heights: FootHeights,
    motion: BodyMotion,
    source: BodyMotion,
    source_floor_m: float,
    timeline: Timeline,
    seated: Array,
) -> FootHeights:
    """`heights` with feet that lie on the floor as the source's do, where `seated`: legs that are longer, or on a
    lower seat, would point into it. Soles point anywhere then, so the joints count, as low as they are in standing.
    """
    least = heights.least_m.copy()
    for column, role in enumerate(FOOT_ROLES):
        positions = source.role_positions(role)
        if positions is not None and role in motion.body.sole_drop_m:
            over = _size(motion, source) * timeline.unroll(positions[:, 1] - source_floor_m)
            lying = motion.body.floor_m + np.minimum(over, motion.body.sole_drop_m[role])
            fading = lying - (1.0 - seated) * motion.body.leg_length_m
            least[:, column] = np.where(seated > 0.0, np.maximum(least[:, column], fading), least[:, column])
    return replace(heights, least_m=least)


def _size(motion: BodyMotion, source: BodyMotion) -> float:
    return motion.body.height_m / source.body.height_m
