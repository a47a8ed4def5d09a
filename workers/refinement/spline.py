"""A uniform cubic B-spline along the frames of a clip. No gradients, no values: which knots a frame follows, how much.

A curve through it has two continuous derivatives and bends no faster than its knots, whatever the frame rate; each
frame follows four knots. For a clip that loops (`Timeline.period`) the knots go round: the last frame has the very
value of the first, and so has every derivative. Basis functions as in de Boor, "A Practical Guide to Splines", 1978.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.motion.timeline import Timeline
from workers.skeleton.model import Array, Indices, Mask

SUPPORT = 4  # knots that a frame follows


@dataclass(frozen=True, eq=False)
class Spline:
    """`frames` of a clip, `knots` of the curve, `spacing` frames between two of them; `period` in frames for a loop."""

    frames: int
    knots: int
    spacing: float
    period: int | None

    def rows(self, frames: Indices) -> tuple[Indices, Array]:
        """The four knots of each frame and their shares, both `(frames, 4)`; shares sum to 1."""
        place = (frames if self.period is None else frames % self.period) / self.spacing
        first = np.floor(place)
        if self.period is None:  # the last frame may lie on the end of the last span
            first = np.clip(first, 0, self.knots - SUPPORT)
        u = place - first
        shares = np.stack([(1.0 - u) ** 3, 3.0 * u**3 - 6.0 * u**2 + 4.0, 3.0 * (u + u**2 - u**3) + 1.0, u**3], axis=1)
        numbers = first[:, None].astype(np.int64) + np.arange(SUPPORT)
        return numbers if self.period is None else numbers % self.knots, shares / 6.0

    def frames_of(self, knots: Mask) -> Mask:
        """Frames `(frames,)` that follow any of these knots `(knots,)`."""
        numbers, shares = self.rows(np.arange(self.frames))
        return np.asarray((knots[numbers] & (shares > 0.0)).any(axis=1))

    def knots_of(self, frames: Mask) -> Mask:
        """Knots `(knots,)` that any of these frames `(frames,)` follows."""
        numbers, shares = self.rows(np.flatnonzero(frames))
        result = np.zeros(self.knots, dtype=np.bool_)
        result[numbers[shares > 0.0]] = True
        return result


def fit_spline(timeline: Timeline, spacing_s: float) -> Spline:
    """A spline with knots about `spacing_s` apart, a whole number of them in a loop."""
    wanted = max(spacing_s * timeline.rate_hz, 1.0)
    if timeline.period is not None:
        knots = max(SUPPORT, round(timeline.period / wanted))
        return Spline(timeline.frames, knots, timeline.period / knots, timeline.period)
    spans = max(1, round((timeline.frames - 1) / wanted))
    return Spline(timeline.frames, spans + SUPPORT - 1, max(timeline.frames - 1, 1) / spans, None)
