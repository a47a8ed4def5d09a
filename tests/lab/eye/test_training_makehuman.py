"""The parametric body: joints move with the shape, the surface stays sound, poses copy between shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workers.lab.eye.data.families import MAKEHUMAN, SHAPES, load_makehuman, random_shape, shaped_body
from workers.lab.eye.data.makehuman import MakeHuman
from workers.preparation.prepare import PreparedCharacter
from workers.skeleton import kinematics


@pytest.fixture(scope="module")
def makehuman(shared_data: Path) -> tuple[MakeHuman, PreparedCharacter]:
    if not (shared_data / MAKEHUMAN).is_dir():
        pytest.skip("no MakeHuman files in the data")
    return load_makehuman(shared_data)


def test_the_base_has_a_humanoid_rig_and_a_closed_skin(makehuman: tuple[MakeHuman, PreparedCharacter]) -> None:
    base, prepared = makehuman
    assert prepared.body.has("hips", "head", "leftHand", "rightFoot", "leftToes", "rightIndexProximal")
    _, mesh = base.shaped({})
    assert np.isfinite(mesh.positions_m).all()
    np.testing.assert_allclose(mesh.weights.sum(axis=1), 1.0)
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 2).mean() > 0.97  # but for the eyes' and the mouth's rims


def test_joints_move_with_the_shape(makehuman: tuple[MakeHuman, PreparedCharacter]) -> None:
    base, prepared = makehuman
    places = {}
    for name, shape in (*SHAPES["makehuman"].items(), *SHAPES["makehuman-held-out"].items()):
        skeleton, mesh = base.shaped(shape)
        _, positions = kinematics.rest_world(skeleton)
        places[name] = positions
        low, high = mesh.positions_m.min(axis=0), mesh.positions_m.max(axis=0)
        assert (positions > low - 0.02).all()  # near: 2 cm beside the skin
        assert (positions < high + 0.02).all()  # near: 2 cm beside the skin
    head = prepared.body.joint("head")
    assert places["tall_muscular_man"][head, 1] > places["man"][head, 1] + 0.05
    assert places["child"][head, 1] < places["man"][head, 1] - 0.1


def test_both_sides_are_alike(makehuman: tuple[MakeHuman, PreparedCharacter]) -> None:
    base, prepared = makehuman
    for shape in SHAPES["makehuman"].values():
        body = shaped_body(base, prepared.body, "shape", "makehuman", shape).body
        for part in ("UpperArm", "LowerLeg", "Foot"):
            left, right = (body.rest_positions_m[body.joint(f"{side}{part}")] for side in ("left", "right"))
            np.testing.assert_allclose(left * [-1.0, 1.0, 1.0], right, atol=0.01)


def test_random_shapes_stay_human_and_repeat(makehuman: tuple[MakeHuman, PreparedCharacter]) -> None:
    base, prepared = makehuman
    for seed in range(6):
        shape = random_shape(np.random.default_rng(seed))
        assert shape == random_shape(np.random.default_rng(seed))
        body = shaped_body(base, prepared.body, "shape", "makehuman", shape).body
        assert 1.1 < body.height_m < 2.3
        assert 0.4 < body.leg_length_m / body.height_m < 0.62
