"""HumanML3D's joints and features: joints stand where the array says, the roll of limbs follows elbows and knees."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats.smpl.smpl_kit import CAMERA, Z_UP, features, saved, walking
from workers.contract.errors import InputError, ParseFailed, TooLarge, UnsupportedFeature
from workers.contract.options import parse_options
from workers.formats.bundle import FileBundle
from workers.formats.limits import Limits
from workers.formats.read import read_scene
from workers.formats.smpl.joints import JOINT_COUNTS, smpl_joints
from workers.preparation.prepare import prepare_motion
from workers.skeleton import quat
from workers.skeleton.kinematics import clip_world, world_rotations
from workers.skeleton.model import Array, Scene


def read(array: Any) -> Scene:
    return read_scene(FileBundle("walk.npy", saved(array)))


def places(scene: Scene) -> Array:
    return clip_world(scene.skeleton, scene.load_clip(0, None))[1]


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    joints=st.sampled_from(JOINT_COUNTS),
    up=st.sampled_from(["Y", "Z", "-Y"]),
    unit=st.sampled_from([1.0, 100.0, 1000.0]),
)
def test_joints_stand_where_the_array_says(seed: int, joints: int, up: str, unit: float) -> None:
    truth = walking(seed, joints=joints).places()
    turn = {"Y": quat.IDENTITY, "Z": Z_UP, "-Y": CAMERA}[up]
    scene = read((unit * quat.rotate(turn, truth)).astype(np.float32))
    assert (scene.units.up_axis, scene.units.factor) == (up, 1.0 / unit)
    assert np.abs(places(scene) - truth).max() < 2e-5
    assert {"no-twist", "frame-time-assumed", "units-guessed"} <= {notice.code for notice in scene.notices}


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_features_are_the_same_motion(seed: int) -> None:
    values, truth = features(walking(seed, joints=22).places())
    scene = read(values)
    assert np.abs(places(scene) - truth).max() < 1e-6 and scene.clips[0].rate_hz == 20.0


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_limbs_roll_towards_how_their_hinges_fold(seed: int) -> None:
    """Where elbow and knee are well bent, most of the roll that the least turn leaves open is found."""
    moving = walking(seed, joints=22, lively=1.0)
    scene = read(moving.places())
    skeleton = moving.joints.skeleton(moving.offsets)
    truth = world_rotations(skeleton, quat.from_rotation_vector(moving.vectors))
    found = world_rotations(skeleton, scene.load_clip(0, None).rotations)
    errors, left_open = [], []
    for upper, lower in (("shoulder", "elbow"), ("hip", "knee")):
        for side in ("left", "right"):
            joint, hinge = (moving.joints.names.index(f"{side}_{part}") for part in (upper, lower))
            bent = np.linalg.norm(moving.vectors[:, hinge], axis=-1) > 1.0
            above = found[:, moving.joints.parents[joint]]
            bone = quat.rotate(truth[:, joint], moving.offsets[hinge])
            least = quat.multiply(quat.between(quat.rotate(above, moving.offsets[hinge]), bone), above)
            errors.append(quat.angle_between(truth[:, joint], found[:, joint])[bent])
            left_open.append(quat.angle_between(truth[:, joint], least)[bent])
    assert np.concatenate(errors).mean() < 0.4 * np.concatenate(left_open).mean()


def test_a_straight_arm_between_two_folds_rolls_evenly() -> None:
    moving = walking(3, joints=22, frames=60, lively=0.2)
    elbow = moving.joints.names.index("left_elbow")
    moving.vectors[20:40, elbow] = 0.0
    turns = read(moving.places()).load_clip(0, None).rotations
    steps = np.degrees(quat.angle_between(turns[1:, elbow - 2], turns[:-1, elbow - 2]))
    assert steps.max() < 12.0


def test_joints_in_one_place_and_bones_that_stretch() -> None:
    """A rig whose spine and collars have no length of their own; and a generator whose bones breathe."""
    truth = walking(4, joints=22).places()
    truth[:, 3], truth[:, [13, 14]] = truth[:, 0], truth[:, [9]]
    assert np.abs(places(read(truth)) - truth).max() < 1e-6
    noisy = truth + np.random.default_rng(0).normal(scale=0.004, size=truth.shape)
    scene = read(noisy)
    assert np.abs(places(scene) - noisy).max() < 2e-3
    rotations = scene.load_clip(0, None).rotations
    assert np.degrees(quat.angle_between(rotations[1:], rotations[:-1])).max() < 40.0


def test_rest_and_roles_need_no_guess_and_a_true_rate_settles_the_assumed_one() -> None:
    scene = read(walking(5, joints=22).places())
    prepared = prepare_motion(scene, 0, parse_options({"source_fps": 30}))
    assert not prepared.rest.guessed and len(prepared.body.mapping.roles) == 22
    assert "frame-time-assumed" not in {notice.code for notice in prepared.notices}
    assert prepared.motion.rate_hz == 30.0


def test_one_frame_is_a_pose() -> None:
    truth = walking(6, joints=22).places()[:1]
    assert np.abs(places(read(truth)) - truth).max() < 1e-6
    assert np.abs(places(read(truth[None])) - truth).max() < 1e-6


def normalised() -> Array:
    values, _ = features(walking(7, joints=22).places())
    return np.asarray((values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-6))


@pytest.mark.parametrize(
    ("array", "kind", "text"),
    [
        (np.array([{"motion": 1}], dtype=object), UnsupportedFeature, "pickled Python objects, which could run code"),
        (np.full((4, 22, 3), np.inf), ParseFailed, "NaN or infinite, the first in row 0"),
        (np.zeros((4, 21, 3)), ParseFailed, "21 joints (KIT-ML's) are not known; save SMPL's in their order"),
        (np.zeros((4, 17, 3)), ParseFailed, "17 joints are not known"),
        (np.zeros((22, 3, 60)), ParseFailed, "has its frames last; turn it with numpy.moveaxis"),
        (np.zeros((2, 60, 22, 3)), ParseFailed, "is a batch of 2 motions"),
        (np.zeros((60, 251)), ParseFailed, "KIT-ML's features"),
        (np.zeros((60, 66)), ParseFailed, "may be places or rotations"),
        (np.zeros((263,)), ParseFailed, "no motion that is known"),
        (np.zeros((0, 263)), ParseFailed, "is empty"),
        (np.zeros((4, 22, 3)), ParseFailed, "all joints lie in one place"),
        (normalised(), ParseFailed, "multiply the features with the set's Std and add its Mean first"),
        (np.random.default_rng(1).normal(size=(50, 22, 3)), ParseFailed, "these are no places"),
        (walking(8, joints=22).places()[:, ::-1], ParseFailed, "not SMPL's in its order"),
        (np.array(["walk"]), ParseFailed, "holds text"),
    ],
)
def test_other_arrays_are_refused(array: Any, kind: type[InputError], text: str) -> None:
    with pytest.raises(kind, match=re.escape(text)) as caught:
        read(array)
    assert caught.value.detail.startswith("walk.npy: ") and ";" in caught.value.detail


def test_headers_that_lie_are_refused_before_memory_is_taken() -> None:
    data = saved(np.zeros((4, 22, 3)))
    for old, new, kind in (
        (b"(4, 22, 3)", b"(4, 22, 9)", ParseFailed),
        (b"(4, 22, 3), }   ", b"(4, 22, 10**9),}", ParseFailed),
        (b"(4, 22, 3), }         ", b"(9999999999, 22, 3), }", TooLarge),
        (b"'<f8'", b"'|O8'", UnsupportedFeature),
    ):
        assert old in data
        with pytest.raises(kind):
            read_scene(FileBundle("walk.npy", data.replace(old, new)))
    with pytest.raises(TooLarge):
        read_scene(FileBundle("walk.npy", data), Limits(frames=3))


def test_the_average_body_is_a_persons() -> None:
    body = smpl_joints(52)
    stand = np.zeros((52, 3))
    for joint, parent in enumerate(body.parents[1:], start=1):
        stand[joint] = stand[parent] + body.offsets_m[joint]
    left = [joint for joint, name in enumerate(body.names) if name.startswith("left")]
    right = [body.names.index(body.names[joint].replace("left", "right")) for joint in left]
    assert np.allclose(stand[left] * [-1.0, 1.0, 1.0], stand[right])
    assert 1.45 < stand[15, 1] - stand[10, 1] < 1.65  # head joint over the balls of the feet
