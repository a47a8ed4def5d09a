"""Penetration loss: limbs inside the body or inside another limb, with gradients to both sides.

`find_pairs` looks up, without gradient, which limb vertices are inside or about to be and the closest place on the
other surface; `penetration_loss` measures the depth again in torch along the normal there, so the vertex is pushed out
and the surface pushed away. With place and normal held, the gradient is the exact one of the distance (envelope
theorem). Pairs hold while bodies move by less than their reach; then they must be found again. Neighbours near a shared
joint and what lies no deeper than in the bind pose do not count. Exact figures for reports are `exact`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from workers.geometry.near_body import near_body
from workers.geometry.nearest import closest_on_triangles
from workers.geometry.surface import BodySurface
from workers.skeleton.model import Array

REACH = 0.3  # arm radii outside the surface from which on a vertex is watched
SOFT = 0.1  # arm radii: depth up to which the loss is quadratic, beyond linear (Huber 1964)


@dataclass(frozen=True, eq=False)
class PenetrationPairs:
    """`n` limb vertices near the rest of the body. Tensors share the device and type they were asked for."""

    frame: Tensor  # (n,)
    vertex: Tensor  # (n,)
    corners: Tensor  # (n, 3) vertices of the face that is closest
    shares: Tensor  # (n, 3) barycentric
    outward: Tensor  # (n, 3)
    allowed_m: Tensor  # (n,) depth that the bind pose has already
    area_m2: Tensor  # (n,) of the vertex
    around: Tensor  # (n, k, 3) vertices of the faces near by
    inside: Tensor  # (n,) whether the vertex was inside when it was looked up

    def __len__(self) -> int:
        return len(self.frame)

    def distances_m(self, vertices_m: Tensor) -> Tensor:
        """How far outside each pair is `(n,)`, negative inside; `vertices_m` `(frames, vertices, 3)`."""
        point = vertices_m[self.frame, self.vertex]
        place = (vertices_m[self.frame[:, None], self.corners] * self.shares[..., None]).sum(1)
        return ((point - place) * self.outward).sum(-1)

    def depths_m(self, vertices_m: Tensor) -> Tensor:
        """How much deeper than allowed each pair is `(n,)`, 0 outside; `vertices_m` `(frames, vertices, 3)`."""
        return torch.relu(-self.distances_m(vertices_m) - self.allowed_m)

    def followed(self, vertices_m: Tensor, shallow_m: float) -> PenetrationPairs:
        """The pairs with the closest place looked up again among the faces near by: fingers are so thin that the plane
        of a place holds for millimetres only. Which side a vertex deeper than `shallow_m` is on stays.
        """
        places = vertices_m.detach().cpu().numpy().astype(np.float64)
        frame, around = self.frame.cpu().numpy(), self.around.cpu().numpy()
        points, corners = places[frame, self.vertex.cpu().numpy()], places[frame[:, None, None], around]
        shares, squared = closest_on_triangles(points[:, None], corners)
        rows, best = np.arange(len(points)), squared.argmin(axis=1)
        least = squared[rows, best]
        away = points - np.einsum("nc,ncd->nd", shares[rows, best], corners[rows, best])
        normals = np.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0])
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-20)
        # On an edge or a corner all faces that meet there have a say.
        meeting = squared <= least[:, None] * 1.0001 + 1e-14
        normal = np.einsum("nk,nkd->nd", meeting, normals)
        length = np.sqrt(least)
        inside = np.where(length > shallow_m, self.inside.cpu().numpy(), np.einsum("nd,nd->n", normal, away) < 0.0)
        normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-20)
        outward = away * (np.where(inside, -1.0, 1.0) / np.maximum(length, 1e-9))[:, None]
        outward = np.where((length > 1e-6)[:, None], outward, normal)
        like = self.outward
        return replace(
            self,
            corners=torch.as_tensor(around[rows, best], device=like.device),
            shares=torch.as_tensor(shares[rows, best], dtype=like.dtype, device=like.device),
            outward=torch.as_tensor(outward, dtype=like.dtype, device=like.device),
            inside=torch.as_tensor(inside, device=like.device),
        )


def find_pairs(surface: BodySurface, vertices_m: Tensor | Array, reach: float = REACH) -> PenetrationPairs:
    """Limb vertices inside the rest of the body or within `reach` arm radii of it.

    `vertices_m` `(frames, vertices, 3)` of `surface.mesh` posed; a tensor gives device and type of the pairs.
    """
    like = vertices_m if isinstance(vertices_m, Tensor) else torch.as_tensor(vertices_m)
    places = like.detach().cpu().numpy().astype(np.float64)
    near, allowed = near_body(surface, places, surface.limb_vertices, reach * surface.arm_radius_m)

    def tensor(values: Array) -> Tensor:
        return torch.as_tensor(values, dtype=like.dtype, device=like.device)

    def index(values: np.typing.NDArray[np.int64]) -> Tensor:
        return torch.as_tensor(values, device=like.device)

    return PenetrationPairs(
        index(near.frame),
        index(near.vertex),
        index(surface.outer_faces[near.face]),
        tensor(near.shares),
        tensor(near.outward),
        tensor(allowed),
        tensor(surface.areas_m2[near.vertex]),
        index(surface.outer_faces[near.around]),
        torch.as_tensor(near.distance_m < 0.0, device=like.device),
    )


def penetration_loss(vertices_m: Tensor, pairs: PenetrationPairs, arm_radius_m: float) -> Tensor:
    """Loss of each frame `(frames,)`: a patch of one square arm radius that is one arm radius deep counts about 1."""
    deep = pairs.depths_m(vertices_m) / arm_radius_m
    soft = torch.where(deep < SOFT, deep**2 / (2.0 * SOFT), deep - 0.5 * SOFT)
    loss = vertices_m.new_zeros(len(vertices_m))
    return loss.index_add(0, pairs.frame, soft * pairs.area_m2 / arm_radius_m**2)
