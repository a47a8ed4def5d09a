"""The generated body: closed, outward, as large as its skeleton says, and it moves."""

from __future__ import annotations

import numpy as np
import pytest

from workers.contract.options import parse_options
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.geometry.body_proxy import build_proxy
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
