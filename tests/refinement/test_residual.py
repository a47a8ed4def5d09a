"""The spline, the residual and the windows: smooth by construction, closed in loops, feet held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.geometry.prepared import surfaces_of
from workers.motion.body_motion import BodyMotion
from workers.motion.timeline import Timeline
from workers.preparation.prepare import PreparedCharacter
from workers.refinement import gauss_newton
from workers.refinement.curve import Curve, curve_at
from workers.refinement.gauss_newton import Equations
from workers.refinement.levers import Levers, part_shares
from workers.refinement.rows import Posed
from workers.refinement.spline import Spline, fit_spline
from workers.refinement.windows import cut_windows
from workers.retargeting.clip import RetargetedClip
from workers.retargeting.residual import DegreesOfFreedom, find_freedom, move, moved_motion
from workers.skeleton import quat
from workers.skeleton.model import Array

Retargeted = Callable[[str], RetargetedClip]


def timeline(frames: int, rate_hz: float, loops: bool) -> Timeline:
    empty = np.zeros(0, dtype=np.int64)
    return Timeline(frames, rate_hz, frames - 1 if loops else None, empty, empty)


def random_residual(values: int, frames: int, size: float = 0.3, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0.0, size, (frames, values))


@given(
    st.integers(1, 400), st.sampled_from([24.0, 30.0, 60.0, 120.0]), st.floats(0.1, 0.2), st.booleans(), st.integers(0)
)
@settings(deadline=None, max_examples=60)
def test_a_spline_keeps_constants_and_closes_loops(
    frames: int, rate_hz: float, spacing_s: float, loops: bool, seed: int
) -> None:
    loops = loops and frames >= 3
    spline = fit_spline(timeline(frames, rate_hz, loops), spacing_s)
    numbers, shares = spline.rows(np.arange(frames))
    assert shares.min() >= -1e-12
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    knots = np.random.default_rng(seed).normal(size=spline.knots)
    path = (knots[numbers] * shares).sum(axis=1)
    if loops:
        assert path[0] == path[-1]
    assert np.abs(path).max() <= np.abs(knots).max() + 1e-12  # near: a mean of its knots


def test_a_spline_has_no_jerk_at_a_loops_seam() -> None:
    spline = fit_spline(timeline(241, 120.0, True), 0.15)
    numbers, shares = spline.rows(np.arange(241))
    knots = np.random.default_rng(3).normal(size=spline.knots)
    path = (knots[numbers] * shares).sum(axis=1)
    laps = np.concatenate([path[:-1]] * 2)
    second = np.diff(laps, n=2)
    assert np.abs(np.diff(second)).max() < 0.2 * np.abs(second).max()  # at the seam as anywhere else


def test_the_curve_does_not_depend_on_the_frame_rate() -> None:
    coarse, fine = (fit_spline(timeline(frames, rate, False), 0.15) for frames, rate in ((91, 30.0), (361, 120.0)))
    assert coarse.knots == fine.knots
    knots = np.random.default_rng(1).normal(size=coarse.knots)
    paths = [(knots[n] * s).sum(axis=1) for n, s in (item.rows(np.arange(item.frames)) for item in (coarse, fine))]
    np.testing.assert_allclose(paths[0], paths[1][::4], atol=1e-12)


def test_no_residual_is_no_change(on_stout: Retargeted) -> None:
    motion = on_stout("clap").scored
    freedom = find_freedom(motion.body)
    residual = np.zeros((motion.frames, freedom.values))
    assert moved_motion(freedom, motion, residual) is motion
    residual[10:20] = random_residual(freedom.values, 10)
    moved = moved_motion(freedom, motion, residual)
    kept = np.r_[0:10, 20 : motion.frames]
    assert np.array_equal(moved.rotations[kept], motion.rotations[kept])
    assert not np.allclose(moved.rotations[10:20], motion.rotations[10:20])


def test_feet_stay_and_bones_keep_their_lengths(on_stout: Retargeted) -> None:
    motion = on_stout("walk").scored
    freedom = find_freedom(motion.body)
    moved = moved_motion(freedom, motion, random_residual(freedom.values, motion.frames))
    joints = [
        motion.body.mapping.roles[f"{side}{part}"].joint for side in ("left", "right") for part in ("Foot", "Toes")
    ]
    np.testing.assert_allclose(moved.positions_m[:, joints], motion.positions_m[:, joints], atol=1e-9)
    assert quat.angle_between(moved.rotations[:, joints], motion.rotations[:, joints]).max() < 1e-6
    parents = motion.body.skeleton.parents
    child = np.flatnonzero(parents >= 0)
    lengths = [
        np.linalg.norm(m.positions_m[:, child] - m.positions_m[:, parents[child]], axis=-1) for m in (motion, moved)
    ]
    np.testing.assert_allclose(lengths[1], lengths[0], atol=1e-9)
    knee = motion.body.mapping.roles["leftLowerLeg"].joint
    assert np.abs(moved.positions_m[:, knee] - motion.positions_m[:, knee]).max() > 0.01


def test_a_constant_residual_moves_with_the_body(on_stout: Retargeted) -> None:
    """The axes are carried by the parent: a body that is turned as a whole gets the same change, turned."""
    motion = on_stout("wave").scored
    freedom = find_freedom(motion.body)
    residual = random_residual(freedom.values, motion.frames)
    turn = quat.from_axis_angle(np.array([0.0, 1.0, 0.0]), 1.1)
    hand = motion.body.mapping.roles["leftHand"].joint
    here = move(freedom, motion.rotations, motion.positions_m, residual).positions_m[:, hand]
    turned = quat.multiply(turn, motion.rotations), quat.rotate(turn, motion.positions_m)
    there = move(freedom, *turned, residual).positions_m[:, hand]
    np.testing.assert_allclose(there, quat.rotate(turn, here), atol=1e-9)


@pytest.mark.parametrize("size_rad", [0.0, 0.3, 1.2])
def test_levers_are_finite_differences(on_stout: Retargeted, size_rad: float) -> None:
    motion = on_stout("clap").scored
    freedom, frames = find_freedom(motion.body), np.arange(2)
    base = motion.rotations[frames], motion.positions_m[frames]
    residual = random_residual(freedom.values, len(frames), size_rad)
    moved = move(freedom, *base, residual)
    levers = Levers(freedom, moved)
    joints = [motion.body.mapping.roles[role].joint for role in ("leftHand", "rightLowerArm", "head", "leftLowerLeg")]
    for value in range(freedom.values):
        more = residual.copy()
        more[:, value] += 1e-6
        after = move(freedom, *base, more)
        for joint in joints:
            speed = (after.positions_m - moved.positions_m)[:, joint] / 1e-6
            np.testing.assert_allclose(levers.of_joint(joint)[..., value], speed, atol=2e-5)
            turn = quat.multiply(after.rotations[:, joint], quat.conjugate(moved.rotations[:, joint]))
            turn = turn * np.sign(turn[:, 3:])
            np.testing.assert_allclose(levers.of_turn(joint)[..., value], 2.0 * turn[:, :3] / 1e-6, atol=2e-5)


def test_skin_moves_by_the_shares_of_its_parts(on_stout: Retargeted, stout: PreparedCharacter) -> None:
    """Exactly where one part holds it; where joints blend, but for how far their own places of it lie apart."""
    motion, surface = on_stout("clap").scored, surfaces_of(stout).light
    freedom = find_freedom(motion.body)
    shares = part_shares(freedom, surface)
    residual = random_residual(freedom.values, 1, 0.2)
    posed = posed_first(freedom, motion, residual)
    before = posed.vertices_m(surface)[0]
    vertices = np.flatnonzero(shares[:, 1:].any(axis=1))
    frame = np.zeros(len(vertices), dtype=np.int64)
    speeds = posed.levers.of_points(frame, before[vertices], shares[vertices])
    for value in range(0, freedom.values, 5):
        more = residual.copy()
        more[:, value] += 1e-5
        after = posed_first(freedom, motion, more).vertices_m(surface)[0]
        found = (after - before)[vertices] / 1e-5
        off = np.linalg.norm(found - speeds[..., value], axis=1)
        assert np.median(off) < 1e-4 and off.max() < 0.15 * np.linalg.norm(found, axis=1).max() + 1e-4


def posed_first(freedom: DegreesOfFreedom, motion: BodyMotion, residual: Array) -> Posed:
    first = replace(motion, rotations=motion.rotations[:1], positions_m=motion.positions_m[:1])
    return Posed(freedom, first, np.arange(1), residual)


def test_a_window_changes_only_its_frames(on_stout: Retargeted) -> None:
    motion = on_stout("walk").scored
    freedom = find_freedom(motion.body)
    spline = fit_spline(timeline(motion.frames, motion.rate_hz, False), 0.15)
    knots = np.zeros((spline.knots, freedom.values))
    free = np.zeros(spline.knots, dtype=np.bool_)
    free[6:9] = True
    knots[free] = 1.0
    envelope = np.ones((motion.frames, freedom.values))
    values = curve_at(spline, np.arange(motion.frames), np.ones(freedom.values), envelope).values(knots)
    assert np.array_equal(values.any(axis=1), spline.frames_of(free))
    envelope[: motion.frames // 2] = 0.0
    held = curve_at(spline, np.arange(motion.frames), np.ones(freedom.values), envelope).values(knots)
    assert not held[: motion.frames // 2].any()
    assert 0 < spline.frames_of(free).sum() < motion.frames


@pytest.mark.parametrize("period", [None, 2999])
@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_windows_cover_what_is_free_and_stay_short(period: int | None, share: float) -> None:
    spacing = 4.5 if period is None else 2999 / 666
    spline = Spline(3000, 669 if period is None else 666, spacing, period)
    wave = np.sin(np.linspace(0, 40 * np.pi, spline.knots)) * 0.5 + 0.5
    free = wave >= 1.0 - share
    windows = cut_windows(spline, free, 30.0)
    assert np.array_equal(np.any(windows, axis=0), free)
    longest = max(np.count_nonzero(window) for window in windows)
    assert longest * spacing / 30.0 <= 5.0 + 1e-9  # near: whole knots
    for window, after in pairwise(windows):
        assert not np.array_equal(window, after)
    if share == 1.0:
        for window, after in pairwise(windows):
            assert (window & after).sum() * spacing / 30.0 >= 0.5


def test_a_short_loop_is_one_window() -> None:
    spline = fit_spline(timeline(61, 30.0, True), 0.15)
    windows = cut_windows(spline, np.ones(spline.knots, dtype=np.bool_), 30.0)
    assert len(windows) == 1
    assert windows[0].all()


@pytest.mark.parametrize("is_cyclic", [False, True])
def test_what_a_window_solves_does_not_grow_with_its_clip(is_cyclic: bool) -> None:
    """Third differences of the knots near it are those of the whole clip that a free knot is part of."""
    count, free = 40, np.zeros((40, 2), dtype=np.bool_)
    free[[0, 1, 20, 21, 22]] = True
    curve = Curve(np.array([[18, 19, 20, 21]]), np.full((1, 4), 0.25), np.ones((1, 2)))
    equations = Equations(free, curve, 0.1, np.ones(2), is_cyclic)
    near = gauss_newton._near_free(equations)
    assert np.count_nonzero(near) < 20
    third = np.zeros((count if is_cyclic else count - 3, count))
    for row in range(len(third)):
        third[row, np.arange(row, row + 4) % count] = (-1.0, 3.0, -3.0, 1.0)
    whole = (third.T @ third)[:, free[:, 0]]
    assert not whole[~near].any()
    part = gauss_newton._third_differences(equations, near)
    assert np.allclose((part.T @ part)[:, free[near, 0]], whole[near])
