"""Forward kinematics in torch, one step a level of the tree: local rotations and offsets to the world, with gradients.

The numpy twin for everything that needs no gradient is `workers.skeleton.kinematics`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from workers.skeleton.model import Array, Skeleton
from workers.skeleton.quat_torch import multiply, rotate


def forward_kinematics(skeleton: Skeleton, rotations: Tensor, offsets_m: Tensor) -> tuple[Tensor, Tensor]:
    """World rotations `(..., joints, 4)` and positions `(..., joints, 3)`.

    `rotations` `(..., joints, 4)` are local and unit, `offsets_m` `(..., joints, 3)` local translations (`fk_offsets`);
    a root's offset is its place in the world, so the gradient of a root's travel is that of its offset.
    """
    turns: dict[int, Tensor] = {}
    places: dict[int, Tensor] = {}
    order: list[int] = []
    world: list[Tensor] = []
    points: list[Tensor] = []
    for level in skeleton.levels:
        index = torch.as_tensor(level, device=rotations.device)
        local, offset = rotations.index_select(-2, index), offsets_m.index_select(-2, index)
        parents = [int(parent) for parent in skeleton.parents[level]]
        if parents[0] >= 0:
            above = torch.stack([turns[parent] for parent in parents], dim=-2)
            base = torch.stack([places[parent] for parent in parents], dim=-2)
            offset = base + rotate(above, offset)
            local = multiply(above, local)
        for column, joint in enumerate(level):
            turns[int(joint)], places[int(joint)] = local[..., column, :], offset[..., column, :]
        order += [int(joint) for joint in level]
        world.append(local)
        points.append(offset)
    back = torch.as_tensor(np.argsort(order), device=rotations.device)
    return torch.cat(world, dim=-2).index_select(-2, back), torch.cat(points, dim=-2).index_select(-2, back)


def fk_offsets(skeleton: Skeleton, frames: int, translations_m: Mapping[int, Array]) -> Array:
    """Local translations `(frames, joints, 3)` of a clip: `node_offsets_m` but for the joints that the clip moves."""
    offsets = np.repeat(skeleton.node_offsets_m[None], frames, axis=0)
    for joint, path in translations_m.items():
        offsets[:, joint] = path
    return offsets
