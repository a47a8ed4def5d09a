"""What the engine needs to know of each file before it retargets: roles, rest pose, measures, contacts.

A `PreparedCharacter` depends on the file and the mapping override alone, so it serves any number of motions; a
`PreparedMotion` is one clip of one file. Reading files is left to `workers.formats`.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, replace

import numpy as np

from workers.errors import InvalidOptions, NoSkin
from workers.options import JobOptions, JointChoice
from workers.retargeting.motion import BodyMotion, from_clip
from workers.skeleton import kinematics
from workers.skeleton.body import Body, measure_body
from workers.skeleton.find_roles import find_roles, require_roles
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Array, Clip, Notice, Scene
from workers.skeleton.resample import resample
from workers.skeleton.rest_pose import Rest, choose_rest

# Mean confidence above which a mapping is not looked for a second time in another pose.
SURE = 0.9


@dataclass(frozen=True, eq=False)
class PreparedCharacter:
    """A character ready to receive motions."""

    scene: Scene
    body: Body
    rest: Rest


@dataclass(frozen=True, eq=False)
class PreparedMotion:
    """One clip of a motion file on its own body, in world space. `file_frames` counts the clip before any cut."""

    scene: Scene
    body: Body
    rest: Rest
    motion: BodyMotion
    clip_index: int
    file_frames: int
    notices: tuple[Notice, ...]


def prepare_character(scene: Scene, override: MappingABC[str, JointChoice]) -> PreparedCharacter:
    """Raises NoSkin, NoSkeleton, MappingIncomplete, InvalidOptions."""
    if scene.skins == 0:
        raise NoSkin("the character file has no skin; export the mesh bound to its skeleton")
    mapping = find_roles(scene.skeleton, declared=scene.extras.get("declared_roles"), override=override)
    require_roles(mapping, scene.skeleton, "character")
    body = measure_body(scene.skeleton, mapping, scene.load_mesh())
    return PreparedCharacter(scene, body, Rest(scene.skeleton, scene.rest_kind, guessed=False))


def prepare_motion(
    scene: Scene,
    clip_index: int,
    options: JobOptions,
    source_character: Scene | None = None,
    mapping: HumanoidMapping | None = None,
) -> PreparedMotion:
    """Sample a clip and put it on its body. `mapping` saves finding the roles again for a further clip of one file.

    Raises NoSkeleton, MappingIncomplete, SourceMismatch, InvalidOptions.
    """
    whole = scene.load_clip(clip_index, None)
    clip = cut(whole, options.start_s, options.end_s)
    if options.fps != "source":
        clip = resample(clip, options.fps)
    rotations, positions = kinematics.clip_world(scene.skeleton, whole)
    if mapping is None:
        mapping = find_motion_roles(scene, positions, options.mapping.source)
        require_roles(mapping, scene.skeleton, "motion")
    rest = choose_rest(scene, mapping, rotations, positions, options.rest_pose, source_character)
    mesh = scene.load_mesh() if rest.kind == "bind" else None
    body = measure_body(rest.skeleton, mapping, mesh)
    clip_notices = scene.extras.get("clip_notices")
    notices = (*scene.notices, *rest.notices, *(clip_notices(clip_index) if clip_notices else ()))
    return PreparedMotion(scene, body, rest, from_clip(body, clip), clip_index, whole.frames, notices)


def find_motion_roles(scene: Scene, positions: Array, override: MappingABC[str, JointChoice]) -> HumanoidMapping:
    """Roles of a motion's skeleton, seen in its rest pose or, where that leaves doubt, in the clip's first frame."""
    skeleton, declared = scene.skeleton, scene.extras.get("declared_roles")
    at_rest = find_roles(skeleton, declared=declared, override=override)
    if scene.rest_kind == "bind" or (at_rest.roles and _total_confidence(at_rest) > SURE * len(at_rest.roles)):
        return at_rest
    moving = find_roles(skeleton, positions_m=positions[0], declared=declared, override=override)
    return max((at_rest, moving), key=_total_confidence)


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
