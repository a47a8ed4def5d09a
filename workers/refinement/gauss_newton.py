"""One window: a few rounds of Gauss and Newton over its free knots.

In every round all losses say how far off they are and how that changes with the residual (`rows`); the knots that make
the sum of their squares least, were they linear, are found at once. That takes a tenth of the rounds that steps along
the gradient take, and each round asks the body queries, which is what costs. Knots are held back by their third
differences, the third derivative of a cubic spline, so that a change bends no faster than it must.

Deterministic: no sampling, no noise; only a deadline in seconds depends on the machine, and the result says whether it
was the deadline that ended it. `on_step` is called before every round and between long pieces of one; whatever it
raises ends it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from workers.refinement.curve import Curve
from workers.refinement.rows import Loss, Posed, Rows
from workers.refinement.spline import SUPPORT
from workers.skeleton.model import Array, Indices, Mask

COSTLIER = 3.0  # times the slowest round so far: a round at which the losses change may look at more
MOST_RANGES = 3.0  # that a knot goes in one round: farther away nothing is linear
STILL_RANGES = 0.03  # a round that moves no knot farther has converged
LEAST_CURVATURE = 1e-3  # of the equations: knots that nothing asks for stay

StoppedBy = Literal["converged", "steps", "seconds"]


@dataclass(frozen=True, eq=False)
class Solved:
    """`knots` `(knots, values)` in usual ranges; `losses` of every round before its step."""

    knots: Array
    losses: tuple[float, ...]
    stopped_by: StoppedBy


@dataclass(frozen=True, eq=False)
class Weighted:
    """A loss with its weight in each round."""

    loss: Loss
    weight: Callable[[int], float]


@dataclass(frozen=True, eq=False)
class Equations:
    """What does not change from round to round: `free` `(knots, values)`, the `curve` at the frames that are looked at,
    `seconds` apart, and what third differences weigh for each value, `smoothness` `(values,)`.
    """

    free: Mask
    curve: Curve
    seconds: float
    smoothness: Array
    is_cyclic: bool
    damping: float = 0.0  # of every step (Levenberg 1944)


def solve(
    start: Array,
    equations: Equations,
    losses: Sequence[Weighted],
    pose: Callable[[Array], Posed],
    rounds: int,
    last_change: int,
    deadline_s: float,
    on_step: Callable[[float], None],
) -> Solved:
    """Minimise the sum of the losses over the free knots.

    `pose` poses the body with a residual. Whether a round still moves anything is asked from round `last_change` on,
    the last at which the losses change. `deadline_s` is on `time.monotonic`; a round that the slowest so far would
    carry beyond it is not begun. `on_step` gets the share of the rounds done.
    """
    knots, slowest = start.copy(), 0.0
    history: list[float] = []
    used = np.flatnonzero(equations.free.any(axis=0))
    near = _near_free(equations)
    place = np.cumsum(near) - 1  # of each knot among those near
    local = replace(equations.curve, numbers=place[equations.curve.numbers])
    smooth = _smooth(equations, near, used)
    for number in range(rounds):
        on_step(number / rounds)
        begin = time.monotonic()
        if begin + slowest * (COSTLIER if number == last_change else 1.0) > deadline_s:
            return Solved(knots, tuple(history), "seconds")
        posed = pose(equations.curve.values(knots))
        matrix, right = smooth.copy(), -np.einsum("kvlv,lv->kv", smooth, knots[near][:, used])
        total = 0.0
        normal, slope = _nothing(equations)
        for item in losses:
            weight = item.weight(number) * equations.seconds
            rows = item.loss.rows(posed, number, partial(on_step, number / rounds)) if weight > 0.0 else None
            if rows is not None:
                total += weight * rows.loss
                _add(rows, weight, normal, slope)
        matrix += equations.damping * np.eye(right.size).reshape(matrix.shape)
        _gather(local, used, normal, slope, matrix, right)
        history.append(total)
        step = _step(equations.free[near][:, used], matrix, right)
        knots[np.ix_(near, used)] += step
        slowest = max(slowest, time.monotonic() - begin)
        if number >= last_change and np.abs(step).max(initial=0.0) < STILL_RANGES:
            return Solved(knots, tuple(history), "converged")
    return Solved(knots, tuple(history), "steps")


def _near_free(equations: Equations) -> Mask:
    """The knots `(knots,)` that equations of free ones speak of: these, and what a third difference reaches from there.
    Frames that are looked at follow no others. So what a window costs does not grow with its clip.
    """
    near: Mask = np.array(equations.free.any(axis=1))
    count, reach = len(near), SUPPORT - 1
    chosen = np.flatnonzero(near)[:, None] + np.arange(-reach, reach + 1)
    chosen = chosen % count if equations.is_cyclic else np.clip(chosen, 0, count - 1)
    near[chosen] = True
    near[equations.curve.numbers] = True
    return near


def _nothing(equations: Equations) -> tuple[Array, Array]:
    frames, values = equations.curve.reach_rad.shape
    return np.zeros((frames, values, values)), np.zeros((frames, values))


def _add(rows: Rows, weight: float, normal: Array, slope: Array) -> None:
    """Add rows to each frame's own equations, `(frames, values, values)` and `(frames, values)`, in place."""
    starts = np.searchsorted(rows.frame, np.arange(len(normal) + 1))
    for frame in np.unique(rows.frame):
        part = slice(starts[frame], starts[frame + 1])
        jacobian, weights = rows.jacobian[part], weight * rows.weights[part]
        weighted = jacobian * weights[:, None]
        normal[frame] += weighted.T @ jacobian
        slope[frame] += weighted.T @ rows.errors[part]


def _gather(curve: Curve, used: Indices, normal: Array, slope: Array, matrix: Array, right: Array) -> None:
    """From frames' equations to those of the knots that they follow, in place: `matrix` `(near, used, near, used)`,
    `right` `(near, used)`, of the values `used`; `curve` numbers those near.
    """
    reach = curve.reach_rad[:, used]
    normal = normal[:, used[:, None], used] * reach[:, :, None] * reach[:, None, :]
    slope = slope[:, used] * reach
    for frame, (numbers, shares) in enumerate(zip(curve.numbers, curve.shares, strict=True)):
        for first, share in zip(numbers, shares, strict=True):
            right[first] -= share * slope[frame]
            for second, other in zip(numbers, shares, strict=True):
                matrix[first, :, second] += share * other * normal[frame]


def _smooth(equations: Equations, near: Mask, used: Indices) -> Array:
    """The equations of third differences, and of knots that nothing else asks for, `(near, used, near, used)`."""
    count = int(np.count_nonzero(near))
    third = _third_differences(equations, near)
    square = third.T @ third
    matrix = np.zeros((count, len(used), count, len(used)))
    for number, weight in enumerate(equations.smoothness[used]):
        matrix[:, number, :, number] = weight * square + LEAST_CURVATURE * np.eye(count)
    return matrix


def _third_differences(equations: Equations, near: Mask) -> Array:
    """Those that any free knot is part of, `(n, near)`."""
    count, free = len(near), np.asarray(equations.free.any(axis=1))
    first = np.arange(count if equations.is_cyclic else max(count - 3, 0))
    knots = (first[:, None] + np.arange(SUPPORT)) % count
    knots = knots[free[knots].any(axis=1)]
    place = np.cumsum(near) - 1
    matrix = np.zeros((len(knots), int(np.count_nonzero(near))))
    for offset, share in enumerate((-1.0, 3.0, -3.0, 1.0)):
        np.add.at(matrix, (np.arange(len(knots)), place[knots[:, offset]]), share)
    return matrix


def _step(free: Mask, matrix: Array, right: Array) -> Array:
    """The solution for the free knots, zero for others; shortened where it goes too far."""
    chosen = np.flatnonzero(free.ravel())
    size = free.size
    step = np.zeros(size)
    if len(chosen):
        factors = cho_factor(matrix.reshape(size, size)[np.ix_(chosen, chosen)], overwrite_a=True, check_finite=False)
        step[chosen] = cho_solve(factors, right.ravel()[chosen], check_finite=False)
    farthest = np.abs(step).max(initial=0.0)
    result: Array = (step * min(1.0, MOST_RANGES / max(farthest, 1e-12))).reshape(free.shape)
    return result
