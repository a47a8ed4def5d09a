"""The network's frames: about thirty a second of any clip, in windows that overlap, and back to all frames.

A loop is asked around its seam as anywhere else: frames of the other end stand before the first and after the last.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.interpolate import CubicSpline

from workers.motion.body_motion import BodyMotion
from workers.motion.timeline import find_timeline
from workers.skeleton.model import Array, Indices

RATE_HZ = 30.0
HALO = 24  # frames to each side that have a say: more than the network's reach along time
AT_ONCE = 480


def looked_frames(motion: BodyMotion) -> Indices:
    """Every so many frames, nearest to `RATE_HZ`, and the last."""
    stride = max(1, round(motion.rate_hz / RATE_HZ))
    frames = np.arange(0, motion.frames, stride)
    return frames if frames[-1] == motion.frames - 1 else np.append(frames, motion.frames - 1)


def is_loop(motion: BodyMotion) -> bool:
    return find_timeline(motion).period is not None


def windows(looked: Indices, loops: bool) -> Iterator[tuple[Indices, slice]]:
    """Pieces of the looked frames, in turn: the frames to ask for each, and which of those are its own."""
    before, after = (looked[-1 - HALO : -1], looked[1 : 1 + HALO]) if loops else (looked[:0], looked[:0])
    line = np.concatenate([before, looked, after])
    for start in range(0, len(looked), AT_ONCE):
        stop = min(start + AT_ONCE, len(looked))
        first = max(start + len(before) - HALO, 0)
        own = slice(start + len(before) - first, stop + len(before) - first)
        yield line[first : stop + len(before) + HALO], own


def at_all_frames(turns: Array, looked: Indices, frames: int, loops: bool) -> Array:
    """Turns `(looked, ...)` at each of a motion's frames: a cubic through them, so that velocity has no steps; exactly
    zero between two frames that are. In a loop both ends are the same.
    """
    if loops:
        turns = turns.copy()
        turns[0] = turns[-1] = 0.5 * (turns[0] + turns[-1])
    if len(looked) == frames or len(looked) < 2:
        return turns if len(looked) == frames else np.repeat(turns, frames, axis=0)
    times = np.arange(frames)
    result: Array = CubicSpline(looked, turns, axis=0, bc_type="periodic" if loops else "not-a-knot")(times)
    before = (np.searchsorted(looked, times, side="right") - 1).clip(0, len(looked) - 2)
    quiet = np.asarray(~turns.reshape(len(looked), -1).any(axis=1))
    result[quiet[before] & quiet[before + 1]] = 0.0
    return result
