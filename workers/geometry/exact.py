"""Exact penetration of a posed surface, for reference: winding numbers and distances by libigl on the full mesh.

A limb vertex is inside when the surfaces of everything but its own limb wind around it more than half, which holds for
open meshes, several shells and clothes over skin. Its depth is the distance to the closest face that can be seen from
outside. It counts when it is deeper than in the bind pose by more than TOLERANCE, and not near a joint that its part
shares with the other (`BodySurface.excluded`). Nothing here is shared with the test inside the penetration loss.
Reports are measured by `workers.geometry.measured_penetration`, which finds the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from workers.geometry.parts import GROUP_OF, GROUPS
from workers.geometry.surface import BodySurface
from workers.geometry.winding import Patch
from workers.skeleton.model import Array, Indices, Mask

TOLERANCE = 0.001  # of the body's height: skins that lie on one another do not penetrate
NEAR_BY = 0.1  # of the body's height


@dataclass(frozen=True, eq=False)
class Penetration:
    """Over some frames of a motion: limb vertices that penetrate, of how many, and how deep `(frames, limb vertices)`.

    `depth_m` is beyond what the bind pose has, 0 where a vertex does not count.
    """

    depth_m: Array

    @property
    def penetrating(self) -> int:
        return int((self.depth_m > 0.0).sum())

    @property
    def vertices(self) -> int:
        """Limb vertices times frames."""
        return int(self.depth_m.size)

    @property
    def by_frame(self) -> Array:
        """Share of penetrating vertices `(frames,)`."""
        share: Array = (self.depth_m > 0.0).mean(axis=1)
        return share


def rest_depths(surface: BodySurface, depth: Array, face: Indices) -> Array:
    """Depth `(limb vertices, groups)` that is allowed, from depths and closest faces `(limb vertices,)` at rest."""
    limbs, inside = surface.limb_vertices, np.flatnonzero(depth > 0.0)
    whole = np.zeros((len(surface.parts), len(GROUPS)))
    whole[limbs[inside], GROUP_OF[surface.face_parts[face[inside]]]] = depth[inside]
    return surface.worn(whole)[limbs]


def beyond_rest(surface: BodySurface, allowed_m: Array, depth: Array, face: Indices) -> Array:
    """Depth beyond what is allowed, of depths and closest faces `(..., limb vertices)` in a pose; 0 where a vertex does
    not count.
    """
    limbs = surface.limb_vertices
    beyond = depth - allowed_m[np.arange(len(limbs)), GROUP_OF[surface.face_parts[face]]]
    near_joint = surface.excluded[limbs, surface.face_parts[face]]
    return np.where((depth > 0.0) & ~near_joint & (beyond > TOLERANCE * surface.body.height_m), beyond, 0.0)


class ExactPenetration:
    """Measures one surface in any number of poses; what its bind pose shows is measured once."""

    def __init__(self, surface: BodySurface) -> None:
        self.surface = surface
        self.limbs = surface.limb_vertices
        self.faces = surface.mesh.faces
        self.groups = GROUP_OF[surface.face_parts]

    @cached_property
    def allowed_m(self) -> Array:
        """Depth `(limb vertices, groups)` in the bind pose; infinite where a limb is dressed in its neighbour."""
        return rest_depths(self.surface, *self._depths(self.surface.mesh.positions_m))

    def measure(self, vertices_m: Array) -> Penetration:
        """`vertices_m` `(frames, vertices, 3)` is `surface.mesh` posed."""
        found = [beyond_rest(self.surface, self.allowed_m, *self._depths(places)) for places in vertices_m]
        return Penetration(np.array(found).reshape(len(found), len(self.limbs)))

    def _depths(self, places: Array) -> tuple[Array, Indices]:
        """Depth of each limb vertex in the rest of the body, 0 outside, and the number of the face that is closest."""
        points = places[self.limbs]
        own = GROUP_OF[self.surface.parts[self.limbs]]
        depth, face = np.zeros(len(points)), np.zeros(len(points), dtype=np.int64)
        inside = self._inside(places, points, own)
        if not inside.any():
            return depth, face
        best = np.full(len(points), np.inf)
        for group, (faces, patch) in self._outer.items():
            asked = np.flatnonzero(inside & (own != group))
            if len(faces) and len(asked):
                squared, closest = patch.closest(places, points[asked])
                nearer = squared < best[asked]
                best[asked[nearer]] = squared[nearer]
                face[asked[nearer]] = faces[closest[nearer]]
        found = inside & np.isfinite(best)
        depth[found] = np.sqrt(best[found])
        return depth, face

    def _inside(self, places: Array, points: Array, own: Indices) -> Mask:
        """Whether the windings of all groups but its own add up to more than half around each point.

        Only points in the bounds of a part are asked about, and only groups near by: the open end of a distant limb
        winds around nothing.
        """
        bounded = np.zeros(len(points), dtype=np.bool_)
        for part, patch in self._parts.items():
            counts = (own != GROUP_OF[part]) & ~self.surface.excluded[self.limbs, part]
            bounded |= counts & patch.holds(places, points)
        windings = np.zeros(len(points))
        for group, patch in self._groups.items():
            asked = np.flatnonzero(bounded & (own != group))
            asked = asked[patch.holds(places, points[asked], NEAR_BY * self.surface.body.height_m)]
            if len(asked):
                windings[asked] += patch.winding_numbers(places, points[asked])
        inside: Mask = windings > 0.5
        return inside

    @cached_property
    def _parts(self) -> dict[int, Patch]:
        of = self.surface.face_parts
        return {int(part): Patch(self.faces[of == part]) for part in np.unique(of)}

    @cached_property
    def _groups(self) -> dict[int, Patch]:
        return {group: Patch(self.faces[self.groups == group]) for group in range(len(GROUPS))}

    @cached_property
    def _outer(self) -> dict[int, tuple[Indices, Patch]]:
        """Of each group what can be seen from outside: numbers of the faces, and these."""
        found = {}
        for group in range(len(GROUPS)):
            faces = np.flatnonzero((self.groups == group) & self.surface.outer)
            found[group] = faces, Patch(self.faces[faces])
        return found
