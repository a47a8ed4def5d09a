"""Stride: stances moved along the ground to where the leg reaches them from their first frame to their last.

A source whose feet are large for its legs steps further, in leg lengths, than the target can: held feet would stay
behind until the leg is straight. A stance has no place of its own along the ground (its correction is free but for a
constant), so it is set down a little further ahead, where the leg still has reach to spare. What is left is up to the
lowering of the body (`hips_shift`).
"""

from __future__ import annotations

import numpy as np

from workers.skeleton.model import Array, Indices

MAX_SLIDE = 0.15  # of the leg
# A slide helps a slanting leg; for a steep one it costs more than this many times the missing length and is given up.
MAX_SLIDE_PER_EXCESS = 3.0
# A step up to the first may be moved freely; a stance from the second on is a way of standing and stays.
STEP_S = 1.0
STAND_S = 2.0
ROUNDS = 10


def stance_slides(leg: Array, limit: Array, stances: Indices, leg_m: float, rate_hz: float) -> Array:
    """Slide along the ground of each stance `(n, 2)`, x and z in metres.

    `leg` `(frames, 3)` leads from the hip joint to where the ankle belongs, `limit` `(frames,)` is how long it may be.
    Found by projecting onto the reach of the frame that lacks most, again and again by ever smaller shares, so that
    frames which cannot all be met share what is missing.
    """
    slides = np.zeros((len(stances), 2))
    over = np.einsum("fi,fi->f", leg, leg) > limit**2
    for number, (start, stop) in enumerate(stances):
        free = np.clip((STAND_S - (stop - start) / rate_hz) / (STAND_S - STEP_S), 0.0, 1.0)
        if free > 0.0 and over[start:stop].any():
            slides[number] = _slide(leg[start:stop], limit[start:stop], free * MAX_SLIDE * leg_m)
    return slides


def _slide(leg: Array, limit: Array, largest: float) -> Array:
    along, height = leg[:, ::2], leg[:, 1]
    radius = np.sqrt(np.maximum(limit**2 - height**2, 0.0))
    slide = np.zeros(2)
    for number in range(ROUNDS):
        moved = along + slide
        distance = np.sqrt(np.einsum("fi,fi->f", moved, moved))
        excess = np.hypot(distance, height) - limit
        lacking = np.minimum(distance - radius, MAX_SLIDE_PER_EXCESS * excess)
        worst = int(np.argmax(lacking))
        if lacking[worst] <= 0.0:
            break
        slide -= lacking[worst] / (distance[worst] * (number + 1.0)) * moved[worst]
    size = float(np.hypot(*slide))
    return slide * (largest * np.tanh(size / largest) / size) if size > 0.0 else slide
