"""Run by Blender's own Python, never imported: a motion onto a character by bone constraints, baked and exported.

`python blender_retarget.py JOB.json` where `bpy` is installed, or `blender --background --factory-startup
--python-exit-code 1 --python blender_retarget.py -- JOB.json`. The job holds `motion`,
`character`, `out`, `names` (character's joint -> motion's), `hips` (motion's), `scale` and `fps`. Every mapped bone
copies its counterpart's rotation in "Local Space (Owner Orientation)", Blender's way between rigs of unlike bone axes;
the hips copy the place of the motion's, whose armature is scaled. Prints one line of JSON with its seconds.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import bpy


def load(path: str) -> tuple[Any, list[Any]]:
    """Import a file; the armature that it brought, the one with most bones."""
    before = set(bpy.data.objects)
    kind = Path(path).suffix.lower()
    if kind == ".bvh":
        bpy.ops.import_anim.bvh(filepath=path, use_fps_scale=False, update_scene_fps=False)
    elif kind == ".fbx":
        bpy.ops.import_scene.fbx(filepath=path)
    else:
        bpy.ops.import_scene.gltf(filepath=path)
    made = [item for item in bpy.data.objects if item not in before]
    armatures = [item for item in made if item.type == "ARMATURE"]
    if not armatures:
        raise SystemExit(f"Blender found no armature in {path}")
    return max(armatures, key=lambda item: len(item.data.bones)), made


def constrain(target: Any, source: Any, names: dict[str, str], hips: str) -> None:
    for mine, other in names.items():
        bone = target.pose.bones.get(mine)
        if bone is None or other not in source.pose.bones:
            continue
        turn = bone.constraints.new("COPY_ROTATION")
        turn.target, turn.subtarget = source, other
        turn.target_space, turn.owner_space = "LOCAL_OWNER_ORIENT", "LOCAL"
        if other == hips:
            place = bone.constraints.new("COPY_LOCATION")
            place.target, place.subtarget = source, other


def main() -> None:
    job = json.loads(Path(sys.argv[-1]).read_text())
    bpy.ops.wm.read_factory_settings(use_empty=True)
    start = time.perf_counter()
    scene = bpy.context.scene
    scene.render.fps = max(1, round(job["fps"]))
    scene.render.fps_base = scene.render.fps / job["fps"]
    source, _ = load(job["motion"])
    target, made = load(job["character"])
    action = source.animation_data and source.animation_data.action
    if action is None:
        raise SystemExit(f"Blender found no action in {job['motion']}")
    if target.animation_data is not None:
        target.animation_data_clear()
    source.scale = [value * job["scale"] for value in source.scale]
    first, last = (round(value) for value in action.frame_range)
    constrain(target, source, job["names"], job["hips"])
    bpy.ops.object.select_all(action="DESELECT")
    target.select_set(True)
    bpy.context.view_layer.objects.active = target
    bpy.ops.object.mode_set(mode="POSE")
    bpy.ops.pose.select_all(action="SELECT")
    bpy.ops.nla.bake(frame_start=first, frame_end=last, visual_keying=True, clear_constraints=True, bake_types={"POSE"})
    bpy.ops.object.mode_set(mode="OBJECT")
    for other in list(bpy.data.actions):
        if other != target.animation_data.action:
            bpy.data.actions.remove(other)
    bpy.ops.object.select_all(action="DESELECT")
    for item in made:
        if item.name in bpy.context.view_layer.objects:
            item.select_set(True)
    scene.frame_start, scene.frame_end = first, last
    bpy.ops.export_scene.gltf(filepath=job["out"], export_format="GLB", use_selection=True)
    print(json.dumps({"retarget_s": time.perf_counter() - start, "version": bpy.app.version_string}))


main()
