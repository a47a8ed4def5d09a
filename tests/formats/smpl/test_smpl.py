"""AMASS-like npz files: the body moves as the numbers say, in any of the layouts; nothing else is let through."""

from __future__ import annotations

import io
import re
import zipfile
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats.smpl.smpl_kit import CAMERA, Z_UP, Moving, packed, saved, walking
from workers.contract.definitions import parse_definition
from workers.contract.errors import InputError, ParseFailed, TooLarge, UnsupportedFeature, UnsupportedFormat
from workers.contract.options import parse_options
from workers.contract.roles import ALL_ROLES
from workers.formats.bundle import FileBundle
from workers.formats.limits import Limits
from workers.formats.load_bundle import bundle_of_upload
from workers.formats.read import read_scene
from workers.formats.smpl.body_model import BODY_MODEL_NAME
from workers.formats.smpl.joints import JOINT_COUNTS, smpl_joints
from workers.ingest.sandbox.sandbox import Sandbox
from workers.preparation.prepare import prepare_motion
from workers.skeleton.kinematics import clip_world
from workers.skeleton.model import Array, Scene


def read(data: bytes, **beside: bytes) -> Scene:
    siblings = {f"{name}.npz": partial(bytes, content) for name, content in beside.items()}
    return read_scene(FileBundle("walk.npz", data, siblings))


def places(scene: Scene) -> Array:
    return clip_world(scene.skeleton, scene.load_clip(0, None))[1]


def codes(scene: Scene) -> set[str]:
    return {notice.code for notice in scene.notices}


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), joints=st.sampled_from(JOINT_COUNTS), up=st.sampled_from(["Z", "Y", "-Y"]))
def test_joints_stand_where_the_model_puts_them(seed: int, joints: int, up: str) -> None:
    """In every layout, whatever axis is up: limbs within 1e-6 m of the model's own forward kinematics."""
    moving = walking(seed, joints=joints)
    turn = {"Z": Z_UP, "-Y": CAMERA}.get(up)
    scene = read((moving if turn is None else moving.turned(turn)).npz())
    assert scene.units.up_axis == up and scene.units.factor == 1.0
    assert np.abs(places(scene) - moving.places()).max() < 1e-6
    assert (scene.clips[0].name, scene.clips[0].rate_hz) == ("walk", 120.0)


def test_the_rest_pose_is_the_models_t_and_all_roles_are_known() -> None:
    scene = read(walking(1, joints=55).turned(Z_UP).npz())
    prepared = prepare_motion(scene, 0, parse_options({}))
    assert not prepared.rest.guessed and prepared.rest.kind == "zero"
    roles = prepared.body.mapping.roles
    assert set(roles) == set(ALL_ROLES)
    assert {match.reason for match in roles.values()} == {"SMPL's order of joints"}
    assert scene.skeleton.names[roles["leftToes"].joint] == "left_foot"


def test_somebody_who_lies_keeps_the_usual_axis() -> None:
    """No axis is upright then; AMASS's Z holds."""
    moving = walking(2, lively=0.1)
    flat = moving.turned(Z_UP).turned(np.array([0.0, np.sqrt(0.5), 0.0, np.sqrt(0.5)]))
    leaning = moving.turned(np.array([np.sin(0.4), 0.0, 0.0, np.cos(0.4)]))  # 46 degrees between Y and Z
    assert read(leaning.npz()).units.up_axis == "Z"
    assert read(flat.npz()).units.guessed


def test_a_definition_corrects_the_axis_and_the_body_rests_upright_still() -> None:
    leaning = walking(2, lively=0.1).turned(np.array([np.sin(0.4), 0.0, 0.0, np.cos(0.4)]))
    definition = parse_definition('{"up_axis": "Y"}')
    for name, data in (("walk.npz", leaning.npz()), ("walk.npy", saved(leaning.places()))):
        scene = read_scene(FileBundle(name, data))
        prepared = prepare_motion(scene, 0, parse_options({}), definition=definition)
        assert prepared.scene.units.up_axis == "Y" and not prepared.rest.guessed
        assert np.abs(places(prepared.scene) - leaning.places()).max() < 1e-6


def parts(moving: Moving, *, split_hands: bool) -> dict[str, Any]:
    flat = moving.vectors.reshape(len(moving.vectors), -1)
    arrays = {"root_orient": flat[:, :3], "pose_body": flat[:, 3:66], "trans": moving.root - moving.offsets[0]}
    arrays |= {"pose_jaw": flat[:, 66:69], "pose_eye": flat[:, 69:75], "fps": np.array([120])}
    if split_hands:
        return arrays | {"left_hand_pose": flat[:, 75:120], "right_hand_pose": flat[:, 120:].reshape(-1, 15, 3)}
    return arrays | {"pose_hand": flat[:, 75:]}


@pytest.mark.parametrize("split_hands", [False, True])
def test_parts_are_the_same_motion_and_come_before_the_whole(split_hands: bool) -> None:
    moving = walking(3, joints=55)
    scene = read(packed(parts(moving, split_hands=split_hands) | {"poses": np.full((40, 165), 0.1)}))
    assert np.abs(places(scene) - moving.places()).max() < 1e-6


def test_other_names_shapes_and_types_in_use() -> None:
    moving = walking(4, joints=24)
    body = moving.vectors[:, 1:].astype(np.float32)
    arrays = {"global_orient": moving.vectors[None, :, 0], "body_pose": body, "transl": moving.root - moving.offsets[0]}
    scene = read(packed(arrays | {"frame_rate": np.float32(30.0), "unknown": np.zeros((3, 3))}))
    assert np.abs(places(scene) - moving.places()).max() < 1e-5 and scene.clips[0].rate_hz == 30.0
    scene = read(moving.npz(poses=moving.vectors[None], mocap_framerate=None, trans=None))
    assert {"frame-time-assumed", "root-not-moving", "average-body"} <= codes(scene)


def test_hand_components_are_left_out_and_told() -> None:
    moving = walking(5, joints=22)
    flat = moving.vectors.reshape(len(moving.vectors), -1)
    scene = read(packed({"root_orient": flat[:, :3], "pose_body": flat[:, 3:], "left_hand_pose": np.zeros((40, 6))}))
    assert "hands-left-out" in codes(scene) and len(scene.skeleton) == 22


# One person's limbs.


def model(seed: int, joints: int) -> tuple[bytes, Array, Array]:
    """A body model of 60 vertices, betas, and the joints' offsets of that person."""
    generator = np.random.default_rng(seed)
    body = smpl_joints(joints)
    regressor = generator.dirichlet(np.full(60, 0.1), size=joints)
    mean = np.zeros((joints, 3))
    for joint, parent in enumerate(body.parents):
        mean[joint] = body.offsets_m[joint] + (mean[parent] if parent >= 0 else 0.0)
    template = np.linalg.lstsq(regressor, mean, rcond=None)[0] if joints <= 60 else np.zeros((60, 3))
    shapes, betas = 0.01 * generator.normal(size=(60, 3, 10)), generator.normal(size=16)
    stand = regressor @ (template + shapes @ betas[:10])
    offsets = np.array([stand[j] - (stand[p] if p >= 0 else 0.0) for j, p in enumerate(body.parents)])
    return packed({"v_template": template, "shapedirs": shapes, "J_regressor": regressor}), betas, offsets


@pytest.mark.parametrize("joints", [24, 52, 55])
def test_the_users_model_gives_the_persons_limbs(joints: int) -> None:
    file, betas, offsets = model(6, joints)
    average = walking(6, joints=joints)
    person = Moving(average.joints, average.vectors, average.root, offsets).turned(Z_UP)
    scene = read(person.npz(betas=betas), body_model=file)
    upright = Moving(average.joints, average.vectors, average.root, offsets)
    assert np.abs(places(scene) - upright.places()).max() < 1e-6
    assert "average-body" not in codes(scene)
    without = read(person.npz(betas=betas))
    assert "the file's betas are not used" in next(n.message for n in without.notices if n.code == "average-body")


def test_the_model_lies_beside_the_motion_in_an_upload_and_in_a_zip() -> None:
    file, betas, _ = model(7, 52)
    motion = walking(7).npz(betas=betas)
    upload = bundle_of_upload({"walk.npz": lambda: motion, BODY_MODEL_NAME: lambda: file})
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(f"take/{BODY_MODEL_NAME}", file)
        archive.writestr("take/walk.npz", motion)
    for bundle in (upload, FileBundle("take.zip", stream.getvalue())):
        assert "average-body" not in codes(read_scene(bundle))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (b"\x80\x04pickled", "body model: no npz (pickled models are never opened"),
        (packed({"v_template": np.zeros((5, 3))}), "lacks shapedirs, J_regressor"),
        (model(8, 24)[0], "it has 24 joints, the motion 52"),
        (packed({"v_template": np.zeros((5, 3)), "shapedirs": np.zeros((4, 3, 2)), "J_regressor": np.eye(5)}), "fit"),
        (
            packed({"v_template": np.zeros((5, 3)), "shapedirs": np.zeros((5, 3, 2)), "J_regressor": np.eye(4)}),
            "J_regressor is (4, 4)",
        ),
    ],
)
def test_a_wrong_model_is_refused(file: bytes, text: str) -> None:
    with pytest.raises(ParseFailed, match=re.escape(text)):
        read(walking(8).npz(), body_model=file)


def test_in_the_sandbox_it_reads_the_same() -> None:
    file, betas, _ = model(9, 52)
    motion = walking(9).npz(betas=betas)
    bundle = FileBundle("walk.npz", motion, {BODY_MODEL_NAME: lambda: file})
    sandbox = Sandbox()
    try:
        scene = sandbox.read(bundle).scene
        assert np.array_equal(places(scene), places(read_scene(bundle))) and scene.format == "npz"
        with pytest.raises(UnsupportedFeature, match="pickled"):
            sandbox.read(FileBundle("walk.npz", packed({"poses": np.array([{}], dtype=object)})))
    finally:
        sandbox.close()


# What is refused.


def with_nan() -> Array:
    values = np.zeros((5, 156))
    values[3, 7] = np.nan
    return values


@pytest.mark.parametrize(
    ("changes", "kind", "text"),
    [
        ({"poses": np.array([{"a": 1}], dtype=object)}, UnsupportedFeature, "pickled Python objects"),
        (
            {"poses": with_nan(), "trans": np.zeros((5, 3))},
            ParseFailed,
            "1 values are NaN or infinite, the first in row 3",
        ),
        (
            {"poses": np.zeros((4, 135))},
            ParseFailed,
            "'poses' has shape (4, 135); rotation vectors of 22, 24, 52 or 55",
        ),
        ({"poses": np.zeros((4, 22, 3, 3))}, ParseFailed, "has shape (4, 22, 3, 3)"),
        ({"poses": np.zeros((0, 156)), "trans": np.zeros((0, 3))}, ParseFailed, "holds no frame"),
        ({"poses": None}, ParseFailed, "no array 'poses'"),
        ({"poses": np.full((40, 156), 90.0)}, ParseFailed, "axis times angle in radians"),
        ({"poses": np.full((40, 156), "x")}, ParseFailed, "holds text"),
        ({"poses": np.zeros((40, 156), dtype=complex)}, UnsupportedFeature, "save plain real numbers"),
        ({"trans": np.zeros((39, 3))}, ParseFailed, "not (40, 3) as the poses"),
        ({"trans": np.full((40, 3), 1e9)}, TooLarge, "save it in metres"),
        ({"mocap_framerate": 0.0}, ParseFailed, "no usable frame rate"),
        ({"mocap_framerate": np.nan}, ParseFailed, "NaN"),
    ],
)
def test_wrong_arrays_are_refused(changes: dict[str, Any], kind: type[InputError], text: str) -> None:
    with pytest.raises(kind, match=re.escape(text)) as caught:
        read(walking(10).npz(**changes))
    assert caught.value.detail.startswith("walk.npz") and ";" in caught.value.detail


def test_parts_of_different_lengths_are_refused() -> None:
    arrays = {"root_orient": np.zeros((4, 3)), "pose_body": np.zeros((5, 63))}
    with pytest.raises(ParseFailed, match="the parts of the pose have 4 to 5 frames"):
        read(packed(arrays))


def test_too_much_is_refused_before_it_is_unpacked() -> None:
    bundle = FileBundle("walk.npz", walking(11).npz())
    for limits in (Limits(frames=39), Limits(rotation_keys=40 * 52 - 1), Limits(accessor_elements=100)):
        with pytest.raises(TooLarge):
            read_scene(bundle, limits)
    with pytest.raises(TooLarge, match="frames at 1e"):
        read_scene(bundle, Limits(frames=100)).load_clip(0, 1e6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_damage_ends_in_typed_errors(seed: int) -> None:
    """Bytes changed, cut off or added anywhere: a scene or one of our errors, never another exception."""
    generator = np.random.default_rng(seed)
    good = walking(12, frames=3).npz() if seed % 2 else saved(walking(12, frames=3, joints=22).places())
    data = bytearray(good)
    for place in generator.integers(0, len(data), generator.integers(1, 8)):
        data[place] = generator.integers(0, 256)
    if seed % 3 == 0:
        data = data[: generator.integers(1, len(data))]
    try:
        read_scene(FileBundle("upload", bytes(data))).load_clip(0, None)
    except InputError as error:
        assert "the file is damaged (" not in error.detail  # the net below the readers


def test_pickles_by_any_name_are_named() -> None:
    with pytest.raises(UnsupportedFormat, match="a Python pickle, which could run code and is never opened"):
        read_scene(FileBundle("motion.pkl", b"\x80\x04\x95rest"))
