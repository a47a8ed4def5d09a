"""The residual along a clip: a spline's knots, how far each value usually goes, and when it may be anything at all.

The envelope makes what lies farther from any contact or penetration than its margin stay exactly: there the residual
is zero, whatever the knots are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.refinement.spline import Spline
from workers.skeleton.model import Array, Indices


@dataclass(frozen=True, eq=False)
class Curve:
    """The residual at some frames: which knots they follow and how much, `(frames, 4)` both; `reach_rad` `(frames,
    values)` is what a knot of 1 is worth then: the usual range of the value, less where the envelope falls.
    """

    numbers: Indices
    shares: Array
    reach_rad: Array

    def values(self, knots: Array) -> Array:
        """The residual `(frames, values)` in radians; `knots` `(knots, values)` in usual ranges."""
        result: Array = np.einsum("fk,fkv->fv", self.shares, knots[self.numbers]) * self.reach_rad
        return result


def curve_at(spline: Spline, frames: Indices, ranges_rad: Array, envelope: Array) -> Curve:
    """`envelope` `(frames of the clip, values)`, 0 to 1."""
    numbers, shares = spline.rows(frames)
    return Curve(numbers, shares, envelope[frames] * ranges_rad)
