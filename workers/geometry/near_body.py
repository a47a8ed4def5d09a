"""Which places of the body limb vertices are near to, left out what a body's own shape brings with it. No torch."""

from __future__ import annotations

from workers.geometry.nearest import Near
from workers.geometry.parts import GROUP_OF
from workers.geometry.queries.near import find_near
from workers.geometry.surface import BodySurface
from workers.skeleton.model import Array, Indices, Mask


def near_body(
    surface: BodySurface, vertices_m: Array, queries: Indices, reach_m: float, wanted: Mask | None = None
) -> tuple[Near, Array]:
    """Pairs of limb vertices `queries` with the rest of the body that may count, and the depth `(n,)` allowed to each.

    `vertices_m` `(frames, vertices, 3)`; pairs reach from `reach_m` outside to any depth inside. `wanted` `(frames,
    parts, parts)` are the parts whose bounds are looked into (`find_near`).
    """
    near = find_near(surface.target, vertices_m, queries, surface.parts[queries], reach_m, surface.ignored, wanted)
    return near, allowed_m(surface, near)


def allowed_m(surface: BodySurface, near: Near) -> Array:
    """The depth `(n,)` that the bind pose has already."""
    return surface.rest_depth_m[near.vertex, GROUP_OF[surface.outer_face_parts[near.face]]]
