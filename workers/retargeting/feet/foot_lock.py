"""Foot lock: the source's foot contacts held on the target by inverse kinematics of the legs.

Takes the analytic result, finds where each foot belongs (`foot_path`, `foot_heights`), sets steps down within reach
(`stride`), shifts the body a little (`hips_shift`) or onto the floor that it sits on (`seat_shift`), keeps swinging
feet above the ground (`swing`) and bends the legs (`ik`). Only the legs and the path of the hips change; a clip without
contacts, sitting or lying comes back as it is. On one body with its own motion nothing happens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts
from workers.motion.lying import carried_by_seat
from workers.motion.smoothing import weighted_mean
from workers.motion.timeline import Timeline, find_timeline
from workers.retargeting.feet import hips_shift, ik, stride, swing
from workers.retargeting.feet.foot_heights import FootHeights, Ground, foot_heights, foot_scale
from workers.retargeting.feet.foot_path import FootPath, FootPoint, foot_path, slid
from workers.retargeting.feet.legs import Leg, carried, find_legs, turn_part
from workers.retargeting.feet.seat_shift import over_floor, with_seat_down
from workers.skeleton import quat
from workers.skeleton.body import FOOT_ROLES, UP
from workers.skeleton.model import Array

SLIP_WINDOW_S = 0.05


@dataclass(frozen=True, eq=False)
class _Foot:
    """A leg and all that is known of its foot along the unrolled time line; points are the ankle, then the toes."""

    leg: Leg
    socket: Array  # (frames, 3) analytic hip joint
    knee: Array  # (frames, 3) analytic
    points: tuple[FootPoint, ...]
    path: FootPath

    @property
    def ankle(self) -> Array:
        return self.points[0].analytic

    def target(self, shift: Array) -> Array:
        """Where the ankle belongs when the body is shifted."""
        return self.ankle + self.path.held + (1.0 - self.path.weight)[:, None] * shift


def hold_feet(
    motion: BodyMotion,
    source: BodyMotion,
    contacts: FootContacts,
    scale: float,
    ground: Ground,
    source_floor_m: float,
) -> BodyMotion:
    """The analytic result `motion` with the contacts of `source` held.

    `contacts` are those of `source` (same frames and rate as `motion`), `scale` is the ratio of leg lengths by which
    its root travel was scaled. `ground` says what becomes of heights: `auto` keeps steps and slopes, scaled, and puts
    the base floor on the target's own; `flat` puts every contact on one plane; `none` leaves heights as they are. A
    body that sits or lies on its floor, `source_floor_m` high in the source, is brought down there (`seat_shift`). Feet
    that `find_legs` cannot hold, and those that the source lacks, are left alone.
    """
    timeline = find_timeline(source)
    seated = np.zeros(len(timeline.index))
    if ground != "none":
        seated = carried_by_seat(source, contacts, source_floor_m, timeline)
    leg_m, rate_hz = motion.body.leg_length_m, motion.rate_hz
    feet: list[_Foot] = []
    if contacts.planted.any() or (seated.any() and motion.frames > 1):
        heights = foot_heights(motion, source, contacts, timeline, scale, ground)
        heights = over_floor(heights, motion, source, source_floor_m, timeline, seated)
        feet = [
            _gather(leg, motion, source, contacts, timeline, scale, heights)
            for leg in find_legs(motion.body)[0]
            if source.body.has(f"{leg.side}Foot")
        ]
    if not feet and not seated.any():
        return motion
    shift = hips_shift.planted_shift([foot.path for foot in feet], 1.0 - seated, leg_m, rate_hz)
    shift = with_seat_down(shift, motion, source, source_floor_m, timeline, seated)
    feet, shift = _within_reach(feet, shift, 1.0 - seated, leg_m, rate_hz)
    return _bend_legs(motion, timeline, feet, shift)


def _gather(
    leg: Leg,
    motion: BodyMotion,
    source: BodyMotion,
    contacts: FootContacts,
    timeline: Timeline,
    scale: float,
    heights: FootHeights,
) -> _Foot:
    turn = quat.multiply(motion.body.facing, quat.conjugate(source.body.facing))
    # The ground of a treadmill keeps pace with the legs; a foot that slides on it slides by the body's size.
    slide = foot_scale(source.body, motion.body, scale)
    ground = contacts.ground_velocity_m_s * (np.arange(len(timeline.index)) / source.rate_hz)[:, None]
    points = []
    for role in (f"{leg.side}Foot", f"{leg.side}Toes"):
        on_source, on_target = source.role_positions(role), motion.role_positions(role)
        if on_source is None or on_target is None:
            continue
        column = FOOT_ROLES.index(role)
        wanted = quat.rotate(turn, slide * timeline.unroll_positions(on_source) + (scale - slide) * ground)
        wanted[:, 1] = heights.planted_m[:, column]
        planted = timeline.unroll(contacts.planted[:, column])
        slip = _slip(source, contacts, timeline, on_source)
        analytic = timeline.unroll_positions(on_target)
        points.append(FootPoint(planted, slip, wanted, analytic, heights.least_m[:, column]))
    socket, knee = (timeline.unroll_positions(motion.positions_m[:, joint]) for joint in (leg.upper, leg.lower))
    path = foot_path(points, motion.body.leg_length_m, motion.rate_hz, timeline.period)
    return _Foot(leg, socket, knee, tuple(points), path)


def _slip(source: BodyMotion, contacts: FootContacts, timeline: Timeline, positions_m: Array) -> Array:
    """Speed of a source point along its ground `(frames,)`, body heights/s; a mean of speeds, so that jitter counts."""
    steps = np.diff(timeline.unroll_positions(positions_m), axis=0, append=np.zeros((1, 3))) * source.rate_hz
    steps[-1] = steps[-2]
    speed = np.linalg.norm((steps - contacts.ground_velocity_m_s)[:, ::2], axis=-1)
    return weighted_mean(speed, timeline.frames_in(SLIP_WINDOW_S)) / source.body.height_m


def _within_reach(
    feet: list[_Foot], shift: Array, standing: Array, leg_m: float, rate_hz: float
) -> tuple[list[_Foot], Array]:
    """The feet, their steps within reach where possible, and the shift `(frames, 3)` of the hips and all below. Only a
    body that stands, `standing` `(frames,)` is 1, comes down for its legs.
    """
    placed, demands = [], [np.zeros(len(shift))]
    for foot in feet:
        length = np.linalg.norm(foot.knee - foot.socket, axis=-1) + np.linalg.norm(foot.ankle - foot.knee, axis=-1)
        limit = hips_shift.reach_limit(np.linalg.norm(foot.ankle - foot.socket, axis=-1), length)
        leg = foot.target(shift) - foot.socket - shift
        slides = stride.stance_slides(leg, limit, foot.path.stances, leg_m, rate_hz)
        foot = replace(foot, path=slid(foot.path, slides, rate_hz))
        missing = hips_shift.missing_reach(foot.target(shift) - foot.socket - shift, limit, length)
        # Only what bears on the ground may pull the body; elsewhere the leg stretches as far as it can.
        demands.append(np.where(foot.path.weight >= 1.0, missing * standing, 0.0))
        placed.append(foot)
    return placed, shift - UP * hips_shift.lowering(demands, rate_hz)[:, None]


def _place_foot(foot: _Foot, shift: Array, rate_hz: float) -> tuple[Array, Array]:
    """Correction of the ankle `(frames, 3)` and turn of the foot `(frames, 4)`, clear of the ground while it swings."""
    target, turn = foot.target(shift), foot.path.pitch
    planted = np.any([point.planted for point in foot.points], axis=0)
    target[:, 1] += swing.ankle_lift(target[:, 1], foot.points[0].least, planted, rate_hz)
    if len(foot.points) == 2:
        toes = foot.points[1]
        arm = quat.rotate(turn, toes.analytic - foot.ankle)
        turn = quat.multiply(swing.toe_lift(arm, target[:, 1], toes.least, toes.planted, rate_hz), turn)
    return target - foot.ankle, turn


def _bend_legs(motion: BodyMotion, timeline: Timeline, feet: list[_Foot], shift: Array) -> BodyMotion:
    """The motion with its body shifted and its legs bent to where the feet belong."""
    body, rotations, positions = motion.body, motion.rotations.copy(), motion.positions_m.copy()
    positions[:, carried(body, body.hips)] += timeline.crop(shift)[:, None]
    for foot in feet:
        leg = foot.leg
        correction, turn = (timeline.crop(part) for part in _place_foot(foot, shift, motion.rate_hz))
        socket, knee, ankle = (positions[:, joint].copy() for joint in (leg.upper, leg.lower, leg.foot))
        target = motion.positions_m[:, leg.foot] + correction
        upper, lower = ik.solve_two_bone(socket, knee, ankle, target, leg.posed_hinge(body, motion.rotations))
        new_knee = socket + quat.rotate(upper, knee - socket)
        new_ankle = new_knee + quat.rotate(lower, ankle - knee)
        turn_part(rotations, positions, leg.thigh, upper, socket, socket)
        turn_part(rotations, positions, leg.shin, lower, knee, new_knee)
        turn_part(rotations, positions, leg.sole, turn, ankle, new_ankle)
    return BodyMotion(body, motion.name, motion.rate_hz, motion.start_s, rotations, positions)
