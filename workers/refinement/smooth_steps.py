"""Steps along smooth curves: the optimiser's own variables, in which smoothness and prior are of one size.

Third differences of knots weigh quick changes a thousand times more than slow ones; plain steps would bring every knot
on its own way first and smooth it later. So knots are `start + M z`, with `M` the inverse square root of the Hessian
of prior and smoothness, value by value (a Sobolev gradient: Neuberger 1997): a step in `z` shifts an arm for a whole
window as easily as for a moment. Held knots stay exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.skeleton.model import Array, Indices, Mask


@dataclass(frozen=True, eq=False)
class SmoothSteps:
    """`rows` are the knots that are free in any value; `matrices` `(values, rows, rows)`."""

    start: Tensor
    rows: Tensor
    matrices: Tensor

    def zeros(self) -> Tensor:
        """Variables `(rows, values)` that leave the start as it is."""
        return self.start.new_zeros(len(self.rows), self.start.shape[1])

    def knots(self, variables: Tensor) -> Tensor:
        """Knots `(knots, values)`."""
        change = torch.einsum("vij,jv->iv", self.matrices, variables)
        return self.start.index_add(0, self.rows, change)


def smooth_steps(start: Tensor, free: Mask, smoothness: Array, is_cyclic: bool) -> SmoothSteps:
    """`free` `(knots, values)`; `smoothness` `(values,)` is what third differences weigh against the knots."""
    rows = np.flatnonzero(free.any(axis=1))
    third = _third_differences(len(free), rows, is_cyclic)
    hessian = third.T @ third
    matrices = np.zeros((free.shape[1], len(rows), len(rows)))
    for value in range(free.shape[1]):
        own = np.flatnonzero(free[rows, value])
        if len(own):
            part = np.eye(len(own)) + smoothness[value] * hessian[np.ix_(own, own)]
            sizes, directions = np.linalg.eigh(part)
            matrices[value][np.ix_(own, own)] = (directions / np.sqrt(sizes)) @ directions.T
    return SmoothSteps(
        start,
        torch.as_tensor(rows, device=start.device),
        torch.as_tensor(matrices, dtype=start.dtype, device=start.device),
    )


def _third_differences(knots: int, rows: Indices, is_cyclic: bool) -> Array:
    """Matrix from these of the knots to the third differences that they take part in."""
    column = np.full(knots, -1)
    column[rows] = np.arange(len(rows))
    first = np.arange(knots if is_cyclic else knots - 3)
    touched = (first[:, None] + np.arange(4)) % knots
    kept = (column[touched] >= 0).any(axis=1)
    matrix = np.zeros((int(kept.sum()), len(rows)))
    for offset, share in enumerate((-1.0, 3.0, -3.0, 1.0)):
        number = column[touched[kept, offset]]
        inside = np.flatnonzero(number >= 0)
        matrix[inside, number[inside]] += share
    return matrix
