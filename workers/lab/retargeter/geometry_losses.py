"""The losses of refinement as losses of a network: their value and their gradient in the residual, for some frames.

Refinement asks each of its losses for errors and how they change with the residual (`refinement.rows`). The gradient of
half the weighted sum of squares is their product, which is handed on to torch; skinning, penetration, contacts, reach
and hinges are so the very same, measured by the same compiled queries, as when a clip is refined.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.lab.retargeter.examples import Example
from workers.refinement.clearance import clearance_at
from workers.refinement.losses import LOSSES, Scope, weighted_losses
from workers.refinement.rounds import GEOMETRY
from workers.skeleton.model import Array, Indices

NOTHING = {row.name: 0.0 for row in LOSSES}
FIRM = GEOMETRY.firm_at  # the round in which penetration weighs fully, on the reduced surface


@dataclass(frozen=True, eq=False)
class Found:
    """Of some rows of an example's frames: the mean loss a frame, by name, and its `gradient` `(rows, values)`."""

    losses: dict[str, float]
    gradient: Array


def find_losses(example: Example, rows: Indices, values: Array, weights: Mapping[str, float]) -> Found:
    """With residual `values` `(rows, values)` in the frames `example.frames[rows]`; `weights` by the names of the table
    of losses, of which what has none counts nothing.
    """
    problem, frames = example.problem, example.frames[rows]
    room = clearance_at(frames, problem.activity.nearness, problem.window_metrics.contacts)
    changed = np.ones(problem.base.frames, dtype=np.bool_)
    scope = Scope(problem, frames, example.step_s, changed, room, None)
    posed = problem.posed(frames, values)
    losses: dict[str, float] = {}
    gradient = np.zeros_like(values)
    for name, weight in weights.items():
        for item in weighted_losses(scope, NOTHING | {name: weight}, GEOMETRY):
            share = item.weight(FIRM) / len(frames)
            found = item.loss.rows(posed, FIRM, lambda: None) if share > 0.0 else None
            if found is None:
                continue
            losses[name] = losses.get(name, 0.0) + share * found.loss
            np.add.at(gradient, found.frame, (share * found.weights * found.errors)[:, None] * found.jacobian)
    return Found(losses, gradient)


def handed_on(values: Tensor, gradient: Array) -> Tensor:
    """A number whose gradient in `values` is `gradient`; what it is itself says nothing."""
    return (values * torch.as_tensor(gradient, dtype=values.dtype)).sum()
