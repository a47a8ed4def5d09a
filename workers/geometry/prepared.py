"""The surfaces of files, prepared once for each content: clips, jobs and processes with one character share them, and
all that measures.

A file's own skin where it has one, else a generated body. Kept in memory, `BODIES_KEPT` of them, and what takes long
(parts, decimation) in the folder of `workers.platform.cache_folder`. No torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from workers.contract.engine_version import ENGINE_VERSION
from workers.geometry.body_proxy import coarse_body
from workers.geometry.exact import ExactPenetration
from workers.geometry.kept_surfaces import kept_mesh, kept_surface
from workers.geometry.measured_penetration import MeasuredPenetration
from workers.geometry.surface import BodySurface, build_surface, fewer_faces, reduced, with_mesh
from workers.platform.cache_folder import Recent
from workers.platform.content_key import content_key
from workers.preparation.change_units import posed
from workers.preparation.prepare import PreparedCharacter, PreparedMotion
from workers.skeleton.body import Body
from workers.skeleton.model import Scene

MAX_FACES = 3000  # with fewer, hands lose the vertices that they touch with: 2000 leave 3 mm more
FEW_MORE = 1.1  # times as many are not worth reducing: generated bodies have some more
FINE_FACES = 16000
BODIES_KEPT = 12  # some 10 to 30 MB each
FILES_KEPT = 6  # of which the content need not be looked at again


@dataclass(frozen=True, eq=False)
class BodySurfaces:
    """The full surface of a body; what is made of it is made when it is first asked for. `content` is the key of the
    body and its mesh, under which the rest is kept in the folder; without one it is not.
    """

    full: BodySurface
    content: str | None = None

    @cached_property
    def light(self) -> BodySurface:
        """Reduced to `MAX_FACES` faces, where there are many more that can be seen."""
        seen = len(self.full.outer_faces)
        return self._reduced(seen if seen <= FEW_MORE * MAX_FACES else MAX_FACES)

    @cached_property
    def fine(self) -> BodySurface:
        """Reduced to `FINE_FACES` faces; the full one where it has no more."""
        return self.full if len(self.full.mesh.faces) <= FINE_FACES else self._reduced(FINE_FACES)

    @cached_property
    def penetration(self) -> MeasuredPenetration:
        return MeasuredPenetration(self.full)

    @cached_property
    def exact(self) -> ExactPenetration:
        """The same by libigl, for reference."""
        return ExactPenetration(self.full)

    def _reduced(self, most_faces: int) -> BodySurface:
        if self.content is None:
            return reduced(self.full, most_faces)
        key = content_key(self.content, most_faces)
        return with_mesh(self.full, kept_mesh(key, lambda: fewer_faces(self.full, most_faces)))


_bodies: Recent[BodySurfaces] = Recent(BODIES_KEPT)


def surfaces_of(file: PreparedCharacter | PreparedMotion) -> BodySurfaces:
    """The surfaces of a character, or of a motion's rig."""
    return _surfaces(file.body, file.scene)


@lru_cache(maxsize=FILES_KEPT)
def _surfaces(body: Body, scene: Scene) -> BodySurfaces:
    mesh = scene.load_mesh() if scene.has_surface else None
    if mesh is not None and body.skeleton is not scene.skeleton:
        mesh = posed(mesh, scene.skeleton, body.skeleton)
    if mesh is None:
        body = coarse_body(body)
    content = content_key(ENGINE_VERSION, body, mesh)
    return _bodies.get(
        content, lambda: BodySurfaces(kept_surface(content, body, lambda: build_surface(body, mesh)), content)
    )
