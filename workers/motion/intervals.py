"""Intervals of a boolean time line: runs, hysteresis, short gaps and short runs.

A run is a half-open pair `(start, stop)` of frame numbers. Nothing here knows about feet.
"""

from __future__ import annotations

import numpy as np

from workers.skeleton.model import Array, Indices, Mask


def runs(mask: Mask) -> Indices:
    """Runs of True as `(n, 2)` half-open frame pairs, in order."""
    steps = np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8))
    return np.stack([np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)], axis=1)


def from_runs(pairs: Indices, frames: int) -> Mask:
    """The mask that is True inside the given runs, which must not overlap."""
    steps = np.zeros(frames + 1, dtype=np.int64)
    np.add.at(steps, pairs[:, 0], 1)
    np.add.at(steps, pairs[:, 1], -1)
    return np.cumsum(steps[:-1]) > 0


def hysteresis(strong: Mask, weak: Mask) -> Mask:
    """Runs of `weak` that hold at least one frame of `strong`."""
    pairs = runs(weak)
    count = np.concatenate([[0], np.cumsum(strong & weak)])
    return from_runs(pairs[count[pairs[:, 1]] > count[pairs[:, 0]]], len(weak))


def close_gaps(mask: Mask, longest: int) -> Mask:
    """Fill gaps of at most `longest` frames between two runs; the ends of the time line stay open."""
    gaps = runs(~mask)
    inner = (gaps[:, 0] > 0) & (gaps[:, 1] < len(mask)) & (gaps[:, 1] - gaps[:, 0] <= longest)
    return mask | from_runs(gaps[inner], len(mask))


def drop_short(mask: Mask, shortest: int) -> Mask:
    """Remove runs of fewer than `shortest` frames."""
    pairs = runs(mask)
    return from_runs(pairs[pairs[:, 1] - pairs[:, 0] >= shortest], len(mask))


def frames_to_edge(mask: Mask) -> Array:
    """Per True frame the count of frames to the nearer end of its run, 1 at the end itself; 0 where False.

    A run cut off by the start or the end of the time line is taken to go on.
    """
    frames = len(mask)
    result = np.zeros(frames)
    for start, stop in runs(mask):
        inside = np.arange(start, stop)
        from_start = inside - start + 1.0 if start > 0 else np.full(len(inside), np.inf)
        to_stop = stop - inside + 0.0 if stop < frames else np.full(len(inside), np.inf)
        result[start:stop] = np.minimum(from_start, to_stop)
    return result
