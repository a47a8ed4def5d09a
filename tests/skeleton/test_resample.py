"""Resampling gives exactly the rate asked for, and keeps poses and speed; a loop still closes."""

from __future__ import annotations

import numpy as np
import pytest

from workers.skeleton import quat
from workers.skeleton.model import Clip
from workers.skeleton.resample import HAIR, end_cut_s, resample, resample_loop

RATES = [0.3, 1.0, 7.0, 23.976, 24.0, 29.97, 30.0, 48.0, 59.94, 60.0, 97.3, 240.0]


def spin(frames: int, rate_hz: float) -> Clip:
    """Constant turning and constant travel: what interpolation reproduces exactly."""
    t = np.arange(frames) / rate_hz
    rotations = quat.from_axis_angle(np.array([0.6, 0.0, 0.8]), np.stack([3.0 * t, -1.5 * t], axis=1))
    return Clip("spin", rate_hz, 0.5, quat.make_continuous(rotations), {1: np.outer(t, [1.0, 2.0, -3.0])})


def whole_periods(duration_s: float, rate_hz: float) -> int:
    """By counting: how many periods end within the duration, or behind it by no more than a file's time is rounded."""
    count = 0
    while count + 1 <= duration_s * rate_hz + HAIR:
        count += 1
    return count


@pytest.mark.parametrize("own_rate", [24.0, 29.97, 30.0, 119.88])
@pytest.mark.parametrize("rate", RATES)
def test_keys_lie_exactly_a_period_apart_and_hold_the_motion_there(own_rate: float, rate: float) -> None:
    for frames in (2, 3, 61, 100):
        clip = spin(frames, own_rate)
        new = resample(clip, rate)
        assert new.rate_hz == rate
        assert new.frames == whole_periods(clip.duration_s, rate) + 1
        assert clip.duration_s - 1.0 / rate < new.duration_s <= clip.duration_s + HAIR / rate + 1e-9  # near: exact
        t = np.minimum(np.arange(new.frames) / rate, clip.duration_s)
        exact = quat.from_axis_angle(np.array([0.6, 0.0, 0.8]), np.stack([3.0 * t, -1.5 * t], axis=1))
        assert np.allclose(quat.angle_between(new.rotations, exact), 0.0, atol=1e-7)
        assert np.allclose(new.translations_m[1], np.outer(t, [1.0, 2.0, -3.0]))
        assert new.start_s == clip.start_s
        cut_s = clip.duration_s - new.duration_s
        assert end_cut_s(clip, rate) == pytest.approx(cut_s if cut_s > HAIR / rate else 0.0, abs=1e-9)  # near: 1/29.97


@pytest.mark.parametrize("rate", RATES)
def test_a_loop_ends_in_its_last_pose_and_keeps_an_even_pace(rate: float) -> None:
    rng = np.random.default_rng(0)
    rotations = quat.make_continuous(quat.normalize(rng.normal(size=(41, 3, 4))))
    clip = Clip("x", 30.0, 0.0, rotations, {0: rng.normal(size=(41, 3))})
    new = resample_loop(clip, rate)
    assert new.frames == resample(clip, rate).frames and new.rate_hz == rate
    ends = [0, -1] if new.frames > 1 else [0, 0]
    assert np.allclose(quat.angle_between(new.rotations[[0, -1]], rotations[ends]), 0.0, atol=1e-7)
    assert np.allclose(new.translations_m[0][[0, -1]], clip.translations_m[0][ends])
    even = resample_loop(spin(41, 30.0), rate)
    if even.frames > 2:
        assert np.allclose(np.diff(even.translations_m[1], n=2, axis=0), 0.0, atol=1e-9)


def test_the_same_rate_is_the_same_object() -> None:
    clip = spin(61, 30.0)
    assert resample(clip, 30.0) is clip and resample_loop(clip, 30.0) is clip


def test_a_rate_that_differs_by_rounding_keeps_every_frame() -> None:
    clip = spin(61, 30.0000012)
    new = resample(clip, 30.0)
    assert new.rate_hz == 30.0 and new.frames == 61
    assert new.rotations is clip.rotations
    assert end_cut_s(clip, 30.0) == 0.0


def test_a_period_longer_than_the_clip_leaves_its_first_pose() -> None:
    clip = spin(61, 30.0)
    for made in (resample(clip, 0.01), resample_loop(clip, 0.01)):
        assert (made.frames, made.rate_hz) == (1, 0.01)
        assert np.allclose(made.rotations[0], clip.rotations[0])
    single = resample(spin(1, 30.0), 60.0)
    assert (single.frames, single.rate_hz) == (1, 60.0)
