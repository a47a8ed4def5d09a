"""VRM animations: bones by the file's own map, at rest in the T of its nodes; expressions are told, not moved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tests.formats.smpl.smpl_kit import Moving, walking
from workers.contract.options import parse_options
from workers.formats.bundle import FileBundle
from workers.formats.gltf.container import join_container, split_container
from workers.formats.gltf.skeleton_glb import write_skeleton_glb
from workers.formats.limits import DEFAULT_LIMITS
from workers.formats.read import read_scene
from workers.formats.sniff import sniff
from workers.preparation.prepare import prepare_motion
from workers.skeleton import quat
from workers.skeleton.kinematics import clip_world
from workers.skeleton.model import Clip

RATE_HZ = 30.0


def vrma(moving: Moving, moved: range, **extension: Any) -> FileBundle:
    """A VRM animation whose nodes have names that say nothing; only the joints in `moved` have keys."""
    skeleton = replace(
        moving.joints.skeleton(moving.offsets), names=tuple(f"node{number}" for number in range(len(moving.joints)))
    )
    rotations = quat.make_continuous(quat.from_rotation_vector(moving.vectors))
    data = write_skeleton_glb(skeleton, [Clip("wave", RATE_HZ, 0.0, rotations, {0: moving.root})], moved)
    container = split_container(data, "made.glb", DEFAULT_LIMITS)
    document = container.json
    del document["skins"]
    bones = {role: {"node": joint} for role, joint in moving.joints.roles.items()}
    document["extensionsUsed"] = ["VRMC_vrm_animation"]
    document["extensions"] = {
        "VRMC_vrm_animation": {"specVersion": "1.0", "humanoid": {"humanBones": bones}, **extension}
    }
    if extension:  # one more node, which travels as the hips do
        node = len(document["nodes"])
        document["nodes"].append({"name": "happy"})
        document["scenes"][0]["nodes"].append(node)
        channels = document["animations"][0]["channels"]
        root = next(channel for channel in channels if channel["target"]["path"] == "translation")
        channels.append({"sampler": root["sampler"], "target": {"node": node, "path": "translation"}})
    return FileBundle("wave.vrma", join_container(document, container.binary or b""))


def test_bones_stand_where_the_file_puts_them() -> None:
    moving = walking(1)
    bundle = vrma(moving, range(52))
    assert sniff(bundle.data, bundle.name) == "vrma" and sniff(bundle.data, "wave.glb") == "vrma"
    scene = read_scene(bundle)
    positions = clip_world(scene.skeleton, scene.load_clip(0, None))[1]
    nodes = scene.skeleton.file_indices
    assert np.abs(positions - moving.places()[:, nodes]).max() < 1e-5
    prepared = prepare_motion(scene, 0, parse_options({}))
    roles = {role: int(nodes[match.joint]) for role, match in prepared.body.mapping.roles.items()}
    assert roles == moving.joints.roles
    assert not prepared.rest.guessed and not scene.notices


def test_all_bones_are_joints_whatever_moves() -> None:
    scene = read_scene(vrma(walking(2), range(16, 22)))
    assert scene.skeleton.joint_count == 52
    assert prepare_motion(scene, 0, parse_options({})).body.mapping.roles["hips"].confidence == 1.0


def test_expressions_are_no_joints_and_told() -> None:
    scene = read_scene(vrma(walking(3), range(52), expressions={"preset": {"happy": {"node": 52}}}))
    assert [notice.code for notice in scene.notices] == ["expressions-left-out"]
    assert scene.skeleton.joint_count == 52
    assert not scene.skeleton.deforming[scene.skeleton.names.index("happy")]


def test_a_broken_face_is_no_harm() -> None:
    for face in ({"expressions": 7}, {"expressions": {"preset": [1]}, "lookAt": {"node": "x"}}, {"lookAt": None}):
        assert read_scene(vrma(walking(4), range(52), **face)).skeleton.joint_count >= 52
