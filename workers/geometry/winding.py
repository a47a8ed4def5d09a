"""Generalized winding numbers (Jacobson et al. 2013; fast: Barill et al. 2018) by libigl, which is imported on use.

About 1 inside a closed surface, 0 outside, fractions near the holes of an open one; surfaces inside one another add up.
"""

from __future__ import annotations

import numpy as np

from workers.skeleton.model import Array, Indices, Mask


class Patch:
    """Some faces of a surface with the vertices they use, so that poses after poses need not look for these."""

    def __init__(self, faces: Indices) -> None:
        self.used, corners = np.unique(faces, return_inverse=True)
        self.corners: Indices = np.ascontiguousarray(corners.reshape(-1, 3))

    def __len__(self) -> int:
        return len(self.corners)

    def placed(self, positions_m: Array) -> Array:
        """Its own vertices `(used, 3)` of those of the surface `(vertices, 3)`."""
        return np.ascontiguousarray(positions_m[self.used])

    def holds(self, positions_m: Array, points_m: Array, margin_m: float = 0.0) -> Mask:
        """Which points `(points,)` lie in the bounds of the patch."""
        if not len(self.used):
            return np.zeros(len(points_m), dtype=np.bool_)
        own = positions_m[self.used]
        low, high = own.min(axis=0) - margin_m, own.max(axis=0) + margin_m
        within: Mask = ((points_m >= low) & (points_m <= high)).all(axis=1)
        return within

    def winding_numbers(self, positions_m: Array, points_m: Array) -> Array:
        """Winding number `(points,)` of the patch around each point."""
        import igl

        if not len(self) or not len(points_m):
            return np.zeros(len(points_m))
        tree = igl.FastWindingNumberBVH()
        tree.init(self.placed(positions_m), self.corners)
        return np.asarray(tree.winding_number(np.ascontiguousarray(points_m)))

    def exact_winding_numbers(self, positions_m: Array, points_m: Array) -> Array:
        """The same face by face, with no approximation: slow."""
        import igl

        if not len(self) or not len(points_m):
            return np.zeros(len(points_m))
        return np.asarray(igl.winding_number(self.placed(positions_m), self.corners, np.ascontiguousarray(points_m)))

    def closest(self, positions_m: Array, points_m: Array) -> tuple[Array, Indices]:
        """Squared distance to the closest face and its number in the patch, both `(points,)`."""
        import igl

        squared, closest, _ = igl.point_mesh_squared_distance(
            np.ascontiguousarray(points_m), self.placed(positions_m), self.corners
        )
        return np.asarray(squared), np.asarray(closest)


def winding_numbers(positions_m: Array, faces: Indices, points_m: Array) -> Array:
    """Winding number `(points,)` of the surface around each point."""
    return Patch(faces).winding_numbers(positions_m, points_m)
