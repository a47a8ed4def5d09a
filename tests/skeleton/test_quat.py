"""Quaternion algebra: round trips, agreement with matrices, edge cases."""

from __future__ import annotations

import numpy as np
import pytest

from workers.skeleton import quat
from workers.skeleton.model import Array

RANDOM = np.random.default_rng(7)


def turns(count: int = 200) -> Array:
    return quat.normalize(RANDOM.normal(size=(count, 4)))


def same(a: Array, b: Array) -> bool:
    return bool(np.allclose(np.abs(np.sum(a * b, axis=-1)), 1.0, atol=1e-9))


def test_matrix_round_trip_and_product() -> None:
    a, b = turns(), turns()
    assert same(quat.from_matrix(quat.to_matrix(a)), a)
    assert np.allclose(quat.to_matrix(quat.multiply(a, b)), quat.to_matrix(a) @ quat.to_matrix(b))


def test_rotate_agrees_with_matrix() -> None:
    q, v = turns(), RANDOM.normal(size=(200, 3))
    assert np.allclose(quat.rotate(q, v), np.einsum("nij,nj->ni", quat.to_matrix(q), v))


def test_inverse_and_identity() -> None:
    q = turns()
    assert same(quat.multiply(q, quat.conjugate(q)), quat.identity(200))
    assert np.allclose(quat.angle(quat.identity(3)), 0.0)


def test_a_rotation_vector_turns_about_itself_by_its_length_through_zero_and_pi() -> None:
    for length in (0.0, 1e-9, 1.0, np.pi - 1e-6):
        axis = quat.unit(RANDOM.normal(size=(50, 3)))
        turn = quat.from_rotation_vector(length * axis)
        assert np.allclose(turn[:, :3], axis * np.sin(length / 2), atol=1e-12)
        assert np.allclose(turn[:, 3], np.cos(length / 2), atol=1e-12)


def test_between_takes_one_direction_to_the_other_also_opposite() -> None:
    a, b = RANDOM.normal(size=(100, 3)), RANDOM.normal(size=(100, 3))
    b[:10] = -2.0 * a[:10]
    assert np.allclose(quat.rotate(quat.between(a, b), quat.unit(a)), quat.unit(b), atol=1e-7)


def test_frame_has_the_primary_axis_and_keeps_the_secondary_in_its_plane() -> None:
    x, y = RANDOM.normal(size=(100, 3)), RANDOM.normal(size=(100, 3))
    q = quat.frame(x, y)
    assert np.allclose(quat.rotate(q, [1.0, 0.0, 0.0]), quat.unit(x))
    assert np.allclose(np.sum(quat.rotate(q, [0.0, 0.0, 1.0]) * y, axis=-1), 0.0, atol=1e-9)


def test_slerp_ends_middle_and_short_way() -> None:
    a, b = turns(), turns()
    assert same(quat.slerp(a, b, np.zeros(200)), a)
    assert same(quat.slerp(a, b, np.ones(200)), b)
    half = quat.slerp(a, -b, np.full(200, 0.5))
    assert np.allclose(quat.angle_between(a, half), 0.5 * quat.angle_between(a, b), atol=1e-7)


def test_swing_twist_recomposes_and_twist_keeps_the_axis() -> None:
    q, axis = turns(), quat.unit(RANDOM.normal(size=(200, 3)))
    swing, twist = quat.swing_twist(q, axis)
    assert same(quat.multiply(swing, twist), q)
    assert np.allclose(quat.rotate(twist, axis), axis)
    assert np.allclose(np.sum(swing[:, :3] * axis, axis=-1), 0.0, atol=1e-9)


def test_make_continuous_never_jumps_and_changes_no_rotation() -> None:
    q = quat.from_axis_angle(np.array([0.0, 1.0, 0.0]), np.linspace(0.0, 20.0, 300))
    flipped = q * RANDOM.choice([-1.0, 1.0], size=(300, 1))
    smooth = quat.make_continuous(flipped)
    assert np.all(np.sum(smooth[1:] * smooth[:-1], axis=-1) > 0.0)
    assert same(smooth, q)


@pytest.mark.parametrize("order", ["XYZ", "ZXY", "YXZ", "ZYX"])
def test_euler_is_the_product_of_its_axes(order: str) -> None:
    angles = RANDOM.uniform(-3.0, 3.0, size=(50, 3))
    parts = [quat.from_axis_angle(np.eye(3)["XYZ".index(letter)], angles[:, i]) for i, letter in enumerate(order)]
    assert same(quat.from_euler(angles, order), quat.multiply(quat.multiply(parts[0], parts[1]), parts[2]))


def test_zxy_angles_round_trip_also_at_the_pole() -> None:
    q = np.concatenate([turns(), quat.from_euler(np.array([[0.4, np.pi / 2, 0.3], [1.0, -np.pi / 2, 2.0]]), "ZXY")])
    assert same(quat.from_euler(quat.to_euler_zxy(q), "ZXY"), q)


def test_mean_ignores_signs() -> None:
    q = turns(1)[0]
    near = quat.multiply(q, quat.from_rotation_vector(RANDOM.normal(size=(500, 3)) * 0.05))
    near *= RANDOM.choice([-1.0, 1.0], size=(500, 1))
    assert np.degrees(quat.angle_between(quat.mean(near), q)) < 1.0


def test_normalize_makes_zero_the_identity() -> None:
    assert np.array_equal(quat.normalize(np.zeros(4)), quat.IDENTITY)


def test_windows_are_all_of_it_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What long clips are worked on by is invisible: the same bits, whatever the window."""
    q = np.random.default_rng(5).normal(size=(101, 3, 4))
    whole = quat.normalize(q), quat.make_continuous(q)
    for window in (1, 12, 84, 101 * 12):
        monkeypatch.setattr(quat, "WINDOW", window)
        rows = np.concatenate([np.arange(len(q))[some] for some in quat.windows(q)])
        assert (rows == np.arange(len(q))).all()
        assert (quat.normalize(q) == whole[0]).all() and (quat.make_continuous(q) == whole[1]).all()
    steps = np.einsum("tji,tji->tj", whole[1][1:], whole[1][:-1])
    assert (steps >= 0.0).all()
