"""What refinement asks of the residual itself: stay near the base, move smoothly, bend no joint too far.

Every loss adds its gradient to the knots itself (`backward`), so that one with a long way to the pixels may do so piece
by piece and stop between them. All are integrals over the frames they look at, in seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from workers.refinement.residual import Base, DegreesOfFreedom, move
from workers.refinement.spline import Spline
from workers.refinement.weights import stiffness_rad
from workers.rendering.skinning import Skin
from workers.skeleton.model import Indices, Mask

OnPiece = Callable[[], None]

FOLLOW_EVERY = 2  # steps
MAX_RANGES = 5.0  # usual ranges that no value of the residual leaves


class Loss(Protocol):
    """Part of what a window minimises. `knots` are `(knots, values)` in units of `scales`, gradients wanted."""

    def backward(self, knots: Tensor, step: int, on_piece: OnPiece) -> float:
        """Add the gradient to `knots.grad` and return the loss. `on_piece` is called between long pieces of work."""
        ...


def scales(freedom: DegreesOfFreedom) -> Tensor:
    """Radians that a knot of 1 stands for `(values,)`: the usual range of each joint."""
    return torch.tensor([stiffness_rad(name) for name in freedom.names])


@dataclass(frozen=True, eq=False)
class Curve:
    """The residual at some frames: which knots they follow and how much, `(frames, 4)` both."""

    numbers: Tensor
    shares: Tensor
    scales: Tensor  # (values,)

    def values(self, knots: Tensor) -> Tensor:
        """The residual `(frames, values)` in radians, each short of `MAX_RANGES` usual ranges: the farther it goes,
        the harder it gets.
        """
        followed: Tensor = knots[self.numbers] * self.shares[..., None]
        return MAX_RANGES * torch.tanh(followed.sum(1) / MAX_RANGES) * self.scales


def curve_at(spline: Spline, frames: Indices, scale: Tensor) -> Curve:
    numbers, shares = spline.rows(frames)
    return Curve(
        torch.as_tensor(numbers, device=scale.device),
        torch.as_tensor(shares, dtype=scale.dtype, device=scale.device),
        scale,
    )


@dataclass(frozen=True, eq=False)
class Prior:
    """How far the residual turns joints, in usual ranges, squared; `weights` `(frames, values)` times seconds."""

    curve: Curve
    weights: Tensor

    def backward(self, knots: Tensor, step: int, on_piece: OnPiece) -> float:
        turned = self.curve.values(knots) / self.curve.scales
        loss = (self.weights * turned**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())


@dataclass(frozen=True, eq=False)
class Smoothness:
    """Jerk of the residual: third differences of the knots, which are the third derivative of a cubic spline.

    `weights` `(values,)`.
    """

    weights: Tensor
    is_cyclic: bool

    def backward(self, knots: Tensor, step: int, on_piece: OnPiece) -> float:
        line = torch.cat([knots, knots[:3]]) if self.is_cyclic else knots
        third = line[3:] - 3.0 * line[2:-1] + 3.0 * line[1:-2] - line[:-3]
        loss = (self.weights * third**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())


@dataclass(frozen=True, eq=False)
class Posed:
    """A posed body at some frames: `vertices_m` `(frames, vertices, 3)` of its surface, and its joints in the world."""

    vertices_m: Tensor
    rotations: Tensor
    positions_m: Tensor

    def detach(self) -> Posed:
        return Posed(self.vertices_m.detach(), self.rotations.detach(), self.positions_m.detach())


class PoseTerm(Protocol):
    """A loss on a posed body."""

    def renew(self, posed: Posed, afresh: bool) -> None:
        """Find again what is near what, `afresh` everywhere, else where it was last; without gradient."""
        ...

    def loss(self, posed: Posed) -> Tensor:
        """One number a frame `(frames,)`."""
        ...


Schedule = Callable[[int], float]  # the weight at a step


@dataclass(eq=False)
class Pose:
    """Losses on the poses of some frames, `seconds` apart; what is near what is found again every few steps. A term
    that comes in later must do so at such a step.
    """

    freedom: DegreesOfFreedom
    base: Base
    curve: Curve
    skin: Skin
    seconds: float
    terms: list[tuple[Schedule, PoseTerm]]
    renew_every: int  # a multiple of `FOLLOW_EVERY`

    def backward(self, knots: Tensor, step: int, on_piece: OnPiece) -> float:
        posed = self.posed(knots)
        loss = posed.vertices_m.new_zeros(())
        for weight, term in self.terms:
            if weight(step) == 0.0:
                continue
            if step % FOLLOW_EVERY == 0:
                on_piece()
                term.renew(posed.detach(), step % self.renew_every == 0)
            loss = loss + weight(step) * self.seconds * term.loss(posed).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def posed(self, knots: Tensor) -> Posed:
        rotations, positions = move(self.freedom, self.base, self.curve.values(knots))
        return Posed(self.skin.deform(rotations, positions), rotations, positions)


def sampled_frames(wanted: Mask, rate_hz: float, most_hz: float) -> tuple[Indices, float]:
    """Some of the frames of a mask `(frames,)`, evenly and no denser than `most_hz`, and the seconds between them."""
    stride = max(1, round(rate_hz / most_hz))
    frames = np.flatnonzero(wanted)
    return frames[frames % stride == 0] if len(frames) > stride else frames, stride / rate_hz
