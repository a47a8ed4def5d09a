"""Generalized winding numbers (Jacobson et al. 2013; fast: Barill et al. 2018) by libigl, which is imported on use.

About 1 inside a closed surface, 0 outside, fractions near the holes of an open one; surfaces inside one another add up.
"""

from __future__ import annotations

import numpy as np

from workers.skeleton.model import Array, Indices


def winding_numbers(positions_m: Array, faces: Indices, points_m: Array) -> Array:
    """Winding number `(points,)` of the surface around each point."""
    import igl

    if not len(faces) or not len(points_m):
        return np.zeros(len(points_m))
    tree = igl.FastWindingNumberBVH()
    used, corners = np.unique(faces, return_inverse=True)
    tree.init(np.ascontiguousarray(positions_m[used]), corners.reshape(-1, 3))
    return np.asarray(tree.winding_number(np.ascontiguousarray(points_m)))
