"""What the engine needs to know of each file before it retargets: roles, rest pose, measures, contacts.

A `PreparedCharacter` depends on the file, its definition and the given mapping alone, so it serves any number of
motions; a `PreparedMotion` is one clip of one file. A character without a skin is its skeleton, with rigid parts or
without: its rest pose is judged as a motion's is, its own first clip being the evidence. Reading files is left to
`workers.formats`.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from workers.contract.definitions import CharacterDefinition
from workers.contract.errors import ClipNotFound, InvalidOptions, NoSkeleton, NoSkin, NotUpright
from workers.contract.options import JobOptions, JointChoice, MappingOverride
from workers.motion.body_motion import BodyMotion, from_clip
from workers.platform.cache_folder import Recent
from workers.platform.content_key import content_key
from workers.preparation.apply_definition import (
    defined_scene,
    drop_joints,
    given_rest,
    left_alone_joints,
    rest_as_nodes,
)
from workers.preparation.change_units import posed
from workers.preparation.mapping_choice import MappingPreset, PresetLookup, choose_mapping
from workers.preparation.partial_skin import with_unskinned_joints, without_partial_surface
from workers.preparation.several_characters import one_character
from workers.preparation.time_axis import at_result_rate, at_true_rate, settled_by_rate
from workers.skeleton import kinematics
from workers.skeleton.all_fours import stands_on_all_fours
from workers.skeleton.body import Body, measure_body
from workers.skeleton.find_roles.find import VRM_MAP, find_roles, require_roles
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Array, Clip, Notice, Scene
from workers.skeleton.rest.own_facing import face_as_clips
from workers.skeleton.rest.rest_pose import Rest, choose_rest

# Mean confidence above which a mapping is not looked for a second time in another pose.
SURE = 0.9
RIGS_KEPT = 32

_known_roles: Recent[HumanoidMapping] = Recent(RIGS_KEPT)


@dataclass(frozen=True, eq=False)
class PreparedCharacter:
    """A character ready to receive motions. `left_alone` are joints that must not be keyed."""

    scene: Scene
    body: Body
    rest: Rest
    definition: CharacterDefinition | None = None
    preset: MappingPreset | None = None
    left_alone: frozenset[int] = frozenset()


@dataclass(frozen=True, eq=False)
class PreparedMotion:
    """One clip of a motion file on its own body, in world space."""

    scene: Scene
    body: Body
    rest: Rest
    motion: BodyMotion
    clip_index: int
    notices: tuple[Notice, ...]
    definition: CharacterDefinition | None = None
    preset: MappingPreset | None = None


def prepare_character(
    scene: Scene,
    override: MappingABC[str, JointChoice] | MappingOverride,
    definition: CharacterDefinition | None = None,
    find_preset: PresetLookup | None = None,
) -> PreparedCharacter:
    """`override` is the job's, for the target alone or with the presets it names.

    Raises NoSkin, NoSkeleton, MappingIncomplete, NotUpright, InvalidOptions, AmbiguousUnits.
    """
    given = override if isinstance(override, MappingOverride) else MappingOverride(target=dict(override))
    scene = defined_scene(scene, definition)
    whole = scene.skeleton
    play = None if scene.rest_kind == "bind" or not scene.clips else partial(scene.load_clip, 0, None)
    scene = one_character(scene, lambda: choose_mapping(whole, "target", given, definition, None).override, play)
    choice = choose_mapping(scene.skeleton, "target", given, definition, find_preset)
    is_skeleton = scene.rest_kind != "bind" and (scene.meshes == 0 or scene.has_surface)
    motion = own_motion(scene, definition) if is_skeleton and scene.clips else None
    if motion is None:
        mapping = roles_at_rest(scene, choice.override)
    else:
        mapping = find_motion_roles(scene, motion[1], choice.override)
    mapping = choice.explain(mapping)
    require_body(mapping, scene, "character", confirmed=bool(choice.override))
    left_alone = left_alone_joints(scene.skeleton, definition)
    mapping = drop_joints(mapping, left_alone, definition)
    rest = given_rest(scene, mapping, definition)
    if rest is None:
        rest = (
            Rest(scene.skeleton, scene.rest_kind, guessed=False)
            if motion is None
            else choose_rest(scene, mapping, *motion, "auto", None)
        )
    rest = face_as_clips(scene, rest_as_nodes(rest, left_alone), mapping)
    rest = replace(rest, notices=(*mapping.notices, *rest.notices))
    body = measured(scene, rest, mapping, definition)
    body = replace(body, followers=body.followers.without(left_alone))
    return PreparedCharacter(scene, body, rest, definition, choice.preset, left_alone)


def prepare_motion(
    scene: Scene,
    clip_index: int,
    options: JobOptions,
    source_character: Scene | None = None,
    sibling: PreparedMotion | None = None,
    definition: CharacterDefinition | None = None,
    find_preset: PresetLookup | None = None,
) -> PreparedMotion:
    """Sample a clip and put it on its body.

    `sibling`, another clip of the file prepared alike, lends its roles, and its body where the rest pose is the bind
    pose, in which no clip has a say.

    `scene` is as read, `definition` that of its rig; the rest pose comes from the options, else `source_character`,
    else the definition. Raises NoSkeleton, MappingIncomplete, NotUpright, SourceMismatch, InvalidOptions,
    AmbiguousUnits.
    """
    scene = defined_scene(scene, definition)
    whole = at_true_rate(scene.load_clip(clip_index, None), options.source_fps)
    skeleton = scene.skeleton
    named = partial(choose_mapping, skeleton, "source", options.mapping, definition, None)
    scene = with_unskinned_joints(one_character(scene, lambda: named().override, lambda: whole))
    if sibling is not None and np.any(sibling.scene.skeleton.deforming != scene.skeleton.deforming):
        sibling = None  # this clip moves another character of the file
    clip = cut(whole, options.start_s, options.end_s)
    rotations, positions = kinematics.clip_world(scene.skeleton, whole)
    choice = choose_mapping(scene.skeleton, "source", options.mapping, definition, find_preset)
    if sibling is not None:
        scene, mapping = sibling.scene, sibling.body.mapping
    else:
        mapping = choice.explain(find_motion_roles(scene, positions, choice.override))
        require_body(mapping, scene, "motion", confirmed=bool(choice.override))
        scene = without_partial_surface(scene, mapping)
    is_open = options.rest_pose == "auto" and source_character is None
    rest = given_rest(scene, mapping, definition) if is_open else None
    if sibling is not None and sibling.rest.kind == "bind":
        rest, body = sibling.rest, sibling.body
    elif rest is None:
        rest = choose_rest(scene, mapping, rotations, positions, options.rest_pose, source_character)
        rest = face_as_clips(scene, rest, mapping)
        if rest.kind == "bind":
            body = measured(scene, rest, mapping, definition)
        else:
            body = with_height(measure_body(rest.skeleton, mapping, None), definition)
    else:
        body = measured(scene, rest, mapping, definition)
    del rotations, positions  # as large as all that follows
    clip_notices = scene.extras.get("clip_notices")
    clip, timing = at_result_rate(clip, body, options)
    told = settled_by_rate(scene.notices, options.source_fps)
    notices = (*told, *mapping.notices, *rest.notices, *(clip_notices(clip_index) if clip_notices else ()), *timing)
    motion = from_clip(body, clip)
    return PreparedMotion(scene, body, rest, motion, clip_index, notices, definition, choice.preset)


def require_body(mapping: HumanoidMapping, scene: Scene, where: str, *, confirmed: bool = False) -> None:
    """Raises NoSkin for a file whose mesh nothing moves or whose nodes are a body by their shape alone, and NotUpright
    for an animal's bind pose, unless the user has `confirmed` it by naming joints; else NoSkeleton or
    MappingIncomplete. `where` names the file.
    """
    try:
        require_roles(mapping, scene.skeleton, where)
    except NoSkeleton as error:
        if scene.skins == 0 and scene.meshes > 0:
            raise NoSkin(
                f"{where}: it has a mesh but neither skin nor skeleton, nor nodes whose hips, arms and legs hold the "
                "parts of a body; export the mesh bound to its skeleton"
            ) from error
        raise
    if scene.extras.get("body_unsure") and not confirmed:
        raise NoSkin(
            f"{where}: it has meshes but no skin, and only the shape of its tree of nodes is that of a body: neither "
            "names nor a clip say so; if it is one, name its joints in the mapping override"
        )
    # Nodes may rest in a clip's first frame, in which a person may crawl; a bind pose is how the body was made.
    is_bound = scene.rest_kind == "bind" and not confirmed
    if is_bound and stands_on_all_fours(mapping, kinematics.rest_world(scene.skeleton)[1]):
        raise NotUpright(
            f"{where}: bound on all fours as an animal is, trunk level and hands on the ground; only bodies that "
            "stand upright are retargeted: bind it standing, or name its joints in the mapping override"
        )


def own_motion(scene: Scene, definition: CharacterDefinition | None) -> tuple[Array, Array]:
    """The file's own clip in world space (see `kinematics.clip_world`), as evidence of how its rig stands.

    Raises ClipNotFound, InvalidOptions.
    """
    wanted = None if definition is None else definition.clip
    try:
        index = scene.find_clip(wanted)
    except ClipNotFound as error:
        if definition is None:
            raise
        raise definition.refuse("/clip", error.detail) from None
    return kinematics.clip_world(scene.skeleton, scene.load_clip(index, None))


def measured(scene: Scene, rest: Rest, mapping: HumanoidMapping, definition: CharacterDefinition | None) -> Body:
    """The body in its rest pose, its mesh posed there too."""
    mesh = scene.load_mesh()
    if mesh is not None and rest.skeleton is not scene.skeleton:
        mesh = posed(mesh, scene.skeleton, rest.skeleton)
    return with_height(measure_body(rest.skeleton, mapping, mesh), definition)


def with_height(body: Body, definition: CharacterDefinition | None) -> Body:
    """The body with the height that its definition gives."""
    return body if definition is None or definition.height_m is None else replace(body, height_m=definition.height_m)


def find_motion_roles(scene: Scene, positions: Array, override: MappingABC[str, JointChoice]) -> HumanoidMapping:
    """Roles of a motion's skeleton, seen in its rest pose or, where that leaves doubt, in the clip's first frame."""
    at_rest = roles_at_rest(scene, override)
    if scene.rest_kind == "bind" or (at_rest.roles and _total_confidence(at_rest) > SURE * len(at_rest.roles)):
        return at_rest
    moving = _roles_at(scene, override, positions[0])
    return max((at_rest, moving), key=_total_confidence)


def roles_at_rest(scene: Scene, override: MappingABC[str, JointChoice]) -> HumanoidMapping:
    """Roles of a file's skeleton, seen in its rest pose."""
    return _roles_at(scene, override, None)


def _roles_at(scene: Scene, override: MappingABC[str, JointChoice], positions: Array | None) -> HumanoidMapping:
    declared, declared_by = scene.extras.get("declared_roles"), scene.extras.get("declared_by", VRM_MAP)
    mirrored = _held_places(scene, positions) if scene.extras.get("mirrored") is True else None

    def find() -> HumanoidMapping:
        return find_roles(
            scene.skeleton,
            positions_m=positions,
            declared=declared,
            declared_by=declared_by,
            override=override,
            mirrored_surface_m=mirrored,
        )

    # Most motions that follow one another are of one rig.
    key = content_key(scene.skeleton, positions, declared, declared_by, mirrored)
    return find() if override else _known_roles.get(key, find)


def _held_places(scene: Scene, positions: Array | None) -> Array:
    """The middle of the surface that each joint holds in the rest pose `(joints, 3)`; its own place where it holds
    none, and all their places in another pose.
    """
    if positions is not None:
        return positions
    places, mesh = kinematics.rest_world(scene.skeleton)[1], scene.load_mesh()
    if mesh is None:
        return places
    joints, weights = mesh.joints.ravel(), mesh.weights.ravel()
    points = np.repeat(mesh.positions_m, mesh.joints.shape[1], axis=0)
    total = np.bincount(joints, weights, minlength=len(places))
    sums = np.stack([np.bincount(joints, weights * axis, minlength=len(places)) for axis in points.T], axis=1)
    holds = total > 0.0
    places[holds] = sums[holds] / total[holds, None]
    return places


def _total_confidence(mapping: HumanoidMapping) -> float:
    return sum(match.confidence for match in mapping.roles.values())


def cut(clip: Clip, start_s: float | None, end_s: float | None) -> Clip:
    """The frames from `start_s` to `end_s`, seconds from the clip's first frame; the cut starts at time 0."""
    if start_s is None and end_s is None:
        return clip
    first = round((start_s or 0.0) * clip.rate_hz)
    last = clip.frames - 1 if end_s is None else round(end_s * clip.rate_hz)
    if first >= clip.frames:
        raise InvalidOptions(f"start_s: {start_s} s is beyond the clip's end at {clip.duration_s:.3f} s")
    chosen = slice(first, min(last, clip.frames - 1) + 1)
    return replace(
        clip,
        start_s=0.0,
        rotations=clip.rotations[chosen],
        translations_m={joint: np.ascontiguousarray(path[chosen]) for joint, path in clip.translations_m.items()},
    )
