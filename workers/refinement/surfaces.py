"""The surface that a refinement moves: a reduced one with its skin, prepared once for each body."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from workers.geometry.prepared import BODIES_KEPT, surfaces_of
from workers.geometry.surface import BodySurface
from workers.preparation.prepare import PreparedCharacter, PreparedMotion
from workers.rendering.skinning import Skin, bind_skin


@dataclass(frozen=True, eq=False)
class MovingSurface:
    """A reduced surface with its skin."""

    surface: BodySurface
    skin: Skin


def moving_surface(file: PreparedCharacter | PreparedMotion) -> MovingSurface:
    """The surface of a character, or of a motion's rig: its own skin where it has one, else a generated body."""
    return _bound(surfaces_of(file).light)


def fine_surface(file: PreparedCharacter) -> MovingSurface:
    """A finer one, for the last steps."""
    return _bound(surfaces_of(file).fine)


@lru_cache(maxsize=2 * BODIES_KEPT)
def _bound(surface: BodySurface) -> MovingSurface:
    return MovingSurface(surface, bind_skin(surface.mesh, surface.body.skeleton))
