"""Lofts: closed, rounded surfaces of elliptic rings along a straight axis, with skin weights along that axis.

Every part of a sample body is one loft; parts overlap where they join, as the segments of a jointed doll do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from workers.contract.roles import mirror
from workers.samples.curves import smoothstep, through_keys
from workers.samples.shape import INDEX, ROLES
from workers.skeleton.model import Array, Indices

# Along the axis in metres, radius along u, radius along v, centre shift along u, centre shift along v.
Station = tuple[float, float, float, float, float]
Boundary = tuple[str, float, float]  # role, where along the axis it takes over, half width of the blend


@dataclass(frozen=True, eq=False)
class Part:
    """A closed surface in T pose. `weights` `(vertices, 52)` are over `shape.ROLES` and sum to 1."""

    material: str
    positions_m: Array
    faces: Indices
    weights: Array

    def mirrored(self) -> Part:
        """The same part on the right side."""
        swapped = self.weights[:, [INDEX[mirror(role)] for role in ROLES]]
        return Part(self.material, self.positions_m * [-1.0, 1.0, 1.0], self.faces[:, ::-1], swapped)


def along(stations: ArrayLike, boundaries: Sequence[Boundary]) -> Array:
    """Weights `(n, 52)`: each role from its boundary to the next one, blended by a smoothstep around the boundary."""
    s = np.asarray(stations, dtype=np.float64)
    reached = [np.ones_like(s)]
    for _, start, blend in boundaries[1:]:
        reached.append(np.minimum(reached[-1], smoothstep((s - start + blend) / (2.0 * blend))))
    reached.append(np.zeros_like(s))
    weights = np.zeros((len(s), len(ROLES)))
    for column, (role, _, _) in enumerate(boundaries):
        weights[:, INDEX[role]] = reached[column] - reached[column + 1]
    return weights


def loft(
    material: str,
    origin: ArrayLike,
    axes: tuple[ArrayLike, ArrayLike, ArrayLike],
    profile: Sequence[Station],
    boundaries: Sequence[Boundary],
    rings: int,
    segments: int,
    caps_m: tuple[float, float],
    squareness: float = 2.0,
) -> Part:
    """A rounded tube.

    `axes` are the axis and the unit directions u and v across it, right-handed (u x v = axis). The profile's stations
    are joined by monotone curves; over the first and last `caps_m` metres the rings close like a ball. `squareness` is
    the exponent of the rings' superellipse: 2 an ellipse, more is boxier.
    """
    axis, u, v = (np.asarray(direction, dtype=np.float64) for direction in axes)
    table = np.asarray(profile, dtype=np.float64)
    start, end = table[0, 0], table[-1, 0]
    quarter = np.sin(np.linspace(0.0, 0.5 * np.pi, 5))
    first, last = start + caps_m[0] * (1.0 - quarter[::-1]), end - caps_m[1] * (1.0 - quarter)
    middle = np.linspace(first[-1], last[0], rings + 2)[1:-1]
    s = np.concatenate([first[1:], middle, last[:-1]])
    depth = np.clip(np.minimum((s - start) / caps_m[0], (end - s) / caps_m[1]), 0.0, 1.0)
    closing = np.sqrt(1.0 - (1.0 - depth) ** 2)
    shape = through_keys(table[:, 0], table[:, 1:], s)
    turn = 2.0 * np.pi * np.arange(segments) / segments
    cosine, sine = np.cos(turn), np.sin(turn)
    across_u = np.sign(cosine) * np.abs(cosine) ** (2.0 / squareness)
    across_v = np.sign(sine) * np.abs(sine) ** (2.0 / squareness)
    offset_u = shape[:, 2, None] + (shape[:, 0] * closing)[:, None] * across_u
    offset_v = shape[:, 3, None] + (shape[:, 1] * closing)[:, None] * across_v
    body = s[:, None, None] * axis + offset_u[..., None] * u + offset_v[..., None] * v
    poles = [end_s * axis + row[3] * u + row[4] * v for end_s, row in ((start, table[0]), (end, table[-1]))]
    positions = np.concatenate([body.reshape(-1, 3), poles]) + np.asarray(origin)
    weights = along(np.concatenate([np.repeat(s, segments), [start, end]]), boundaries)
    return Part(material, positions, _tube_faces(len(s), segments), weights)


def _tube_faces(rings: int, segments: int) -> Indices:
    """Outward faces of stacked rings and of the two poles, which follow the rings in the vertex list."""
    ring, segment = np.meshgrid(np.arange(rings - 1), np.arange(segments), indexing="ij")
    a = ring * segments + segment
    b = ring * segments + (segment + 1) % segments
    c, d = a + segments, b + segments
    sides = np.stack([np.stack([a, b, d], -1), np.stack([a, d, c], -1)], axis=-2).reshape(-1, 3)
    around = np.arange(segments)
    after = (around + 1) % segments
    top = (rings - 1) * segments
    first = np.stack([np.full(segments, rings * segments), after, around], axis=-1)
    last = np.stack([np.full(segments, rings * segments + 1), top + around, top + after], axis=-1)
    return np.concatenate([sides, first, last]).astype(np.int64)


def ball(material: str, centre: ArrayLike, radii: tuple[float, float, float], role: str, segments: int = 10) -> Part:
    """An ellipsoid that hangs on one joint; radii along X, Y, Z."""
    x, y, z = radii
    axes = ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
    profile = [(-y, z, x, 0.0, 0.0), (y, z, x, 0.0, 0.0)]
    return loft(material, centre, axes, profile, [(role, -y, y)], 0, segments, (y, y))


def reweighted(part: Part, share: Array, from_to: Mapping[str, str]) -> Part:
    """Move `share` `(vertices,)` of each role's weight to another role."""
    weights = part.weights.copy()
    for origin, destination in from_to.items():
        moved = share * part.weights[:, INDEX[origin]]
        weights[:, INDEX[origin]] -= moved
        weights[:, INDEX[destination]] += moved
    return Part(part.material, part.positions_m, part.faces, weights)
