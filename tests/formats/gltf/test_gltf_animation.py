"""Clips: sampling agrees with the specification's formulas, and what a clip is follows the documented rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.gltf_builder import GltfBuilder, random_unit_quaternions
from workers.contract.errors import ParseFailed, RetargetError, TooLarge
from workers.formats.bundle import FileBundle
from workers.formats.gltf.read import read_gltf
from workers.formats.limits import Limits
from workers.skeleton import quat
from workers.skeleton.model import Array

RANDOM = np.random.default_rng(0)
KEYS = np.array([0.5, 0.7, 0.75, 1.3, 2.0])


def two_joints() -> GltfBuilder:
    builder = GltfBuilder()
    root = builder.node(name="root")
    builder.node(root, name="tip", translation=[0.0, 1.0, 0.0])
    return builder


def expected(times: Array, keys: Array, values: Array, interpolation: str, rotation: bool) -> Array:
    """Key by key, straight from the specification (glTF 2.0, appendix C)."""
    result = []
    for moment in times:
        t = min(max(moment, keys[0]), keys[-1])
        k = min(int(np.searchsorted(keys, t, side="right")) - 1, len(keys) - 2)
        span = keys[k + 1] - keys[k]
        u = (t - keys[k]) / span
        if interpolation == "STEP":
            value = values[k + 1] if u == 1.0 else values[k]
        elif interpolation == "CUBICSPLINE":
            _, v0, b0 = values[3 * k : 3 * k + 3]
            a1, v1, _ = values[3 * k + 3 : 3 * k + 6]
            value = (2 * u**3 - 3 * u**2 + 1) * v0 + span * (u**3 - 2 * u**2 + u) * b0
            value = value + (-2 * u**3 + 3 * u**2) * v1 + span * (u**3 - u**2) * a1
        elif rotation:
            value = quat.slerp(values[k], values[k + 1], u)
        else:
            value = (1 - u) * values[k] + u * values[k + 1]
        result.append(value)
    return quat.normalize(np.array(result)) if rotation else np.array(result)


@pytest.mark.parametrize("interpolation", ["LINEAR", "STEP", "CUBICSPLINE"])
def test_sampling_follows_the_specification(interpolation: str) -> None:
    count = len(KEYS) * (3 if interpolation == "CUBICSPLINE" else 1)
    rotations = random_unit_quaternions(RANDOM, count)
    translations = RANDOM.normal(size=(count, 3))
    builder = two_joints()
    late = KEYS[1:] + 0.5  # another channel that starts later and ends later: it holds its first value before
    channels = [(0, "rotation", KEYS, rotations), (0, "translation", KEYS, translations)]
    channels.append((1, "rotation", late, rotations[: len(late) * (count // len(KEYS))]))
    builder.animation(*channels, interpolation=interpolation)
    scene = read_gltf(builder.bundle())
    clip = scene.load_clip(0, 97.0)
    times = clip.start_s + np.arange(clip.frames) / clip.rate_hz
    assert clip.start_s == pytest.approx(0.5)
    assert times[-1] == pytest.approx(2.5)
    keys, later = KEYS.astype("<f4").astype(float), late.astype("<f4").astype(float)
    stored = rotations.astype("<f4").astype(float)
    for joint, (axis, values) in enumerate([(keys, stored), (later, stored[: len(late) * (count // len(KEYS))])]):
        truth = expected(times, axis, values, interpolation, True)
        assert np.max(quat.angle_between(clip.rotations[:, joint], truth)) < 2e-4
    truth = expected(times, keys, translations.astype("<f4").astype(float), interpolation, False)
    np.testing.assert_allclose(clip.translations_m[0], truth, atol=1e-3 if interpolation != "STEP" else 1e-9)
    assert set(clip.translations_m) == {0}
    assert np.min(np.einsum("fji,fji->fj", clip.rotations[1:], clip.rotations[:-1])) >= 0.0


@pytest.mark.parametrize("interpolation", ["LINEAR", "STEP", "CUBICSPLINE"])
def test_some_frames_are_those_of_the_whole_clip(interpolation: str) -> None:
    count = len(KEYS) * (3 if interpolation == "CUBICSPLINE" else 1)
    builder = two_joints()
    rotations, places = random_unit_quaternions(RANDOM, count), RANDOM.normal(size=(count, 3))
    pose = [[0.0, 1.0, 0.0]] * (count // len(KEYS))
    channels = [(0, "rotation", KEYS, rotations), (0, "translation", KEYS, places), (1, "translation", [0.9], pose)]
    builder.animation(*channels, interpolation=interpolation)
    scene = read_gltf(builder.bundle())
    assert scene.document is not None
    whole = scene.load_clip(0, None)
    frames = np.array([0, whole.frames // 3, whole.frames - 1])
    found, moved = scene.document.poses(0, frames)
    assert np.max(quat.angle_between(found, whole.rotations[frames])) < 1e-6
    np.testing.assert_allclose(moved[0], whole.translations_m[0][frames], atol=1e-12)


def test_some_frames_are_refused_for_any_key_that_is_no_number() -> None:
    builder = two_joints()
    values = np.tile([0.0, 0.0, 0.0, 1.0], (9, 1))
    values[4, 1] = np.nan
    builder.animation((0, "rotation", np.arange(9) / 30, values))
    scene = read_gltf(builder.bundle())
    assert scene.document is not None
    with pytest.raises(ParseFailed, match="NaN"):
        scene.document.poses(0, np.array([0, 8]))


def test_normalised_integer_rotations() -> None:
    values = random_unit_quaternions(RANDOM, 31)
    builder = two_joints()
    builder.animation((0, "rotation", np.arange(31) / 30, values))
    stored = builder.accessor(np.round(values * 32767), "VEC4", "i2", normalized=True)
    builder.document["animations"][0]["samplers"][0]["output"] = stored
    clip = read_gltf(builder.bundle()).load_clip(0, None)
    assert np.max(quat.angle_between(clip.rotations[:, 0], values)) < 1e-3


@pytest.mark.parametrize(
    ("spacing", "rate"),
    [
        (1 / 30, 30),
        (1 / 24, 24),
        (1 / 23.976, 24),
        (1 / 29.97, 30),
        (1 / 120, 120),
        (1 / 45, 45),
        (0.2, 30),
        (1.0, 30),
        (1e-5, 1000),
    ],
)
def test_rate_comes_from_the_keys(spacing: float, rate: float) -> None:
    builder = two_joints()
    keys = np.arange(61) * spacing
    builder.animation(
        (0, "rotation", keys, random_unit_quaternions(RANDOM, 61)), (1, "rotation", keys[[0, -1]], [[0, 0, 0, 1]] * 2)
    )
    scene = read_gltf(builder.bundle())
    info, clip = scene.clips[0], scene.load_clip(0, None)
    assert info.duration_s == pytest.approx(60 * spacing, rel=1e-4)
    assert info.frames == clip.frames == round(60 * spacing * rate) + 1
    if clip.frames > 20:
        assert info.rate_hz == pytest.approx(rate, rel=0.025)
    assert clip.rate_hz == info.rate_hz


def test_a_pose_is_a_clip_of_one_frame() -> None:
    builder = two_joints()
    turn = random_unit_quaternions(RANDOM, 1)
    builder.animation((1, "rotation", [0.25], turn), name="pose")
    scene = read_gltf(builder.bundle())
    assert (scene.clips[0].frames, scene.clips[0].rate_hz, scene.clips[0].duration_s) == (1, 30.0, 0.0)
    clip = scene.load_clip(0, None)
    assert (clip.frames, clip.start_s, clip.duration_s) == (1, 0.25, 0.0)
    assert quat.angle_between(clip.rotations[0, 1], turn[0]) < 1e-6


def split_animations(builder: GltfBuilder, ends: list[float]) -> list[str]:
    joints = [builder.node(name=f"j{n}") for n in range(len(ends))]
    for joint, end in zip(joints, ends, strict=True):
        builder.animation(
            (joint, "rotation", np.linspace(0, end, 31), random_unit_quaternions(RANDOM, 31)), name=f"a{joint}"
        )
    return [clip.name for clip in read_gltf(builder.bundle()).clips]


def test_one_clip_split_over_many_animations() -> None:
    assert split_animations(GltfBuilder(), [1.0, 1.0, 1.0]) == ["clip 0"]
    assert split_animations(GltfBuilder(), [1.0, 1.0, 2.0]) == ["a0", "a1", "a2"]
    overlapping = GltfBuilder()
    overlapping.node()
    overlapping.animation((0, "rotation", [0.0, 1.0], random_unit_quaternions(RANDOM, 2)), name="again")
    assert split_animations(overlapping, [1.0, 1.0]) == ["clip 0"]
    overlapping.animation((0, "rotation", [0.0, 1.0], random_unit_quaternions(RANDOM, 2)), name="more")
    assert len(read_gltf(overlapping.bundle()).clips) == 4


def test_animated_scale_is_left_out_with_a_notice() -> None:
    builder = two_joints()
    builder.animation(
        (0, "rotation", [0.0, 1.0], [[0, 0, 0, 1]] * 2), (1, "scale", [0.0, 1.0], [[1, 1, 1], [1.001, 1, 1]])
    )
    builder.animation(
        (0, "rotation", [0.0, 1.0], [[0, 0, 0, 2]] * 2), (1, "scale", [0.0, 1.0], [[1, 1, 1], [1.5, 1, 1]])
    )
    scene = read_gltf(builder.bundle())
    assert scene.extras["clip_notices"](0) == ()
    assert [(n.code, n.joint) for n in scene.extras["clip_notices"](1)] == [
        ("non-unit-rotation", "root"),
        ("scale-animation-ignored", "tip"),
    ]
    np.testing.assert_allclose(scene.load_clip(1, None).rotations, quat.identity(31, 2))


def test_unit_scale_of_the_armature_reaches_the_translations() -> None:
    builder = GltfBuilder()
    root = builder.node(scale=[0.01] * 3)
    joint = builder.node(root, translation=[0.0, 100.0, 0.0])
    builder.animation((joint, "translation", [0.0, 1.0], [[0, 100, 0], [50, 100, 0]]))
    scene = read_gltf(builder.bundle())
    np.testing.assert_allclose(scene.load_clip(0, None).translations_m[1][-1], [0.5, 1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(scene.skeleton.translation_scale, [1.0, 0.01])


@pytest.mark.parametrize(
    ("times", "values"),
    [
        ([0.0, 0.0], [[0, 0, 0, 1]] * 2),
        ([1.0, 0.5], [[0, 0, 0, 1]] * 2),
        ([0.0, np.nan], [[0, 0, 0, 1]] * 2),
        ([0.0, np.inf], [[0, 0, 0, 1]] * 2),
        ([0.0, 1.0], [[0, 0, 0, 1]] * 3),
        ([0.0, 1.0], [[0, 0, 0, 1], [0, 0, np.nan, 1]]),
    ],
)
def test_broken_keys_are_refused(times: list[float], values: list[list[float]]) -> None:
    builder = two_joints()
    builder.animation((0, "rotation", times, values))
    with pytest.raises(ParseFailed):
        read_gltf(builder.bundle()).load_clip(0, None)


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        ("samplers", "input", 99),
        ("samplers", "output", True),
        ("samplers", "input", 1),
        ("samplers", "interpolation", "SPLINE"),
        ("samplers", "interpolation", ["LINEAR"]),
        ("channels", "sampler", 1),
        ("channels", "sampler", 0.0),
        ("channels", "target", {"node": 9, "path": "rotation"}),
        ("channels", "target", {"node": 0, "path": "translation"}),
        ("channels", "target", {"node": 0}),
        ("channels", "target", None),
    ],
)
def test_broken_references_are_refused(place: str, key: str, value: object) -> None:
    builder = two_joints()
    builder.animation((0, "rotation", [0.0, 1.0], [[0, 0, 0, 1]] * 2))
    builder.document["animations"][0][place][0][key] = value
    with pytest.raises(RetargetError):
        read_gltf(builder.bundle())


def test_a_clip_of_a_year_is_refused_before_it_is_sampled() -> None:
    builder = two_joints()
    builder.animation((0, "rotation", [0.0, 3e7], [[0, 0, 0, 1]] * 2))
    scene = read_gltf(builder.bundle())
    with pytest.raises(TooLarge):
        scene.load_clip(0, None)
    with pytest.raises(TooLarge):
        read_gltf(builder.bundle(), Limits(frames=1))


def test_weights_and_placeholders_are_no_clips() -> None:
    builder = two_joints()
    builder.animation((0, "weights", [0.0, 1.0], [0.0, 1.0]))
    builder.animation((0, "rotation", [0.0, 1.0], [[0, 0, 0, 1]] * 2))
    del builder.document["accessors"][builder.document["animations"][1]["samplers"][0]["input"]]["bufferView"]
    assert read_gltf(builder.bundle()).clips == ()


def test_a_file_with_thousands_of_accessors(shared_data: Path) -> None:
    path = shared_data / "characters" / "kaykit-adventurers" / "Knight.glb"
    bundle = FileBundle(path.name, path.read_bytes())
    scene = read_gltf(bundle)
    assert (len(scene.clips), scene.load_clip(0, None).frames) == (76, 33)


def test_one_clip_over_nineteen_animations_and_every_real_clip(shared_data: Path) -> None:
    cesium = shared_data / "characters" / "threejs" / "CesiumMan.glb"
    scene = read_gltf(FileBundle(cesium.name, cesium.read_bytes()))
    assert [(clip.frames, clip.duration_s) for clip in scene.clips] == [(49, 2.0)]
    count = 0
    for path in sorted([*shared_data.glob("characters/**/*.glb"), *shared_data.glob("motions/**/*.glb")]):
        scene = read_gltf(FileBundle(path.name, path.read_bytes()))
        for number, info in enumerate(scene.clips):
            clip = scene.load_clip(number, None)
            count += 1
            assert (clip.name, clip.frames, clip.rate_hz) == (info.name, info.frames, info.rate_hz)
            assert np.max(np.abs(np.linalg.norm(clip.rotations, axis=-1) - 1.0)) < 1e-6
            assert all(np.all(np.isfinite(values)) for values in clip.translations_m.values())
    assert count > 200
