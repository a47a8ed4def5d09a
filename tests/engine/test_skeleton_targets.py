"""Characters without a mesh: a BVH or a bare glTF skeleton receives motions like any other."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.node_packages import require_validator
from workers.contract.errors import InvalidOptions, NoSkeleton, NoSkin
from workers.contract.options import JobOptions
from workers.engine.engine import EngineResult, retarget
from workers.formats.bundle import FileBundle
from workers.formats.gltf.container import join_container
from workers.formats.gltf.read import read_gltf
from workers.formats.read import read_scene
from workers.skeleton import kinematics, quat
from workers.skeleton.model import Array, Scene

Samples = dict[str, FileBundle]


def run(samples: Samples, motion: str, character: FileBundle, **options: Any) -> EngineResult:
    return retarget(samples[motion], character, JobOptions.model_validate(options))


def scene_of(result: EngineResult) -> Scene:
    ((name, data),) = result.artifacts.items()
    return read_scene(FileBundle(name, data))


def poses(scene: Scene) -> Array:
    """World positions of the last clip, `(frames, joints, 3)`, without end sites, joints by name."""
    positions = kinematics.clip_world(scene.skeleton, scene.load_clip(len(scene.clips) - 1, None))[1]
    names = scene.skeleton.names
    kept = sorted((joint for joint in range(len(names)) if not is_end(scene, joint)), key=lambda joint: names[joint])
    return positions[:, kept]


def is_end(scene: Scene, joint: int) -> bool:
    return bool(scene.skeleton.end_site[joint]) or not scene.skeleton.deforming[joint]


def bare(character: FileBundle, *, keep_skin: bool = False, keep_mesh: bool = False) -> FileBundle:
    """The sample's nodes as a file of their own, without animations and what is not kept."""
    source = read_gltf(character).document
    document = {"asset": {"version": "2.0"}, "scene": 0, "scenes": source.document.json["scenes"]}
    nodes = [dict(node) for node in source.document.json["nodes"]]
    for node in nodes:
        node.pop("skin", None)
        if not keep_mesh:
            node.pop("mesh", None)
    document["nodes"] = nodes
    binary = b""
    if keep_mesh:
        document |= {key: source.document.json[key] for key in ("meshes", "materials", "accessors", "bufferViews")}
        document["buffers"] = source.document.json["buffers"]
        binary = source.document.buffers[0]
    return FileBundle("bare.glb", join_container(document, binary))


def test_a_bvh_character_gives_a_bvh_with_its_own_hierarchy(samples: Samples) -> None:
    result = run(samples, "wave.bvh", samples["walk.bvh"])
    assert list(result.artifacts) == ["result.bvh"]
    before, after = read_scene(samples["walk.bvh"]).skeleton, scene_of(result).skeleton
    assert sorted(after.names) == sorted(before.names)
    order = [after.names.index(name) for name in before.names]
    assert np.abs(after.rest_offsets_m[order] - before.rest_offsets_m)[1:].max() < 1e-5
    assert result.report["target"]["format"] == "bvh"


def test_the_glb_of_a_bvh_character_moves_like_its_bvh(samples: Samples) -> None:
    as_bvh = run(samples, "wave.bvh", samples["walk.bvh"])
    as_glb = run(samples, "wave.bvh", samples["walk.bvh"], format="glb")
    assert list(as_glb.artifacts) == ["result.glb"]
    there, here = scene_of(as_bvh), scene_of(as_glb)
    assert np.abs(poses(there) - poses(here)).max() < 1e-3
    assert here.rest_kind == "bind" and here.meshes == 0
    assert require_validator().validate(as_glb.artifacts["result.glb"])["issues"]["numErrors"] == 0


def test_a_bvh_target_follows_like_the_skinned_body_it_was_made_on(samples: Samples) -> None:
    """walk.bvh was made on tall.glb: both are one rig, so one motion gives both the same limbs."""
    on_bvh = run(samples, "wave.bvh", samples["walk.bvh"], foot_contact="off")
    on_glb = run(samples, "wave.bvh", samples["tall.glb"], foot_contact="off", format="bvh")
    rotations = []
    for result in (on_bvh, on_glb):
        scene = scene_of(result)
        world, _ = kinematics.clip_world(scene.skeleton, scene.load_clip(0, None))
        rotations.append(world[:, [scene.skeleton.names.index(name) for name in ("hips", "leftUpperArm", "rightHand")]])
    assert np.degrees(quat.angle_between(*rotations)).max() < 2.0


@pytest.mark.parametrize("format", ["auto", "bvh"])
def test_a_bare_gltf_skeleton_is_a_character(samples: Samples, format: str) -> None:
    result = run(samples, "walk.bvh", bare(samples["stout.glb"]), format=format)
    assert list(result.artifacts) == ["result.glb" if format == "auto" else "result.bvh"]
    skinned = run(samples, "walk.bvh", samples["stout.glb"])
    ours, theirs = scene_of(result), scene_of(skinned)
    joint = "leftLowerArm"
    paths = [poses(scene)[:, sorted(n for j, n in enumerate(scene.skeleton.names) if not is_end(scene, j)).index(joint)]
             for scene in (ours, theirs)]  # fmt: skip
    assert np.abs((paths[0] - paths[0][0]) - (paths[1] - paths[1][0])).max() < 0.02
    json.dumps(result.report, allow_nan=False)


def test_several_clips_need_a_glb(samples: Samples) -> None:
    """A file with two clips: the BVH character's default is then GLB, and one BVH is refused."""
    source = read_gltf(samples["wave.glb"]).document
    document = dict(source.document.json)
    document["animations"] = [{**document["animations"][0], "name": name} for name in ("one", "two")]
    twice = {"twice.glb": FileBundle("twice.glb", join_container(document, source.document.buffers[0]))}
    result = run(twice, "twice.glb", samples["walk.bvh"], clip="all")
    assert [clip.name for clip in scene_of(result).clips] == ["one", "two"]
    with pytest.raises(InvalidOptions, match="a BVH holds one clip"):
        run(twice, "twice.glb", samples["walk.bvh"], clip="all", format="bvh")


def test_a_mesh_without_skin_and_skeleton_is_refused(samples: Samples) -> None:
    with pytest.raises(NoSkin, match="neither skin nor skeleton"):
        run(samples, "walk.bvh", bare(samples["stout.glb"], keep_mesh=True))


def test_a_stick_is_no_skeleton(samples: Samples) -> None:
    joint = b"OFFSET 0 0 0\nCHANNELS 3 Zrotation Xrotation Yrotation\nEnd Site\n{\nOFFSET 0 1 0\n}\n"
    stick = b"HIERARCHY\nROOT a\n{\n" + joint + b"}\n"
    motion = b"MOTION\nFrames: 1\nFrame Time: 0.033\n0 0 0\n"
    with pytest.raises(NoSkeleton):
        run(samples, "walk.bvh", FileBundle("stick.bvh", stick + motion))
