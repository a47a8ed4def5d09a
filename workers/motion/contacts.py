"""Foot contacts: when toes and ankles are planted, and the height of the ground under them.

A point is planted while it is slower than 0.25 body heights/s and within 3 % of body height of its *local* ground. No
floor is assumed: each contact gets its own ground, the height at which the point stays. So steps, slopes and boxes need
no model; what tells a contact from a foot held or turning round in the air is how the point came and went, what the
rest of the body stands on, and whether the body is above it (see `_plausible`).

Clips made to play in place move the ground instead of the body: their stance feet slide back at one common velocity.
It is found first (`ground_velocity`) and speeds are taken relative to it, so a foot on a treadmill is planted. Heights
are those of the *sole*: joint height minus the body's sole drop. Holding the feet is left to
`workers.retargeting.feet.foot_lock`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.contract.roles import SIDES
from workers.motion.body_motion import BodyMotion
from workers.motion.intervals import close_gaps, drop_short, hysteresis, runs
from workers.motion.timeline import Timeline, find_timeline
from workers.motion.treadmill import ground_velocity
from workers.motion.velocity import velocities
from workers.skeleton.body import FOOT_ROLES, Body
from workers.skeleton.model import Array, Mask

# Shares of body height, and seconds.
PLANTED_HEIGHT = 0.03
PLANTED_SPEED_PER_S = 0.25
CERTAIN_SPEED_PER_S = 0.20
VERTICAL_SPEED_PER_S = 0.2
# Shares of a treadmill's speed: its stance feet keep pace and height only roughly.
BELT_SHARE = 0.5
BELT_RISE = 0.15
MIN_CONTACT_S = 0.07
MAX_GAP_S = 0.05
GROUND_QUANTILE = 0.2

# How a contact is told from a turning point in the air.
APPROACH_S = 0.1
APPROACH_MARGIN = 0.015
MAX_TURN_S = 0.4
MIN_RAISED_S = 0.15
# A point that rises and falls by more than this share of height, and with the hips, is carried by the body in the air.
CARRIED_RISE = 0.015
CARRIED_APART = 0.5
# Hip joints over a bearing foot, shares of leg length: high as in walking or bending over, or low under an upright
# trunk as in squatting. Lying, swimming and flying bodies have neither.
HIPS_HIGH = 0.75
HIPS_LOW = 0.15
UPRIGHT_HEAD = 0.5  # of the head's height over the hips at rest


@dataclass(frozen=True, eq=False)
class FootContacts:
    """Contacts of a motion; columns are `FOOT_ROLES`, False and NaN for a point that the rig lacks."""

    planted: Mask  # (frames, 4)
    ground_m: Array  # (frames, 4) world height of the ground under the sole where planted, NaN elsewhere
    ground_velocity_m_s: Array  # (3,) horizontal; not zero for a clip that walks in place as on a treadmill


def find_contacts(motion: BodyMotion) -> FootContacts:
    """Foot contacts of a motion in its own world. Independent of units and, within a frame, of the frame rate."""
    frames = motion.frames
    planted = np.zeros((frames, len(FOOT_ROLES)), dtype=bool)
    ground = np.full((frames, len(FOOT_ROLES)), np.nan)
    timeline = find_timeline(motion)
    belt = ground_velocity(motion, timeline)
    soles = sole_heights(motion)
    if frames < 2 or np.all(np.isnan(soles)):
        return FootContacts(planted, ground, belt)
    all_soles = timeline.unroll(soles)
    hips = timeline.unroll(motion.positions_m[:, _hip_joints(motion.body), 1].mean(axis=1))
    head = timeline.unroll(motion.positions_m[:, _top(motion.body), 1])
    for column, role in enumerate(FOOT_ROLES):
        positions = motion.role_positions(role)
        if positions is None:
            continue
        moving = velocities(timeline.unroll_positions(positions), motion.rate_hz) - belt
        bearing = _bears(motion.body, hips - timeline.unroll(positions[:, 1]), head - hips)
        point = _Point(motion, timeline, all_soles, column, hips, bearing)
        found, level = point.contacts(moving, float(np.linalg.norm(belt)))
        planted[:, column], ground[:, column] = timeline.crop(found), timeline.crop(level)
    return FootContacts(planted, ground, belt)


def sole_heights(motion: BodyMotion) -> Array:
    """World height of the sole under each foot point `(frames, 4)`, NaN for a point that the rig lacks."""
    heights = np.full((motion.frames, len(FOOT_ROLES)), np.nan)
    for column, role in enumerate(FOOT_ROLES):
        positions = motion.role_positions(role)
        if positions is not None:
            heights[:, column] = positions[:, 1] - motion.body.sole_drop_m[role]
    return heights


def _top(body: Body) -> int:
    """The head joint, on a rig without one an upper arm."""
    head = body.joint("head")
    return body.mapping.roles["leftUpperArm"].joint if head is None else head


def _hip_joints(body: Body) -> list[int]:
    return [body.mapping.roles[f"{side}UpperLeg"].joint for side in SIDES]


def _bears(body: Body, hips_over_foot: Array, head_over_hips: Array) -> Mask:
    """Frames in which the body is placed over a foot as over something it bears on; heights `(frames,)` in metres."""
    rest = body.rest_positions_m[:, 1]
    upright = UPRIGHT_HEAD * (rest[_top(body)] - rest[_hip_joints(body)].mean())
    leg = body.leg_length_m
    low = (hips_over_foot > HIPS_LOW * leg) & (head_over_hips > upright)
    return np.asarray((hips_over_foot > HIPS_HIGH * leg) | low)


class _Point:
    """One foot point along the unrolled time line, with what its contacts are judged by."""

    def __init__(
        self, motion: BodyMotion, timeline: Timeline, soles: Array, column: int, hips: Array, bearing: Mask
    ) -> None:
        self.height_m = motion.body.height_m
        self.rate_hz = motion.rate_hz
        self.sole = soles[:, column]
        self.lowest = np.nanmin(soles, axis=1)
        left, right = np.fmin(*soles[:, :2].T), np.fmin(*soles[:, 2:].T)
        self.foot_over_other = left - right if column < 2 else right - left
        self.hips = hips
        self.bearing = bearing
        self.shortest = max(2, timeline.frames_in(MIN_CONTACT_S))
        self.gap = timeline.frames_in(MAX_GAP_S)

    def contacts(self, velocity: Array, belt_speed: float) -> tuple[Mask, Array]:
        """Planted frames and their ground."""
        planted = np.zeros(len(self.sole), dtype=bool)
        ground = np.full(len(self.sole), np.nan)
        for start, stop in runs(self._slow(velocity, belt_speed)):
            level = float(np.quantile(self.sole[start:stop], GROUND_QUANTILE))
            near = np.abs(self.sole[start:stop] - level) <= PLANTED_HEIGHT * self.height_m
            for first, last in runs(drop_short(close_gaps(near, self.gap), self.shortest)) + start:
                if self._plausible(first, last, level):
                    planted[first:last] = True
                    ground[first:last] = level
        return planted, ground

    def _slow(self, velocity: Array, belt_speed: float) -> Mask:
        """Frames slow enough, with hysteresis."""
        speed = np.linalg.norm(velocity, axis=1)
        limit = max(PLANTED_SPEED_PER_S * self.height_m, BELT_SHARE * belt_speed)
        level = np.abs(velocity[:, 1]) < max(VERTICAL_SPEED_PER_S * self.height_m, BELT_RISE * belt_speed)
        certain = limit * CERTAIN_SPEED_PER_S / PLANTED_SPEED_PER_S
        slow = hysteresis((speed < certain) & level, (speed < limit) & level)
        return drop_short(close_gaps(slow, self.gap), self.shortest)

    def _plausible(self, start: int, stop: int, ground: float) -> bool:
        """Whether a still point bears on something.

        The body must be above it (not so when lying, swimming or flying) and move without it. A foot sets down from
        above or level and leaves upward or level; one that comes from below and leaves downward turned round in the
        air. Where the clip shows only one of the two, that decides; a long stay on the lowest point is a contact in any
        case. A point above what else the body stands on must not do the contrary of either, and stay; a foot over the
        other must be seen to do both, since a dancer holds a foot still in the air.
        """
        if np.mean(self.bearing[start:stop]) < 0.5 or self._carried(start, stop):
            return False
        margin = APPROACH_MARGIN * self.height_m
        back = max(1, round(APPROACH_S * self.rate_hz))
        seen = [
            self.sole[frame] >= ground - margin
            for frame in (start - back, stop - 1 + back)
            if 0 <= frame < len(self.sole)
        ]
        raised = np.median(ground - self.lowest[start:stop]) > PLANTED_HEIGHT * self.height_m
        if raised:
            foot_raised = np.median(self.foot_over_other[start:stop]) > PLANTED_HEIGHT * self.height_m
            enough = len(seen) >= (2 if foot_raised else 1)
            return enough and all(seen) and stop - start >= MIN_RAISED_S * self.rate_hz
        long = stop - start >= MAX_TURN_S * self.rate_hz
        return long or not seen or any(seen)

    def _carried(self, start: int, stop: int) -> bool:
        """Whether the point goes up and down as the hips do."""
        rise = float(np.ptp(self.sole[start:stop]))
        apart = float(np.ptp(self.sole[start:stop] - self.hips[start:stop]))
        return rise > CARRIED_RISE * self.height_m and apart < CARRIED_APART * rise
