"""How probes lie to marks: weights, and the means by these weights that features are made of.

`nearness` says it in operators that numpy and torch both have; `nearness_compiled` is the same for arrays, in one pass,
several times faster. Lengths are in forearm radii.
"""

from __future__ import annotations

from math import sqrt
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from workers.platform.compiled import compiled
from workers.skeleton.model import Array

Values: TypeAlias = Any  # a numpy array or a torch tensor

BACK = 0.02  # the say of a mark that turns its back on the probe: the two sides of a far arm must not cancel out


class Nearness(NamedTuple):
    """Weights `(frames, probes, marks)`, sum 1; means `(frames, probes)`: height over the marks' tangent planes,
    squared distance within them, how far marks are apart (squared), cosine of the palm with their normals.
    """

    weight: Values
    over: Values
    aside: Values
    apart: Values
    facing: Values


def nearness(asked: Values, palm: Values, place: Values, normal: Values, may: Values, apart: Values) -> Nearness:
    """Of probes `asked` with their palms `(frames, probes, 3)` and marks `(frames, marks, 3)` with their normals; `may`
    `(probes, marks)` is 1 where they are asked about, `apart` `(marks,)` how far marks are from one another.
    """
    squared = (asked**2).sum(-1)[:, :, None] + (place**2).sum(-1)[:, None] - 2.0 * asked @ place.swapaxes(-1, -2)
    over = asked @ normal.swapaxes(-1, -2) - (place * normal).sum(-1)[:, None]
    spread = squared + 1.0
    weight = may * (BACK + (1.0 + over / spread**0.5) ** 2) / spread**4
    weight = weight / weight.sum(-1)[:, :, None]
    return Nearness(
        weight,
        (weight * over).sum(-1),
        (weight * (squared - over**2)).sum(-1),
        (weight * apart**2).sum(-1),
        (weight * (palm @ normal.swapaxes(-1, -2))).sum(-1),
    )


def nearness_compiled(asked: Array, palm: Array, place: Array, normal: Array, may: Array, apart: Array) -> Nearness:
    """As `nearness`."""
    frames, probes = asked.shape[:2]
    weight, means = np.zeros((frames, probes, place.shape[1])), np.zeros((4, frames, probes))
    asked, palm, place, normal = (np.ascontiguousarray(values) for values in (asked, palm, place, normal))
    _fill(asked, palm, place, normal, may, apart, weight, means)
    return Nearness(weight, *means)


@compiled
def _fill(
    asked: Array, palm: Array, place: Array, normal: Array, may: Array, apart: Array, weight: Array, means: Array
) -> None:
    for frame in range(asked.shape[0]):
        for probe in range(asked.shape[1]):
            x, y, z = asked[frame, probe, 0], asked[frame, probe, 1], asked[frame, probe, 2]
            u, v, w = palm[frame, probe, 0], palm[frame, probe, 1], palm[frame, probe, 2]
            total, height, within, spacing, facing = 0.0, 0.0, 0.0, 0.0, 0.0
            for mark in range(place.shape[1]):
                if may[probe, mark] == 0.0:
                    continue
                dx, dy, dz = x - place[frame, mark, 0], y - place[frame, mark, 1], z - place[frame, mark, 2]
                nx, ny, nz = normal[frame, mark, 0], normal[frame, mark, 1], normal[frame, mark, 2]
                squared = dx * dx + dy * dy + dz * dz
                over = dx * nx + dy * ny + dz * nz
                spread = squared + 1.0
                ahead = 1.0 + over / sqrt(spread)
                share = (BACK + ahead * ahead) / (spread * spread * spread * spread)
                weight[frame, probe, mark] = share
                total += share
                height += share * over
                within += share * (squared - over * over)
                spacing += share * apart[mark] * apart[mark]
                facing += share * (u * nx + v * ny + w * nz)
            for mark in range(place.shape[1]):
                weight[frame, probe, mark] /= total
            means[0, frame, probe], means[1, frame, probe] = height / total, within / total
            means[2, frame, probe], means[3, frame, probe] = spacing / total, facing / total
