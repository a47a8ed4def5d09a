"""Keyframes: what they find, and what they must not depend on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.semantics.moving_body import JOINTS, NAMES, Curves, random_curves, sample
from workers.contract.errors import InvalidOptions
from workers.contract.options import parse_options
from workers.lab.corpus import load_scene
from workers.motion.contacts import FootContacts, find_contacts
from workers.preparation.prepare import prepare_motion
from workers.semantics.keyframes import (
    SPACING_S,
    TOLERANCE,
    choose_keyframes,
    contact_frames,
    extreme_frames,
    interpolate_timeline,
    pose_path,
)
from workers.skeleton.model import Array, Indices, Mask

SEEDS = range(6)


def arm_curves(angle_of: Callable[[Array], Array]) -> Curves:
    """Only the left upper arm turns, about z."""

    def curves(times: Array) -> tuple[Array, Array]:
        angles = np.zeros((len(times), len(JOINTS), 3))
        angles[:, NAMES.index("leftUpperArm"), 2] = angle_of(times)
        return angles, np.zeros((len(times), 3))

    return curves


def no_contacts(planted: Mask) -> FootContacts:
    return FootContacts(planted, np.where(planted, 0.0, np.nan), np.zeros(3))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("budget", [2, 3, 7, 16])
def test_sorted_distinct_within_budget_with_both_ends(seed: int, budget: int) -> None:
    motion = sample(random_curves(seed), 4.0, 30.0)
    keys = choose_keyframes(motion, None, budget)
    assert len(keys) == budget
    assert keys[0] == 0 and keys[-1] == motion.frames - 1
    assert (np.diff(keys) > 0).all()
    assert np.array_equal(keys, choose_keyframes(motion, None, budget))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_larger_budget_keeps_what_a_smaller_one_chose(seed: int) -> None:
    motion = sample(random_curves(seed), 4.0, 30.0)
    assert set(choose_keyframes(motion, None, 5)) <= set(choose_keyframes(motion, None, 12))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("heading_rad", "scale"), [(2.1, 1.0), (0.0, 0.02), (-1.3, 40.0)])
def test_heading_and_scale_do_not_matter(seed: int, heading_rad: float, scale: float) -> None:
    plain = sample(random_curves(seed), 4.0, 30.0)
    other = sample(random_curves(seed), 4.0, 30.0, heading_rad=heading_rad, scale=scale)
    assert np.array_equal(choose_keyframes(other, None, 8), choose_keyframes(plain, None, 8))


@pytest.mark.parametrize("seed", SEEDS)
def test_frame_rate_does_not_matter_within_a_frame(seed: int) -> None:
    coarse, fine = (sample(random_curves(seed), 4.0, rate) for rate in (30.0, 120.0))
    times = [choose_keyframes(motion, None, 6) / motion.rate_hz for motion in (coarse, fine)]
    assert len(times[0]) == len(times[1])
    assert np.abs(times[0] - times[1]).max() <= 1.01 / 30.0


def test_turning_points_of_a_wave_are_found() -> None:
    """A hand raised three times: the keys are the moments it turns."""
    motion = sample(arm_curves(lambda times: 0.8 * np.sin(2 * np.pi * times)), 3.0, 60.0)
    keys = choose_keyframes(motion, None, 8)
    turning = np.arange(6) / 2 + 0.25
    assert len(keys) == 8
    assert np.abs(keys[1:-1] / 60.0 - turning).max() <= 1.5 / 60.0


def test_a_pause_is_found() -> None:
    """Up, held still, further up: without the pause in the middle the straight line would run through it."""

    def angle(times: Array) -> Array:
        first, second = (np.clip((times - start) / 0.5, 0, 1) for start in (0.2, 1.7))
        return np.asarray(0.7 * sum(x * x * (3 - 2 * x) for x in (first, second)))

    keys = choose_keyframes(sample(arm_curves(angle), 2.4, 60.0), None, 4) / 60.0
    assert 0.6 < keys[1] < 0.85 and 1.55 < keys[2] < 1.8  # near: whole frames


def test_turning_a_head_counts_though_no_joint_moves() -> None:
    def curves(times: Array) -> tuple[Array, Array]:
        angles = np.zeros((len(times), len(JOINTS), 3))
        angles[:, NAMES.index("head"), 1] = np.sin(np.pi * times) ** 2
        return angles, np.zeros((len(times), 3))

    keys = choose_keyframes(sample(curves, 1.0, 60.0), None, 3)
    assert abs(int(keys[1]) - 30) <= 2


def travelling(speed: float, times: Array) -> tuple[Array, Array]:
    path = np.stack([np.zeros_like(times), np.zeros_like(times), speed * times], axis=1)
    return np.zeros((len(times), len(JOINTS), 3)), path


def test_stillness_and_steady_travel_need_only_the_ends() -> None:
    for speed in (0.0, 1.5):
        still = sample(partial(travelling, speed), 2.0, 30.0)
        assert choose_keyframes(still, None, 10).tolist() == [0, still.frames - 1]


def test_contact_changes_are_preferred() -> None:
    motion = sample(arm_curves(lambda times: 0.5 * np.sin(np.pi * times)), 1.0, 60.0)
    planted = np.zeros((motion.frames, 4), dtype=bool)
    planted[:34, 0] = True
    assert contact_frames(no_contacts(planted)).tolist() == [34]
    assert choose_keyframes(motion, no_contacts(planted), 3).tolist() == [0, 34, 60]
    assert choose_keyframes(motion, None, 3)[1] != 34


def test_keys_go_where_something_happens() -> None:
    """A flurry in the last fifth of a quiet clip: interpolation misses half of what evenly spread frames miss."""
    motion = sample(arm_curves(lambda times: np.where(times > 4, 0.6 * np.sin(4 * np.pi * times), 0.0)), 5.0, 60.0)
    path = pose_path(motion)
    even = np.linspace(0, motion.frames - 1, 8).round().astype(int)
    assert worst_miss(path, choose_keyframes(motion, None, 8)) < 0.5 * worst_miss(path, even)


def worst_miss(path: Array, keys: Indices) -> float:
    line = np.stack([np.interp(np.arange(len(path)), keys, column[keys]) for column in path.T], axis=1)
    return float(np.linalg.norm(path - line, axis=1).max())


@pytest.mark.parametrize("rate_hz", [30.0, 120.0])
def test_enough_budget_misses_nothing_that_matters(rate_hz: float) -> None:
    motion = sample(random_curves(1), 4.0, rate_hz)
    keys = choose_keyframes(motion, None, motion.frames)
    assert len(keys) < motion.frames
    assert np.diff(keys).min() >= SPACING_S * rate_hz - 0.5
    assert worst_miss(pose_path(motion), keys) <= 2 * TOLERANCE


@pytest.mark.parametrize("seed", SEEDS)
def test_a_loop_has_no_seam(seed: int) -> None:
    """The same loop cut open elsewhere: the same moments, in the phase of the motion."""
    period_s, rate = 2.0, 30.0
    period, shift = round(period_s * rate), 17
    curves = random_curves(seed, period_s)
    first = sample(curves, period_s, rate)
    other = sample(curves, period_s, rate, start_s=shift / rate)
    found, shifted = extreme_frames(first) % period, (extreme_frames(other) + shift) % period
    assert len(found) and len(np.unique(found)) == len(np.unique(shifted))
    apart = np.abs(found[:, None] - shifted[None])
    apart = np.minimum(apart, period - apart)
    assert apart.min(axis=0).max() <= 1 and apart.min(axis=1).max() <= 1


def test_budget_and_short_clips() -> None:
    for frames in (1, 2, 3):
        short = sample(random_curves(0), (frames - 1) / 30.0, 30.0)
        keys = choose_keyframes(short, find_contacts(short), 5)
        assert keys[0] == 0 and keys[-1] == frames - 1 and len(keys) <= frames
    with pytest.raises(InvalidOptions, match="at least 2"):
        choose_keyframes(short, None, 1)


def test_values_between_keys_are_interpolated() -> None:
    assert interpolate_timeline(np.array([0, 2, 5]), [1.0, 0.0, 0.3], 6) == pytest.approx([1, 0.5, 0, 0.1, 0.2, 0.3])


REAL = ("cmu-cc/002_04.bvh", "cmu-cc/005_03.bvh", "cmu-cc/007_01.bvh", "kaykit-medium/Med_CombatMelee.glb")


def test_real_motions(shared_data: Path) -> None:
    """Budget and ends are kept, half the frames give nearly the same moments, and mostly less is missed between the
    keys than between as many evenly spread frames."""
    ratios = []
    for name in REAL:
        path = shared_data / "motions" / name
        if not path.is_file():
            pytest.skip(f"no {path}")
        scene = load_scene(path)
        motion = prepare_motion(scene, min(1, len(scene.clips) - 1), parse_options(None)).motion
        keys = choose_keyframes(motion, find_contacts(motion), 10)
        assert keys[0] == 0 and keys[-1] == motion.frames - 1 and 2 < len(keys) <= 10
        thin = replace(
            motion, rate_hz=motion.rate_hz / 2, rotations=motion.rotations[::2], positions_m=motion.positions_m[::2]
        )
        thin_keys = choose_keyframes(thin, find_contacts(thin), 10)
        apart = np.abs(keys[:, None] / motion.rate_hz - thin_keys[None] / thin.rate_hz).min(axis=1)
        assert np.median(apart) <= 1 / thin.rate_hz, name
        points = pose_path(motion)
        even = np.linspace(0, motion.frames - 1, len(keys)).round().astype(int)
        ratios.append(worst_miss(points, keys) / worst_miss(points, even))
    assert np.median(ratios) < 1.0 and max(ratios) < 1.6


def test_choosing_frames_loads_no_torch() -> None:
    program = "import sys, workers.semantics.keyframes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0
