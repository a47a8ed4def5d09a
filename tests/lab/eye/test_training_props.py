"""Things that bodies wear: rigid, near the body, the same from the same seed, and never part of the body itself."""

from __future__ import annotations

import numpy as np
import pytest

from tests.lab.eye.training_bodies import samples
from workers.lab.eye.data.props import BARE, dressed

SEEDS = range(40)


def test_about_as_many_bodies_as_wanted_stay_bare() -> None:
    body = samples().bodies[0]
    bare = np.mean([dressed(body, np.random.default_rng(seed)) is body for seed in range(300)])
    assert BARE - 0.1 < bare < BARE + 0.2  # and some whose dice gave them nothing


@pytest.mark.parametrize("number", [0, 1])
def test_what_is_worn_is_rigid_and_near_and_the_body_below_is_whole(number: int) -> None:
    body = samples().bodies[number]
    own = len(body.surface.positions_m)
    carriers = set()
    for seed in SEEDS:
        surface = dressed(body, np.random.default_rng(seed)).surface
        np.testing.assert_array_equal(surface.positions_m[:own], body.surface.positions_m)
        np.testing.assert_array_equal(surface.faces[: len(body.surface.faces)], body.surface.faces)
        assert (surface.weights[own:].max(axis=1) == 1.0).all()
        assert (surface.weights[own:].sum(axis=1) == 1.0).all()
        joints = surface.joints[own:, 0]
        away = np.linalg.norm(surface.positions_m[own:] - body.body.rest_positions_m[joints], axis=1)
        assert (away < 0.9 * body.body.height_m).all()
        carriers.update(joints.tolist())
    roles = {role for role, match in body.body.mapping.roles.items() if match.joint in carriers}
    assert {"head", "hips", "leftHand", "rightHand"} <= roles


def test_the_same_seed_dresses_alike() -> None:
    body = samples().bodies[1]
    for seed in SEEDS:
        first, second = (dressed(body, np.random.default_rng(seed)).surface for _ in range(2))
        np.testing.assert_array_equal(first.positions_m, second.positions_m)
        np.testing.assert_array_equal(first.faces, second.faces)


def test_faces_of_a_thing_look_outwards() -> None:
    """Each is a closed solid: its signed volume, by the divergence theorem, is positive."""
    body = samples().bodies[0]
    vertices, faces = len(body.surface.positions_m), len(body.surface.faces)
    for seed in SEEDS:
        surface = dressed(body, np.random.default_rng(seed)).surface
        added = surface.faces[faces:]
        if len(added):
            middle = surface.positions_m[vertices:].mean(axis=0)
            a, b, c = (surface.positions_m[added[:, corner]] - middle for corner in range(3))
            assert np.einsum("fi,fi->", a, np.cross(b, c)) > 0.0
