"""Figures of rigid parts without a skin: robots, toys, voxel figures. Their nodes move them; props stay refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.formats.gltf.rigid_kit import Held, rigid
from tests.formats.gltf.vrm_kit import vrm0_extensions, vrm1_extensions
from tests.gltf_builder import GltfBuilder
from workers.contract.errors import NoSkin
from workers.contract.options import JobOptions
from workers.engine.engine import EngineResult, retarget
from workers.engine.inspection import inspect_file
from workers.formats.bundle import FileBundle
from workers.formats.gltf.container import join_container, split_container
from workers.formats.gltf.read import read_gltf
from workers.formats.limits import DEFAULT_LIMITS
from workers.ingest.sandbox.sandbox import Sandbox
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import ROLES, STOUT, TALL
from workers.skeleton import kinematics
from workers.skeleton.model import Array

NUMBERED, MIXAMO = RigStyle(names="numbered", bone_axes="bone_x"), RigStyle("A", names="mixamo", unit="cm", up_axis="Z")
LOOKED_AT = ("leftHand", "rightFoot", "head")
PARTS: tuple[Held, ...] = ("on", "below", "mixed")
WALK = FileBundle("walk.glb", make_character(TALL, None, make_clips(TALL)[:1]))
OPTIONS = JobOptions(encoder="none")
TRIANGLE = [[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.0, 0.1, 0.0]]


@pytest.fixture(autouse=True)
def no_surface_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETARGET_SURFACE_SCORES", "off")


def paths(result: EngineResult) -> dict[str, Array]:
    """World paths of the mapped joints in the written file."""
    scene = read_gltf(FileBundle("result.glb", result.artifacts["result.glb"]))
    positions = kinematics.clip_world(scene.skeleton, scene.load_clip(len(scene.clips) - 1, None))[1]
    roles = result.report["mapping"]["target"]["roles"]
    return {role: positions[:, scene.skeleton.names.index(match["joint"])] for role, match in roles.items()}


def apart_m(one: EngineResult, other: EngineResult) -> float:
    first, second = paths(one), paths(other)
    return max(float(np.linalg.norm(first[role] - second[role], axis=-1).max()) for role in LOOKED_AT)


@pytest.mark.parametrize("held", PARTS)
@pytest.mark.parametrize(("style", "offset"), [(RigStyle(), False), (RigStyle(names="suffixed"), True), (MIXAMO, True)])
def test_a_character_moves_as_the_skinned_one(held: Held, style: RigStyle, offset: bool) -> None:
    robot = rigid(STOUT, held, style, offset=offset)
    result = retarget(WALK, robot, OPTIONS)
    assert result.report["target"]["joints"] == 22 and result.report["verdict"]["verdict"] == "pass"
    assert apart_m(result, retarget(WALK, FileBundle("c.glb", make_character(STOUT, style)), OPTIONS)) < 0.02
    written = split_container(result.artifacts["result.glb"], "result.glb", DEFAULT_LIMITS).json
    turned = [c["target"]["node"] for c in written["animations"][-1]["channels"] if c["target"]["path"] == "rotation"]
    assert {written["nodes"][node]["name"].removesuffix("_mesh") for node in turned} == {
        written["nodes"][node]["name"] for node in turned
    } and len(turned) == 22


@pytest.mark.parametrize("held", PARTS)
@pytest.mark.parametrize("version", [0, 1])
def test_a_vrm_by_its_map(held: Held, version: int) -> None:
    extensions = vrm0_extensions() if version == 0 else vrm1_extensions()
    robot = rigid(STOUT, held, NUMBERED, fingers=True, extensions=extensions, name="robot.vrm")
    assert inspect_file(robot)["problem"] is None
    result = retarget(WALK, robot, OPTIONS)
    roles = result.report["mapping"]["target"]["roles"]
    assert {match["reason"] for match in roles.values()} == {"the file's VRM map"} and set(roles) == set(ROLES)
    assert apart_m(result, retarget(WALK, FileBundle("c.glb", make_character(STOUT)), OPTIONS)) < 0.02


@pytest.mark.parametrize("held", PARTS)
@pytest.mark.parametrize("style", [RigStyle(), NUMBERED, MIXAMO])
def test_a_robot_with_a_clip_of_its_own_is_a_source(held: Held, style: RigStyle) -> None:
    clips, stout = make_clips(TALL)[:1], FileBundle("c.glb", make_character(STOUT))
    result = retarget(rigid(TALL, held, style, clips), stout, OPTIONS)
    assert apart_m(result, retarget(FileBundle("m.glb", make_character(TALL, style, clips)), stout, OPTIONS)) < 0.02


def in_mid_motion(bundle: FileBundle, frame: int) -> FileBundle:
    """The nodes stand as in a frame of the file's clip, as exporters leave them."""
    scene, container = read_gltf(bundle), split_container(bundle.data, bundle.name, DEFAULT_LIMITS)
    clip, tree = scene.load_clip(0, None), scene.document.tree
    for entry in np.flatnonzero(scene.skeleton.deforming).tolist():
        node = container.json["nodes"][int(tree.file_indices[entry])]
        node["rotation"] = np.clip(clip.rotations[frame, entry], -1.0, 1.0).tolist()
        if entry in clip.translations_m:
            node["translation"] = (clip.translations_m[entry][frame] / scene.skeleton.translation_scale[entry]).tolist()
    return FileBundle(bundle.name, join_container(container.json, container.binary or b""))


@pytest.mark.parametrize("held", ["on", "below"])
def test_nodes_that_rest_in_mid_motion(held: Held) -> None:
    robot = in_mid_motion(rigid(STOUT, held, motions=make_clips(STOUT)[:1]), 20)
    stout = FileBundle("c.glb", make_character(STOUT))
    result = retarget(WALK, robot, OPTIONS)
    assert result.report["target"]["rest_pose"] == {"kind": "estimated", "guessed": True}
    assert apart_m(result, retarget(WALK, stout, OPTIONS)) < 0.05
    moved = retarget(robot, stout, OPTIONS)
    own = FileBundle("m.glb", make_character(STOUT, None, make_clips(STOUT)[:1]))
    assert apart_m(moved, retarget(own, stout, OPTIONS)) < 0.05


def test_surface_scores_and_refinement_take_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RETARGET_SURFACE_SCORES")
    options = JobOptions(encoder="none", refine="geometry", refine_budget_s=2, end_s=0.5)
    report = retarget(WALK, rigid(STOUT, "on"), options).report
    assert report["scores"]["penetration_checked"] > 1000 and report["scores"]["penetration_pct"] is not None
    assert report["refinement"] is not None


def test_the_parts_are_the_surface_and_come_through_the_sandbox() -> None:
    robot = rigid(STOUT, "below", offset=True)
    sandbox = Sandbox()
    try:
        stored = sandbox.read(robot).scene
    finally:
        sandbox.close()
    skinned = read_gltf(FileBundle("c.glb", make_character(STOUT))).load_mesh()
    for scene in (read_gltf(robot), stored):
        mesh = scene.load_mesh()
        assert scene.has_surface and mesh is not None and skinned is not None
        assert np.all(mesh.weights == 1.0) and len(mesh.faces) == len(skinned.faces)
        assert len(np.unique(mesh.joints)) == 22 and np.all(scene.skeleton.deforming[mesh.joints])
        np.testing.assert_allclose(np.ptp(mesh.positions_m, axis=0), np.ptp(skinned.positions_m, axis=0), atol=1e-5)


def test_a_nameless_figure_is_a_body_once_the_user_says_so() -> None:
    robot = rigid(STOUT, "on", NUMBERED)
    with pytest.raises(NoSkin, match="name its joints in the mapping override"):
        retarget(WALK, robot, OPTIONS)
    assert inspect_file(robot)["problem"]["code"] == "no-skin"
    named = {"target": {"hips": "joint_00"}}
    result = retarget(WALK, robot, JobOptions.model_validate({"encoder": "none", "mapping": named}))
    assert apart_m(result, retarget(WALK, FileBundle("c.glb", make_character(STOUT, NUMBERED)), OPTIONS)) < 0.02


def table() -> GltfBuilder:
    builder = GltfBuilder()
    mesh = builder.mesh(TRIANGLE)
    top = builder.node(name="Table", mesh=mesh, translation=[0.0, 0.7, 0.0])
    for number, (x, z) in enumerate(((0.4, 0.3), (-0.4, 0.3), (0.4, -0.3), (-0.4, -0.3))):
        leg = builder.node(top, name=f"Leg{number}", mesh=mesh, translation=[x, 0.0, z])
        builder.node(leg, name=f"Foot{number}", mesh=mesh, translation=[0.0, -0.35, 0.0])
    return builder


def dog() -> GltfBuilder:
    builder = GltfBuilder()
    mesh = builder.mesh(TRIANGLE)
    hips = builder.node(name="hips", mesh=mesh, translation=[0.0, 0.5, 0.0])
    chest = builder.node(hips, name="spine", mesh=mesh, translation=[0.0, 0.0, 0.5])
    builder.node(chest, name="head", mesh=mesh, translation=[0.0, 0.2, 0.2])
    for side, x in (("L", 0.1), ("R", -0.1)):
        for above, name in ((hips, "Hind"), (chest, "Fore")):
            upper = builder.node(above, name=f"{name}_upper_{side}", mesh=mesh, translation=[x, 0.0, 0.0])
            lower = builder.node(upper, name=f"{name}_lower_{side}", mesh=mesh, translation=[0.0, -0.2, 0.0])
            builder.node(lower, name=f"{name}_paw_{side}", mesh=mesh, translation=[0.0, -0.2, 0.0])
    return builder


def crate() -> GltfBuilder:
    builder = GltfBuilder()
    builder.node(name="Crate", mesh=builder.mesh(TRIANGLE))
    return builder


@pytest.mark.parametrize("make", [table, dog, crate])
def test_props_are_refused(make: Any) -> None:
    with pytest.raises(NoSkin) as caught:
        retarget(WALK, make().bundle(), OPTIONS)
    assert "skin" in caught.value.detail


def test_a_mesh_beside_its_skeleton_is_refused() -> None:
    """A figure exported without its skin: no node would move the mesh."""

    def unbind(document: dict[str, Any]) -> None:
        for node in document["nodes"]:
            node.pop("mesh", None)
        document["scenes"][0]["nodes"].append(len(document["nodes"]))
        document["nodes"].append({"name": "Body", "mesh": 0})

    for extensions in (None, vrm1_extensions()):
        robot = rigid(STOUT, "on", NUMBERED, fingers=True, extensions=extensions, change=unbind)
        with pytest.raises(NoSkin, match="export the mesh bound to its skeleton"):
            retarget(WALK, robot, OPTIONS)
        problem = inspect_file(robot)["problem"]
        assert problem["code"] == "no-skin" and "0 joints" not in problem["detail"]


def test_a_moving_prop_does_not_make_a_motion() -> None:
    builder = table()
    builder.animation((1, "rotation", [0.0, 1.0], [[0.0, 0.0, 0.0, 1.0], [0.0, 0.6, 0.0, 0.8]]))
    with pytest.raises(NoSkin):
        retarget(builder.bundle(), FileBundle("c.glb", make_character(STOUT)), OPTIONS)
