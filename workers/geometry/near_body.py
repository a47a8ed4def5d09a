"""Which places of the body limb vertices are near to, left out what a body's own shape brings with it. No torch."""

from __future__ import annotations

from workers.geometry.nearest import Near, find_near
from workers.geometry.parts import GROUP_OF
from workers.geometry.surface import BodySurface
from workers.skeleton.model import Array, Indices


def near_body(surface: BodySurface, vertices_m: Array, queries: Indices, reach_m: float) -> tuple[Near, Array]:
    """Pairs of limb vertices `queries` with the rest of the body that may count, and the depth `(n,)` allowed to each.

    `vertices_m` `(frames, vertices, 3)`; pairs reach from `reach_m` outside to any depth inside.
    """
    own = GROUP_OF[surface.parts[queries]]
    near = find_near(surface.target, vertices_m, queries, own, reach_m, surface.ignored)
    return near, surface.rest_depth_m[near.vertex, GROUP_OF[surface.outer_face_parts[near.face]]]
