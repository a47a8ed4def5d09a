"""Spine and neck chains of different length: rotations spread by arc length.

Chains of equal length are copied joint by joint: their joints mean the same vertebrae however far apart they stand.
Otherwise: a chain joint turns the part of the chain beyond it. The source's turns away from rest are taken as values
at the ends of those parts, from the hips (0) to the last joint (1), and the target's joints read them at the ends of
their own parts. The last joint (which carries the shoulders, or the head) always gets the source's last.
"""

from __future__ import annotations

import numpy as np

from workers.skeleton import quat
from workers.skeleton.model import Array


def part_ends(positions: Array, chain: list[int], tip: Array) -> Array:
    """Share of arc length at which each joint's own part ends, `(n,)`, rising to 1.

    `positions` `(joints, 3)` of the rest pose, `tip` `(3,)` where the last part ends.
    """
    points = np.concatenate([positions[chain], tip[None]])
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=-1)
    total = float(lengths.sum())
    if total < 1e-9:
        return np.arange(1.0, len(chain) + 1.0) / len(chain)
    ends: Array = np.cumsum(lengths) / total
    return ends


def spread(base: Array, turns: Array, source_ends: Array, target_ends: Array) -> Array:
    """Turns of the target's chain joints, `(frames, m, 4)`.

    `base` `(frames, 4)` is the turn below the chain (share 0), `turns` `(frames, n, 4)` those of the source's joints at
    `source_ends` `(n,)`; read at `target_ends` `(m,)`.
    """
    if len(source_ends) == len(target_ends):
        return turns
    knots = np.concatenate([base[:, None], turns], axis=1)
    places = np.concatenate([[0.0], source_ends])
    result = np.empty((len(base), len(target_ends), 4))
    for column, place in enumerate(target_ends):
        after = int(np.clip(np.searchsorted(places, place - 1e-9), 1, len(places) - 1))
        span = places[after] - places[after - 1]
        t = np.clip((place - places[after - 1]) / span, 0.0, 1.0) if span > 1e-9 else 1.0
        result[:, column] = quat.slerp(knots[:, after - 1], knots[:, after], np.full(len(base), t))
    return result
