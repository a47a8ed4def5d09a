"""The sample bodies: closed surfaces, clean weights, proportions that differ, a recognisable front and left."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from workers.contract.roles import ALL_ROLES, FACE
from workers.samples.body import MATERIALS, SampleBody, build_body, trunk_half_width
from workers.samples.curves import through_keys
from workers.samples.shape import INDEX, ROLES, STOUT, TALL, BodyShape

SHAPES = pytest.mark.parametrize("shape", [TALL, STOUT], ids=lambda shape: shape.name)


def _vertices_of(body: SampleBody, role: str) -> np.ndarray:
    return body.positions_m[body.weights[:, INDEX[role]] > 0.6]


@SHAPES
def test_joints_are_all_roles_but_the_face(shape: BodyShape) -> None:
    assert set(ROLES) == set(ALL_ROLES) - set(FACE)
    assert len(build_body(shape).joints_m) == 52


@SHAPES
def test_surface_is_closed_and_faces_outwards(shape: BodyShape) -> None:
    body = build_body(shape)
    edges = np.concatenate([body.faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    assert {tuple(edge) for edge in edges.tolist()} == {tuple(edge[::-1]) for edge in edges.tolist()}
    a, b, c = np.moveaxis(body.positions_m[body.faces], 1, 0)
    volume = np.sum(np.cross(a, b) * c) / 6.0
    box = np.prod(np.ptp(body.positions_m, axis=0))
    assert 0.02 * box < volume < 0.9 * box
    assert 3_000 <= len(body.positions_m) <= 8_000
    assert np.allclose(np.linalg.norm(body.normals, axis=1), 1.0)


@SHAPES
def test_weights_are_clean(shape: BodyShape) -> None:
    weights = build_body(shape).weights
    assert np.allclose(weights.sum(axis=1), 1.0)
    assert weights.min() >= 0.0 and (weights > 0.0).sum(axis=1).max() <= 4
    assert (weights.max(axis=0) > 0.5).all(), "every joint moves some of the surface by itself"


@SHAPES
def test_weights_are_mirrored(shape: BodyShape) -> None:
    body = build_body(shape)
    for role in ("UpperArm", "Hand", "IndexDistal", "LowerLeg", "Toes"):
        left, right = _vertices_of(body, f"left{role}"), _vertices_of(body, f"right{role}")
        mirrored = right * [-1.0, 1.0, 1.0]
        order = [np.lexsort(np.round(points, 6).T) for points in (left, mirrored)]
        assert np.allclose(left[order[0]], mirrored[order[1]])


@SHAPES
def test_stands_on_the_floor_faces_z_and_left_is_x(shape: BodyShape) -> None:
    body = build_body(shape)
    low, high = body.positions_m.min(axis=0), body.positions_m.max(axis=0)
    assert low[1] == 0.0 and abs(high[1] - shape.height_m) < 0.02 * shape.height_m
    assert np.isclose(low[0], -high[0]), "symmetric"
    eyes = np.unique(body.faces[body.materials == list(MATERIALS).index("eye_dark")])
    assert body.positions_m[eyes, 2].min() > body.joints_m[INDEX["head"], 2]
    assert (body.joints_m[[INDEX["leftHand"], INDEX["leftFoot"]], 0] > 0.0).all()
    assert body.joints_m[INDEX["leftToes"], 2] > body.joints_m[INDEX["leftFoot"], 2]
    sole = _vertices_of(body, "leftFoot")
    assert (sole[:, 1] < 1e-9).sum() > 20, "a flat sole"


def test_builds_are_very_different() -> None:
    tall, stout = build_body(TALL), build_body(STOUT)
    assert TALL.height_m > 1.4 * STOUT.height_m  # near: constants
    assert STOUT.head_height_m / STOUT.height_m > 2.0 * TALL.head_height_m / TALL.height_m
    waist = [
        trunk_half_width(shape, 0.5 * (shape.hip_height_m + shape.shoulder_height_m)) / shape.height_m
        for shape in (TALL, STOUT)
    ]
    assert waist[1] > 2.0 * waist[0]
    legs = [body.joints_m[INDEX["leftUpperLeg"], 1] / body.shape.height_m for body in (tall, stout)]
    assert legs[0] > 1.3 * legs[1]


def test_curve_passes_its_keys_and_never_overshoots() -> None:
    keys = np.array([0.0, 0.4, 1.0, 1.5, 3.0])
    values = np.array([0.0, 2.0, 2.1, -1.0, 0.5])
    assert np.allclose(through_keys(keys, values, keys), values)
    for (first, second), (low, high) in zip(pairwise(keys), pairwise(values), strict=True):
        between = through_keys(keys, values, np.linspace(first, second, 50))
        assert between.min() >= min(low, high) - 1e-12 and between.max() <= max(low, high) + 1e-12  # near: exact
