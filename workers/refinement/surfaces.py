"""The surfaces that refinement works on, prepared once for each body: several clips of one character share them."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from workers.geometry.surface import BodySurface, build_surface, reduced
from workers.preparation import PreparedCharacter, PreparedMotion
from workers.rendering.skinning import Skin, bind_skin
from workers.restate import posed
from workers.skeleton.body import Body

MOST_FACES = 3000  # with fewer, hands lose the vertices that they touch with: 2000 leave 3 mm more


@dataclass(frozen=True, eq=False)
class MovingSurface:
    """A reduced surface with its skin."""

    surface: BodySurface
    skin: Skin


_prepared: WeakKeyDictionary[Body, MovingSurface] = WeakKeyDictionary()


def moving_surface(file: PreparedCharacter | PreparedMotion) -> MovingSurface:
    """The surface of a character, or of a motion's rig: its own skin where it has one, else a generated body."""
    if file.body not in _prepared:
        mesh = file.scene.load_mesh() if file.scene.rest_kind == "bind" else None
        if mesh is not None and file.body.skeleton is not file.scene.skeleton:
            mesh = posed(mesh, file.scene.skeleton, file.body.skeleton)
        surface = reduced(build_surface(file.body, mesh), MOST_FACES)
        _prepared[file.body] = MovingSurface(surface, bind_skin(surface.mesh, file.body.skeleton))
    return _prepared[file.body]
