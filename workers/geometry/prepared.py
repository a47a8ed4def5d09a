"""The surfaces of files, prepared once for each body: several clips of one character share them, and all that measures.

A file's own skin where it has one, else a generated body. No torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from workers.geometry.exact import ExactPenetration
from workers.geometry.measured_penetration import MeasuredPenetration
from workers.geometry.surface import BodySurface, build_surface, reduced
from workers.preparation.change_units import posed
from workers.preparation.prepare import PreparedCharacter, PreparedMotion
from workers.skeleton.body import Body
from workers.skeleton.model import Scene

MAX_FACES = 3000  # with fewer, hands lose the vertices that they touch with: 2000 leave 3 mm more
FINE_FACES = 16000
BODIES_KEPT = 6


@dataclass(frozen=True, eq=False)
class BodySurfaces:
    """The full surface of a body; what is made of it is made when it is first asked for."""

    full: BodySurface

    @cached_property
    def light(self) -> BodySurface:
        """Reduced to `MAX_FACES` faces."""
        return reduced(self.full, MAX_FACES)

    @cached_property
    def fine(self) -> BodySurface:
        """Reduced to `FINE_FACES` faces; the full one where it has no more."""
        return self.full if len(self.full.mesh.faces) <= FINE_FACES else reduced(self.full, FINE_FACES)

    @cached_property
    def penetration(self) -> MeasuredPenetration:
        return MeasuredPenetration(self.full)

    @cached_property
    def exact(self) -> ExactPenetration:
        """The same by libigl, for reference."""
        return ExactPenetration(self.full)


def surfaces_of(file: PreparedCharacter | PreparedMotion) -> BodySurfaces:
    """The surfaces of a character, or of a motion's rig."""
    return _surfaces(file.body, file.scene)


@lru_cache(maxsize=BODIES_KEPT)
def _surfaces(body: Body, scene: Scene) -> BodySurfaces:
    mesh = scene.load_mesh() if scene.has_surface else None
    if mesh is not None and body.skeleton is not scene.skeleton:
        mesh = posed(mesh, scene.skeleton, body.skeleton)
    return BodySurfaces(build_surface(body, mesh))
