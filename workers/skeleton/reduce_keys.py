"""Fewer keys for a clip: those without which it would leave a tolerance.

Each joint keeps its first and last key; between two kept keys it moves as a reader moves it, rotations by slerp,
translations by straight lines. Where that leaves the tolerance the worst frame is kept too, and so on (Douglas and
Peucker 1973). What is told of a clip is measured on the whole of it: the tolerance holds for each joint against its
parent, so a hand at the end of a chain may be off by more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from workers.skeleton import quat
from workers.skeleton.model import Array, Clip, Indices

ROUNDING_DEG = 1e-4  # what float32 and its unit length take of the tolerance
STILL = 1e-7  # as writers have it: what changes less keeps two keys anyway


@dataclass(frozen=True, eq=False)
class Reduction:
    """The clip as it is read back, `kept` frames by ("rotation" or "translation", joint), and what that costs."""

    clip: Clip
    kept: dict[tuple[str, int], Indices]
    tolerance_deg: float
    keys_before: int
    worst_deg: float
    worst_m: float

    @property
    def keys_after(self) -> int:
        return sum(map(len, self.kept.values()))

    def to_dict(self) -> dict[str, Any]:
        return {
            "tolerance_deg": self.tolerance_deg,
            "keys_before": self.keys_before,
            "keys_after": self.keys_after,
            "worst_deg": self.worst_deg,
            "worst_m": self.worst_m,
        }


def reduce_keys(clip: Clip, keyed: Collection[int], tolerance_deg: float, arm_m: float) -> Reduction:
    """The clip with keys left out. Translations may be off by what a turn by the tolerance moves at `arm_m`."""
    limit = np.radians(max(tolerance_deg - ROUNDING_DEG, 0.0))
    rotations, moved = clip.rotations.copy(), dict(clip.translations_m)
    kept: dict[tuple[str, int], Indices] = {}
    before, worst_rad, worst_m = 0, 0.0, 0.0
    for joint in sorted(keyed):
        values = clip.rotations[:, joint]
        if np.max(np.abs(values - values[:1])) <= STILL:
            kept["rotation", joint] = _ends(clip.frames)
            before += len(kept["rotation", joint])
            continue
        frames = _needed(values, limit, _turned, quat.angle_between)
        kept["rotation", joint] = frames
        rotations[:, joint] = _along(values, frames, _turned)
        before += clip.frames
        worst_rad = max(worst_rad, float(quat.angle_between(rotations[:, joint], values).max()))
    for joint, path in clip.translations_m.items():
        frames = _needed(path, limit * arm_m, _moved, _apart)
        kept["translation", joint] = frames
        moved[joint] = _along(path, frames, _moved)
        before += clip.frames
        worst_m = max(worst_m, float(_apart(moved[joint], path).max()))
    made = replace(clip, rotations=rotations, translations_m=moved)
    return Reduction(made, kept, tolerance_deg, before, float(np.degrees(worst_rad)), worst_m)


Between = Callable[[Array, Array, Array], Array]


def _needed(values: Array, limit: float, between: Between, distance: Callable[[Array, Array], Array]) -> Indices:
    """Frames to keep, so that what lies between them is within `limit` of `values` `(frames, n)`."""
    last = len(values) - 1
    keep = np.zeros(len(values), dtype=np.bool_)
    keep[[0, last]] = True
    spans = [(0, last)]
    while spans:
        start, end = spans.pop()
        if end - start < 2:
            continue
        inside = np.arange(start + 1, end)
        share = (inside - start) / (end - start)
        off = distance(between(values[start], values[end], share), values[inside])
        worst = int(np.argmax(off))
        if off[worst] > limit:
            middle = start + 1 + worst
            keep[middle] = True
            spans += [(start, middle), (middle, end)]
    return np.flatnonzero(keep)


def _along(values: Array, frames: Indices, between: Between) -> Array:
    result = values.copy()
    for start, end in pairwise(frames):
        share = np.arange(1, end - start) / (end - start)
        result[start + 1 : end] = between(values[start], values[end], share)
    return result


def _turned(a: Array, b: Array, share: Array) -> Array:
    return quat.slerp(np.broadcast_to(a, (len(share), 4)), np.broadcast_to(b, (len(share), 4)), share)


def _moved(a: Array, b: Array, share: Array) -> Array:
    return a + (b - a) * share[:, None]


def _apart(a: Array, b: Array) -> Array:
    return np.asarray(np.linalg.norm(a - b, axis=-1))


def _ends(frames: int) -> Indices:
    return np.unique([0, frames - 1])
