"""Linear blend skinning in torch, batched over frames, differentiable in the joints' world rotations and positions.

The bind pose is the skeleton's rest pose (`kinematics.rest_world`), in which a `Mesh` is given. A vertex follows the
weighted mean of its joints' rigid transforms (Magnenat-Thalmann et al. 1988): blending the 3 x 4 matrices first is one
matrix product, `(vertices, joints) x (joints, 12)`, on any device. Several meshes, skins and rigid parts come as one
`Mesh`.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from workers.skeleton import kinematics, quat
from workers.skeleton.model import Array, Indices, Mesh, Skeleton
from workers.skeleton.quat_torch import to_matrix

NUMBA_INSTALLED = importlib.util.find_spec("numba") is not None


@dataclass(frozen=True, eq=False)
class Skin:
    """A mesh bound to its skeleton; tensors share one device and floating type."""

    positions_m: Tensor  # (vertices, 3) in the bind pose
    faces: Tensor  # (faces, 3) int64
    used: Tensor  # (used joints,) int64: the joints that hold any vertex
    weights: Tensor  # (vertices, used joints), rows sum to 1
    unbind: Tensor  # (used joints, 4): conjugate of the bind pose's world rotations
    bind_positions_m: Tensor  # (used joints, 3)

    def deform(self, rotations: Tensor, positions_m: Tensor) -> Tensor:
        """Vertices `(frames, vertices, 3)` in the world for joints `(frames, joints, 4)` and `(frames, joints, 3)`."""
        turn = to_matrix(rotations.index_select(1, self.used)) @ to_matrix(self.unbind)
        shift = positions_m.index_select(1, self.used) - (turn @ self.bind_positions_m[..., None])[..., 0]
        joints = torch.cat([turn, shift[..., None]], dim=-1).flatten(-2)
        blended = (self.weights @ joints).view(len(rotations), -1, 3, 4)
        moved: Tensor = (blended[..., :3] * self.positions_m[:, None]).sum(-1) + blended[..., 3]
        return moved

    def moved(self, rotations: Array, positions_m: Array) -> Tensor:
        """`deform` without gradients, of joints as arrays; compiled where that is possible."""
        if self.positions_m.device.type == "cpu" and NUMBA_INSTALLED:
            from workers.rendering.compiled.skinning import deform

            used, bind = self.used.numpy(), self.bind_positions_m.numpy()
            turn = quat.multiply(rotations[:, used], self.unbind.numpy())
            shift = positions_m[:, used] - quat.rotate(turn, bind)
            matrices = np.concatenate([quat.to_matrix(turn), shift[..., None]], axis=-1)
            vertices = np.empty((len(turn), len(self.positions_m), 3), dtype=self.positions_m.numpy().dtype)
            deform(*self._holders, self.positions_m.numpy(), matrices, vertices)
            return torch.from_numpy(vertices)
        with torch.no_grad():
            like = self.positions_m
            return self.deform(
                *(torch.as_tensor(values).to(like.device, like.dtype) for values in (rotations, positions_m))
            )

    @cached_property
    def _holders(self) -> tuple[Indices, Array]:
        from workers.rendering.compiled.skinning import holders

        return holders(self.weights.numpy())


def bind_skin(
    mesh: Mesh, skeleton: Skeleton, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> Skin:
    """`skeleton` is the one the mesh was read with: its rest pose is where the mesh stands."""
    rotations, positions = kinematics.rest_world(skeleton)
    used = np.unique(mesh.joints[mesh.weights > 0.0])
    column = np.zeros(len(skeleton), dtype=np.int64)
    column[used] = np.arange(len(used))
    weights = np.zeros((len(mesh.positions_m), len(used)))
    # Padding refers to joint 0 with weight 0, and a joint may be listed twice: add, do not assign.
    np.add.at(weights, (np.arange(len(weights))[:, None], column[mesh.joints]), mesh.weights)

    def tensor(values: np.typing.NDArray[np.float64]) -> Tensor:
        return torch.as_tensor(values, dtype=dtype, device=device)

    return Skin(
        positions_m=tensor(mesh.positions_m),
        faces=torch.as_tensor(mesh.faces, device=device),
        used=torch.as_tensor(used, device=device),
        weights=tensor(weights),
        unbind=tensor(quat.conjugate(rotations[used])),
        bind_positions_m=tensor(positions[used]),
    )
