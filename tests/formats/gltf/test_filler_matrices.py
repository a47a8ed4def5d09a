"""A bind matrix of a joint without weights says nothing: the result is that of the same file with true matrices."""

from __future__ import annotations

import numpy as np
import pytest

from tests.formats.gltf.glb_player import GlbPlayer
from tests.formats.gltf.weightless_kit import FILLERS, pose_nodes, split_skins, with_twins
from tests.glb_editor import GlbEditor
from tests.gltf_builder import matrix
from workers.contract.options import JobOptions
from workers.engine.engine import retarget
from workers.formats.bundle import FileBundle
from workers.formats.gltf import bind as gltf_bind
from workers.formats.gltf import influences
from workers.formats.gltf.read import read_gltf
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle, joint_name
from workers.samples.shape import ROLES, STOUT, TALL
from workers.skeleton import quat
from workers.skeleton.kinematics import rest_world
from workers.skeleton.model import Scene

QUARTER = [np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)]
Z_UP_CM = matrix(rotation=QUARTER, scale=[100.0] * 3)
WITHOUT_WEIGHTS = {
    "trunk": ("hips", "spine", "chest", "upperChest"),
    "hips": ("hips",),
    "limbs": tuple(f"{side}{part}" for side in ("left", "right") for part in ("UpperLeg", "LowerArm")),
    "one leg": ("rightUpperLeg", "rightLowerLeg", "rightFoot"),
    "all that bend": tuple(role for role in ROLES if "Distal" not in role),
}
STYLES = {
    "plain": RigStyle(),
    "mixamo cm": RigStyle(bone_axes="bone_y", names="mixamo", unit="cm", up_axis="Z"),
    "A pose": RigStyle(rest_pose="A", bone_axes="bone_x", names="suffixed"),
}


def made(which: str, filler: str, style: str = "plain", space: bool = False) -> GlbEditor:
    rig = STYLES[style]
    names = [joint_name(role, rig.names) for role in WITHOUT_WEIGHTS[which]]
    return with_twins(make_character(STOUT, rig), names, filler, Z_UP_CM if space else None)


def rest_apart(a: Scene, b: Scene) -> tuple[float, float]:
    """Metres and degrees between the rest poses of the deforming joints."""
    used = a.skeleton.deforming
    (turns, places), (other_turns, other_places) = rest_world(a.skeleton), rest_world(b.skeleton)
    apart = np.linalg.norm(places - other_places, axis=1)[used]
    return float(apart.max()), float(np.degrees(quat.angle_between(turns, other_turns)[used].max()))


@pytest.mark.parametrize("filler", FILLERS)
@pytest.mark.parametrize("which", WITHOUT_WEIGHTS)
@pytest.mark.parametrize(("style", "space"), [("plain", True), ("mixamo cm", False)])
def test_rest_is_that_of_true_matrices(which: str, filler: str, style: str, space: bool) -> None:
    true = read_gltf(made(which, "true", style, space).bundle())
    scene = read_gltf(made(which, filler, style, space).bundle())
    off_m, off_deg = rest_apart(scene, true)
    assert off_m < 0.001
    assert off_deg < 0.5
    told = [notice for notice in scene.notices if notice.code == "bind-matrix-ignored"]
    assert len(told) == (filler != "true")
    mesh, true_mesh = scene.load_mesh(), true.load_mesh()
    assert mesh is not None and true_mesh is not None
    np.testing.assert_allclose(mesh.positions_m, true_mesh.positions_m, atol=1e-4)


@pytest.mark.parametrize("filler", FILLERS)
@pytest.mark.parametrize("which", ["trunk", "hips", "limbs", "one leg"])
@pytest.mark.parametrize("moved", [None, "hips"])
def test_nodes_may_rest_in_mid_movement(which: str, filler: str, moved: str | None) -> None:
    true, spoilt = made(which, "true", space=True), made(which, filler, space=True)
    for edit in (true, spoilt):
        pose_nodes(edit, 0.7, moved=moved)
    off_m, off_deg = rest_apart(read_gltf(spoilt.bundle()), read_gltf(true.bundle()))
    assert off_m < 0.02
    assert off_deg < 2.0


def test_true_matrices_of_joints_without_weights_stay_whatever_the_nodes_do() -> None:
    """A root on the floor, ends of limbs, helpers: their nodes may travel, their matrices are no fillers."""
    edit = GlbEditor(make_character(TALL))
    hips, armature = edit.node("hips"), edit.node("Armature")
    edit.nodes.append({"name": "root", "children": [hips]})
    edit.nodes[armature]["children"] = [len(edit.nodes) - 1]
    matrices = [*edit.inverse_bind]
    edit.joints.append(len(edit.nodes) - 1)
    matrices.append(np.eye(4))
    head = edit.nodes[edit.node("head")]
    edit.nodes.append({"name": "head_end", "translation": [0.0, 0.2, 0.05]})
    head["children"] = [*(head.get("children") or ()), len(edit.nodes) - 1]
    edit.joints.append(len(edit.nodes) - 1)
    matrices.append(np.linalg.inv(edit.world(edit.joints[-1])))
    edit.put_inverse_bind(np.stack(matrices))
    still = read_gltf(edit.bundle())
    pose_nodes(edit, 0.7, moved="hips")
    scene = read_gltf(edit.bundle())
    off_m, off_deg = rest_apart(scene, still)
    assert off_m < 1e-5
    assert off_deg < 0.01
    assert not scene.notices


def test_weights_are_read_only_where_matrices_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = influences.holding_joints

    def counted(document: object, skin: int, joint_count: int) -> object:
        asked.append(skin)
        return real(document, skin, joint_count)  # type: ignore[arg-type]

    monkeypatch.setattr(gltf_bind, "holding_joints", counted)
    read_gltf(made("trunk", "true").bundle())
    assert asked == []
    read_gltf(made("trunk", "identity").bundle())
    assert asked == [0]


@pytest.mark.parametrize("filler", FILLERS[1:])
@pytest.mark.parametrize(("which", "style"), [("trunk", "plain"), ("all that bend", "mixamo cm")])
def test_results_are_alike(samples: dict[str, FileBundle], filler: str, which: str, style: str) -> None:
    options = JobOptions(encoder="none", end_s=0.7)
    players = []
    for kind in ("true", filler):
        edit = made(which, kind, style, space=style == "plain")
        result = retarget(samples["walk.bvh"], edit.bundle(), options)
        players.append(GlbPlayer(result.artifacts["result.glb"]))
    worst, height = 0.0, np.inf
    for time_s in np.arange(0.0, 0.7, 0.1):
        true, spoilt = (player.skinned(player.world(-1, float(time_s))) for player in players)
        worst = max(worst, float(np.linalg.norm(true - spoilt, axis=1).max()))
        height = min(height, float(np.ptp(spoilt[:, 1])))
    assert worst < 0.01
    assert height > 1.2  # near: the body is 1.24 m high


@pytest.mark.parametrize("filler", FILLERS[1:])
def test_a_motion_made_on_such_a_rig_is_read_alike(samples: dict[str, FileBundle], filler: str) -> None:
    options = JobOptions(encoder="none", end_s=0.4)
    walk = samples["walk.glb"].data
    moved = []
    for kind in ("true", filler):
        motion = with_twins(walk, WITHOUT_WEIGHTS["trunk"], kind).bundle("walk.glb")
        player = GlbPlayer(retarget(motion, samples["stout.glb"], options).artifacts["result.glb"])
        moved.append(np.stack([player.skinned(player.world(-1, frame / 30.0)) for frame in range(0, 12, 3)]))
    assert np.linalg.norm(moved[0] - moved[1], axis=-1).max() < 0.01


LEGS = tuple(role for role in ROLES if any(part in role for part in ("Leg", "Foot", "Toes")))
PARTS = {
    "halves": (tuple(role for role in ROLES if role not in LEGS), LEGS),
    "hat": (tuple(role for role in ROLES if role != "head"), ("head",)),
    "many": (("hips", "spine"), ("chest", "upperChest", "neck"), ("head",), LEGS, tuple(ROLES[6:7])),
}


@pytest.mark.parametrize("angle", [0.0, 0.7])
@pytest.mark.parametrize("style", ["plain", "mixamo cm"])
@pytest.mark.parametrize("which", PARTS)
def test_skins_that_fill_in_the_joints_of_other_parts(which: str, style: str, angle: float) -> None:
    scenes = []
    for filler in (False, True):
        parts = [[joint_name(role, STYLES[style].names) for role in part] for part in PARTS[which]]
        edit = split_skins(make_character(STOUT, STYLES[style]), parts, filler)
        pose_nodes(edit, angle)
        scenes.append(read_gltf(edit.bundle()))
    meshes = [scene.load_mesh() for scene in scenes]
    assert meshes[0] is not None and meshes[1] is not None
    np.testing.assert_allclose(meshes[1].positions_m, meshes[0].positions_m, atol=2e-3)
    if angle == 0.0:
        off_m, off_deg = rest_apart(scenes[1], scenes[0])
        assert off_m < 0.001 and off_deg < 0.5
