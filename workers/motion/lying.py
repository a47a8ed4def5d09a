"""How far a body that sits or lies on the ground is carried by its seat (`workers.skeleton.seat`), not by its feet."""

from __future__ import annotations

import numpy as np

from workers.motion.body_motion import BodyMotion, hip_centre
from workers.motion.contacts import FootContacts
from workers.motion.smoothing import smoothstep, weighted_mean
from workers.motion.timeline import Timeline
from workers.skeleton.body import FOOT_ROLES
from workers.skeleton.model import Array, Mask

# Heights of the seat over the floor, shares of the body's height: lower than the first it is on the floor, and at the
# second not yet, or at a share of its height in standing, which is little on short legs.
ON_FLOOR, OVER_FLOOR = 0.03, 0.07
STANDING = 0.65
# As authors let bodies sink a little; what is deeper than the second comes out of the ground.
IN_FLOOR, UNDER_FLOOR = -0.10, -0.20
# A planted foot that is nearer to the hip joints along the ground, in leg lengths, has the body on it: who crouches is
# as low, but does not sit.
UNDER_HIPS = 0.5
SMOOTH_S = 0.3


def carried_by_seat(motion: BodyMotion, contacts: FootContacts, floor_m: float, timeline: Timeline) -> Array:
    """1 along the unrolled frames in which the seat is on the floor, whose height is `floor_m`, and no planted foot
    under the body; 0 where it is well over it, smoothly between.
    """
    over = seat_heights_m(motion) - floor_m
    body = motion.body
    standing = body.seat.lowest_m(body.rest_rotations[None], body.rest_positions_m[None])[0] - body.floor_m
    free = max(min(OVER_FLOOR * body.height_m, STANDING * standing), 1e-9)
    near = min(ON_FLOOR * body.height_m, 0.5 * free)
    above = 1.0 - smoothstep((over - near) / (free - near))
    below = smoothstep((over / body.height_m - UNDER_FLOOR) / (IN_FLOOR - UNDER_FLOOR))
    seated = above * below * ~_over_planted_foot(motion, contacts)
    return weighted_mean(timeline.unroll(seated), timeline.frames_in(SMOOTH_S))


def seat_heights_m(motion: BodyMotion) -> Array:
    """World height of the lowest place of the seat `(frames,)`."""
    return motion.body.seat.lowest_m(motion.rotations, motion.positions_m)


def _over_planted_foot(motion: BodyMotion, contacts: FootContacts) -> Mask:
    """Frames `(frames,)` in which the hip joints are above a planted foot."""
    over = np.zeros(motion.frames, dtype=bool)
    hips = hip_centre(motion)
    for column, role in enumerate(FOOT_ROLES):
        positions = motion.role_positions(role)
        if positions is not None:
            away = np.linalg.norm((positions - hips)[:, ::2], axis=1)
            over |= contacts.planted[:, column] & (away < UNDER_HIPS * motion.body.leg_length_m)
    return over
