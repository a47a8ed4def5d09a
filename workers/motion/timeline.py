"""Timeline: the frames of a clip, unrolled to three laps where the clip is a loop.

A loop is a clip whose first and last poses agree; it may travel along the ground between them. Work along time that is
done on the unrolled frames and cut back to the middle lap treats the seam like any other moment, so what looped before
still does. A clip that is no loop passes through unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from workers.motion.body_motion import BodyMotion
from workers.skeleton import quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Indices

Value = TypeVar("Value", bound=np.generic)

LOOP_ANGLE_RAD = np.radians(0.1)
LOOP_HEIGHT_SHARE = 0.0006  # of body height: 1 mm for an adult
MIN_LOOP_S = 0.2


@dataclass(frozen=True, eq=False)
class Timeline:
    """`index` gives for each unrolled frame the frame of the clip, `lap` how many loops lie between."""

    frames: int
    rate_hz: float
    period: int | None  # frames of one lap, None where the clip is no loop
    index: Indices
    lap: Indices

    def unroll(self, values: NDArray[Value]) -> NDArray[Value]:
        """Values of the clip's frames along the unrolled ones."""
        return values if self.period is None else values[self.index]

    def unroll_positions(self, positions_m: Array) -> Array:
        """As `unroll` for `(frames, ..., 3)` positions; each lap adds the ground travel of the loop."""
        if self.period is None:
            return positions_m
        travel = (positions_m[self.period] - positions_m[0]) * np.array([1.0, 0.0, 1.0])
        lap = self.lap.reshape(-1, *(1,) * (positions_m.ndim - 1))
        return np.asarray(positions_m[self.index] + lap * travel)

    def crop(self, values: NDArray[Value]) -> NDArray[Value]:
        """Back to the clip's frames; the last frame of a loop gets the value of the first."""
        if self.period is None:
            return values
        lap = values[self.period : 2 * self.period]
        return np.concatenate([lap, lap[:1]])

    def frames_in(self, seconds: float) -> int:
        """Whole frames nearest to a duration."""
        return round(seconds * self.rate_hz)


def find_timeline(motion: BodyMotion) -> Timeline:
    """The time line of a motion: three laps if its first and last poses agree to 0.1 degrees and 1 mm."""
    frames = motion.frames
    if frames >= max(3, MIN_LOOP_S * motion.rate_hz) and _closes(motion):
        period = frames - 1
        unrolled = np.arange(-period, 2 * period + 1)
        return Timeline(frames, motion.rate_hz, period, unrolled % period, unrolled // period)
    return Timeline(frames, motion.rate_hz, None, np.arange(frames), np.zeros(frames, dtype=np.int64))


def _closes(motion: BodyMotion) -> bool:
    body: Body = motion.body
    joints = [match.joint for match in body.mapping.roles.values()]
    apart = quat.angle_between(motion.rotations[0, joints], motion.rotations[-1, joints])
    rise = motion.positions_m[-1, body.hips, 1] - motion.positions_m[0, body.hips, 1]
    return bool(apart.max() <= LOOP_ANGLE_RAD and abs(rise) <= LOOP_HEIGHT_SHARE * body.height_m)
