"""What a file holds, as JSON: skeleton, mapping with reasons, units, rest pose, clips, counts, warnings.

Never refuses a file for its mapping: an incomplete one is shown with what is missing, since that is what people inspect
a file for. Reading errors are raised as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workers.errors import MappingIncomplete, NoSkeleton, RetargetError
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.preparation import find_motion_roles
from workers.skeleton import kinematics
from workers.skeleton.body import measure_body
from workers.skeleton.find_roles import find_roles, require_roles
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Notice, Scene
from workers.skeleton.rest_pose import choose_rest

SCHEMA = "retarget-inspection/1"


def inspect_file(bundle: FileBundle) -> dict[str, Any]:
    """The inspection of a motion or character file. Raises InputErrors of reading only."""
    return inspect_scene(read_scene(bundle), bundle.name)


def inspect_scene(scene: Scene, name: str) -> dict[str, Any]:
    """The inspection of a file that is read already. `name` is the file's."""
    mapping, rest, notices = _roles_and_rest(scene)
    problem: RetargetError | None = None
    try:
        require_roles(mapping, scene.skeleton, name)
    except (MappingIncomplete, NoSkeleton) as error:
        problem = error
    units = scene.units
    return {
        "schema": SCHEMA,
        "file": name,
        "format": scene.format,
        "joints": int((scene.skeleton.deforming & ~scene.skeleton.end_site).sum()),
        "skins": scene.skins,
        "meshes": scene.meshes,
        "units": {
            "factor": units.factor,
            "unit": units.unit,
            "up_axis": units.up_axis,
            "guessed": units.guessed,
            "reason": units.reason,
        },
        "rest_pose": rest,
        "body": _measures(scene, mapping) if problem is None else None,
        "clips": [
            {"name": c.name, "frames": c.frames, "fps": round(c.rate_hz, 4), "duration_s": round(c.duration_s, 4)}
            for c in scene.clips
        ],
        "usable_as": {
            "motion": problem is None and bool(scene.clips),
            "character": problem is None and scene.skins > 0,
        },
        "problem": problem.to_dict() if problem is not None else None,
        "mapping": mapping.to_dict(scene.skeleton),
        "warnings": [notice.to_dict() for notice in (*scene.notices, *notices)],
    }


def _roles_and_rest(scene: Scene) -> tuple[HumanoidMapping, dict[str, Any], tuple[Notice, ...]]:
    """Mapping and rest pose as a job would take them by default."""
    if scene.rest_kind == "bind" or not scene.clips:
        mapping = find_roles(scene.skeleton, declared=scene.extras.get("declared_roles"))
        return mapping, {"kind": scene.rest_kind, "guessed": False}, ()
    rotations, positions = kinematics.clip_world(scene.skeleton, scene.load_clip(0, None))
    mapping = find_motion_roles(scene, positions, {})
    try:
        require_roles(mapping, scene.skeleton, "file")
    except (MappingIncomplete, NoSkeleton):
        return mapping, {"kind": scene.rest_kind, "guessed": False}, ()
    rest = choose_rest(scene, mapping, rotations, positions, "auto", None)
    return mapping, {"kind": rest.kind, "guessed": rest.guessed}, rest.notices


def _measures(scene: Scene, mapping: HumanoidMapping) -> dict[str, Any]:
    body = measure_body(scene.skeleton, mapping, scene.load_mesh() if scene.rest_kind == "bind" else None)
    yaw = float(np.degrees(2.0 * np.arctan2(body.facing[1], body.facing[3])))
    return {
        "height_m": round(body.height_m, 4),
        "leg_length_m": round(body.leg_length_m, 4),
        "facing_deg": round((yaw + 180.0) % 360.0 - 180.0, 2),
    }
