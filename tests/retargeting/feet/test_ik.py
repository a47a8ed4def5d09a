"""Two-bone inverse kinematics: reach, lengths, knee direction, degenerate legs, continuity."""

from __future__ import annotations

import numpy as np
import pytest

from workers.retargeting.feet import ik
from workers.skeleton import quat
from workers.skeleton.model import Array

LEFT_AXIS = np.array([1.0, 0.0, 0.0])


def random_legs(count: int, seed: int = 0) -> tuple[Array, Array, Array, Array]:
    """Hips, bent knees, ankles and the hinge about which each knee is bent."""
    rng = np.random.default_rng(seed)
    hinge = quat.unit(rng.normal(size=(count, 3)))
    down = quat.unit(np.cross(hinge, rng.normal(size=(count, 3))))
    thigh, shin = rng.uniform(0.2, 0.6, (2, count))
    hip = rng.normal(size=(count, 3))
    knee = hip + down * thigh[:, None]
    bend = quat.from_axis_angle(hinge, rng.uniform(0.2, 2.5, count))
    return hip, knee, knee + quat.rotate(bend, down) * shin[:, None], hinge


def apply(hip: Array, knee: Array, ankle: Array, turns: tuple[Array, Array]) -> tuple[Array, Array]:
    new_knee = hip + quat.rotate(turns[0], knee - hip)
    return new_knee, new_knee + quat.rotate(turns[1], ankle - knee)


def test_reaches_what_is_in_reach_and_keeps_lengths() -> None:
    hip, knee, ankle, hinge = random_legs(500)
    rng = np.random.default_rng(1)
    a, b = np.linalg.norm(knee - hip, axis=1), np.linalg.norm(ankle - knee, axis=1)
    distance = np.abs(a - b) + 0.002 * (a + b) + rng.uniform(0.0, 1.0, 500) * (0.975 * (a + b) - np.abs(a - b))
    distance = np.minimum(distance, ik.SOFT_REACH * (a + b))
    target = hip + quat.unit(rng.normal(size=(500, 3))) * distance[:, None]
    turns = ik.solve_two_bone(hip, knee, ankle, target, hinge)
    new_knee, new_ankle = apply(hip, knee, ankle, turns)
    bent = np.linalg.norm(ankle - hip, axis=1) < ik.SOFT_REACH * (a + b)
    assert bent.sum() > 300
    np.testing.assert_allclose(new_ankle[bent], target[bent], atol=1e-9)
    # A leg that begins all but straight may miss by what `STRAIGHT_SLACK` says.
    assert np.all(np.linalg.norm(new_ankle - target, axis=1) < 0.4 * ik.STRAIGHT_SLACK * (a + b))
    np.testing.assert_allclose(np.linalg.norm(new_knee - hip, axis=1), a, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(turns, axis=-1), 1.0, atol=1e-9)


def test_a_target_at_the_ankle_changes_nothing_even_for_straight_legs() -> None:
    hip, knee, ankle, hinge = random_legs(200)
    ankle[::2] = knee[::2] + 0.7 * (knee - hip)[::2]
    turns = ik.solve_two_bone(hip, knee, ankle, ankle, hinge)
    for turn in turns:
        assert np.max(quat.angle(turn)) < 1e-6


def test_never_overstretches_and_points_at_a_far_target() -> None:
    hip, knee, ankle, hinge = random_legs(300)
    length = np.linalg.norm(knee - hip, axis=1) + np.linalg.norm(ankle - knee, axis=1)
    direction = quat.unit(np.random.default_rng(2).normal(size=(300, 3)))
    target = hip + direction * (3.0 * length)[:, None]
    _, new_ankle = apply(hip, knee, ankle, ik.solve_two_bone(hip, knee, ankle, target, hinge))
    reach = np.linalg.norm(new_ankle - hip, axis=1)
    assert np.all(reach <= ik.FULL_REACH * length + 1e-9)  # near: exact
    assert np.all(reach >= 0.98 * length)  # near: the solver's own reach
    np.testing.assert_allclose(quat.unit(new_ankle - hip), direction, atol=1e-6)


def test_the_knee_keeps_its_side() -> None:
    hip, knee, ankle, hinge = random_legs(300)
    target = hip + 0.8 * (ankle - hip)
    new_knee, _ = apply(hip, knee, ankle, ik.solve_two_bone(hip, knee, ankle, target, -hinge))
    line = quat.unit(ankle - hip)
    old = knee - hip - line * np.sum((knee - hip) * line, axis=1)[:, None]
    new = new_knee - hip - line * np.sum((new_knee - hip) * line, axis=1)[:, None]
    firm = np.linalg.norm(old, axis=1) > 0.1
    assert firm.sum() > 100
    cosine = np.sum(quat.unit(old) * quat.unit(new), axis=1)[firm]
    assert np.min(cosine) > np.cos(np.radians(3.0))


def test_a_straight_leg_bends_about_its_hinge() -> None:
    hip = np.array([[0.0, 1.0, 0.0]])
    knee, ankle = np.array([[0.0, 0.5, 0.0]]), np.array([[0.0, 0.0, 0.0]])
    turns = ik.solve_two_bone(hip, knee, ankle, np.array([[0.0, 0.2, 0.0]]), LEFT_AXIS[None])
    new_knee, new_ankle = apply(hip, knee, ankle, turns)
    np.testing.assert_allclose(new_ankle, [[0.0, 0.2, 0.0]], atol=1e-9)
    assert new_knee[0, 2] > 0.2 and abs(new_knee[0, 0]) < 1e-9


@pytest.mark.parametrize(("thigh", "shin"), [(0.0, 0.0), (0.0, 0.5), (0.5, 0.0), (0.5, 0.5), (0.3, 0.6)])
def test_degenerate_legs_and_targets_stay_finite(thigh: float, shin: float) -> None:
    hip = np.zeros((3, 3))
    knee = hip + np.array([0.0, -thigh, 0.0])
    ankle = knee + np.array([0.0, -shin, 0.0])
    target = np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -0.4, 0.0]])
    turns = ik.solve_two_bone(hip, knee, ankle, target, np.zeros((3, 3)))
    _, new_ankle = apply(hip, knee, ankle, turns)
    assert np.all(np.isfinite(turns)) and np.all(np.isfinite(new_ankle))
    assert np.all(np.linalg.norm(new_ankle, axis=1) <= thigh + shin + 1e-9)  # near: exact


def test_a_receding_target_does_not_pop_the_knee() -> None:
    frames = 400
    hip = np.tile([0.0, 1.0, 0.0], (frames, 1))
    knee, ankle = hip + np.array([0.0, -0.4, 0.3]), hip + np.array([0.0, -0.8, 0.0])
    target = hip + np.linspace(0.85, 1.15, frames)[:, None] * [0.0, -1.0, 0.0]
    turns = ik.solve_two_bone(hip, knee, ankle, target, np.tile(LEFT_AXIS, (frames, 1)))
    bend = np.degrees(quat.angle_between(*turns))
    # 0.75 mm a frame; a hard limit would let the last frames before it turn the knee by several degrees each.
    assert np.max(np.abs(np.diff(bend))) < 1.0
    assert np.max(np.abs(np.diff(bend, 2))) < 0.1


def test_the_knee_follows_continuously_through_straight() -> None:
    frames = 300
    hip = np.tile([0.0, 1.0, 0.0], (frames, 1))
    lean = np.linspace(-0.05, 0.05, frames)
    knee = hip + np.stack([np.zeros(frames), -np.sqrt(0.25 - lean**2), lean], axis=1)
    ankle = hip + np.array([0.0, -0.999, 0.0])
    target = hip + np.array([0.0, -0.9, 0.0])
    turns = ik.solve_two_bone(hip, knee, knee + 0.5 * quat.unit(ankle - knee), target, np.tile(LEFT_AXIS, (frames, 1)))
    new_knee = hip + quat.rotate(turns[0], knee - hip)
    steps = np.linalg.norm(np.diff(new_knee, axis=0), axis=1)
    assert np.median(steps) < 0.005
    # A knee that is clearly hyperextended keeps its side, so one quick change of side remains.
    assert np.count_nonzero(steps > 0.1) <= 1
