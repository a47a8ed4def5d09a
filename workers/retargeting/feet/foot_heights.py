"""Heights that the target's foot joints belong at, from the source's soles and the ground under them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts, sole_heights
from workers.motion.ground import estimate_floor
from workers.motion.timeline import Timeline
from workers.skeleton.body import FOOT_ROLES, Body
from workers.skeleton.model import Array

Ground = Literal["auto", "flat", "none"]
# A source foot this share of its height below the ground of its next contacts is not over that ground.
OVER_GROUND = 0.01


@dataclass(frozen=True, eq=False)
class FootHeights:
    """World heights of the target's foot joints along the unrolled time line, columns `FOOT_ROLES`."""

    planted_m: Array  # (frames, 4) for a planted point
    least_m: Array  # (frames, 4) for a swinging one; -inf where the source's foot is not over its ground either


def foot_heights(
    motion: BodyMotion, source: BodyMotion, contacts: FootContacts, timeline: Timeline, scale: float, ground: Ground
) -> FootHeights:
    """`auto`: heights over the source's base floor, scaled, over the target's floor; `flat`: every contact on the
    target's floor; `none`: as the motion has them. Small movements of a planted sole over its ground stay, scaled as
    the foot is (`foot_scale`): a heel that lifts turns the foot as far as the source's does."""
    analytic = np.full((timeline.index.shape[0], len(FOOT_ROLES)), np.nan)
    for column, role in enumerate(FOOT_ROLES):
        positions = motion.role_positions(role)
        if positions is not None:
            analytic[:, column] = timeline.unroll(positions[:, 1])
    base = estimate_floor(source, contacts).base_m
    if ground == "none" or base is None:
        return FootHeights(analytic, np.full_like(analytic, -np.inf))
    soles = timeline.unroll(sole_heights(source))
    below = ground_below(timeline.unroll(contacts.ground_m))
    level = below if ground == "flat" else np.full_like(below, base)
    stand = motion.body.floor_m + np.array([motion.body.sole_drop_m.get(role, np.nan) for role in FOOT_ROLES])
    over = soles >= below - OVER_GROUND * source.body.height_m
    least = np.where(over, stand + scale * (np.minimum(soles, below) - level), -np.inf)
    above = foot_scale(source.body, motion.body, scale) * (soles - below)
    return FootHeights(stand + scale * (below - level) + above, least)


def foot_scale(source: Body, target: Body, scale: float) -> float:
    """What movements of a planted foot are scaled by: the size of the body, where its legs are long for it."""
    return min(scale, target.height_m / source.height_m)


def ground_below(ground_m: Array) -> Array:
    """Ground under each foot point `(frames, 4)` at all times: its own, or the lower of its foot's contacts around it.

    NaN for a foot without contacts.
    """
    result = ground_m.copy()
    frames = np.arange(len(ground_m))
    for columns in (slice(0, 2), slice(2, 4)):
        foot = np.fmin(*ground_m[:, columns].T)
        known = np.flatnonzero(~np.isnan(foot))
        if not len(known):
            continue
        before = known[np.maximum(np.searchsorted(known, frames, side="right") - 1, 0)]
        after = known[np.minimum(np.searchsorted(known, frames), len(known) - 1)]
        lower = np.minimum(foot[before], foot[after])
        result[:, columns] = np.where(np.isnan(ground_m[:, columns]), lower[:, None], ground_m[:, columns])
    return result
