"""A clip that is written reads back with the same frames and rate, whatever the rate and however long it is."""

from __future__ import annotations

import numpy as np
import pytest

from tests.formats.bvh.bvh_kit import person, scene_of
from tests.gltf_builder import pack_glb, random_unit_quaternions, unpack_glb
from workers.formats.bundle import FileBundle
from workers.formats.gltf.key_rate import DEFAULT_RATE_HZ, clip_rate
from workers.formats.gltf.read import read_gltf
from workers.formats.gltf.skeleton_glb import write_skeleton_glb
from workers.skeleton import quat
from workers.skeleton.model import Array, Clip, Skeleton

NTSC = (24000 / 1001, 30000 / 1001, 60000 / 1001, 120000 / 1001)
RATES = (1.0, 2.0, 7.3, 9.99, 10.0, 12.5, 15.0, 23.976, *NTSC, 24.0, 29.5, 29.97, 30.0, 31.7, 59.94, 60.0, 90.0, 97.0,
         119.875, 119.88, 120.0, 144.0, 239.76, 240.0)  # fmt: skip
LENGTHS = (2, 3, 10, 97, 519, 560, 1001, 5000)


def two_bones() -> Skeleton:
    return scene_of(person()).skeleton


def swing(frames: int, rate_hz: float, joints: int, start_s: float = 0.0) -> Clip:
    angles = np.sin(np.arange(frames)[:, None] * 0.1 + np.arange(joints))
    rotations = quat.make_continuous(quat.from_axis_angle(np.array([0.0, 0.0, 1.0]), angles))
    return Clip("swing", rate_hz, start_s, rotations, {})


@pytest.mark.parametrize("rate", RATES)
def test_frames_and_rate_survive_a_file(rate: float) -> None:
    skeleton = two_bones()
    for frames in LENGTHS:
        clip = swing(frames, rate, len(skeleton), start_s=0.0 if frames % 2 else 0.4)
        scene = read_gltf(FileBundle("made.glb", write_skeleton_glb(skeleton, [clip], [1, 2])))
        again = scene.load_clip(0, None)
        assert (scene.clips[0].frames, again.frames) == (frames, frames)
        assert scene.clips[0].rate_hz == pytest.approx(rate, rel=1e-4)
        assert again.rate_hz == pytest.approx(rate, rel=1e-4)
        assert np.max(quat.angle_between(again.rotations[:, 1], clip.rotations[:, 1])) < 1e-3


def test_rates_drawn_at_random_survive_a_file() -> None:
    skeleton, random = two_bones(), np.random.default_rng(11)
    for rate, frames in zip(random.uniform(1.0, 240.0, 60), random.integers(2, 3000, 60), strict=True):
        clip = swing(int(frames), float(rate), len(skeleton))
        again = read_gltf(FileBundle("made.glb", write_skeleton_glb(skeleton, [clip], [1]))).load_clip(0, None)
        assert again.frames == frames, rate
        assert again.rate_hz == pytest.approx(rate, rel=1e-4)


def stored(times: Array) -> Array:
    return np.asarray(times.astype(np.float32), dtype=np.float64)


@pytest.mark.parametrize("rate", [*NTSC, 24.0, 25.0, 30.0, 60.0, 120.0])
@pytest.mark.parametrize("frames", [60, 600, 4000])
def test_keys_that_an_exporter_left_out_do_not_hide_the_rate(rate: float, frames: int) -> None:
    random = np.random.default_rng(frames)
    kept = np.unique([0, frames - 1, *np.flatnonzero(random.random(frames) < 0.8)])
    assert clip_rate([stored(kept / rate)]) == pytest.approx(rate, rel=1e-9 if frames > 60 else 1.1e-3)


def test_times_rounded_to_milliseconds_keep_their_frames() -> None:
    times = np.round(np.arange(901) / 30.0, 3)
    assert clip_rate([stored(times)]) == pytest.approx(30.0, rel=1e-4)


def test_times_on_no_grid_are_not_forced_onto_one() -> None:
    """A common rate is taken only where it explains all times; 29.4 Hz of a capture is within 2 % of 30."""
    random = np.random.default_rng(3)
    times = np.cumsum(random.uniform(0.9, 1.1, 500)) / 29.4
    assert clip_rate([stored(times)]) == pytest.approx(29.4, rel=0.01)


def test_poses_that_somebody_set_are_no_samples() -> None:
    for distance in (0.2, 1.0):
        assert clip_rate([stored(np.array([0.0, 1.0, 2.0, 3.0, 4.0]) * distance)]) == DEFAULT_RATE_HZ


@pytest.mark.parametrize("value", [4.0, 0, -1, True, "2", None, 1e9])
def test_a_stated_rate_that_the_keys_contradict_is_not_believed(value: object) -> None:
    skeleton = two_bones()
    data = write_skeleton_glb(skeleton, [swing(9, 3.0, len(skeleton))], [1])
    document, binary = unpack_glb(data)
    assert document["animations"][0]["extras"] == {"samplesPerSecond": 3.0}
    document["animations"][0]["extras"]["samplesPerSecond"] = value
    scene = read_gltf(FileBundle("made.glb", pack_glb(document, binary)))
    assert scene.clips[0].rate_hz == pytest.approx(DEFAULT_RATE_HZ, rel=0.02)


def test_only_slow_clips_need_their_rate_stated() -> None:
    skeleton = two_bones()
    assert b"samplesPerSecond" not in write_skeleton_glb(skeleton, [swing(50, 30.0, len(skeleton))], [1])
    turns = random_unit_quaternions(np.random.default_rng(0), 1)
    assert b"samplesPerSecond" not in write_skeleton_glb(
        skeleton, [Clip("pose", 0.5, 0.0, np.tile(turns[:, None], (1, len(skeleton), 1)), {})], [1]
    )
