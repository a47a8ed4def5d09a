"""Rows: what a loss says of a posed body, each an error that should be zero and how it changes with the residual.

Half the sum of the squared errors times their weights is the loss. What is linear beyond some size (Huber 1964) gets
smaller weights there, anew in every round (iteratively reweighted least squares: Holland and Welsch 1977). A loss that
has only a value and a gradient is one row: the root of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from workers.geometry.posing import pose
from workers.geometry.surface import BodySurface
from workers.motion.body_motion import BodyMotion
from workers.refinement.levers import Levers, part_shares
from workers.retargeting.residual import DegreesOfFreedom, Moved, move
from workers.skeleton.model import Array, Indices

OnPiece = Callable[[], None]


@dataclass(frozen=True, eq=False)
class Rows:
    """`n` errors, each of one frame: `jacobian` `(n, values)` per radian of the residual."""

    frame: Indices  # (n,), ascending
    errors: Array  # (n,)
    jacobian: Array
    weights: Array  # (n,)

    @property
    def loss(self) -> float:
        return float(0.5 * self.weights @ self.errors**2)


def huber_weights(errors: Array, soft: float | Array) -> Array:
    """What squares weigh so that they grow as a loss does that is quadratic up to `soft`, there half of it, and linear
    beyond.
    """
    result: Array = 1.0 / np.maximum(np.abs(errors), soft)
    return result


@dataclass(frozen=True, eq=False)
class WatchedSurface:
    """A surface with what moves its vertices (`levers.part_shares`)."""

    surface: BodySurface
    shares: Array

    @staticmethod
    def of(freedom: DegreesOfFreedom, surface: BodySurface) -> WatchedSurface:
        return WatchedSurface(surface, part_shares(freedom, surface))


@dataclass(frozen=True, eq=False)
class Posed:
    """The body at some frames of the clip, `base` and with the residual `values_rad` `(frames, values)`."""

    freedom: DegreesOfFreedom
    base: BodyMotion  # of these frames alone
    frames: Indices  # of the clip
    values_rad: Array

    @cached_property
    def moved(self) -> Moved:
        return move(self.freedom, self.base.rotations, self.base.positions_m, self.values_rad)

    @cached_property
    def levers(self) -> Levers:
        return Levers(self.freedom, self.moved)

    def vertices_m(self, surface: BodySurface, rows: Indices | None = None) -> Array:
        """Vertices of all these frames or of some `rows` of them, `(frames, vertices, 3)`."""
        motion = BodyMotion(self.base.body, "", 1.0, 0.0, self.moved.rotations, self.moved.positions_m)
        return pose(surface, motion, rows)


class Loss(Protocol):
    """Part of what a window minimises: an integral over seconds of something dimensionless."""

    def rows(self, posed: Posed, number: int, on_piece: OnPiece) -> Rows | None:
        """Its errors in round `number`, None for none. `on_piece` is called between pieces of work and may raise."""
        ...


def joined(parts: list[Rows]) -> Rows:
    """Rows of several sources as one, by frame."""
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in ("frame", "errors", "weights")]
    jacobian = np.concatenate([part.jacobian for part in parts])
    order = np.argsort(columns[0], kind="stable")
    return Rows(columns[0][order], columns[1][order], jacobian[order], columns[2][order])


def vector_rows(frames: int, errors: Array, jacobian: Array, weights: Array) -> Rows:
    """Rows of a vector in every frame: errors `(frames, k)`, jacobian `(frames, k, values)`, weights `(frames, k)` or
    what fits.
    """
    count = errors.shape[1]
    return Rows(
        np.repeat(np.arange(frames), count),
        errors.ravel(),
        jacobian.reshape(frames * count, -1),
        np.broadcast_to(weights, errors.shape).ravel(),
    )
