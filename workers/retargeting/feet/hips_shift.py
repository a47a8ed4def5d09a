"""Shift of the whole body, so that held feet ask little of the legs and stay within their reach.

Three parts, all smooth: a constant lift that puts the planted soles on the target's floor (other soles, another leg, a
floor that floats in the source), the slow part of what the held feet need on average, and a lowering where a leg would
have to be longer than it is.
"""

from __future__ import annotations

import numpy as np

from workers.motion.smoothing import smooth_above, weighted_mean
from workers.retargeting.feet.foot_path import FootPath
from workers.retargeting.feet.ik import SOFT_REACH
from workers.skeleton.body import UP
from workers.skeleton.model import Array

# The body follows what its feet need: along the ground slowly, since its sway is the motion's own, in height at once.
ALONG_S, RISE_S = 0.5, 0.15
LOWERING_S = 0.15
# A lowering helps a steep leg; for a flat one it costs more than this many times the missing length and is given up.
MAX_LOWERING_PER_EXCESS = 2.0
MAX_LOWERING = 0.08  # of the leg
MIN_SUPPORT = 0.1
MAX_SIDEWAYS = 0.05  # of the leg


def planted_shift(paths: list[FootPath], standing: Array, leg_m: float, rate_hz: float) -> Array:
    """Shift `(frames, 3)` that the held feet ask for, whether legs reach or not: the lift, plus the slow part of what
    they need beyond it; zero without feet. `standing` `(frames,)` is 1 where they carry the body, 0 where it sits.

    Along the ground it stays small against the leg: there it only spares the legs, while heights must be met.
    """
    if not paths:
        return np.zeros((len(standing), 3))
    lift = constant_lift(paths, standing)
    beyond = np.sum([standing[:, None] * (path.held - path.weight[:, None] * lift) for path in paths], axis=0)
    weight = np.sum([standing * path.weight for path in paths], axis=0)
    parts: list[Array] = []
    for seconds in (ALONG_S, RISE_S, ALONG_S):
        half_width = round(seconds * rate_hz)
        # Far from any stance nothing supports a shift and it dies away.
        support = np.maximum(weighted_mean(weight, half_width), MIN_SUPPORT)
        parts.append(weighted_mean(beyond[:, len(parts)], half_width) / support)
    slow = np.stack(parts, axis=1)
    along = np.linalg.norm(slow[:, ::2], axis=1, keepdims=True)
    slow[:, ::2] /= 1.0 + along / (MAX_SIDEWAYS * leg_m)
    return np.asarray(lift + slow)


def constant_lift(paths: list[FootPath], standing: Array) -> Array:
    """The vertical shift `(3,)` that most stance frames agree on."""
    heights = np.concatenate([path.held[(path.weight >= 1.0) & (standing >= 1.0), 1] for path in paths])
    return UP * (float(np.median(heights)) if len(heights) else 0.0)


def reach_limit(extension: Array, length: Array) -> Array:
    """How far an ankle may be from its hip joint `(frames,)`.

    A leg may be as straight as the analytic one is (`extension`), or use its bones' `length` up to the soft limit.
    """
    return np.asarray(np.maximum(extension, SOFT_REACH * length))


def missing_reach(leg: Array, limit: Array, length: Array) -> Array:
    """How far the body should come down `(frames,)`, at least 0, so that one leg is not overstretched.

    `leg` `(frames, 3)` leads from the hip joint to where the ankle belongs, `limit` is its `reach_limit`.
    """
    excess = np.linalg.norm(leg, axis=-1) - limit
    standing = -leg[:, 1] - np.sqrt(np.maximum(limit**2 - leg[:, 0] ** 2 - leg[:, 2] ** 2, 0.0))
    needed = np.minimum(np.minimum(standing, MAX_LOWERING_PER_EXCESS * excess), MAX_LOWERING * length)
    return np.where(leg[:, 1] < 0.0, np.maximum(needed, 0.0), 0.0)


def lowering(demands: list[Array], rate_hz: float) -> Array:
    """A smooth curve that meets the demands `(frames,)` of all legs."""
    return smooth_above(np.max(demands, axis=0), round(LOWERING_S * rate_hz))
