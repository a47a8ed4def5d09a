"""Stretches of examples as tensors: windows of one length, ends held where an example is shorter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.lab.retargeter.examples import Example
from workers.retargeting.network.weights import Network
from workers.skeleton.model import Indices


@dataclass(frozen=True, eq=False)
class Batch:
    """`frames` `(examples, length)` numbers each example's rows; `real` of them are its own, the others the last."""

    examples: Sequence[Example]
    frames: Indices
    real: Indices
    inputs: tuple[Tensor, ...]

    def turns(self, network: Network) -> Tensor:
        """What the network says `(examples, length, nodes, 3)`."""
        said: Tensor = network(*self.inputs)
        return said

    def values(self, turns: Tensor, number: int) -> Tensor:
        """The residual's values of one example in its window `(length, values)`."""
        map_of = self.examples[number].values
        matrix = torch.as_tensor(map_of.matrix[self.frames[number]], dtype=turns.dtype)
        return (matrix * turns[number][:, torch.as_tensor(map_of.node)]).sum(-1)


def make_batch(examples: Sequence[Example], length: int, random: np.random.Generator) -> Batch:
    """A window of `length` frames of each example, drawn evenly."""
    frames, real = [], []
    for example in examples:
        own = len(example.frames)
        first = int(random.integers(max(own - length, 0) + 1))
        frames.append(np.minimum(np.arange(first, first + length), own - 1))
        real.append(min(length, own))
    rows = np.stack(frames)
    return Batch(examples, rows, np.array(real), stacked_inputs(examples, rows))


def stacked_inputs(examples: Sequence[Example], rows: Indices) -> tuple[Tensor, ...]:
    """`Network.forward`'s arguments for the rows `(examples, length)` of each example."""
    columns = [
        np.stack([getattr(example.features, name)[row] for example, row in zip(examples, rows, strict=True)])
        for name in ("source", "target", "turns", "near")
    ]
    present = np.stack([example.features.present for example in examples])
    return (*(torch.from_numpy(column) for column in columns), torch.from_numpy(present))
