"""A picture seen in a mirror shows the pose with its sides swapped: twice as many poses from the same renders.

What is known of a picture is mirrored along: left and right parts swap names, and X, which points to the picture's
right, changes its sign. Lines that run from one side to the other (shoulders, hips) run back afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Mirror:
    """Which segment and which contact takes whose place, and the signs of the coordinates `(S, 3)`."""

    segments: Tensor
    signs: Tensor
    contacts: Tensor

    def directions(self, directions: Tensor) -> Tensor:
        """`(..., S, 3)`, the same shape."""
        return directions[..., self.segments, :] * self.signs

    def distances(self, contacts: Tensor) -> Tensor:
        """`(..., K)`, the same shape."""
        return contacts[..., self.contacts]


def make_mirror(segments: Sequence[str], contacts: Sequence[str], across: Sequence[str]) -> Mirror:
    """`across`: segments that run from one side to the other. Raises ValueError where a side has no counterpart."""
    signs = torch.tensor([[1.0, -1.0, -1.0] if name in across else [-1.0, 1.0, 1.0] for name in segments])
    return Mirror(_partners(segments), signs, _partners(contacts))


def _partners(names: Sequence[str]) -> Tensor:
    swapped = {"left": "right", "right": "left"}
    return torch.tensor([names.index(" ".join(swapped.get(word, word) for word in name.split())) for name in names])
