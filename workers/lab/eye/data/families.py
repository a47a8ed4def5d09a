"""Bodies and clips of one part of the split, and motions copied between bodies of one family.

Sameness must not come from our own retargeter, or the eye learns that its results are perfect: within a family the same
local rotations are played on every body, exactly. Where a pack has no clips for a rig, the retargeter brings poses onto
the family's first body, once; what those poses mean on the other bodies is then copied like any other.
"""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from workers.contract.errors import InvalidOptions
from workers.contract.options import JobOptions
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.geometry.decimate import prepare_surface
from workers.lab.corpus import load_character
from workers.lab.eye.data.bodies import ClipShelf, Family, LabelledClip, PosableBody
from workers.lab.eye.data.makehuman import MakeHuman, Shape, read_makehuman
from workers.lab.eye.data.motions import clip_text, load_motion
from workers.lab.eye.data.split import Part, group_key, load_split
from workers.motion.body_motion import BodyMotion, from_rotations
from workers.preparation.change_units import posed
from workers.preparation.prepare import PreparedCharacter, prepare_character
from workers.retargeting.clip import retarget_clip
from workers.samples.glb import make_character
from workers.samples.shape import STOUT, TALL
from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body, measure_body
from workers.skeleton.model import Array, Clip, Mesh, Scene, Skeleton, Units

MAX_FACES = 3600
FILES = {
    "kaykit-manny": "characters/kaykit-manny/*.gltf",
    "quaternius-men": "characters/quaternius-modular/men_*.glb",
    "quaternius-knight": "characters/quaternius-fbx/KnightCharacter.glb",
    "quaternius-human": "characters/quaternius-fbx/AnimatedHuman.fbx",
    "quaternius-woman": "characters/quaternius-fbx/AnimatedWoman.fbx",
    "quaternius-zombie": "characters/quaternius-fbx/Zombie.fbx",
    "mixamo-xy": "characters/mixamo-xy-pair/*.glb",
    "kaykit-adventurers": "characters/kaykit-adventurers/*.glb",
    "quaternius-women": "characters/quaternius-modular/women_*.glb",
}
MAKEHUMAN = "characters/makehuman"
# Clips that were made on a family's own rig: their local rotations are played as they are.
OWN_CLIPS = {
    "kaykit-manny": "kaykit-medium/",
    "quaternius-knight": "quaternius-fbx/KnightCharacter",
    "quaternius-human": "quaternius-fbx/AnimatedHuman",
    "quaternius-woman": "quaternius-fbx/AnimatedWoman",
    "quaternius-zombie": "quaternius-fbx/Zombie",
    "mixamo-xy": "mixamo-xy-pair/",
    "kaykit-adventurers": "kaykit-adventurers/",
}
BOUND_TO_RIG = ("kaykit-adventurers/", "mixamo-xy-pair/")  # clips that only their own family plays
# Fixed shapes. Trained-on bodies are these and random ones (`random_shape`), which never come near the held-out ones.
SHAPES: dict[str, dict[str, Shape]] = {
    "makehuman": {
        "man": {"caucasian-male-young": 1.0},
        "woman": {"caucasian-female-young": 1.0},
        "strong_man": {"caucasian-male-young": 1.0, "universal-male-young-maxmuscle-averageweight": 0.6},
        "small_thin_woman": {
            "caucasian-female-young": 1.0, "universal-female-young-minmuscle-minweight": 0.6,
            "female-young-averagemuscle-averageweight-minheight": 0.5,
        },
    },
    "makehuman-held-out": {
        "child": {"caucasian-male-child": 0.5, "caucasian-female-child": 0.5},
        "heavy_woman": {"caucasian-female-young": 1.0, "universal-female-young-averagemuscle-maxweight": 1.0},
        "tall_muscular_man": {
            "caucasian-male-young": 1.0, "universal-male-young-maxmuscle-averageweight": 1.0,
            "male-young-averagemuscle-averageweight-maxheight": 0.4,
        },
    },
}  # fmt: skip
# Up to which share of the leg a foot's height is kept when a motion is copied; above it the hips decide.
NEAR_FLOOR = 0.3


def load_families(data: Path, part: Part) -> list[Family]:
    """All families of one part of the split; clips load when asked for. `data` holds `motions` and `characters`.

    Raises what reading raises.
    """
    split = load_split()
    return [load_family(data, name, split.clips(part)) for name in split.families(part)]


def copy_onto(motion: BodyMotion, body: Body) -> BodyMotion:
    """The motion on another body of the same family: the same local rotations, the path of the root scaled by the
    length of the legs, standing on the new body's floor.

    A joint that the other skeleton lacks rests. Near the floor the lowest foot keeps its height over it, scaled.
    """
    source = motion.body
    local = kinematics.local_rotations(source.skeleton, motion.rotations)
    number = {name: joint for joint, name in enumerate(source.skeleton.names)}
    found = np.array([number.get(name, -1) for name in body.skeleton.names])
    copied = np.where((found >= 0)[:, None], local[:, found], body.skeleton.rest_rotations)
    # An armature node may have a name and a turn of its own on every body: below it the world's turn counts.
    for joint in np.flatnonzero((found >= 0) & (body.skeleton.parents >= 0)):
        parent = int(body.skeleton.parents[joint])
        if found[parent] < 0:
            above = kinematics.world_rotations(body.skeleton, copied)[:, parent]
            copied[:, joint] = quat.multiply(quat.conjugate(above), motion.rotations[:, found[joint]])
    world = kinematics.world_rotations(body.skeleton, copied)
    scale = body.leg_length_m / source.leg_length_m
    path = motion.positions_m[:, source.hips] * scale
    rise = body.hips_height_m / source.hips_height_m
    path[:, 1] = body.floor_m + (motion.positions_m[:, source.hips, 1] - source.floor_m) * rise
    result = from_rotations(body, motion, world, path)
    before, after = _lowest_sole(motion) * scale, _lowest_sole(result)
    share = 1.0 - np.clip(np.abs(before) / (NEAR_FLOOR * body.leg_length_m), 0.0, 1.0)
    lift = np.zeros_like(path)
    lift[:, 1] = share * (before - after)
    return BodyMotion(
        body, motion.name, motion.rate_hz, motion.start_s, result.rotations, result.positions_m + lift[:, None]
    )


def make_body(name: str, family: str, prepared: PreparedCharacter) -> PosableBody:
    """A prepared character with its surface, decimated, in the rest pose of its body."""
    mesh = prepared.scene.load_mesh()
    if mesh is None:
        raise ValueError(f"{name}: no surface")
    if prepared.rest.skeleton is not prepared.scene.skeleton:
        mesh = posed(mesh, prepared.scene.skeleton, prepared.rest.skeleton)
    return PosableBody(name, family, "skinned", prepared.body, prepare_surface(mesh, MAX_FACES))


def shaped_body(base: MakeHuman, reference: Body, name: str, family: str, shape: Shape) -> PosableBody:
    """A shape of the parametric body; `reference` is any other, whose roles it has."""
    skeleton, mesh = base.shaped(shape)
    return PosableBody(name, family, "skinned", measure_body(skeleton, reference.mapping, mesh), mesh)


def random_shape(random: np.random.Generator) -> Shape:
    """A grown or half-grown body, thin, heavy or strong; never as young, heavy or tall as the held-out ones."""
    male = float(np.clip(random.beta(0.5, 0.5), 0.0, 1.0))
    young = 1.0 - float(random.uniform(0.0, 0.5) * (random.random() < 0.4))
    build = random.dirichlet([1.0, 0.6, 0.6, 0.6])
    height = float(random.uniform(-0.5, 0.25))
    shape: dict[str, float] = {}
    for sex, share in (("male", male), ("female", 1.0 - male)):
        shape[f"caucasian-{sex}-young"] = share * young
        shape[f"caucasian-{sex}-child"] = share * (1.0 - young)
        for words, amount in zip(("minmuscle-minweight", "maxmuscle-averageweight"), build[1:3], strict=True):
            shape[f"universal-{sex}-young-{words}"] = share * young * float(amount)
        shape[f"universal-{sex}-young-averagemuscle-maxweight"] = share * young * min(float(build[3]), 0.7)
        end = "maxheight" if height > 0.0 else "minheight"
        shape[f"{sex}-young-averagemuscle-averageweight-{end}"] = share * young * abs(height)
    return shape


@lru_cache(maxsize=1)
def load_makehuman(data: Path) -> tuple[MakeHuman, PreparedCharacter]:
    """The parametric body, and its plain man as a character that motions can be brought onto."""
    if not (data / MAKEHUMAN).is_dir():
        raise _incomplete(data, MAKEHUMAN)
    base = read_makehuman(data / MAKEHUMAN, MAX_FACES)
    skeleton, mesh = base.shaped(SHAPES["makehuman"]["man"])
    return base, prepare_character(bare_scene(skeleton, mesh), {})


def load_family(data: Path, name: str, clip_ids: tuple[str, ...]) -> Family:
    """One family by name with those of the clips that it can play. `data` is not read for the project's own samples.

    Raises what reading raises.
    """
    if name in SHAPES:
        base, prepared = load_makehuman(data)
        bodies = tuple(shaped_body(base, prepared.body, label, name, shape) for label, shape in SHAPES[name].items())
        prepared = prepare_character(bare_scene(bodies[0].body.skeleton, bodies[0].surface), {})
    else:
        characters = load_characters(data, name)
        bodies = tuple(make_body(label, name, character) for label, character in characters.items())
        prepared = next(iter(characters.values()))
    own = OWN_CLIPS.get(name)
    ids = [clip for clip in clip_ids if _plays(clip, own)]
    # The same motion as one of the rig's own would be another moment only by name.
    mine = {group_key(clip) for clip in ids if own is not None and clip.startswith(own)}
    ids = [clip for clip in ids if (own is not None and clip.startswith(own)) or group_key(clip) not in mine]
    return Family(name, bodies, ClipShelf(ids, partial(_load_clip, data, name, prepared, own)))


def _plays(clip: str, own: str | None) -> bool:
    return (own is not None and clip.startswith(own)) or not clip.startswith(BOUND_TO_RIG)


def load_characters(data: Path, name: str) -> dict[str, PreparedCharacter]:
    if name == "samples":
        return {
            shape.name: prepare_character(read_scene(FileBundle(f"{shape.name}.glb", make_character(shape))), {})
            for shape in (TALL, STOUT)
        }
    paths = sorted(data.glob(FILES[name]))
    if not paths:
        raise _incomplete(data, FILES[name])
    return {path.stem: load_character(path) for path in paths}


def _incomplete(data: Path, pattern: str) -> InvalidOptions:
    return InvalidOptions(
        f"--data: no {pattern} under {str(data)!r}; bring the files: retarget train fetch --to FOLDER"
    )


def _load_clip(data: Path, family: str, prepared: PreparedCharacter, own: str | None, clip_id: str) -> LabelledClip:
    source = load_motion(data, clip_id)
    if own is not None and clip_id.startswith(own):
        motion = copy_onto(source.motion, prepared.body)
    else:
        motion = retarget_clip(source, prepared, JobOptions()).result
    return LabelledClip(clip_id, family, clip_text(clip_id), motion)


def bare_scene(skeleton: Skeleton, mesh: Mesh) -> Scene:
    """A scene around a surface that was made here and came from no file of a known format."""

    def no_clip(index: int, rate_hz: float | None) -> Clip:
        raise IndexError("a shape has no clips")

    units = Units(1.0, "m", "Y", guessed=False, reason="made in metres")
    return Scene("glb", skeleton, "bind", units, (), no_clip, lambda: mesh, skins=1, meshes=1)


def _lowest_sole(motion: BodyMotion) -> Array:
    """Height of the lower foot's sole over the floor, `(frames,)`, by the joints and the drops measured at rest."""
    body = motion.body
    heights = [
        motion.positions_m[:, joint, 1] - drop
        for role, drop in body.sole_drop_m.items()
        if (joint := body.joint(role)) is not None
    ]
    if not heights:
        return np.zeros(motion.frames)
    return np.asarray(np.min(heights, axis=0) - body.floor_m)
