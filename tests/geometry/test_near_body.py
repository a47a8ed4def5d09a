"""How deep limbs are in the body: not at all where nothing penetrates, and as deep as the exact way says."""

from __future__ import annotations

import numpy as np
import pytest

from tests.geometry.capsule_body import TRUNK, arm_across, moved
from workers.geometry.exact import ExactPenetration
from workers.geometry.near_body import near_body
from workers.geometry.posing import pose
from workers.geometry.surface import BodySurface, reduced
from workers.motion.body_motion import BodyMotion
from workers.skeleton.model import Array

REACH = 0.3  # arm radii


@pytest.fixture(scope="module")
def light(surface: BodySurface) -> BodySurface:
    return reduced(surface, 2500)


def crossed(surface: BodySurface, angle_deg: float) -> BodyMotion:
    return moved(surface.body, arm_across(angle_deg))


def depths_m(surface: BodySurface, vertices_m: Array, reach: float) -> Array:
    """Of every vertex in one frame, deeper than in the bind pose; 0 outside."""
    near, allowed = near_body(surface, vertices_m, surface.limb_vertices, reach * surface.arm_radius_m)
    depths = np.zeros(len(surface.parts))
    depths[near.vertex] = np.maximum(-near.distance_m - allowed, 0.0)
    return depths


@pytest.mark.parametrize("angle_deg", [90.0, 120.0])
def test_nothing_is_deep_where_nothing_penetrates(light: BodySurface, angle_deg: float) -> None:
    for vertices in (pose(light, crossed(light, angle_deg)), light.mesh.positions_m[None]):
        assert depths_m(light, vertices, REACH).max() == 0.0


def test_depths_agree_with_the_exact_ones(surface: BodySurface) -> None:
    """On the same full surface, though inside is decided in another way; the exact ones have a tolerance."""
    vertices = pose(surface, crossed(surface, 20.0))
    depths = depths_m(surface, vertices, 0.0)
    exact = ExactPenetration(surface)
    known = exact.measure(vertices).depth_m[0]
    deep = known > 0.0
    assert deep.sum() > 30
    assert np.abs(depths[exact.limbs][deep] - known[deep]).max() < 0.003
    assert (depths[exact.limbs][~deep] < 0.01).all()


def test_trunk_radius_is_what_the_tests_assume(surface: BodySurface) -> None:
    assert surface.radius_m[0] == pytest.approx(TRUNK, rel=0.02)
