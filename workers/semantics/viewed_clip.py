"""ViewedClip: what is looked at of one retargeted clip, by encoders and in pictures alike.

Source, result and naive copy as moving surfaces, where the cameras stand, and which frames matter. A rig's own heading
and the place where a clip begins are no part of its meaning, and a result has its own of both (`copy_rest.relate`,
`start: origin`): so all three motions are turned to their bodies' canonical heading and begin above the origin, on the
same cell of the ground's grid. Heights, and what happens after the first frame, stay.

The result is seen with its travel (`RetargetedClip.scored`), also where `root_motion: in_place` takes that away from
the delivered clip: the user asked for that, so it is no change of meaning, and the ground would stand still below
walking feet. The pictures show what was scored.

A skinned file is seen by its own surface, decimated; a motion without one by a generated body (`body_proxy`). Surfaces
are prepared once for each content and kept (`SKINS_KEPT`), so that batches pay for a character once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from weakref import WeakKeyDictionary

from workers.contract.engine_version import ENGINE_VERSION
from workers.geometry.body_proxy import build_proxy, coarse_body
from workers.geometry.decimate import prepare_surface
from workers.geometry.kept_surfaces import kept_mesh
from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts
from workers.platform.cache_folder import Recent
from workers.platform.content_key import content_key
from workers.preparation.prepare import PreparedCharacter, PreparedMotion
from workers.rendering.moving_body import MovingBody, motion_facing
from workers.rendering.skinning import Skin, bind_skin
from workers.semantics.keyframes import choose_keyframes
from workers.skeleton import quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Indices, Mesh, Scene

if TYPE_CHECKING:
    from workers.retargeting.clip import RetargetedClip

BodyKind = Literal["skinned", "generated"]

VIEWS = ("front", "side", "three_quarter")
KEYFRAMES = 8
MAX_FACES = 10_000  # at 224 px a face is smaller than a pixel then
SKINS_KEPT = 32  # decimated, about 2 MB each


@dataclass(frozen=True, eq=False)
class ViewedClip:
    """`facing` `(4,)` is where the source faces on average, for the cameras of all three. `keyframes` count in each
    motion alike. `source_body` says whether the source has a surface of its own. `compared` are source and result as
    they were before they were turned for the cameras, with the source's foot contacts.
    """

    source: MovingBody
    result: MovingBody
    naive: MovingBody
    facing: Array
    keyframes: Indices
    views: tuple[str, ...]
    source_body: BodyKind
    compared: tuple[BodyMotion, BodyMotion, FootContacts]

    @property
    def times_s(self) -> Array:
        """Seconds of the keyframes from the clip's first frame, `(keys,)`."""
        return self.keyframes / self.source.motion.rate_hz


def view_clip(
    retargeted: RetargetedClip,
    target: PreparedCharacter,
    budget: int = KEYFRAMES,
    views: Sequence[str] = VIEWS,
    device: str = "cpu",
) -> ViewedClip:
    """A retargeted clip as it is looked at; `budget` is the most keyframes, 2 or more."""
    return see(
        retargeted.source,
        retargeted.contacts,
        retargeted.source_floor_m,
        target,
        retargeted.scored,
        retargeted.naive,
        budget,
        views,
        device,
    )


def see(
    source: PreparedMotion,
    contacts: FootContacts,
    source_floor_m: float,
    target: PreparedCharacter | PreparedMotion,
    result: BodyMotion,
    naive: BodyMotion,
    budget: int = KEYFRAMES,
    views: Sequence[str] = VIEWS,
    device: str = "cpu",
) -> ViewedClip:
    """The same for motions from anywhere: `source.motion`, `result` and `naive` share one time axis; the latter two are
    of the body in the file `target`. `source_floor_m` is the world height of the source's ground.
    """
    skin, kind = skin_of(source.scene, source.body, device)
    made, _ = skin_of(target.scene, result.body, device)
    seen = MovingBody(from_origin(source.motion), skin, source_floor_m)
    return ViewedClip(
        source=seen,
        result=MovingBody(from_origin(result), made, result.body.floor_m),
        naive=MovingBody(from_origin(naive), made, naive.body.floor_m),
        facing=motion_facing(seen.motion),
        keyframes=choose_keyframes(source.motion, contacts, budget),
        views=tuple(views),
        source_body=kind,
        compared=(source.motion, result, contacts),
    )


def from_origin(motion: BodyMotion) -> BodyMotion:
    """The motion in its body's canonical heading, its hips above the origin in the first frame; heights stay."""
    turn = quat.conjugate(motion.body.facing)
    start = motion.positions_m[0, motion.body.hips] * [1.0, 0.0, 1.0]
    return replace(
        motion,
        rotations=quat.multiply(turn, motion.rotations),
        positions_m=quat.rotate(turn, motion.positions_m - start),
    )


_skins: WeakKeyDictionary[Body, dict[str, tuple[Skin, BodyKind]]] = WeakKeyDictionary()
_bound: Recent[tuple[Skin, BodyKind]] = Recent(SKINS_KEPT)


def skin_of(scene: Scene, body: Body, device: str = "cpu") -> tuple[Skin, BodyKind]:
    """What a body in this file is seen by. Only a skin, or rigid parts that hang on its joints, are its own surface:
    what else lies in a motion file may be a prop.
    """
    by_device = _skins.setdefault(body, {})
    if device not in by_device:
        mesh = scene.load_mesh() if scene.has_surface else None
        own = mesh if mesh is not None and len(mesh.faces) else None
        # Bound where the mesh stands, whichever pose the body counts as rest.
        shape = coarse_body(body)
        key = content_key(ENGINE_VERSION, device, *((shape,) if own is None else (scene.skeleton, own)))
        by_device[device] = _bound.get(key, lambda: _bind(own, scene, shape, device))
    return by_device[device]


def _bind(own: Mesh | None, scene: Scene, body: Body, device: str) -> tuple[Skin, BodyKind]:
    if own is None:
        return bind_skin(build_proxy(body), body.skeleton, device), "generated"
    key = content_key(ENGINE_VERSION, own, MAX_FACES)
    return bind_skin(kept_mesh(key, lambda: prepare_surface(own, MAX_FACES)), scene.skeleton, device), "skinned"
