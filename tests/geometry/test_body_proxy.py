"""The generated body: closed, outward, as large as its skeleton says, and it moves."""

from __future__ import annotations

import numpy as np
import pytest

from workers.contract.options import parse_options
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.geometry.body_proxy import build_proxy, lies_in_part
from workers.geometry.parts import connected
from workers.geometry.surface import SEEN_FROM, build_surface
from workers.geometry.winding import winding_numbers
from workers.preparation.prepare import prepare_motion
from workers.samples.body import build_body
from workers.samples.bvh import motion_to_bvh
from workers.samples.clips import make_clips
from workers.samples.shape import STOUT, TALL, BodyShape
from workers.skeleton.body import Body


def bare_body(shape: BodyShape) -> Body:
    walk = next(motion for motion in make_clips(shape) if motion.name == "walk")
    data = motion_to_bvh(build_body(shape), walk).encode()
    return prepare_motion(read_scene(FileBundle("walk.bvh", data)), 0, parse_options(None)).body


@pytest.mark.parametrize("shape", [TALL, STOUT], ids=lambda shape: shape.name)
def test_closed_outward_and_of_its_height(shape: BodyShape) -> None:
    body = bare_body(shape)
    mesh = build_proxy(body)
    edges = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    directed, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 1).all(), "each edge runs once each way"
    assert np.array_equal(np.unique(directed[:, ::-1], axis=0), directed)
    a, b, c = (mesh.positions_m[mesh.faces[:, k]] for k in range(3))
    volume = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0
    assert 0.004 < volume / body.height_m**3 < 0.03  # a body of 1.8 m has 70 l, or 0.012; parts overlap
    low, high = mesh.positions_m[:, 1].min(), mesh.positions_m[:, 1].max()
    assert low == pytest.approx(body.floor_m, abs=0.02 * body.height_m)
    assert high - low == pytest.approx(body.height_m, rel=0.12)


def test_symmetric_and_held_by_the_limbs() -> None:
    body = bare_body(TALL)
    mesh = build_proxy(body)
    assert np.allclose(mesh.weights, 1.0)
    for role in ("hips", "head", "leftUpperArm", "rightLowerLeg", "leftHand", "rightFoot"):
        assert (mesh.joints == body.joint(role)).any(), role
    left, right = (
        mesh.positions_m[mesh.joints[:, 0] == body.mapping.roles[f"{side}LowerArm"].joint] for side in ("left", "right")
    )
    assert np.allclose(np.sort(left[:, 0]), np.sort(-right[:, 0]), atol=1e-3)


@pytest.mark.parametrize("shape", [TALL, STOUT], ids=lambda shape: shape.name)
def test_what_can_be_seen_of_it_is_what_no_part_winds_around(shape: BodyShape) -> None:
    """The quick way against winding numbers: they differ in places by rounding alone."""
    body = bare_body(shape)
    surface = build_surface(body, None)
    mesh = surface.mesh
    a, b, c = (mesh.positions_m[mesh.faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    places = (a + b + c) / 3.0 + SEEN_FROM * body.height_m * normal
    outside = winding_numbers(mesh.positions_m, mesh.faces, places) < 0.5
    assert (surface.outer != outside).mean() < 0.002
    assert 0.1 < outside.mean() < 0.9


def test_points_inside_a_part() -> None:
    mesh = build_proxy(bare_body(TALL))
    part = mesh.positions_m[connected(mesh.faces, len(mesh.positions_m)) == 0]
    middle = part.mean(axis=0)
    shares = np.array([0.0, 0.5, 0.98, 1.02, 3.0])
    for vertex in part[::17]:
        found = lies_in_part(part, middle + shares[:, None] * (vertex - middle))
        assert found.tolist() == [True, True, True, False, False]
