"""What a file holds, as JSON: skeleton, mapping with reasons, units, rest pose, clips, counts, warnings.

Never refuses a file for its mapping: an incomplete one is shown with what is missing, since that is what people inspect
a file for. Reading errors are raised as they are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from workers.contract.definitions import CharacterDefinition
from workers.contract.errors import MappingIncomplete, NoSkeleton, NoSkin, NotUpright, RetargetError
from workers.contract.options import MappingOverride
from workers.contract.roles import ALL_ROLES, REQUIRED_ROLES
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.preparation.apply_definition import defined_scene, drop_joints, given_rest, left_alone_joints
from workers.preparation.mapping_choice import MappingChoice, PresetLookup, choose_mapping
from workers.preparation.partial_skin import with_unskinned_joints
from workers.preparation.prepare import (
    find_motion_roles,
    measured,
    own_motion,
    require_body,
    roles_at_rest,
    with_height,
)
from workers.preparation.several_characters import one_character
from workers.skeleton.body import measure_body
from workers.skeleton.find_roles.confidence import candidates
from workers.skeleton.find_roles.find import require_roles
from workers.skeleton.fingerprint import skeleton_fingerprint
from workers.skeleton.fold_notices import fold_notices
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Scene, Skeleton
from workers.skeleton.rest.rest_pose import Rest, choose_rest

SCHEMA = "retarget-inspection/1"


def inspect_file(
    bundle: FileBundle, override: MappingOverride | None = None, definition: CharacterDefinition | None = None
) -> dict[str, Any]:
    """The inspection of a motion or character file. Raises InputErrors of reading, and as `inspect_scene`."""
    return inspect_scene(read_scene(bundle), bundle.name, override, definition)


def inspect_scene(
    scene: Scene,
    name: str,
    override: MappingOverride | None = None,
    definition: CharacterDefinition | None = None,
    find_preset: PresetLookup | None = None,
) -> dict[str, Any]:
    """The inspection of a file that is read already, as a job would take it. `name` is the file's.

    Of `override` one side counts, target before source. Raises InvalidOptions and AmbiguousUnits for an override or a
    definition that does not fit the file.
    """
    scene = defined_scene(scene, definition)
    given, whole = override or MappingOverride(), scene
    play = None if scene.rest_kind == "bind" or not scene.clips else partial(scene.load_clip, 0, None)
    scene = one_character(scene, lambda: _choice(whole, given, definition, None).override, play)
    hung = with_unskinned_joints(scene)
    choice, moves_only = _choice(hung, given, definition, find_preset), hung is not scene
    scene = hung
    left_alone = left_alone_joints(scene.skeleton, definition)
    found = _roles_and_rest(scene, choice, left_alone, definition)
    mapping, skeleton = found.mapping, scene.skeleton
    problem: RetargetError | None = None
    try:
        require_body(mapping, scene, name, confirmed=bool(choice.override))
    except (MappingIncomplete, NoSkeleton, NoSkin, NotUpright) as error:
        problem = error
    absent = [role for role in ALL_ROLES if role not in mapping.roles]
    return {
        "schema": SCHEMA,
        "file": name,
        "format": scene.format,
        "joints": skeleton.joint_count,
        "skins": scene.skins,
        "skin_list": [{"name": skin, "joints": len(joints)} for skin, joints in scene.extras.get("skins", ())],
        "meshes": scene.meshes,
        "skeleton_fingerprint": skeleton_fingerprint(skeleton),
        "shared_names": _shared_names(skeleton),
        "units": scene.units.to_dict(),
        "rest_pose": {"kind": found.rest.kind, "guessed": found.rest.guessed},
        "body": _measures(scene, found, definition) if problem is None else None,
        "clips": [
            {"name": c.name, "frames": c.frames, "fps": round(c.rate_hz, 4), "duration_s": round(c.duration_s, 4)}
            for c in scene.clips
        ],
        "usable_as": {"motion": problem is None and bool(scene.clips), "character": problem is None and not moves_only},
        "problem": problem.to_dict() if problem is not None else None,
        "mapping": {
            **mapping.to_dict(skeleton),
            "preset": choice.preset.to_dict() if choice.preset is not None else None,
        },
        "unmatched": {
            "roles": absent,
            "required": [role for role in REQUIRED_ROLES if role in absent],
            "candidates": {role: names for role, names in candidates(skeleton, mapping, absent).items() if names},
            "joints": mapping.to_dict(skeleton)["unmapped"],
        },
        "definition": definition.model_dump(mode="json", exclude_defaults=True) if definition is not None else None,
        "left_alone": [skeleton.names[joint] for joint in sorted(left_alone)],
        "warnings": [
            notice.to_dict()
            for notice in fold_notices(dict.fromkeys((*scene.notices, *found.mapping.notices, *found.rest.notices)))
        ],
    }


@dataclass(frozen=True)
class _Found:
    mapping: HumanoidMapping
    rest: Rest


def _choice(
    scene: Scene,
    override: MappingOverride,
    definition: CharacterDefinition | None,
    find_preset: PresetLookup | None,
) -> MappingChoice:
    """The mapping that is given. A file of motions alone takes a preset for motions, any other one for characters."""
    given, preset = override.target or override.source, override.target_preset or override.source_preset
    if scene.rest_kind == "bind" or not scene.clips:
        as_target = MappingOverride(target=given, target_preset=preset)
        return choose_mapping(scene.skeleton, "target", as_target, definition, find_preset)
    as_source = MappingOverride(source=given, source_preset=preset)
    return choose_mapping(scene.skeleton, "source", as_source, definition, find_preset)


def _roles_and_rest(
    scene: Scene, choice: MappingChoice, left_alone: frozenset[int], definition: CharacterDefinition | None
) -> _Found:
    """Mapping and rest pose as a job would take them by default."""
    plain = Rest(scene.skeleton, scene.rest_kind, guessed=False)
    motion = None
    if scene.rest_kind == "bind" or not scene.clips:
        mapping = roles_at_rest(scene, choice.override)
    else:
        motion = own_motion(scene, definition)
        mapping = find_motion_roles(scene, motion[1], choice.override)
    mapping = choice.explain(mapping)
    try:
        require_roles(mapping, scene.skeleton, "file")
    except (MappingIncomplete, NoSkeleton):
        return _Found(mapping, plain)
    mapping = drop_joints(mapping, left_alone, definition)
    rest = given_rest(scene, mapping, definition)
    if rest is None and motion is not None:
        rest = choose_rest(scene, mapping, *motion, "auto", None)
    return _Found(mapping, rest or plain)


def _shared_names(skeleton: Skeleton) -> list[str]:
    """Names that several joints bear: only an index tells those joints apart."""
    counts = Counter(skeleton.names[joint] for joint in np.flatnonzero(skeleton.real))
    return sorted(name for name, count in counts.items() if name and count > 1)


def _measures(scene: Scene, found: _Found, definition: CharacterDefinition | None) -> dict[str, Any]:
    body = (
        measured(scene, found.rest, found.mapping, definition)
        if scene.has_surface
        else with_height(measure_body(found.rest.skeleton, found.mapping, None), definition)
    )
    yaw = float(np.degrees(2.0 * np.arctan2(body.facing[1], body.facing[3])))
    return {
        "height_m": round(body.height_m, 4),
        "leg_length_m": round(body.leg_length_m, 4),
        "facing_deg": round((yaw + 180.0) % 360.0 - 180.0, 2),
    }
