"""Levers: how places of a body move as the residual grows, at some frames, without any pass backwards.

A place that a joint holds turns with every part above it, about that part's pivot; a place of the skin does so by the
shares with which the joints of each part hold it. Where joints blend, that is exact but for how far their own places
of it lie apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.geometry.surface import BodySurface
from workers.retargeting.residual import DegreesOfFreedom, Moved
from workers.skeleton.model import Array, Indices


@dataclass(frozen=True, eq=False)
class Levers:
    """Of a body with a residual. Derivatives are by its values, in metres (or radians) per radian."""

    freedom: DegreesOfFreedom
    moved: Moved

    def of_points(self, frame: Indices, points_m: Array, shares: Array) -> Array:
        """Of world points `(n, 3)`, each in a frame `(n,)`, that are held by the parts with these `shares` `(n, parts +
        1)` (`part_shares`): `(n, 3, values)`.
        """
        result = np.zeros((len(frame), 3, self.freedom.values))
        for number, part in enumerate(self.freedom.parts, start=1):
            rows = np.flatnonzero(shares[:, number])
            if len(rows):
                values = slice(part.first, part.first + part.values)
                arms = points_m[rows] - self.moved.pivots_m[frame[rows], number]
                speeds = np.cross(self.moved.axes[frame[rows], values], arms[:, None])
                result[rows, :, values] = np.swapaxes(shares[rows, number, None, None] * speeds, 1, 2)
        return result

    def along(self, frame: Indices, points_m: Array, shares: Array, directions: Array) -> Array:
        """The same along one direction `(n, 3)` for each point: `(n, values)`."""
        result = np.zeros((len(frame), self.freedom.values))
        for number, part in enumerate(self.freedom.parts, start=1):
            rows = np.flatnonzero(shares[:, number])
            if len(rows):
                values = slice(part.first, part.first + part.values)
                arms = points_m[rows] - self.moved.pivots_m[frame[rows], number]
                moments = shares[rows, number, None] * np.cross(arms, directions[rows])
                result[rows, values] = np.einsum("nvd,nd->nv", self.moved.axes[frame[rows], values], moments)
        return result

    def of_joint(self, joint: int) -> Array:
        """Of a joint's place in every frame: `(frames, 3, values)`."""
        places = self.moved.positions_m[:, joint]
        shares = self.freedom.carries[self.freedom.part_of[joint]].astype(np.float64)
        return self.of_points(np.arange(len(places)), places, np.broadcast_to(shares, (len(places), len(shares))))

    def of_turn(self, joint: int) -> Array:
        """Of a joint's turn in the world, as a rotation vector: `(frames, 3, values)`."""
        turning = self.freedom.carries[self.freedom.part_of[joint]][self.freedom.value_part]
        return np.swapaxes(self.moved.axes * turning[:, None], 1, 2)


def part_shares(freedom: DegreesOfFreedom, surface: BodySurface) -> Array:
    """How much of each vertex moves with each part: what the joints of it and of those below it hold `(vertices, parts
    + 1)`.
    """
    mesh = surface.mesh
    own = np.zeros((len(mesh.positions_m), len(freedom.parts) + 1))
    np.add.at(own, (np.arange(len(own))[:, None], freedom.part_of[mesh.joints]), mesh.weights)
    shares: Array = own @ freedom.carries
    return shares
