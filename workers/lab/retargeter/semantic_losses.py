"""Semantics consistency as a loss of the network: a frozen encoder looks at source and result from one view.

As in refinement (`refinement.semantic`), with the same encoders: the built-in eye, or any of the store. One keyframe of
one example a step, for a picture with its gradient costs as much as fifty frames of all other losses.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from workers.lab.retargeter.examples import Example
from workers.lab.retargeter.geometry_losses import Found
from workers.refinement.semantic import SemanticObjective, open_eye
from workers.semantics.loaded import LoadedEncoder
from workers.semantics.viewed_clip import view_clip
from workers.skeleton.model import Array, Indices

KEYFRAMES = 4  # of an example
NAME = "semantics"


@dataclass(eq=False)
class Eyes:
    """An encoder, and what it saw of each example's source."""

    loaded: LoadedEncoder
    weight: float
    seen: dict[int, SemanticObjective] = field(default_factory=dict)

    def of(self, example: Example) -> SemanticObjective:
        if id(example) not in self.seen:
            device = self.loaded.encoder.device.type
            clip = view_clip(example.retargeted, example.target, KEYFRAMES, self.loaded.views, device)
            self.seen[id(example)] = open_eye(clip, self.loaded.encoder, lambda: None)
        return self.seen[id(example)]

    def find(self, example: Example, rows: Indices, values: Array, random: np.random.Generator) -> Found | None:
        """The loss at a keyframe among the example's `rows`, by residual `values` `(rows, values)`, and its gradient
        there; None where there is no keyframe.
        """
        objective, frames = self.of(example), example.frames[rows]
        keys = [int(key) for key in objective.seen.keyframes if frames[0] <= key <= frames[-1]]
        if not keys:
            return None
        key = keys[int(random.integers(len(keys)))]
        row = int(np.argmin(np.abs(frames - key)))
        moment = np.array([key])
        loss = objective.loss(example.problem.freedom, moment, 1.0)
        posed = example.problem.posed(moment, values[[row]])
        found = None if loss is None else loss.rows(posed, int(random.integers(len(objective.pieces))), lambda: None)
        if found is None:
            return None
        gradient = np.zeros_like(values)
        gradient[row] = (self.weight * found.weights * found.errors) @ found.jacobian
        return Found({NAME: self.weight * found.loss}, gradient)
