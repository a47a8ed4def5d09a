"""Windows: which knots of the residual are worked on together.

The whole clip has one spline. A window frees some of its knots and holds all others, so whatever happens to a window,
taken, refused or out of time, the curve stays smooth across its limits, and in a loop across the seam. Long stretches
are cut into overlapping windows: the knots of an overlap are worked on twice, the second time from where the first
left them. Memory follows the window, not the clip. Stretches where there is nothing to correct are in no window.
"""

from __future__ import annotations

import numpy as np

from workers.motion.intervals import runs
from workers.refinement.spline import SUPPORT, Spline
from workers.skeleton.model import Mask

MAX_WINDOW_S = 5.0
OVERLAP_S = 0.8


def cut_windows(
    spline: Spline, free: Mask, rate_hz: float, longest_s: float = MAX_WINDOW_S, overlap_s: float = OVERLAP_S
) -> list[Mask]:
    """Masks `(knots,)` of the windows, in order; together they cover the `free` knots `(knots,)`."""
    longest = max(2 * SUPPORT, int(longest_s * rate_hz / spline.spacing))
    overlap = min(longest // 2, max(SUPPORT, round(overlap_s * rate_hz / spline.spacing)))
    if not free.any():
        return []
    # A loop has no first knot: begin behind a knot that is not free, where there is one.
    shift = 0 if spline.period is None or free.all() else int(np.flatnonzero(~free)[0])
    turned = np.roll(free, -shift)
    if spline.period is not None and free.all() and len(free) > longest:
        turned = np.concatenate([turned, turned[:overlap]])  # the last window goes on over the seam
    windows = []
    for start, stop in _merged([(int(a), int(b)) for a, b in runs(turned)], longest):
        for first, last in _cut(start, stop, longest, overlap):
            numbers = np.arange(first, last)
            chosen = np.zeros(spline.knots, dtype=np.bool_)
            chosen[(numbers[turned[numbers]] + shift) % spline.knots] = True
            windows.append(chosen)
    return windows


def _merged(stretches: list[tuple[int, int]], longest: int) -> list[tuple[int, int]]:
    """Short stretches that lie close together, as one."""
    result = [stretches[0]]
    for start, stop in stretches[1:]:
        if stop - result[-1][0] <= longest:
            result[-1] = (result[-1][0], stop)
        else:
            result.append((start, stop))
    return result


def _cut(start: int, stop: int, longest: int, overlap: int) -> list[tuple[int, int]]:
    """Pieces of at most `longest` that overlap, all about as long."""
    length = stop - start
    if length <= longest:
        return [(start, stop)]
    pieces = -(-(length - overlap) // (longest - overlap))
    edges = np.linspace(start, stop - overlap, pieces + 1).round().astype(int)
    return [(int(edges[n]), int(edges[n + 1]) + overlap) for n in range(pieces)]
