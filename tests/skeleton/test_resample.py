"""Resampling keeps duration, end poses and speed."""

from __future__ import annotations

import numpy as np
import pytest

from workers.skeleton import quat
from workers.skeleton.model import Clip
from workers.skeleton.resample import resample


def spin(frames: int, rate_hz: float) -> Clip:
    """Constant turning and constant travel: what interpolation reproduces exactly."""
    t = np.arange(frames) / rate_hz
    rotations = quat.from_axis_angle(np.array([0.6, 0.0, 0.8]), np.stack([3.0 * t, -1.5 * t], axis=1))
    return Clip("spin", rate_hz, 0.5, quat.make_continuous(rotations), {1: np.outer(t, [1.0, 2.0, -3.0])})


@pytest.mark.parametrize("rate", [7.0, 24.0, 29.97, 48.0, 60.0, 240.0])
def test_uniform_motion_is_reproduced_at_the_new_times(rate: float) -> None:
    clip = spin(61, 30.0)
    new = resample(clip, rate)
    assert new.frames == round(clip.duration_s * rate) + 1
    assert new.duration_s == pytest.approx(clip.duration_s, abs=1e-12)
    t = np.arange(new.frames) / new.rate_hz
    exact = quat.from_axis_angle(np.array([0.6, 0.0, 0.8]), np.stack([3.0 * t, -1.5 * t], axis=1))
    assert np.allclose(quat.angle_between(new.rotations, exact), 0.0, atol=1e-7)
    assert np.allclose(new.translations_m[1], np.outer(t, [1.0, 2.0, -3.0]))
    assert new.start_s == clip.start_s


def test_ends_are_kept_exactly() -> None:
    rng = np.random.default_rng(0)
    rotations = quat.make_continuous(quat.normalize(rng.normal(size=(11, 3, 4))))
    new = resample(Clip("x", 10.0, 0.0, rotations, {}), 23.0)
    assert np.allclose(quat.angle_between(new.rotations[[0, -1]], rotations[[0, -1]]), 0.0, atol=1e-7)


def test_the_same_rate_is_the_same_object() -> None:
    clip = spin(61, 30.0)
    assert resample(clip, 30.0) is clip
    assert resample(clip, 30.0001) is clip


def test_very_low_rates_and_single_frames() -> None:
    assert resample(spin(61, 30.0), 0.01).frames == 2
    single = resample(spin(1, 30.0), 60.0)
    assert (single.frames, single.rate_hz) == (1, 60.0)
