"""Intervals, filters and the time line that foot contacts and the foot lock are built on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.synthetic_walker import make_body, walk
from workers.motion.intervals import close_gaps, drop_short, frames_to_edge, from_runs, hysteresis, runs
from workers.motion.smoothing import smooth_above, weighted_mean
from workers.motion.timeline import find_timeline
from workers.motion.velocity import velocities
from workers.skeleton.model import Array, Mask

masks = arrays.arrays(bool, st.integers(1, 60))


@given(masks)
def test_runs_and_masks_are_inverse(mask: Mask) -> None:
    assert np.array_equal(from_runs(runs(mask), len(mask)), mask)


@given(masks, st.integers(1, 6))
def test_gaps_and_short_runs(mask: Mask, length: int) -> None:
    closed, long = close_gaps(mask, length), drop_short(mask, length)
    assert np.all(closed >= mask) and np.all(long <= mask)
    inner = [stop - start for start, stop in runs(~closed) if start > 0 and stop < len(mask)]
    assert all(gap > length for gap in inner)
    assert all(stop - start >= length for start, stop in runs(long))


def test_hysteresis_keeps_weak_runs_with_a_strong_frame() -> None:
    weak = np.array([1, 1, 0, 1, 1, 1], dtype=bool)
    strong = np.array([0, 0, 1, 0, 1, 0], dtype=bool)
    assert np.array_equal(hysteresis(strong, weak), np.array([0, 0, 0, 1, 1, 1], dtype=bool))


def test_frames_to_edge_counts_from_the_nearer_end() -> None:
    mask = np.array([1, 1, 0, 1, 1, 1, 0, 1], dtype=bool)
    assert frames_to_edge(mask).tolist() == [2, 1, 0, 1, 2, 1, 0, 1]
    assert np.all(np.isinf(frames_to_edge(np.ones(3, dtype=bool))))


@given(arrays.arrays(np.float64, st.integers(1, 50), elements=st.floats(-10, 10)), st.integers(0, 8))
def test_smooth_above_is_nowhere_below(values: Array, width: int) -> None:
    assert np.all(smooth_above(values, width) >= values - 1e-9)  # near: exact
    assert np.all(smooth_above(values, width) <= values.max() + 1e-9)  # near: exact


def test_the_mean_keeps_constants_and_straight_lines() -> None:
    line = np.linspace(0.0, 1.0, 101)
    np.testing.assert_allclose(weighted_mean(np.full((20, 3), 2.5), 4), 2.5)
    np.testing.assert_allclose(weighted_mean(line, 7)[7:-7], line[7:-7], atol=1e-12)


@pytest.mark.parametrize("rate_hz", [24.0, 60.0, 120.0])
def test_velocity_does_not_depend_on_the_rate(rate_hz: float) -> None:
    times = np.arange(round(2 * rate_hz)) / rate_hz
    path = np.stack([np.sin(2.0 * times), times**2, np.zeros_like(times)], axis=1)
    inner = slice(4, -4)
    np.testing.assert_allclose(velocities(path, rate_hz)[inner, 0], 2.0 * np.cos(2.0 * times)[inner], atol=0.01)
    np.testing.assert_allclose(velocities(path, rate_hz)[inner, 1], 2.0 * times[inner], atol=1e-9)


def test_a_loop_is_unrolled_with_its_travel() -> None:
    motion, _ = walk(make_body(0.45, 0.42), 30.0, seconds=2.0)
    timeline = find_timeline(motion)
    assert timeline.period == motion.frames - 1
    hips = timeline.unroll_positions(motion.positions_m[:, 0])
    assert len(hips) == 3 * timeline.period + 1
    steps = np.diff(hips[:, 2])
    np.testing.assert_allclose(steps, steps[0], atol=1e-9)
    np.testing.assert_allclose(timeline.crop(hips)[:-1], motion.positions_m[:-1, 0], atol=1e-12)


def test_a_clip_that_does_not_close_is_left_alone() -> None:
    motion, _ = walk(make_body(0.45, 0.42), 30.0, seconds=1.7)
    timeline = find_timeline(motion)
    assert timeline.period is None
    assert timeline.unroll_positions(motion.positions_m) is motion.positions_m
