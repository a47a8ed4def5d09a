"""When there is something to correct, and on which limbs: where the base penetrates, and where the source touches.

Elsewhere the residual is zero, exactly: arms that need no correction must stay where they are. Trunk and head have
nothing to correct of their own; they may give way where the head is touched. In a loop the time goes round.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from workers.geometry.parts import ARM_GROUPS, BODY, GROUPS, LEG_GROUPS
from workers.motion.smoothing import running_maximum, smoothstep, weighted_mean
from workers.motion.timeline import Timeline
from workers.refinement.spline import Spline
from workers.retargeting.residual import SWIVEL, DegreesOfFreedom
from workers.skeleton.model import Array, Indices, Mask

MARGIN_S = 0.3  # before and after, in which the residual comes and goes


@dataclass(frozen=True, eq=False)
class Activity:
    """`active` and `touched` `(frames, GROUPS)`, every frame of the clip: where a group has something to correct, and
    where it has a contact of the source to reach; `rests` `(frames, GROUPS)` where it lies on what it should. `ways`
    `(frames, GROUPS)` is how far what is touched has to go, 0 to 1.
    """

    active: Mask
    touched: Mask
    rests: Mask
    ways: Array
    timeline: Timeline

    @property
    def frames(self) -> Mask:
        """Frames `(frames,)` in which any limb has something to correct."""
        return np.asarray(self.active.any(axis=1))

    @cached_property
    def nearness(self) -> Array:
        """1 where a group is active, falling smoothly to 0 at `MARGIN_S` away, `(frames, GROUPS)`."""
        return self._near(self.active)

    @cached_property
    def touching(self) -> Array:
        """The same of what is touched."""
        return self._near(self.touched)

    @cached_property
    def meeting(self) -> Array:
        """The same of what is touched or rests."""
        return self._near(self.touched | self.rests)

    @cached_property
    def going(self) -> Array:
        """The same of what has to go somewhere, by how far: what is there already need not be moved."""
        return self._near(self.ways)

    def _near(self, amounts: Mask | Array) -> Array:
        columns = amounts.T.astype(np.float64)
        return np.stack([smoothstep(most_around(column, self.timeline, MARGIN_S)) for column in columns], axis=1)

    def envelope(self, freedom: DegreesOfFreedom) -> Array:
        """The same by value of the residual, `(frames, values)`."""
        return self.nearness[:, value_groups(freedom)]

    def free_knots(self, spline: Spline, freedom: DegreesOfFreedom) -> Mask:
        """Values that may change `(knots, values)`: of groups that are active near the knot."""
        by_group = np.stack([spline.knots_of(column) for column in (self.nearness > 0.0).T], axis=1)
        return np.asarray(by_group[:, value_groups(freedom)])


def most_around(values: Array, timeline: Timeline, seconds: float) -> Array:
    """The most of values `(frames,)` within some time, coming and going smoothly; nowhere below the values themselves.
    In a loop the time goes round.
    """
    width = max(1, timeline.frames_in(seconds))
    line = timeline.unroll(values)
    wide = weighted_mean(running_maximum(line, (width + 1) // 2), width // 2)
    return timeline.crop(np.maximum(wide, line))


def value_groups(freedom: DegreesOfFreedom) -> Indices:
    """The group that each value of the residual moves, `(values,)`."""
    return np.array([_group(name) for name in freedom.names], dtype=np.int64)


def _group(name: str) -> int:
    for number in (*ARM_GROUPS, *LEG_GROUPS):
        side = "left" if GROUPS[number].startswith("left") else "right"
        if name.startswith(side):
            is_leg = name.endswith(SWIVEL)
            if is_leg == (number in LEG_GROUPS):
                return number
    return BODY
