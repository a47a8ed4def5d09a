"""Meshes: every kind of primitive, skin weights, and rigid parts on joints."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.gltf_builder import GltfBuilder
from workers.contract.errors import ParseFailed, RetargetError, TooLarge
from workers.formats.gltf.read import read_gltf
from workers.formats.limits import DEFAULT_LIMITS
from workers.skeleton.model import Mesh

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])


def skinned(joint_count: int = 2, **primitive: Any) -> GltfBuilder:
    builder = GltfBuilder()
    joints = [builder.node(name=f"j{n}", translation=[float(n), 0, 0]) for n in range(joint_count)]
    inverse = np.tile(np.eye(4), (joint_count, 1, 1))
    inverse[:, 0, 3] = -np.arange(joint_count)
    attributes = primitive.pop("attributes", {})
    influences: dict[str, int] = {}
    for name, values in attributes.items():
        influences[name] = builder.accessor(values, "VEC4", "u1" if name.startswith("JOINTS") else "f4")
    if "indices" in primitive:
        primitive["indices"] = builder.accessor(primitive["indices"], "SCALAR", "u2")
    mesh = builder.mesh(SQUARE, attributes=influences, **primitive)
    builder.node(mesh=mesh, skin=builder.skin(joints, inverse), translation=[9, 9, 9])
    return builder


def load(builder: GltfBuilder) -> Mesh:
    mesh = read_gltf(builder.bundle()).load_mesh()
    assert mesh is not None
    return mesh


@pytest.mark.parametrize(
    ("primitive", "faces"),
    [
        ({"indices": [0, 1, 2, 0, 2, 3]}, [[0, 1, 2], [0, 2, 3]]),
        ({}, [[0, 1, 2]]),
        ({"mode": 5, "indices": [0, 1, 3, 2]}, [[0, 1, 3], [3, 1, 2]]),
        ({"mode": 6}, [[0, 1, 2], [0, 2, 3]]),
    ],
)
def test_triangles_strips_and_fans(primitive: dict[str, Any], faces: list[list[int]]) -> None:
    mesh = load(skinned(**primitive))
    np.testing.assert_array_equal(mesh.faces, faces)
    corners = mesh.positions_m[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.all(normals[:, 2] > 0.0)
    np.testing.assert_allclose(mesh.positions_m, SQUARE)  # the mesh node's own transform is ignored


def test_points_and_lines_are_no_surface() -> None:
    assert read_gltf(skinned(mode=1).bundle()).load_mesh() is None


def test_eight_influences_are_read_and_normalised() -> None:
    first, second = np.tile([0, 1, 2, 3], (4, 1)), np.tile([4, 5, 6, 200], (4, 1))
    weights = np.tile([0.4, 0.4, 0.4, 0.4], (4, 1)), np.tile([0.2, 0.1, 0.1, 0.0], (4, 1))
    attributes = {"JOINTS_0": first, "JOINTS_1": second, "WEIGHTS_0": weights[0], "WEIGHTS_1": weights[1]}
    mesh = load(skinned(8, attributes=attributes))
    np.testing.assert_allclose(mesh.weights[0], np.array([0.4, 0.4, 0.4, 0.4, 0.2, 0.1, 0.1, 0.0]) / 2.0)
    np.testing.assert_array_equal(mesh.joints[0], [0, 1, 2, 3, 4, 5, 6, 0])


def test_a_vertex_without_weight_goes_to_the_first_joint() -> None:
    weights = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0.0]])
    mesh = load(skinned(attributes={"JOINTS_0": np.ones((4, 4)), "WEIGHTS_0": weights}))
    np.testing.assert_array_equal(mesh.joints[0], 0)
    np.testing.assert_allclose(mesh.weights.sum(axis=1), 1.0)
    np.testing.assert_array_equal(mesh.joints[1:, 0], 1)


def test_rigid_parts_hang_on_the_nearest_joint_and_props_are_left_out() -> None:
    builder = skinned()
    group = builder.node(1, name="grip", translation=[0, 0, 5], scale=[2, 2, 2])
    builder.node(group, mesh=builder.mesh(SQUARE))
    builder.node(mesh=builder.mesh(SQUARE + 100.0), name="crate")
    mesh = load(builder)
    assert len(mesh.positions_m) == 8
    np.testing.assert_allclose(mesh.positions_m[:4], SQUARE * 2.0 + [1, 0, 5])  # parts lie in the order of the tree
    np.testing.assert_array_equal(mesh.joints[:4], 1)
    np.testing.assert_array_equal(mesh.faces, [[0, 1, 2], [4, 5, 6]])


def test_mirrored_parts_still_face_outward() -> None:
    builder = skinned()
    builder.node(0, mesh=builder.mesh(SQUARE), scale=[-1, 1, 1])
    mesh = load(builder)
    corners = mesh.positions_m[mesh.faces]
    assert np.all(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > 0.0)


@pytest.mark.parametrize(
    ("primitive", "error"),
    [
        ({"indices": [0, 1, 4]}, ParseFailed),
        ({"mode": 7}, ParseFailed),
        ({"mode": True}, ParseFailed),
        ({"attributes": {"JOINTS_0": np.full((4, 4), 2), "WEIGHTS_0": np.ones((4, 4))}}, ParseFailed),
        ({"attributes": {"JOINTS_0": np.zeros((4, 4)), "WEIGHTS_0": -np.ones((4, 4))}}, ParseFailed),
        ({"attributes": {"JOINTS_0": np.zeros((4, 4)), "WEIGHTS_0": np.full((4, 4), np.nan)}}, ParseFailed),
        ({"attributes": {"JOINTS_0": np.zeros((3, 4)), "WEIGHTS_0": np.ones((3, 4))}}, ParseFailed),
        ({"attributes": {"JOINTS_0": np.zeros((4, 4))}}, ParseFailed),
    ],
)
def test_broken_primitives_are_refused(primitive: dict[str, Any], error: type[RetargetError]) -> None:
    with pytest.raises(error):
        load(skinned(**primitive))


def test_missing_accessors_are_refused_on_reading() -> None:
    builder = skinned()
    builder.document["meshes"][0]["primitives"][0]["attributes"]["NORMAL"] = 77
    with pytest.raises(ParseFailed, match="NORMAL"):
        read_gltf(builder.bundle())


def test_vertices_are_limited_over_all_primitives() -> None:
    builder = skinned()
    builder.document["accessors"] *= 3
    count = len(builder.document["accessors"]) // 3
    (primitive,) = builder.document["meshes"][0]["primitives"]
    builder.document["meshes"][0]["primitives"] = [
        {**primitive, "attributes": {name: number + lap * count for name, number in primitive["attributes"].items()}}
        for lap in range(3)
    ]
    assert read_gltf(builder.bundle()).load_mesh() is not None
    with pytest.raises(TooLarge):
        read_gltf(builder.bundle(), replace(DEFAULT_LIMITS, vertices=8)).load_mesh()


def test_primitives_that_share_their_vertices_give_them_once() -> None:
    builder = skinned()
    once = read_gltf(builder.bundle()).load_mesh()
    builder.document["meshes"][0]["primitives"] *= 3
    mesh = read_gltf(builder.bundle(), replace(DEFAULT_LIMITS, vertices=8)).load_mesh()
    assert once is not None
    assert mesh is not None
    assert np.array_equal(mesh.positions_m, once.positions_m)
    assert np.array_equal(mesh.faces, np.tile(once.faces, (3, 1)))
