"""Feet that rest tilted: levelled by the mesh of a character, by where they stand for a motion without one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.motion.body_motion import BodyMotion, from_clip
from workers.motion.contacts import find_contacts
from workers.motion.level_feet import level_feet
from workers.samples.body import build_body
from workers.samples.bvh import motion_to_bvh
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.shape import INDEX, TALL
from workers.skeleton import kinematics, quat
from workers.skeleton.body import measure_body
from workers.skeleton.find_roles.find import find_roles
from workers.skeleton.model import Array

ROLL = quat.from_axis_angle(np.array([0.0, 0.0, 1.0]), np.radians(-20.0))
PITCH = quat.from_axis_angle(np.array([1.0, 0.0, 0.0]), np.radians(25.0))


def walk(rest_tilt: Array) -> BodyMotion:
    """The sample walk as BVH, its rest pose holding the left foot turned by `rest_tilt`."""
    data = motion_to_bvh(build_body(TALL), make_clips(TALL)[0]).encode()
    scene = read_scene(FileBundle("walk.bvh", data))
    skeleton = scene.skeleton
    world = kinematics.rest_world(skeleton)[0]
    for name in ("leftFoot", "leftToes"):
        joint = skeleton.names.index(name)
        world[joint] = quat.multiply(rest_tilt, world[joint])
    skeleton = skeleton.with_rest(kinematics.local_rotations(skeleton, world))
    body = measure_body(skeleton, find_roles(skeleton), None)
    return from_clip(body, scene.load_clip(0, None))


@pytest.mark.parametrize("tilt", [ROLL, PITCH], ids=["roll", "pitch"])
def test_a_foot_that_rests_tilted_is_levelled_by_its_stances(tilt: Array) -> None:
    motion = walk(tilt)
    levelled = level_feet(motion, find_contacts(motion))
    found = levelled.body.sole_tilt["leftFoot"]
    assert np.degrees(quat.angle_between(found, quat.conjugate(tilt))) < 5.0
    assert np.degrees(quat.angle(levelled.body.sole_tilt.get("rightFoot", quat.IDENTITY))) < 1.0


def test_a_turned_out_foot_keeps_its_heading() -> None:
    motion = walk(quat.from_axis_angle(np.array([0.0, 1.0, 0.0]), np.radians(30.0)))
    levelled = level_feet(motion, find_contacts(motion))
    assert np.degrees(quat.angle(levelled.body.sole_tilt.get("leftFoot", quat.IDENTITY))) < 2.0


def test_nothing_planted_changes_nothing() -> None:
    motion = walk(ROLL)
    contacts = find_contacts(motion)
    free = replace(contacts, planted=np.zeros_like(contacts.planted))
    assert level_feet(motion, free).body.sole_tilt == {}


@pytest.mark.parametrize("degrees", [0.0, 15.0, -20.0])
def test_a_mesh_shows_how_its_soles_rest(degrees: float) -> None:
    """The feet of a character turned about their ankles, mesh and joints alike, in the bind pose."""
    scene = read_scene(FileBundle("tall.glb", make_character(TALL)))
    skeleton, mesh = scene.skeleton, scene.load_mesh()
    assert mesh is not None
    turn = quat.from_axis_angle(np.array([1.0, 0.0, 0.0]), np.radians(degrees))
    world, positions = kinematics.rest_world(skeleton)
    points = mesh.positions_m.copy()
    strongest = np.take_along_axis(mesh.joints, np.argmax(mesh.weights, axis=1)[:, None], axis=1)[:, 0]
    for side in ("left", "right"):
        ankle = skeleton.names.index(f"{side}Foot")
        parts = [ankle, skeleton.names.index(f"{side}Toes")]
        world[parts] = quat.multiply(turn, world[parts])
        moved = np.isin(strongest, parts)
        points[moved] = quat.rotate(turn, points[moved] - positions[ankle]) + positions[ankle]
    turned = skeleton.with_rest(kinematics.local_rotations(skeleton, world))
    body = measure_body(turned, find_roles(turned), replace(mesh, positions_m=points))
    wanted = quat.conjugate(turn) if degrees else quat.IDENTITY
    found = body.sole_tilt.get("leftFoot", quat.IDENTITY)
    assert np.degrees(quat.angle_between(found, wanted)) < 3.0
    ankle_m = float(build_body(TALL).joints_m[INDEX["leftFoot"], 1])
    assert body.sole_drop_m["leftFoot"] == pytest.approx(ankle_m, abs=0.02)
