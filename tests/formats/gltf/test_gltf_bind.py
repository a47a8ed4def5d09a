"""The bind pose is found whatever convention the exporter follows and wherever the nodes rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.gltf_builder import BODY, GltfBuilder, bind_matrices, character, matrix, posed
from workers.contract.errors import ParseFailed
from workers.formats.bundle import FileBundle
from workers.formats.gltf.read import read_gltf
from workers.skeleton import quat
from workers.skeleton.kinematics import rest_world, world_rotations
from workers.skeleton.model import Array, Scene

QUARTER = [-np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)]
Z_UP_CM = matrix(rotation=QUARTER, scale=[0.01] * 3)
Z_UP_100 = matrix(rotation=QUARTER, scale=[100.0] * 3)
CONVENTIONS = {
    "plain": (np.eye(4), np.eye(4), None),
    "identity above a turned armature": (matrix(rotation=QUARTER), np.eye(4), matrix(rotation=QUARTER)),
    "mesh node": (Z_UP_100, Z_UP_100, Z_UP_100),
    "mesh node moved": (Z_UP_100, matrix([0, 2.4, 0]) @ Z_UP_100, matrix([0, 2.4, 0]) @ Z_UP_100),
    "armature": (Z_UP_CM, Z_UP_CM, None),
}


def assert_bound(scene: Scene, bind: Array, tolerance: float = 1e-5) -> None:
    rotations, positions = rest_world(scene.skeleton)
    joints = [scene.skeleton.names.index(name) for name, _, _ in BODY]
    np.testing.assert_allclose(positions[joints], bind[:, :3, 3], atol=tolerance)
    assert np.max(quat.angle_between(rotations[joints], quat.from_matrix(bind[:, :3, :3]))) < 1e-4
    assert scene.rest_kind == "bind"


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("angle", [0.0, 1.0])
def test_bind_pose_and_mesh_are_found(convention: str, seed: int, angle: float) -> None:
    random = np.random.default_rng(seed)
    bind = bind_matrices(random)
    armature, skin_space, mesh_world = CONVENTIONS[convention]
    scene = read_gltf(character(random, bind, posed(bind, random, angle), armature, skin_space, mesh_world).bundle())
    assert_bound(scene, bind)
    mesh = scene.load_mesh()
    assert mesh is not None
    np.testing.assert_allclose(mesh.positions_m, bind[:, :3, 3], atol=1e-5)


def test_skins_of_one_skeleton_are_reconciled_by_their_shared_joints() -> None:
    random = np.random.default_rng(3)
    bind = bind_matrices(random)
    builder = character(random, bind, posed(bind, random, 1.0), Z_UP_100, Z_UP_100, Z_UP_100)
    # A backpack: fewer joints, stored in a space of its own that no node shows.
    space = matrix([3, 4, 5], quat.normalize([1, 2, 3, 4]), [26.0] * 3)
    joints = [2, 3]
    inverse = np.linalg.inv(bind[[1, 2]] @ matrix(scale=[100.0] * 3)) @ space
    skin = builder.skin(joints, inverse)
    local = np.linalg.inv(space) @ np.array([0.1, 1.3, -0.2, 1.0])
    influences = {
        "JOINTS_0": builder.accessor([[0, 0, 0, 0]] * 3, "VEC4", "u1"),
        "WEIGHTS_0": builder.accessor([[1.0, 0, 0, 0]] * 3, "VEC4"),
    }
    builder.node(mesh=builder.mesh([local[:3]] * 3, attributes=influences), skin=skin)
    scene = read_gltf(builder.bundle())
    assert_bound(scene, bind)
    mesh = scene.load_mesh()
    assert mesh is not None
    np.testing.assert_allclose(mesh.positions_m[-3:], [[0.1, 1.3, -0.2]] * 3, atol=1e-5)
    assert scene.skins == 2
    assert not scene.notices


def test_a_joint_of_no_skin_keeps_its_place_below_its_parent() -> None:
    random = np.random.default_rng(5)
    bind = bind_matrices(random)
    builder = character(random, bind, posed(bind, random, 1.0), np.eye(4), np.eye(4))
    hand = next(n for n, node in enumerate(builder.document["nodes"]) if node.get("name") == "HandL")
    turn = quat.normalize([1, 0, 2, 3]).tolist()
    builder.node(hand, name="Prop", translation=[0.1, 0.2, 0.3], rotation=turn)
    scene = read_gltf(builder.bundle())
    rotations, positions = rest_world(scene.skeleton)
    prop = scene.skeleton.names.index("Prop")
    expected = bind[4] @ matrix([0.1, 0.2, 0.3], turn)
    np.testing.assert_allclose(positions[prop], expected[:3, 3], atol=1e-5)
    assert quat.angle_between(rotations[prop], quat.from_matrix(expected[:3, :3])) < 1e-4
    assert not scene.skeleton.deforming[prop]


def test_centimetres_are_guessed_and_reported() -> None:
    random = np.random.default_rng(2)
    bind = bind_matrices(random)
    in_cm = bind.copy()
    in_cm[:, :3, 3] *= 100.0
    scene = read_gltf(character(random, in_cm, in_cm, np.eye(4), np.eye(4)).bundle())
    assert (scene.units.factor, scene.units.guessed) == (0.01, True)
    assert [n.code for n in scene.notices] == ["units-guessed"]
    assert_bound(scene, bind)
    np.testing.assert_allclose(scene.skeleton.translation_scale, 0.01)
    mesh = scene.load_mesh()
    assert mesh is not None
    np.testing.assert_allclose(mesh.positions_m, bind[:, :3, 3], atol=1e-5)


def test_without_inverse_bind_matrices_the_nodes_are_the_rest_pose() -> None:
    builder = GltfBuilder()
    joint = builder.node(translation=[1.0, 2.0, 3.0])
    tip = builder.node(joint, translation=[0.0, 1.0, 0.0])
    builder.skin([joint, tip])
    scene = read_gltf(builder.bundle())
    assert scene.rest_kind == "node"
    np.testing.assert_allclose(rest_world(scene.skeleton)[1], [[1, 2, 3], [1, 3, 3]])


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_matrices_without_an_inverse_are_refused(value: float) -> None:
    inverse = np.tile(np.eye(4), (2, 1, 1))
    inverse[0, 3, 3] = 1.0
    inverse[1, 0, 0] = value
    builder = GltfBuilder()
    builder.skin([builder.node(), builder.node()], inverse)
    with pytest.raises(ParseFailed, match="inverseBindMatrices"):
        read_gltf(builder.bundle())


@pytest.mark.parametrize(
    "skin",
    [
        {},
        {"joints": []},
        {"joints": [0, 0]},
        {"joints": [9]},
        {"joints": [0], "inverseBindMatrices": 4},
        {"joints": [0], "skeleton": 7},
    ],
)
def test_broken_skins_are_refused(skin: dict[str, object]) -> None:
    builder = GltfBuilder()
    builder.node()
    builder.document["skins"] = [skin]
    with pytest.raises(ParseFailed):
        read_gltf(builder.bundle())


def real_files(shared_data: Path) -> list[Path]:
    found = [*shared_data.glob("characters/**/*.glb"), *shared_data.glob("characters/**/*.gltf")]
    return sorted([*found, *shared_data.glob("motions/**/*.glb")])


def test_every_real_humanoid_is_bound_upright_with_its_feet_on_the_floor(shared_data: Path) -> None:
    checked = 0
    for path in real_files(shared_data):
        siblings = {file.name: file.read_bytes for file in path.parent.iterdir() if file.is_file()}
        scene = read_gltf(FileBundle(path.name, path.read_bytes(), siblings))
        skeleton, mesh = scene.skeleton, scene.load_mesh()
        rotations, joints = rest_world(skeleton)
        if skeleton.deforming.sum() < 15:
            continue  # a smoke test, not a body
        points = joints[skeleton.deforming] if mesh is None else mesh.positions_m
        low, high = points.min(axis=0), points.max(axis=0)
        size = high - low
        joint_size = np.ptp(joints[skeleton.deforming], axis=0)
        nodes = world_rotations(skeleton, skeleton.node_rotations)
        turned = np.degrees(np.max(quat.angle_between(rotations, nodes)[skeleton.deforming]))
        print(f"{path.name}: height {size[1]:.3f} m, feet y {low[1]:+.3f}, node to bind {turned:.0f} deg")
        assert abs(low[1]) < 0.02 * size[1], path.name
        assert joint_size[1] > min(joint_size[0], joint_size[2]), path.name  # near: stands, by the file's own sizes
        checked += 1
    assert checked >= 20
