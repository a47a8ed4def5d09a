"""Compiled linear blend skinning: each vertex by the few joints that hold it (see `workers.rendering.skinning`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.platform.compiled import compiled
from workers.skeleton.model import Array, Indices


def holders(weights: Array) -> tuple[Indices, Array]:
    """Of dense weights `(vertices, joints)` the joints that hold each vertex, and how much: `(vertices, k)` both, `k`
    the most joints that any vertex has.
    """
    most = max(1, int((weights > 0.0).sum(axis=1).max(initial=1)))
    joints = np.argsort(-weights, axis=1, kind="stable")[:, :most]
    return joints, np.take_along_axis(weights, joints, axis=1)


@compiled
def deform(joints: Indices, shares: Array, rest_m: Array, matrices: Array, moved: NDArray[np.float64]) -> None:
    """Vertices `moved` `(frames, vertices, 3)` of a surface at `rest_m` `(vertices, 3)`; `matrices` `(frames, joints,
    3, 4)`.
    """
    for frame in range(len(moved)):
        for vertex in range(len(rest_m)):
            x, y, z = rest_m[vertex, 0], rest_m[vertex, 1], rest_m[vertex, 2]
            for axis in range(3):
                total = 0.0
                for k in range(joints.shape[1]):
                    share = shares[vertex, k]
                    if share > 0.0:
                        row = matrices[frame, joints[vertex, k], axis]
                        total += share * (row[0] * x + row[1] * y + row[2] * z + row[3])
                moved[frame, vertex, axis] = total
