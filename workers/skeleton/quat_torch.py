"""Quaternions in torch: xyzw, unit, active, batched, differentiable (conventions of `workers.skeleton.quat`).

Only what forward kinematics and skinning need. Formulas as in `workers.skeleton.quat`.
"""

from __future__ import annotations

import torch
from torch import Tensor


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """Hamilton product `(..., 4)`: the rotation b followed by a. Broadcasts."""
    ax, ay, az, aw = a.unbind(-1)
    bx, by, bz, bw = b.unbind(-1)
    return torch.stack(
        [
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ],
        dim=-1,
    )


def rotate(q: Tensor, v: Tensor) -> Tensor:
    """Vectors `(..., 3)` turned by quaternions `(..., 4)`. Broadcasts."""
    xyz = q[..., :3]
    twice = 2.0 * torch.linalg.cross(xyz, v)
    turned: Tensor = v + q[..., 3:] * twice + torch.linalg.cross(xyz, twice)
    return turned


def to_matrix(q: Tensor) -> Tensor:
    """Rotation matrices `(..., 3, 3)` that act on column vectors."""
    x, y, z, w = q.unbind(-1)
    rows = [
        1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w),
        2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w),
        2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, dim=-1).reshape(*q.shape[:-1], 3, 3)


def from_rotation_vector(vector: Tensor) -> Tensor:
    """Exponential map `(..., 3)` (axis times angle in radians) to `(..., 4)`, with finite gradients at zero."""
    # sqrt has no gradient at 0; below 1e-6 rad the shift of the angle is far under rounding.
    angle = torch.sqrt((vector * vector).sum(-1, keepdim=True) + 1e-14)
    return torch.cat([vector * (torch.sin(0.5 * angle) / angle), torch.cos(0.5 * angle)], dim=-1)
