"""Self-contacts: the samples have those they were made with, no others; carried to other bodies and kept."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.geometry.capsule_body import moved
from workers.contract.options import JobOptions
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.geometry.contact_model import SelfContacts
from workers.geometry.parts import PARTS
from workers.geometry.posing import pose
from workers.geometry.prepared import BodySurfaces
from workers.geometry.self_contact import find_self_contacts
from workers.geometry.surface import BodySurface, build_surface, reduced
from workers.geometry.transfer_contacts import carry
from workers.preparation.prepare import PreparedCharacter, PreparedMotion, prepare_character, prepare_motion
from workers.retargeting.clip import RetargetedClip, retarget_clip
from workers.samples.body import build_body
from workers.samples.bvh import motion_to_bvh
from workers.samples.clips import CLIPS
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT, TALL
from workers.scores.surface_measures import geometry_scores
from workers.skeleton import quat
from workers.skeleton.model import Scene

SHAPES = {"tall": TALL, "stout": STOUT}
A_POSE = RigStyle(rest_pose="A", bone_axes="bone_y", names="mixamo")


def scene(name: str, data: bytes) -> Scene:
    return read_scene(FileBundle(name, data))


@cache
def character(name: str) -> PreparedCharacter:
    if name.endswith("_a_pose"):
        return prepare_character(scene("c.glb", make_character(SHAPES[name.split("_")[0]], A_POSE)), {})
    return prepare_character(scene("c.glb", make_character(SHAPES[name])), {})


@cache
def full_surface(name: str) -> BodySurface:
    return build_surface(character(name).body, character(name).scene.load_mesh())


@cache
def surfaces(name: str) -> BodySurfaces:
    return BodySurfaces(full_surface(name))


@cache
def light_surface(name: str) -> BodySurface:
    return reduced(full_surface(name), 2500)


@cache
def motion(name: str, bare: bool = False) -> PreparedMotion:
    made = {make.__name__: make for make in CLIPS}[name](build_body(TALL))
    if bare:
        data = motion_to_bvh(build_body(TALL), made).encode()
        return prepare_motion(scene("m.bvh", data), 0, JobOptions())
    return prepare_motion(scene("m.glb", make_character(TALL, motions=[made])), 0, JobOptions())


@cache
def contacts(name: str, bare: bool = False) -> SelfContacts:
    source = motion(name, bare)
    surface = reduced(build_surface(source.body, None), 2500) if bare else light_surface("tall")
    return find_self_contacts(source.motion, surface)


@cache
def retargeted(name: str, target: str) -> RetargetedClip:
    return retarget_clip(motion(name), character(target), JobOptions())


def pairs(found: SelfContacts) -> set[tuple[str, str]]:
    return {(PARTS[a], PARTS[b]) for a, b in found.touching()}


@pytest.mark.parametrize("bare", [False, True])
def test_hands_on_hips(bare: bool) -> None:
    found = contacts("hands_on_hips", bare)
    assert pairs(found) == {("leftHand", "torso"), ("rightHand", "torso")}
    for contact in found.contacts:
        # Hands rest there from 1.0 to 2.7 s of 3.6 s.
        assert contact.start <= 30 and contact.stop >= 81
        assert contact.stop - contact.start < 80


@pytest.mark.parametrize("bare", [False, True])
def test_clap_touches_four_times(bare: bool) -> None:
    found = contacts("clap", bare)
    assert pairs(found) == {("leftHand", "rightHand")}
    middles = [0.5 * (contact.start + contact.stop - 1) / 30.0 for contact in found.contacts]
    assert np.allclose(middles, [0.25, 0.75, 1.25, 1.75], atol=0.05)


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("name", ["walk", "wave", "reach_overhead"])
def test_other_samples_touch_nothing(name: str, bare: bool) -> None:
    assert len(contacts(name, bare)) == 0


def test_a_foot_that_passes_by_touches_nothing(surface: BodySurface) -> None:
    """Legs held forward, the left swings closely past the right: slowly it is a touch, at a walk's pace it is none."""
    counts = []
    closer = quat.from_axis_angle(np.array([0.0, 0.0, -1.0]), np.radians(7.5))
    forward = quat.from_axis_angle(np.array([-1.0, 0.0, 0.0]), np.radians(80.0))
    for frames in (9, 200):
        swing = quat.from_axis_angle(np.array([1.0, 0.0, 0.0]), np.radians(np.linspace(-30.0, 30.0, frames)))
        left = quat.multiply(forward, quat.multiply(swing, closer))
        clip = moved(surface.body, {"leftUpperLeg": left, "rightUpperLeg": forward}, frames, rate_hz=30.0)
        counts.append(len(find_self_contacts(clip, surface)))
    assert counts[0] == 0
    assert counts[1] > 0


def test_legs_that_stand_side_by_side_touch_nothing_on_purpose(surface: BodySurface) -> None:
    closer = quat.from_axis_angle(np.array([0.0, 0.0, -1.0]), np.radians(7.5))
    clip = moved(surface.body, {"leftUpperLeg": closer}, 30, rate_hz=30.0)
    assert len(find_self_contacts(clip, surface)) == 0


def test_contacts_stay_where_they_are_on_their_own_body() -> None:
    found, surface = contacts("hands_on_hips"), light_surface("tall")
    anchors, vertices = carry(found, surface, 30.0), pose(surface, motion("hands_on_hips").motion)
    missed = anchors.missed_m(vertices) / surface.arm_radius_m
    # Huber 1964: quadratic up to a tenth of an arm radius.
    soft = np.where(missed < 0.1, 5.0 * missed**2, missed - 0.05)
    loss = np.bincount(anchors.frame, soft * anchors.weight, len(vertices))
    assert loss.max() < 0.12
    assert loss[:20].max() == 0.0


@pytest.mark.parametrize("target", ["stout", "stout_a_pose", "tall_a_pose"])
def test_contacts_are_carried_to_other_bodies_and_rest_poses(target: str) -> None:
    """The palm's points lie on the hand's palm side, the hip's at the side of the trunk, a little over the hips."""
    surface = light_surface(target)
    anchors = carry(contacts("hands_on_hips"), surface, 30.0)
    rest = surface.mesh.positions_m
    height = surface.body.height_m
    hips = surface.body.rest_positions_m[surface.body.hips]
    b = np.einsum("nc,ncd->nd", anchors.b_shares, rest[anchors.b_corners]) - hips
    left = anchors.contact == 0
    assert (b[left, 0] > 0.05 * height).all() and (b[~left, 0] < -0.05 * height).all()
    assert np.abs(b[:, 1]).max() < 0.2 * height
    a_parts = {PARTS[part] for part in surface.parts[anchors.a_corners[left]].ravel()}
    assert a_parts <= {"leftHand", "leftLowerArm"}


def test_the_same_contacts_on_t_and_a_pose_files() -> None:
    """One body, two rest poses, meshes decimated apart: the anchors lie within a few millimetres in the pose."""
    found = contacts("hands_on_hips")
    places = []
    for target in ("tall", "tall_a_pose"):
        surface = light_surface(target)
        result = retargeted("hands_on_hips", target).result
        offset, _ = carry(found, surface, 30.0).offsets_m(pose(surface, result))
        places.append(np.linalg.norm(offset, axis=-1))
    assert np.abs(places[0] - places[1]).mean() < 0.012


def test_scores_tell_a_good_result_from_a_bad_copy() -> None:
    """The clip on its own body keeps everything; copied to the stout one the hands are in the belly."""
    source = motion("hands_on_hips").motion
    frames = np.array([35, 50, 70])
    own = geometry_scores([source], source, light_surface("tall"), surfaces("tall"), frames)[0]
    assert own.values["penetration_pct"] == 0.0
    assert own.values["contact_recall"] == 1.0
    assert own.values["contact_precision"] == 1.0
    error = own.values["contact_error"]
    assert error is not None and error < 0.15
    naive = retargeted("hands_on_hips", "stout").naive
    copied = geometry_scores([naive], source, light_surface("tall"), surfaces("stout"), frames)[0]
    share, worst, missed = (copied.values[key] for key in ("penetration_pct", "penetration_max_cm", "contact_error"))
    assert share is not None and share > 20.0
    assert worst is not None and worst > 5.0
    assert missed is not None and missed > 0.4
    assert copied.by_frame.shape == frames.shape
    assert not copied.not_applicable


def test_scores_that_do_not_apply_say_why() -> None:
    source = motion("wave").motion
    frames = np.array([0, 50])
    generated = BodySurfaces(build_surface(character("tall").body, None))
    none = geometry_scores([source], source, light_surface("tall"), generated)[0]
    assert set(none.not_applicable) == set(none.values)
    alone = geometry_scores([source], source, light_surface("tall"), surfaces("tall"), frames)[0]
    assert alone.values["contact_error"] is None and alone.values["contact_recall"] is None
    assert alone.values["penetration_pct"] == 0.0
    assert {"contact_error", "contact_recall", "contact_precision"} == set(alone.not_applicable)
