"""The node tree: scale, mirroring and half turns are folded away without moving anything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.gltf_builder import GltfBuilder, matrix, random_unit_quaternions
from workers.contract.errors import ParseFailed
from workers.formats.gltf.document import open_document
from workers.formats.gltf.nodes import (
    NodeTree,
    fold_rotations,
    fold_translations,
    read_nodes,
    unfold_rotations,
    unfold_translations,
)
from workers.formats.gltf.read import read_gltf
from workers.skeleton import quat
from workers.skeleton.kinematics import world_positions, world_rotations


def read_tree(builder: GltfBuilder) -> NodeTree:
    return read_nodes(open_document(builder.bundle()), set())


def random_tree(seed: int, signs: bool, as_matrix: bool) -> GltfBuilder:
    random = np.random.default_rng(seed)
    builder = GltfBuilder()
    for number in range(30):
        parent = None if number == 0 else int(random.integers(-1, number))
        scale = np.full(3, random.uniform(0.2, 4.0)) * (random.choice([-1.0, 1.0], 3) if signs else 1.0)
        rotation = random_unit_quaternions(random, 1)[0]
        translation = random.normal(size=3)
        if as_matrix and number % 2:
            fields = {"matrix": matrix(translation, rotation, scale).T.reshape(-1).tolist()}
        else:
            fields = {"translation": translation.tolist(), "rotation": rotation.tolist(), "scale": scale.tolist()}
        builder.node(None if parent is None or parent < 0 else parent, **fields)
    return builder


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("signs", [False, True])
@pytest.mark.parametrize("as_matrix", [False, True])
def test_kinematics_without_scale_reach_the_exact_positions(seed: int, signs: bool, as_matrix: bool) -> None:
    scene = read_gltf(random_tree(seed, signs, as_matrix).bundle())
    tree, skeleton = scene.document.tree, scene.skeleton
    assert np.all(skeleton.parents < np.arange(len(skeleton)))
    rotations = world_rotations(skeleton, skeleton.node_rotations)
    positions = world_positions(skeleton, rotations, skeleton.node_offsets_m)
    exact = tree.world
    np.testing.assert_allclose(positions, exact[:, :3, 3] * scene.units.factor, rtol=1e-9, atol=1e-9)
    mirrors = np.where(tree.mirrored[:, None], [-1.0, 1.0, 1.0], 1.0)
    rebuilt = quat.to_matrix(rotations) * (mirrors * tree.scales[:, None])[:, None, :]
    np.testing.assert_allclose(rebuilt, exact[:, :3, :3], atol=1e-9 * np.abs(exact).max())
    assert bool(np.any(tree.mirrored)) == signs


@pytest.mark.parametrize("seed", range(3))
def test_unfold_is_the_inverse_of_fold(seed: int) -> None:
    tree = read_tree(random_tree(seed, True, False))
    random = np.random.default_rng(seed)
    every = np.arange(len(tree))
    rotations = random_unit_quaternions(random, 5 * len(tree)).reshape(5, len(tree), 4)
    back = unfold_rotations(tree, every, fold_rotations(tree, every, rotations))
    assert np.max(quat.angle_between(back, rotations)) < 1e-7
    for node in range(len(tree)):
        translations = random.normal(size=(4, 3))
        np.testing.assert_allclose(
            unfold_translations(tree, node, fold_translations(tree, node, translations)), translations
        )


def test_uneven_scale_is_averaged_with_a_notice() -> None:
    builder = GltfBuilder()
    root = builder.node(name="Rig", scale=[1.0, 2.0, 4.0])
    builder.node(root, translation=[1.0, 0.0, 0.0])
    tree = read_tree(builder)
    assert tree.scales[0] == pytest.approx(2.0)
    assert [(n.code, n.joint) for n in tree.notices] == [("non-uniform-scale", "Rig")]


@pytest.mark.parametrize(
    "fields",
    [
        {"scale": [0, 1, 1]},
        {"scale": [1e-40, 1, 1]},
        {"matrix": [0] * 15 + [1]},
        {"matrix": [1, 0, 0, 0] * 3 + [0, 0, 0, 1]},
    ],
)
def test_a_joint_without_volume_does_not_spoil_the_rest(fields: dict[str, Any]) -> None:
    builder = GltfBuilder()
    root = builder.node(name="Rig", **fields)
    tip = builder.node(root, translation=[1.0, 0.0, 0.0])
    builder.skin([root, tip], np.stack([matrix(), matrix([-1.0, 0.0, 0.0])]))
    scene = read_gltf(builder.bundle())
    assert np.all(np.isfinite(scene.document.tree.world))
    np.testing.assert_allclose(np.linalg.norm(scene.skeleton.rest_offsets_m[1]), 1.0)


def test_a_sheared_matrix_is_marked() -> None:
    builder = GltfBuilder()
    builder.node(matrix=[1, 0, 0, 0, 0.5, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])
    builder.node(matrix=[0, 1, 0, 0, -2, 0, 0, 0, 0, 0, 3, 0, 5, 6, 7, 1])
    np.testing.assert_array_equal(read_tree(builder).sheared, [True, False])


@pytest.mark.parametrize(
    ("children", "message"),
    [
        ({0: [1], 1: [0]}, "own ancestor"),
        ({2: [2]}, "own ancestor"),
        ({0: [2], 1: [2]}, "two parents"),
        ({0: [1, 1]}, "twice"),
        ({0: [3]}, "not there"),
        ({0: [True]}, "indices"),
        ({0: [1.0]}, "indices"),
        ({0: 1}, "indices"),
    ],
)
def test_graphs_that_are_no_forest_are_refused(children: dict[int, object], message: str) -> None:
    builder = GltfBuilder()
    for number in range(3):
        fields: dict[str, Any] = {"children": children[number]} if number in children else {}
        builder.node(**fields)
    with pytest.raises(ParseFailed, match=message):
        read_tree(builder)


@pytest.mark.parametrize(
    "fields",
    [
        {"translation": [1, 2]},
        {"translation": [1, 2, True]},
        {"rotation": "x"},
        {"scale": [1, 1, 10**400]},
        {"name": 5},
    ],
)
def test_values_of_the_wrong_type_are_refused(fields: dict[str, Any]) -> None:
    builder = GltfBuilder()
    builder.node(**fields)
    with pytest.raises(ParseFailed):
        read_tree(builder)


def test_the_default_scene_decides_unless_it_lacks_a_joint() -> None:
    builder = GltfBuilder()
    for name in "abc":
        builder.node(name=name)
    assert read_tree(builder).names == ("a", "b", "c")
    builder.document["scenes"] = [{"nodes": [2, 0]}]
    assert read_tree(builder).names == ("a", "b", "c")
    builder.document["scene"] = 0
    assert read_tree(builder).names == ("c", "a")
    tree = read_nodes(open_document(builder.bundle()), {1})
    assert tree.names == ("a", "b", "c")
    assert [n.code for n in tree.notices] == ["nodes-outside-scene"]


def test_a_very_deep_chain_is_read_quickly() -> None:
    builder = GltfBuilder()
    for number in range(5000):
        builder.node(number - 1 if number else None, translation=[0, 0.001, 0])
    assert read_tree(builder).world[-1, 1, 3] == pytest.approx(5.0)
