"""Left and right exchanged, of features and of what the network says: how it is made the same on both sides.

Canonical axes are left, up, forward: a place `(x, y, z)` becomes `(-x, y, z)` on the other side's node, a rotation
vector `(x, -y, -z)`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from workers.retargeting.network.features import (
    BONE,
    CHAINS,
    QUADRANTS,
    SOURCE_DYNAMIC,
    STATIC,
    TARGET_DYNAMIC,
)
from workers.retargeting.network.nodes import MIRRORED

POLAR, AXIAL = (-1.0, 1.0, 1.0), (1.0, -1.0, -1.0)
SIX = (1.0, -1.0, -1.0, -1.0, 1.0, 1.0)  # the first two columns of S M S, with S the mirror
_LIMBS = [
    list(CHAINS).index(limb.replace("left", "@").replace("right", "left").replace("@", "right")) for limb in CHAINS
]


def mirrored_source(source: Tensor) -> Tensor:
    return _mirrored(source, (*SIX, *SIX, *POLAR), STATIC + SOURCE_DYNAMIC)


def mirrored_target(target: Tensor) -> Tensor:
    return _mirrored(target, POLAR, STATIC + TARGET_DYNAMIC)


def mirrored_turns(turns: Tensor) -> Tensor:
    """Of rotation vectors by node, `(batch, frames, nodes, ..., 3)`."""
    return turns[:, :, torch.as_tensor(MIRRORED)] * turns.new_tensor(AXIAL)


def mirrored_near(near: Tensor) -> Tensor:
    return near[..., _LIMBS]


def mirrored_present(present: Tensor) -> Tensor:
    return present[:, torch.as_tensor(MIRRORED)]


def _mirrored(values: Tensor, signs: tuple[float, ...], count: int) -> Tensor:
    """Static columns are bone, radius, quadrants, presence; then come vectors with `signs`, then what has no side."""
    rest = count - STATIC - len(signs)
    scale = values.new_tensor((*POLAR, *(1.0,) * (STATIC - BONE), *signs, *(1.0,) * rest))
    order = list(range(count))
    # Quadrants are front, a side, back, the other side.
    order[4 : 4 + QUADRANTS] = [4, 7, 6, 5]
    return values[:, :, torch.as_tensor(MIRRORED)][..., order] * scale
