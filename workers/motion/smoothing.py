"""Filters along time (axis 0), for corrections that must not add pops to a motion.

All keep constants exactly, take their widths in frames, and hold the end values beyond both ends of the time line.
"""

from __future__ import annotations

import numpy as np

from workers.skeleton.model import Array


def smoothstep(x: Array) -> Array:
    """0 below 0, 1 above 1, 3x^2 - 2x^3 between: continuous with its first derivative."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def weighted_mean(values: Array, half_width: int) -> Array:
    """Moving average with a raised-cosine window of `2 half_width + 1` frames."""
    if half_width < 1:
        return values.copy()
    window = raised_cosine(half_width)
    flat = values.reshape(len(values), -1)
    padded = np.pad(flat, ((half_width, half_width), (0, 0)), mode="edge")
    columns = [np.convolve(padded[:, column], window, mode="valid") for column in range(flat.shape[1])]
    return np.stack(columns, axis=1).reshape(values.shape)


def raised_cosine(half_width: int) -> Array:
    """Weights `(2 half_width + 1,)` that sum to 1."""
    window = 1.0 + np.cos(np.pi * np.arange(-half_width, half_width + 1) / (half_width + 1.0))
    weights: Array = window / window.sum()
    return weights


def running_maximum(values: Array, half_width: int) -> Array:
    """Largest of the `2 half_width + 1` frames around each frame; `values` is `(frames,)`."""
    if half_width < 1:
        return values.copy()
    padded = np.pad(values, half_width, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * half_width + 1).max(axis=1))


def smooth_above(values: Array, half_width: int) -> Array:
    """A smooth curve nowhere below `values` `(frames,)`: running maximum, then its mean over the same width."""
    return weighted_mean(running_maximum(values, half_width), half_width)
