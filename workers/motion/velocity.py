"""Velocities of sampled points that do not depend on the frame rate."""

from __future__ import annotations

import numpy as np

from workers.skeleton.model import Array

HALF_WINDOW_S = 0.025


def velocities(positions_m: Array, rate_hz: float) -> Array:
    """Central differences over about 0.05 s, at least a frame to either side; `(frames, ..., 3)` in m/s.

    One-sided at both ends; zero for a single frame.
    """
    frames = len(positions_m)
    if frames < 2:
        return np.zeros_like(positions_m)
    half = max(1, round(HALF_WINDOW_S * rate_hz))
    here = np.arange(frames)
    before, after = np.maximum(here - half, 0), np.minimum(here + half, frames - 1)
    seconds = ((after - before) / rate_hz).reshape(-1, *(1,) * (positions_m.ndim - 1))
    return np.asarray((positions_m[after] - positions_m[before]) / seconds)
