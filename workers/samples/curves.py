"""Smooth curves through keys, for body profiles and for motion."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from workers.skeleton.model import Array


def smoothstep(x: ArrayLike) -> Array:
    """0 below 0, 1 above 1, 3x^2 - 2x^3 between."""
    t: Array = np.clip(np.asarray(x, dtype=np.float64), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def through_keys(keys: ArrayLike, values: ArrayLike, at: ArrayLike) -> Array:
    """Monotone cubic through `values` `(n, ...)` at increasing `keys` `(n,)`, constant outside, at `at`.

    Hermite pieces with the slopes of Fritsch and Butland (1984): flat at a local extreme and at both ends, so the
    curve never leaves the range of its two neighbouring keys.
    """
    x = np.asarray(keys, dtype=np.float64)
    y = np.asarray(values, dtype=np.float64)
    at = np.clip(np.asarray(at, dtype=np.float64), x[0], x[-1])
    tail = (1,) * (y.ndim - 1)
    step = np.diff(x).reshape(-1, *tail)
    secant = np.diff(y, axis=0) / step
    slope = np.zeros_like(y)
    before, after = secant[:-1], secant[1:]
    same_sign = before * after > 0.0
    total = np.where(same_sign, before + after, 1.0)
    slope[1:-1] = np.where(same_sign, 2.0 * before * after / total, 0.0)
    piece = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    t = ((at - x[piece]) / (x[piece + 1] - x[piece])).reshape(-1, *tail)
    h = step[piece]
    return (
        (1.0 + 2.0 * t) * (1.0 - t) ** 2 * y[piece]
        + t * (1.0 - t) ** 2 * h * slope[piece]
        + t**2 * (3.0 - 2.0 * t) * y[piece + 1]
        + t**2 * (t - 1.0) * h * slope[piece + 1]
    )
