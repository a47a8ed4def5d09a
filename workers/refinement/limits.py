"""Joint limits: elbows stay hinges, and the limits that a definition gives hold.

An elbow bends about one axis of the upper arm. Rigs differ in where that axis is, so it is taken from the clip itself:
the mean direction about which the base bends the elbow. The residual may bend it more or less, and roll the forearm,
but not swing it sideways or past straight, where the base does not. The measure of given limits is
`workers.scores.joint_limits`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from workers.contract.roles import SIDES
from workers.motion.body_motion import BodyMotion
from workers.refinement.rows import OnPiece, Posed, Rows, joined, vector_rows
from workers.retargeting.residual import Part
from workers.scores.joint_limits import Limits, excess_deg
from workers.scores.pose_scores import ELBOW_DEG
from workers.skeleton import quat
from workers.skeleton.model import Array

MIN_BEND = 0.1  # mean sine of the elbow's angle below which a clip does not show where its hinge is
UNIT_RAD = 0.1  # what counts as one
SMALL_RAD = 1e-3
STRAIGHT_RAD = 0.05  # how far past straight an elbow may go
BENT_COSINE = float(np.cos(np.radians(ELBOW_DEG)))


@dataclass(frozen=True, eq=False)
class Elbow:
    """`axis` `(3,)` in the upper arm joint's own axes. Of the base: how far off the hinge its forearm is, `sideways`
    `(frames,)`, and the sine of its `bend` `(frames,)`.
    """

    upper: int
    lower: int
    hand: int
    axis: Array
    sideways: Array
    bend: Array


def find_elbows(motion: BodyMotion) -> list[Elbow]:
    """The elbows whose hinge the motion shows."""
    body, found = motion.body, []
    for side in SIDES:
        joints = [body.joint(f"{side}{part}") for part in ("UpperArm", "LowerArm", "Hand")]
        if any(joint is None for joint in joints):
            continue
        upper, lower, hand = (int(joint) for joint in joints if joint is not None)
        places = motion.positions_m
        arm, forearm = (quat.unit(places[:, b] - places[:, a]) for a, b in ((upper, lower), (lower, hand)))
        away = quat.conjugate(motion.rotations[:, upper])
        bent = quat.rotate(away, np.cross(arm, forearm))
        mean = bent.mean(axis=0)
        if np.linalg.norm(mean) < MIN_BEND:
            continue
        axis = quat.unit(mean)
        found.append(Elbow(upper, lower, hand, axis, quat.rotate(away, forearm) @ axis, bent @ axis))
    return found


@dataclass(frozen=True, eq=False)
class ElbowHinges:
    """How far elbows leave their hinge, in `UNIT_RAD`: sideways, past straight, beyond what flesh allows."""

    elbows: Sequence[Elbow]

    def rows(self, posed: Posed, number: int, on_piece: OnPiece) -> Rows | None:
        found = [self._rows(posed, elbow) for elbow in self.elbows]
        return joined(found) if found else None

    def _rows(self, posed: Posed, elbow: Elbow) -> Rows:
        places, levers = posed.moved.positions_m, posed.levers
        shoulder, bend_at, wrist = (levers.of_joint(joint) for joint in (elbow.upper, elbow.lower, elbow.hand))
        arm, arm_speed = _direction(places[:, elbow.lower] - places[:, elbow.upper], bend_at - shoulder)
        forearm, forearm_speed = _direction(places[:, elbow.hand] - places[:, elbow.lower], wrist - bend_at)
        axis = quat.rotate(posed.moved.rotations[:, elbow.upper], elbow.axis)
        axis_speed = np.cross(levers.of_turn(elbow.upper), axis[:, :, None], axis=1)
        sideways = np.einsum("fd,fd->f", forearm, axis) - elbow.sideways[posed.frames]
        sideways_speed = _along(forearm_speed, axis) + _along(axis_speed, forearm)
        across = np.cross(arm, forearm)
        bend = np.einsum("fd,fd->f", across, axis)
        bend_speed = _along(arm_speed, np.cross(forearm, axis)) + _along(forearm_speed, np.cross(axis, arm))
        bend_speed += _along(axis_speed, across)
        past = np.minimum(elbow.bend[posed.frames], -STRAIGHT_RAD) - bend
        cosine = np.einsum("fd,fd->f", arm, forearm)
        closed = BENT_COSINE - cosine
        closed_speed = -_along(arm_speed, forearm) - _along(forearm_speed, arm)
        errors = np.stack([sideways, np.maximum(past, 0.0), np.maximum(closed, 0.0)], axis=1)
        speeds = np.stack(
            [sideways_speed, np.where(past[:, None] > 0.0, -bend_speed, 0.0),
             np.where(closed[:, None] > 0.0, closed_speed, 0.0)], axis=1,
        )  # fmt: skip
        return vector_rows(len(errors), errors / UNIT_RAD, speeds / UNIT_RAD, np.ones(1))


@dataclass(frozen=True, eq=False)
class GivenLimits:
    """How far joints are beyond the limits of a definition, in `UNIT_RAD`. A joint's turn against its parent follows
    its own values alone, so three small changes show how it changes with all.
    """

    limits: Limits

    def rows(self, posed: Posed, number: int, on_piece: OnPiece) -> Rows | None:
        parts = [part for part in posed.freedom.parts if part.name in self.limits and part.hinge is None]
        if not parts:
            return None
        now = self._excess(posed, parts)
        speeds = np.zeros((*now.shape, posed.freedom.values))
        for value in range(3):
            on_piece()
            changed = posed.values_rad.copy()
            for part in parts:
                changed[:, part.first + value] += SMALL_RAD
            rates = (self._excess(replace(posed, values_rad=changed), parts) - now) / SMALL_RAD
            for column, part in enumerate(parts):
                speeds[:, column, part.first + value] = rates[:, column]
        return vector_rows(len(now), now, speeds, np.ones(1))

    def _excess(self, posed: Posed, parts: Sequence[Part]) -> Array:
        motion = replace(posed.base, rotations=posed.moved.rotations, positions_m=posed.moved.positions_m)
        columns = [excess_deg(motion, part.name, self.limits[part.name]) for part in parts]
        return np.radians(np.stack(columns, axis=1)) / UNIT_RAD


def _direction(line: Array, speed: Array) -> tuple[Array, Array]:
    """A unit direction `(frames, 3)` and how it changes, of lines `(frames, 3)` and how these change."""
    length = np.maximum(np.linalg.norm(line, axis=1), 1e-9)[:, None]
    unit = line / length
    return unit, (speed - unit[:, :, None] * _along(speed, unit)[:, None]) / length[:, :, None]


def _along(speeds: Array, directions: Array) -> Array:
    result: Array = np.einsum("fdv,fd->fv", speeds, directions)
    return result
