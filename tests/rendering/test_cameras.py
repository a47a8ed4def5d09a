"""Cameras: where points land, and what follows the body."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from workers.rendering.cameras import AIM, FIELD, clip_facing, follow, look_at, smooth
from workers.skeleton import quat


def test_projection_is_a_pinhole() -> None:
    camera = look_at(np.array([[0.0, 1.0, 5.0]]), np.array([[0.0, 1.0, 0.0]]), 2.5, 0.0, 1.8, 100)
    points = torch.tensor([[[0.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 2.0, 0.0], [0.0, 1.0, 2.5]]])
    pixels, depths = camera.project(points)
    # Half the picture is 5 / 2.5 = 2 m at 5 m; +X is right for a viewer at +Z, up is a smaller row.
    assert torch.allclose(pixels[0], torch.tensor([[50.0, 50.0], [75.0, 50.0], [50.0, 25.0], [50.0, 50.0]]), atol=1e-4)
    assert torch.allclose(depths[0], torch.tensor([5.0, 5.0, 5.0, 2.5]))


def test_body_fills_the_same_share_of_the_picture_at_any_size() -> None:
    shares = []
    for height in (0.4, 1.8, 30.0):
        path = np.tile([3.0 * height, 0.5 * height, 0.0], (10, 1))
        camera = follow(path, 30.0, height, 0.0, quat.identity(), 200, ["front"])["front"][:1]
        ends = torch.tensor([[[3.0 * height, 0.0, 0.0], [3.0 * height, height, 0.0]]], dtype=torch.float32)
        pixels, _ = camera.project(ends)
        shares.append(float(pixels[0, 0, 1] - pixels[0, 1, 1]) / 200)
    assert shares[0] == pytest.approx(1.0 / FIELD, rel=0.05)
    assert np.allclose(shares, shares[0], rtol=1e-4)


def test_front_sees_the_face_and_side_the_left_of_the_body() -> None:
    path = np.zeros((5, 3))
    facing = quat.from_axis_angle(np.array([0.0, 1.0, 0.0]), np.radians(90.0))  # the body faces +X, its left is -Z
    cameras = follow(path, 30.0, 1.0, 0.0, facing, 64)
    assert cameras["front"].eye_m[0, 0] > 3.0 and abs(float(cameras["front"].eye_m[0, 2])) < 1e-5
    assert cameras["side"].eye_m[0, 2] < -3.0


def test_travel_is_followed_and_jumps_are_not() -> None:
    time = np.arange(90) / 30.0
    walk = np.stack([1.3 * time, 0.9 + 0.3 * np.maximum(np.sin(6.0 * time), 0.0), 0.0 * time], axis=1)
    camera = follow(walk, 30.0, 1.8, 0.0, quat.identity(), 64, ["front"])["front"]
    assert np.allclose(camera.eye_m[:, 0].numpy(), walk[:, 0], atol=0.02), "a steady walk keeps its place"
    assert float(camera.eye_m[:, 1].max() - camera.eye_m[:, 1].min()) < 1e-4, "the jump shows"
    step = np.zeros((90, 3))
    step[45:, 0] = 0.4
    moved = follow(step, 30.0, 1.8, 0.0, quat.identity(), 64, ["front"])["front"].eye_m[:, 0].numpy()
    assert 0.1 < 0.4 - moved[46] < 0.3, "a sudden step shows as a shift"


def test_a_climb_is_followed_when_it_leaves_the_picture() -> None:
    path = np.stack([np.zeros(60), np.linspace(0.9, 9.0, 60), np.zeros(60)], axis=1)
    camera = follow(path, 30.0, 1.8, 0.0, quat.identity(), 64, ["front"])["front"]
    assert float(camera.eye_m[-1, 1] - camera.eye_m[0, 1]) > 5.0
    assert AIM < 1.0


def test_smooth_keeps_straight_lines_and_short_paths() -> None:
    line = np.linspace([0.0, 1.0], [4.0, -2.0], 50)
    assert np.allclose(smooth(line, 9.0), line)
    assert np.allclose(smooth(line[:1], 9.0), line[:1])
    assert smooth(line[:2], 9.0).shape == (2, 2)


def test_clip_facing_is_the_mean_heading() -> None:
    left, right = np.tile([0.0, 1.0, -0.1], (8, 1)), np.tile([0.0, 1.0, 0.1], (8, 1))
    assert np.allclose(quat.rotate(clip_facing(left, right), [0.0, 0.0, 1.0]), [1.0, 0.0, 0.0], atol=1e-9)
