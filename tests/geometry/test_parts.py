"""The split of a surface into parts: by weights, with props left out, and places that mean the same on any body."""

from __future__ import annotations

import numpy as np
import pytest

from tests.geometry.capsule_body import ARM, LEG, TRUNK, capsule, capsule_body, capsule_mesh, capsule_surface
from workers.geometry.parts import PARTS, PROP, find_shells, joint_parts, part_index
from workers.geometry.self_contact import places_of
from workers.geometry.surface import BodySurface, build_surface, reduced
from workers.geometry.transfer_contacts import find_places
from workers.skeleton.model import Mesh


def test_parts_follow_joints(surface: BodySurface) -> None:
    names = [PARTS[part] for part in joint_parts(surface.body)]
    assert names == [
        "torso", "torso", "torso", "head",
        "leftUpperArm", "leftLowerArm", "leftHand", "leftUpperLeg", "leftLowerLeg", "leftFoot",
        "rightUpperArm", "rightLowerArm", "rightHand", "rightUpperLeg", "rightLowerLeg", "rightFoot",
    ]  # fmt: skip
    assert set(np.unique(surface.face_parts)) == set(range(len(PARTS)))


def test_widths_are_those_built(surface: BodySurface) -> None:
    for name, radius in (("torso", TRUNK), ("leftLowerArm", ARM), ("rightUpperLeg", LEG)):
        assert surface.radius_m[part_index(name)] == pytest.approx(radius, rel=0.02)
    assert surface.arm_radius_m == pytest.approx(ARM, rel=0.02)


@pytest.mark.parametrize("scale", [0.01, 3.0])
def test_widths_scale_with_the_body(surface: BodySurface, scale: float) -> None:
    other = capsule_surface(scale)
    assert np.allclose(other.radius_m, scale * surface.radius_m, rtol=1e-6)
    assert (other.parts == surface.parts).all()
    assert (other.outer == surface.outer).all()


def test_what_lies_inside_another_shell_is_not_outer(surface: BodySurface) -> None:
    """A shirt around the trunk: the trunk's own faces are hidden, but where the shirt is open."""
    body, mesh = capsule_body(), capsule_mesh(capsule_body())
    vertices, faces = capsule((0.0, 1.1, 0.0), (0.0, 1.5, 0.0), 1.1 * TRUNK)
    both = Mesh(
        np.concatenate([mesh.positions_m, vertices]),
        np.concatenate([mesh.faces, faces + len(mesh.positions_m)]),
        np.concatenate([mesh.joints, np.ones((len(vertices), 1), dtype=np.int64)]),
        np.concatenate([mesh.weights, np.ones((len(vertices), 1))]),
    )
    dressed = build_surface(body, both)
    centres = dressed.mesh.positions_m[dressed.mesh.faces].mean(axis=1)
    skin = np.hypot(centres[:, 0], centres[:, 2]) < 1.03 * TRUNK
    waist = (np.abs(centres[:, 1] - 1.3) < 0.15) & (dressed.face_parts == part_index("torso"))
    assert not dressed.outer[skin & waist].any()
    assert dressed.outer[~skin & waist].all()


def test_a_shell_turned_inside_out_is_turned_back(surface: BodySurface) -> None:
    mesh = capsule_mesh(capsule_body())
    faces = np.where((find_shells(mesh)[mesh.faces[:, 0]] % 2 == 0)[:, None], mesh.faces[:, ::-1], mesh.faces)
    turned = build_surface(surface.body, Mesh(mesh.positions_m, faces, mesh.joints, mesh.weights))
    assert (turned.outer == surface.outer).all()


def test_a_sword_is_no_part_of_the_hand(surface: BodySurface) -> None:
    body, mesh = capsule_body(), capsule_mesh(capsule_body())
    hand = body.mapping.roles["leftHand"].joint
    vertices, faces = capsule((0.8, 1.47, 0.0), (0.8, 1.47, 0.9), 0.02)
    armed = Mesh(
        np.concatenate([mesh.positions_m, vertices]),
        np.concatenate([mesh.faces, faces + len(mesh.positions_m)]),
        np.concatenate([mesh.joints, np.full((len(vertices), 1), hand)]),
        np.concatenate([mesh.weights, np.ones((len(vertices), 1))]),
    )
    assert PROP not in np.unique(build_surface(body, armed).parts)
    assert len(build_surface(body, armed).parts) == len(surface.parts)


def test_a_bare_skeleton_gets_a_generated_body() -> None:
    surface = build_surface(capsule_body(), None)
    assert not surface.is_own
    assert len(surface.limb_vertices) > 100
    assert 0.01 < surface.arm_radius_m < 0.06


def test_fewer_faces_keep_parts_and_measures(surface: BodySurface) -> None:
    light = reduced(surface, 2000)
    assert len(light.mesh.faces) <= 2100
    assert light.outer.all()
    assert light.arm_radius_m == surface.arm_radius_m
    assert set(np.unique(light.face_parts)) == set(np.unique(surface.outer_face_parts))


@pytest.mark.parametrize("part", ["torso", "head", "leftHand", "leftLowerArm", "rightUpperLeg"])
def test_places_lead_back_to_the_same_points(surface: BodySurface, part: str) -> None:
    number = part_index(part)
    vertices = np.unique(surface.outer_faces[surface.outer_face_parts == number])
    along = surface.frames[number].coordinates(surface.mesh.positions_m[vertices])[0]
    points = surface.mesh.positions_m[vertices[(along > 0.2) & (along < 0.8)]][::7]
    corners, shares = find_places(surface, number, places_of(surface, number, points))
    back = np.einsum("nc,ncd->nd", shares, surface.mesh.positions_m[corners])
    assert np.abs(back - points).max() < 2e-3


def test_places_mean_the_same_on_a_turned_and_scaled_body(surface: BodySurface) -> None:
    other = capsule_surface(2.0, yaw_rad=1.1)
    torso = part_index("torso")
    front = np.array([[0.0, 1.2, TRUNK]])
    corners, shares = find_places(other, torso, places_of(surface, torso, front))
    found = np.einsum("nc,ncd->nd", shares, other.mesh.positions_m[corners])[0]
    ahead = np.array([np.sin(1.1), 0.0, np.cos(1.1)])
    assert np.abs(found - (np.array([0.0, 2.4, 0.0]) + 2.0 * TRUNK * ahead)).max() < 0.02
