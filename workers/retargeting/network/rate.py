"""The network's frame rate: about thirty frames a second of any clip, and back to all of its frames."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from workers.motion.body_motion import BodyMotion
from workers.skeleton.model import Array, Indices

RATE_HZ = 30.0


def looked_frames(motion: BodyMotion) -> Indices:
    """Every so many frames, nearest to `RATE_HZ`, always two at least; frames after the last of them are held."""
    stride = max(1, round(motion.rate_hz / RATE_HZ))
    return np.arange(0, motion.frames, stride if motion.frames > stride else 1)


def at_all_frames(turns: Array, looked: Indices, frames: int) -> Array:
    """Turns `(looked, ...)` at each of `frames`: a cubic through them, so that velocity has no steps; exactly zero
    where both neighbours are.
    """
    if len(looked) == frames:
        return turns
    if len(looked) < 2:
        return np.repeat(turns, frames, axis=0)
    times = np.minimum(np.arange(frames), looked[-1])
    result: Array = CubicSpline(looked, turns, axis=0)(times)
    before = np.searchsorted(looked, times, side="right") - 1
    quiet = ~turns.reshape(len(looked), -1).any(axis=1)
    still = quiet[before] & quiet[np.minimum(before + 1, len(looked) - 1)]
    result[still] = 0.0
    return result
