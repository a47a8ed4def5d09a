"""Exact penetration against bodies whose overlaps are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from tests.geometry.capsule_body import TRUNK, arm_across, capsule, capsule_body, capsule_mesh, capsule_surface, moved
from workers.geometry.exact import TOLERANCE, ExactPenetration
from workers.geometry.parts import GROUP_OF, part_index
from workers.geometry.posing import pose
from workers.geometry.surface import BodySurface, build_surface
from workers.geometry.winding import winding_numbers
from workers.skeleton import kinematics, quat
from workers.skeleton.body import measure_body
from workers.skeleton.model import Array, Mesh


@pytest.fixture(scope="module")
def exact(surface: BodySurface) -> ExactPenetration:
    return ExactPenetration(surface)


def trunk_depth(points: Array) -> Array:
    """Depth in the trunk's capsule from (0, 1, 0) to (0, 1.55, 0), negative outside."""
    nearest = np.stack([0.0 * points[..., 1], np.clip(points[..., 1], 1.0, 1.55), 0.0 * points[..., 1]], axis=-1)
    depth: Array = TRUNK - np.linalg.norm(points - nearest, axis=-1)
    return depth


@pytest.mark.parametrize("angle_deg", [0.0, 20.0, 40.0])
def test_depths_are_those_of_the_capsule(exact: ExactPenetration, angle_deg: float) -> None:
    surface = exact.surface
    vertices = pose(surface, moved(surface.body, arm_across(angle_deg)))
    depth = exact.measure(vertices).depth_m[0]
    parts = surface.parts[exact.limbs]
    known = trunk_depth(vertices[0, exact.limbs])
    tolerance = TOLERANCE * surface.body.height_m
    arm = np.isin(parts, [part_index("leftLowerArm"), part_index("leftHand")])
    # 16 corners around: the polygon lies up to 3 mm inside the circle.
    sure = arm & (known > tolerance + 0.004)
    assert sure.sum() > 30
    assert np.abs(depth[sure] - known[sure]).max() < 0.004
    assert (depth[arm & (known < tolerance - 0.001)] == 0.0).all()
    assert (depth[np.isin(parts, [part_index("rightHand"), part_index("leftFoot")])] == 0.0).all()


def test_nothing_penetrates_in_the_bind_pose(exact: ExactPenetration) -> None:
    measured = exact.measure(exact.surface.mesh.positions_m[None])
    assert measured.penetrating == 0
    assert measured.vertices == len(exact.limbs)


def test_hands_through_one_another_count_on_both_sides(exact: ExactPenetration) -> None:
    turns = arm_across(55.0) | arm_across(55.0, "right")
    surface = exact.surface
    depth = exact.measure(pose(surface, moved(surface.body, turns))).depth_m[0]
    found = {int(part) for part in surface.parts[exact.limbs[depth > 0.0]]}
    assert {part_index("leftHand"), part_index("rightHand")} <= found


def test_the_arm_ahead_of_the_trunk_does_not_penetrate(exact: ExactPenetration) -> None:
    surface = exact.surface
    assert exact.measure(pose(surface, moved(surface.body, arm_across(90.0)))).penetrating == 0


@pytest.mark.parametrize(("scale", "yaw"), [(0.01, 0.0), (1.0, 2.0), (5.6, -1.0)])
def test_units_and_heading_do_not_matter(exact: ExactPenetration, scale: float, yaw: float) -> None:
    other = capsule_surface(scale, yaw)
    turns = arm_across(30.0)
    here = exact.measure(pose(exact.surface, moved(exact.surface.body, turns)))
    there = ExactPenetration(other).measure(pose(other, moved(other.body, turns)))
    assert there.penetrating == pytest.approx(here.penetrating, rel=0.03)
    assert there.depth_m.max() == pytest.approx(scale * here.depth_m.max(), rel=0.02)


def test_only_what_is_deeper_than_at_rest_counts() -> None:
    """A body bound with its forearm partly in the trunk: that pose is clean, further in is not."""
    body = capsule_body()
    surface = build_surface(body, capsule_mesh(body))
    bent = moved(body, arm_across(40.0))
    skeleton = body.skeleton.with_rest(kinematics.local_rotations(body.skeleton, bent.rotations)[0])
    vertices = pose(surface, bent)[0]
    mesh = Mesh(vertices, surface.mesh.faces, surface.mesh.joints, surface.mesh.weights)
    bound = measure_body(skeleton, body.mapping, None)
    exact = ExactPenetration(build_surface(bound, mesh))
    assert trunk_depth(vertices[exact.limbs]).max() > 0.02
    inward = {"leftLowerArm": quat.from_axis_angle(np.array([0.0, 1.0, 0.0]), np.radians(15.0))}
    deeper = pose(exact.surface, moved(bound, inward))
    assert trunk_depth(deeper[0, exact.limbs]).max() > trunk_depth(vertices[exact.limbs]).max() + 0.01
    assert exact.measure(vertices[None]).penetrating == 0
    measured = exact.measure(deeper)
    assert measured.penetrating > 20
    assert measured.depth_m.max() < trunk_depth(deeper[0, exact.limbs]).max()


def test_winding_numbers_of_open_surfaces() -> None:
    """A ball without its cap still holds its middle; shells within one another add up."""
    vertices, faces = capsule((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 1.0)
    open_faces = faces[vertices[faces].mean(axis=1)[:, 1] < 0.8]
    middle = np.array([[0.0, 0.0, 0.0], [0.0, -0.5, 0.0], [0.0, 3.0, 0.0]])
    whole, holed = winding_numbers(vertices, faces, middle), winding_numbers(vertices, open_faces, middle)
    assert np.abs(whole - [1.0, 1.0, 0.0]).max() < 0.02
    assert np.abs(holed - [0.9, 0.96, 0.0]).max() < 0.06
    twice = winding_numbers(
        np.concatenate([vertices, 0.9 * vertices]), np.concatenate([faces, faces + len(vertices)]), middle
    )
    assert np.abs(twice - [2.0, 2.0, 0.0]).max() < 0.04


def test_groups_are_the_limbs() -> None:
    assert len(set(GROUP_OF[:-1])) == 5
