"""The loss that keeps carried self-contacts, in torch, with gradients to both sides.

It keeps the whole offset of a pair, distance along the normal and none aside, which holds a contact better than
distances do (MeshRet, Ye et al. 2024).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from workers.geometry.transfer_contacts import ContactAnchors
from workers.skeleton.model import Array, Indices

SOFT = 0.1  # arm radii: error up to which the loss is quadratic, beyond linear (Huber 1964)


@dataclass(frozen=True, eq=False)
class ContactPairs:
    """`ContactAnchors` as tensors of one device and type."""

    frame: Tensor  # (n,)
    a_corners: Tensor  # (n, 3)
    a_shares: Tensor  # (n, 3)
    b_corners: Tensor  # (n, 3)
    b_shares: Tensor  # (n, 3)
    gap_m: Tensor  # (n,)
    weight: Tensor  # (n,)

    def missed_m(self, vertices_m: Tensor) -> Tensor:
        """How far a is from where it belongs `(n,)`; `vertices_m` `(frames, vertices, 3)`."""
        corners = vertices_m[self.frame[:, None], self.b_corners]
        place = (corners * self.b_shares[..., None]).sum(1)
        point = (vertices_m[self.frame[:, None], self.a_corners] * self.a_shares[..., None]).sum(1)
        normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        wanted = place + self.gap_m[:, None] * torch.nn.functional.normalize(normal, dim=-1)
        return torch.sqrt(((point - wanted) ** 2).sum(-1) + 1e-12)


def contact_pairs(
    anchors: ContactAnchors, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> ContactPairs:
    def whole(values: Indices) -> Tensor:
        return torch.as_tensor(values, dtype=torch.int64, device=device)

    def real(values: Array) -> Tensor:
        return torch.as_tensor(values, dtype=dtype, device=device)

    return ContactPairs(
        whole(anchors.frame),
        whole(anchors.a_corners),
        real(anchors.a_shares),
        whole(anchors.b_corners),
        real(anchors.b_shares),
        real(anchors.gap_m),
        real(anchors.weight),
    )


def contact_loss(vertices_m: Tensor, pairs: ContactPairs, arm_radius_m: float) -> Tensor:
    """Loss of each frame `(frames,)`: a contact whose points are one arm radius off counts about 1."""
    missed = pairs.missed_m(vertices_m) / arm_radius_m
    soft = torch.where(missed < SOFT, missed**2 / (2.0 * SOFT), missed - 0.5 * SOFT)
    loss = vertices_m.new_zeros(len(vertices_m))
    return loss.index_add(0, pairs.frame, soft * pairs.weight)
