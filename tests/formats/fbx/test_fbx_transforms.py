"""FBX transforms and takes come out as plain translation, rotation and scale: compared with the documented formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.formats.fbx.fbx_text import Node, Take, euler, fbx_text, local_matrix, shift, world_matrices
from workers.formats.bundle import FileBundle
from workers.formats.fbx.read import read_fbx
from workers.skeleton import kinematics, quat
from workers.skeleton.model import Scene, Skeleton

RATE_HZ = 24.0


def read(data: bytes) -> Scene:
    return read_fbx(FileBundle("made.fbx", data))


def chain(seed: int, order: int = 0, **settings: Any) -> list[Node]:
    """Four limbs of about 50 units with everything set that moves a transform, but no scale."""
    random = np.random.default_rng(seed)

    def angles() -> list[float]:
        return [float(angle) for angle in random.uniform(-80.0, 80.0, 3)]

    return [
        Node(
            name=f"bone{k}", parent=k - 1, translation=[50.0, 5.0 * k, -4.0], rotation=angles(), pre_rotation=angles(),
            post_rotation=angles(), rotation_offset=random.uniform(-5, 5, 3).tolist(),
            rotation_pivot=random.uniform(-5, 5, 3).tolist(), scaling_offset=random.uniform(-5, 5, 3).tolist(),
            scaling_pivot=random.uniform(-5, 5, 3).tolist(), order=order, **settings,
        )
        for k in range(4)
    ]  # fmt: skip


def assert_world(scene: Scene, wanted: list[np.ndarray], rotations: np.ndarray, positions: np.ndarray) -> None:
    """`wanted` in centimetres."""
    for k, matrix in enumerate(wanted):
        joint = scene.skeleton.names.index(f"bone{k}")
        np.testing.assert_allclose(positions[joint], 0.01 * matrix[:3, 3], atol=2e-6)
        np.testing.assert_allclose(quat.to_matrix(rotations[joint]), matrix[:3, :3], atol=2e-6)


@pytest.mark.parametrize("order", range(6))
def test_pivots_offsets_pre_and_post_rotation_in_every_rotation_order(order: int) -> None:
    nodes = chain(order, order)
    random = np.random.default_rng(100 + order)
    times = np.arange(13) / RATE_HZ
    turns = {k: nodes[k].rotation + np.cumsum(random.uniform(-12, 12, (13, 3)), axis=0) for k in range(4)}
    paths = {0: np.cumsum(random.uniform(-3, 3, (13, 3)), axis=0) + nodes[0].translation}
    tracks = {(k, "Lcl Rotation"): (times, values) for k, values in turns.items()}
    tracks |= {(k, "Lcl Translation"): (times, values) for k, values in paths.items()}
    scene = read(fbx_text(nodes, [Take("swing", 0.5, [tracks])]))
    skeleton = scene.skeleton
    assert_world(scene, world_matrices(nodes), *_pose(skeleton, skeleton.node_rotations, skeleton.node_offsets_m))
    assert [(clip.name, clip.frames, clip.rate_hz) for clip in scene.clips] == [("swing", 13, RATE_HZ)]
    rotations, positions = kinematics.clip_world(skeleton, scene.load_clip(0, None))
    for frame in range(13):
        here = {k: values[frame] for k, values in turns.items()}, {k: values[frame] for k, values in paths.items()}
        assert_world(scene, world_matrices(nodes, *here), rotations[frame], positions[frame])


def _pose(skeleton: Skeleton, rotations: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    world = kinematics.world_rotations(skeleton, rotations)
    return world, kinematics.world_positions(skeleton, world, offsets)


def test_sparse_keys_are_interpolated_in_euler_angles_as_fbx_does() -> None:
    """Two keys three seconds apart, three angles at once: in between, slerp would lie far off."""
    nodes = chain(3)
    values = np.array([[0.0, 0.0, 0.0], [170.0, 80.0, -120.0]])
    scene = read(fbx_text(nodes, [Take("turn", 3.0, [{(1, "Lcl Rotation"): ([0.0, 3.0], values)}])]))
    rotations, positions = kinematics.clip_world(scene.skeleton, scene.load_clip(0, None))
    assert len(rotations) == 73
    for frame in (1, 17, 36, 50, 71):
        here = {1: values[0] + (values[1] - values[0]) * frame / 72}
        assert_world(scene, world_matrices(nodes, here), rotations[frame], positions[frame])


@pytest.mark.parametrize("inherit", [0, 2])
def test_nodes_that_do_not_pass_on_their_scale(inherit: int) -> None:
    """InheritType 2: a child keeps its place in the scaled parent but not the scale itself. Joints have no pivots."""
    pivots = ("rotation_offset", "rotation_pivot", "scaling_offset", "scaling_pivot")
    bare = [Node(**{**vars(n), **dict.fromkeys(pivots, (0.0, 0.0, 0.0))}) for n in chain(5, inherit=inherit)]
    bare[1].scaling = (2.0, 2.0, 2.0)
    scene = read(fbx_text(bare))
    wanted = [local_matrix(bare[0])]
    wanted.append(wanted[0] @ local_matrix(bare[1]))
    unscaled = wanted[1] @ np.diag([0.5, 0.5, 0.5, 1.0])
    child = local_matrix(bare[2])
    if inherit == 2:
        turn = unscaled @ child
        turn[:3, 3] = (wanted[1] @ child)[:3, 3]
        wanted.append(turn)
    else:
        wanted.append(wanted[1] @ child)
    skeleton = scene.skeleton
    rotations, positions = _pose(skeleton, skeleton.node_rotations, skeleton.node_offsets_m)
    for k in range(3):
        joint = skeleton.names.index(f"bone{k}")
        np.testing.assert_allclose(positions[joint], 0.01 * wanted[k][:3, 3], atol=2e-6)
        linear = wanted[k][:3, :3] / np.cbrt(np.linalg.det(wanted[k][:3, :3]))
        np.testing.assert_allclose(quat.to_matrix(rotations[joint]), linear, atol=2e-6)
    # The helper that ufbx puts in place of the scale is gone: it says nothing more.
    assert set(skeleton.names) == {"bone0", "bone1", "bone2", "bone3"}
    # What lies below is twice as far away only where scale is passed on.
    length = np.linalg.norm(positions[skeleton.names.index("bone3")] - positions[skeleton.names.index("bone2")])
    own = np.linalg.norm(local_matrix(bare[3])[:3, 3]) * 0.01
    assert length == pytest.approx(own if inherit == 2 else 2.0 * own, rel=1e-5)


def test_layers_add_up() -> None:
    nodes = chain(7)
    base = {(0, "Lcl Translation"): ([0.0, 1.0], np.array([[10.0, 0.0, 0.0], [10.0, 0.0, 0.0]]))}
    over = {(0, "Lcl Translation"): ([0.0, 1.0], np.array([[0.0, 0.0, 0.0], [0.0, 24.0, 0.0]]))}
    scene = read(fbx_text(nodes, [Take("both", 1.0, [base, over])]))
    rotations, positions = kinematics.clip_world(scene.skeleton, scene.load_clip(0, None))
    for frame in (0, 12, 24):
        there = {0: np.array([10.0, float(frame), 0.0])}
        assert_world(scene, world_matrices(nodes, None, there), rotations[frame], positions[frame])


@pytest.mark.parametrize("rate", [1.0, 7.5, 24000 / 1001, 29.97, 60000 / 1001, 119.88])
@pytest.mark.parametrize("frames", [2, 97, 1201])
def test_takes_have_the_frames_of_the_rate_that_the_file_states(rate: float, frames: int) -> None:
    nodes, end = chain(8), (frames - 1) / rate
    track = {(1, "Lcl Rotation"): ([0.0, end], np.array([[0.0, 0.0, 0.0], [0.0, 60.0, 0.0]]))}
    scene = read(fbx_text(nodes, [Take("turn", end, [track])], custom_rate=rate))
    clip = scene.load_clip(0, None)
    assert (scene.clips[0].frames, clip.frames) == (frames, frames)
    assert clip.rate_hz == pytest.approx(rate, rel=1e-4) and scene.clips[0].rate_hz == pytest.approx(rate, rel=1e-4)


def test_takes_keep_their_names_and_lengths_and_start_at_zero() -> None:
    nodes = chain(8)
    track = {(1, "Lcl Rotation"): ([0.0, 2.0], np.array([[0.0, 0.0, 0.0], [0.0, 60.0, 0.0]]))}
    takes = [Take("walk", 1.0, [track], start_s=0.5), Take("run", 2.0, [track]), Take("nothing", 2.0, [{}])]
    scene = read(fbx_text(nodes, takes, custom_rate=48.0))
    assert [(c.name, c.frames, c.rate_hz, c.duration_s) for c in scene.clips] == [
        ("walk", 25, 48.0, 0.5),
        ("run", 97, 48.0, 2.0),
    ]
    assert [notice.message for notice in scene.notices if notice.code == "take-empty"] == [
        "take 'nothing' moves nothing; it is left out"
    ]
    clip = scene.load_clip(0, None)
    joint = scene.skeleton.names.index("bone1")
    at_half_a_second = world_matrices(nodes, {1: np.array([0.0, 15.0, 0.0])})
    rotations, positions = kinematics.clip_world(scene.skeleton, clip)
    assert clip.start_s == 0.0
    np.testing.assert_allclose(positions[0, joint], 0.01 * at_half_a_second[1][:3, 3], atol=2e-6)
    np.testing.assert_allclose(quat.to_matrix(rotations[0, joint]), at_half_a_second[1][:3, :3], atol=2e-6)


def test_units_and_axes_are_those_the_file_states() -> None:
    """2.54 cm a unit and Z up: (x, y, z) of the file is (x, z, -y) here."""
    nodes = [Node(name=f"bone{k}", parent=k - 1, translation=[1.0, 2.0, 10.0 + k]) for k in range(4)]
    scene = read(fbx_text(nodes, unit=2.54, up=2))
    units = scene.units
    assert (units.unit, units.up_axis, units.guessed) == ("inch", "Z", False)
    assert units.document_factor == pytest.approx(1.0)
    assert units.factor == pytest.approx(0.0254)
    assert "states inch as its unit and Z up" in units.reason
    skeleton = scene.skeleton
    _, positions = _pose(skeleton, skeleton.node_rotations, skeleton.node_offsets_m)
    x, y, z = np.cumsum([node.translation for node in nodes], axis=0)[2]
    np.testing.assert_allclose(positions[skeleton.names.index("bone2")], np.array([x, z, -y]) * 0.0254, atol=1e-6)


def test_a_unit_that_makes_no_body_is_told_as_a_guess() -> None:
    nodes = [Node(name=f"bone{k}", parent=k - 1, translation=[0.0, 0.5, 0.0]) for k in range(4)]  # really in metres
    scene = read(fbx_text(nodes))
    assert scene.units.guessed
    assert scene.units.factor == pytest.approx(1.0)
    assert scene.units.document_factor == pytest.approx(100.0)
    assert "the file states cm" in scene.units.reason
    length = np.linalg.norm(scene.skeleton.node_offsets_m[scene.skeleton.names.index("bone1")])
    assert length == pytest.approx(0.5, rel=1e-5)


def test_limbs_without_a_skin_are_joints_and_claim_no_bind_pose() -> None:
    nodes = [Node("group", kind="Null"), *(Node(f"bone{k}", k, translation=[0.0, 30.0, 0.0]) for k in range(3))]
    scene = read(fbx_text(nodes))
    assert (scene.rest_kind, scene.skins, scene.meshes) == ("node", 1, 0)
    named = dict(zip(scene.skeleton.names, scene.skeleton.deforming.tolist(), strict=True))
    assert named == {"group": False, "bone0": True, "bone1": True, "bone2": True}


@pytest.mark.parametrize("stretch", [1.0, 3.0])
def test_a_bind_pose_without_a_mesh_counts_if_its_bones_are_as_long_as_the_nodes(stretch: float) -> None:
    nodes = [Node(f"bone{k}", k - 1, translation=[0.0, 40.0, 0.0], rotation=[0.0, 0.0, 25.0]) for k in range(4)]
    straight = {k: shift([0.0, 40.0 * stretch * (k + 1), 0.0]) @ euler([0.0, 30.0, 0.0]) for k in range(4)}
    scene = read(fbx_text(nodes, bind_pose=straight))
    if stretch != 1.0:
        assert scene.rest_kind == "node"
        return
    assert scene.rest_kind == "bind"
    rotations, positions = kinematics.rest_world(scene.skeleton)
    assert_world(scene, [straight[k] for k in range(4)], rotations, positions)
