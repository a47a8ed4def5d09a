"""Angles: the same rotations, no jumps, and straight lines between them that keep to the shortest turns."""

from __future__ import annotations

import numpy as np
import pytest

from workers.formats.fbx.write.euler import euler_degrees, from_degrees, turning_keys
from workers.skeleton import quat
from workers.skeleton.model import Array

FRAMES = 60


def smooth_turns(seed: int, joints: int = 8) -> Array:
    """Rotations `(frames, joints, 4)` that wander all over, up to 6 degrees a frame."""
    random = np.random.default_rng(seed)
    seconds = np.arange(FRAMES)[:, None, None] / 30.0
    waves = random.normal(size=(joints, 3)) * np.sin(seconds * random.uniform(0.5, 3.0, (joints, 3)))
    return quat.multiply(quat.from_rotation_vector(waves), quat.from_rotation_vector(random.normal(size=(joints, 3))))


def through_the_pole(side: float) -> Array:
    """Y passes a right angle, some joints exactly on a frame, some beside it."""
    y = side * np.radians(np.arange(FRAMES) * 2.0 + 30.0)
    aside = np.array([0.0, 1e-7, 0.003, 0.1])
    about_y = quat.from_axis_angle(np.array([0.0, 1.0, 0.0]), y)[:, None]
    about_x = quat.from_axis_angle(np.array([1.0, 0.0, 0.0]), aside)[None]
    return quat.multiply(quat.multiply(about_x, np.broadcast_to(about_y, (FRAMES, 4, 4))), about_x)


ROTATIONS = {"smooth": smooth_turns(1), "pole": through_the_pole(1.0), "other pole": through_the_pole(-1.0)}


@pytest.mark.parametrize("name", ROTATIONS)
def test_the_angles_are_the_rotation(name: str) -> None:
    rotations = ROTATIONS[name]
    assert quat.angle_between(from_degrees(euler_degrees(rotations)), rotations).max() < 1e-6


def test_any_rotation_has_angles() -> None:
    rotations = quat.normalize(np.random.default_rng(2).normal(size=(500, 1, 4)))
    assert quat.angle_between(from_degrees(euler_degrees(rotations)), rotations).max() < 1e-6


def test_angles_go_on_where_they_were() -> None:
    """A turn about one axis goes on beyond a full one, and no angle jumps by a half turn."""
    spin = quat.from_axis_angle(np.array([0.0, 0.0, 1.0]), np.radians(20.0) * np.arange(FRAMES))[:, None]
    np.testing.assert_allclose(euler_degrees(spin)[:, 0, 2], 20.0 * np.arange(FRAMES), atol=1e-6)
    assert np.abs(np.diff(euler_degrees(ROTATIONS["smooth"]), axis=0)).max() < 180.0


@pytest.mark.parametrize("name", ROTATIONS)
def test_lines_between_the_keys_keep_to_the_shortest_turn(name: str) -> None:
    seconds, rotations = np.arange(FRAMES) / 30.0, ROTATIONS[name]
    for joint, (times, degrees) in enumerate(turning_keys(seconds, rotations)):
        assert np.isin(seconds, times).all() and (np.diff(times) > 0.0).all() and len(times) == len(degrees)
        moments = np.linspace(0.0, seconds[-1], 10 * FRAMES)
        angles = np.stack([np.interp(moments, times, degrees[:, axis]) for axis in range(3)], axis=-1)
        frame = np.minimum((moments * 30.0).astype(np.int64), FRAMES - 2)
        wanted = quat.slerp(rotations[frame, joint], rotations[frame + 1, joint], moments * 30.0 - frame)
        assert np.degrees(quat.angle_between(from_degrees(angles), wanted)).max() < 0.6


def test_what_is_still_takes_no_further_keys() -> None:
    seconds = np.arange(FRAMES) / 30.0
    still = np.broadcast_to(ROTATIONS["smooth"][:1], (FRAMES, 8, 4))
    assert all(times is seconds for times, _ in turning_keys(seconds, still))
