"""Feet against the ground: sliding while planted, floating over it, sinking into it.

All take the source's `FootContacts`: which foot joints are planted in which frame, and how high the ground is there.
The result stands on the same ground, scaled by leg length as the root path is (`result_track`). Lengths are reported
in body heights or, at the character's real size, in centimetres. Finding contacts is left to
`workers.motion.contacts`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts
from workers.retargeting.analytic import leg_scale
from workers.retargeting.copy_rest import relate
from workers.skeleton import quat
from workers.skeleton.body import FOOT_ROLES, Body
from workers.skeleton.model import Array, Mask


@dataclass(frozen=True, eq=False)
class FootTrack:
    """The foot joints that source and result both have, and the source's ground under them.

    `planted` `(frames, feet)`; `ground_m` `(frames, feet)` in the world of the motion that is measured, known in every
    frame; `ground_velocity_m_s` `(3,)`, not zero for a clip that walks in place.
    """

    roles: tuple[str, ...]
    planted: Mask
    ground_m: Array
    ground_velocity_m_s: Array


def source_track(contacts: FootContacts, source: Body, result: Body, source_floor_m: float) -> FootTrack:
    """The source's contacts, of the foot joints that both bodies have."""
    columns = [column for column, role in enumerate(FOOT_ROLES) if source.has(role) and result.has(role)]
    roles = tuple(FOOT_ROLES[column] for column in columns)
    planted = contacts.planted[:, columns]
    ground = np.empty(planted.shape)
    for column in range(len(columns)):
        levels = np.where(planted[:, column], contacts.ground_m[:, columns[column]], np.nan)
        ground[:, column] = _ground_between(levels, source_floor_m)
    return FootTrack(roles, planted, ground, contacts.ground_velocity_m_s)


def result_track(track: FootTrack, source: Body, result: Body, source_floor_m: float) -> FootTrack:
    """The same contacts on the ground that the result has: floor on floor, scaled by leg length, turned by facing."""
    relation = relate(source, result, leg_scale(source, result), source_floor_m)
    ground = result.floor_m + relation.scale * (track.ground_m - source_floor_m)
    velocity = relation.scale * quat.rotate(relation.turn, track.ground_velocity_m_s)
    return FootTrack(track.roles, track.planted, ground, velocity)


def _ground_between(levels: Array, floor_m: float) -> Array:
    """Ground in every frame from `levels` `(frames,)`, NaN where not planted; between contacts the lower of the two."""
    known = np.flatnonzero(np.isfinite(levels))
    if not len(known):
        return np.full(len(levels), floor_m)
    frames = np.arange(len(levels))
    before = known[np.maximum(np.searchsorted(known, frames, side="right") - 1, 0)]
    after = known[np.minimum(np.searchsorted(known, frames), len(known) - 1)]
    return np.minimum(levels[before], levels[after])


def slide_speeds(motion: BodyMotion, track: FootTrack) -> Array:
    """Horizontal speed over the ground `(frames - 1, feet)`, body heights / s; NaN unless planted at both ends."""
    joints = [motion.body.mapping.roles[role].joint for role in track.roles]
    velocity = np.diff(motion.positions_m[:, joints], axis=0) * motion.rate_hz - track.ground_velocity_m_s
    speeds: Array = np.linalg.norm(velocity[..., [0, 2]], axis=-1) / motion.body.height_m
    return np.where(track.planted[1:] & track.planted[:-1], speeds, np.nan)


def foot_skate(motion: BodyMotion, track: FootTrack) -> float | None:
    """Mean of `slide_speeds` over planted steps; None where nothing is planted."""
    speeds = slide_speeds(motion, track)
    planted = np.isfinite(speeds)
    return float(speeds[planted].mean()) if planted.any() else None


def sole_clearance(motion: BodyMotion, track: FootTrack) -> Array:
    """Height of each sole over its ground `(frames, feet)` in metres, negative below it."""
    joints = [motion.body.mapping.roles[role].joint for role in track.roles]
    drops = np.array([motion.body.sole_drop_m[role] for role in track.roles])
    clearance: Array = motion.positions_m[:, joints, 1] - drops - track.ground_m
    return clearance


def foot_float_cm(motion: BodyMotion, track: FootTrack) -> float | None:
    """Mean height of planted soles over their ground, those below it counting as 0; None where nothing is planted."""
    above = np.maximum(sole_clearance(motion, track), 0.0)[track.planted]
    return float(100.0 * above.mean()) if above.size else None


def ground_penetration_cm(motion: BodyMotion, track: FootTrack) -> float | None:
    """Mean over all frames of how deep the deepest sole lies below its ground; None for a body without feet.

    The sole is the point under the joint of a flat foot, turned with the foot: feet of one who sits or lies point up.
    """
    if not track.roles:
        return None
    body = motion.body
    heights = np.empty(track.planted.shape)
    for column, role in enumerate(track.roles):
        joint = body.mapping.roles[role].joint
        flat = quat.multiply(body.sole_tilt.get(role, quat.IDENTITY), body.rest_rotations[joint])
        turned = quat.multiply(motion.rotations[:, joint], quat.conjugate(flat))
        below = quat.rotate(turned, np.array([0.0, -body.sole_drop_m[role], 0.0]))
        heights[:, column] = motion.positions_m[:, joint, 1] + below[:, 1]
    depth = np.maximum(track.ground_m - heights, 0.0)
    return float(100.0 * depth.max(axis=1).mean())
