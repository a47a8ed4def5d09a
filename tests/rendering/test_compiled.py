"""The compiled renderer against the one that it follows: the same pictures to rounding, and what it leaves to that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from workers.motion.body_motion import BodyMotion
from workers.rendering.cameras import Camera, look_at
from workers.rendering.compiled.ground import wave
from workers.rendering.compiled.renderer import CompiledRenderer
from workers.rendering.compiled.skinning import holders
from workers.rendering.moving_body import motion_facing, moving_body
from workers.rendering.rasterizer import TorchRenderer
from workers.rendering.renderer import choose_renderer
from workers.rendering.skinning import bind_skin
from workers.skeleton.model import Mesh

SQUARE_FACES = torch.tensor([[0, 1, 2], [0, 2, 3]])


def camera(count: int = 1, size: int = 64, height: float = 1.5) -> Camera:
    eye, target = np.tile([0.3, height, 5.0], (count, 1)), np.tile([0.0, 0.8, 0.0], (count, 1))
    return look_at(eye, target, 3.0, 0.0, 1.7, size)


def both(vertices: Tensor, faces: Tensor, seen_by: Camera) -> tuple[Tensor, Tensor]:
    one, other = (renderer.render(vertices, faces, seen_by) for renderer in (TorchRenderer(), CompiledRenderer()))
    assert one.shape == other.shape and one.dtype == other.dtype
    return one, other


def differing(one: Tensor, other: Tensor) -> float:
    """Share of the pixels in which one colour is off by more than a grey level's tenth."""
    return float(((one - other).abs().amax(1) > 0.1 / 255.0).float().mean())


@pytest.mark.parametrize("view", ["front", "side", "three_quarter"])
@pytest.mark.parametrize("size", [96, 224])
def test_a_body_looks_the_same(walking: tuple[BodyMotion, Mesh], view: str, size: int) -> None:
    motion, mesh = walking
    body = moving_body(motion, mesh, motion.body.floor_m)
    frames = np.array([0, motion.frames // 3, motion.frames - 1])
    seen_by = body.cameras(motion_facing(motion), size, [view], frames)[view]
    one, other = both(body.vertices(frames), body.skin.faces, seen_by)
    assert float((one - other).abs().mean()) < 1e-5
    assert differing(one, other) < 2e-4  # pixels whose centre lies on an edge, to rounding


@pytest.mark.parametrize("seed", range(4))
def test_loose_triangles_everywhere_look_the_same(seed: int) -> None:
    """Behind the camera, across the picture's border, through one another, edge on, without area."""
    random = torch.Generator().manual_seed(seed)
    vertices = 6.0 * torch.rand((2, 60, 3), generator=random) - 3.0
    faces = torch.randint(0, 60, (40, 3), generator=random)
    one, other = both(vertices, faces, camera(2, 128))
    assert differing(one, other) < 2e-3


def test_nothing_and_what_is_too_much_for_the_room_at_first() -> None:
    one, other = both(torch.zeros(1, 4, 3), SQUARE_FACES[:0], camera())
    assert differing(one, other) == 0.0
    random = torch.Generator().manual_seed(5)
    needles = 1.6 * torch.rand((1, 9000, 3), generator=random) - torch.tensor([0.8, 0.0, 0.8])
    one, other = both(needles, torch.arange(9000).view(3000, 3), camera(size=224))
    assert float((one - other).abs().mean()) < 2e-3


def test_batches_and_repetitions_are_the_same_to_the_bit(walking: tuple[BodyMotion, Mesh]) -> None:
    motion, mesh = walking
    body = moving_body(motion, mesh, motion.body.floor_m)
    frames = np.array([0, 5, 9])
    seen_by = body.cameras(motion_facing(motion), 96, ["front"], frames)["front"]
    renderer, vertices = CompiledRenderer(), body.vertices(frames)
    whole = renderer.render(vertices, body.skin.faces, seen_by)
    for number in (2, 0, 1):
        some = slice(number, number + 1)
        assert torch.equal(CompiledRenderer().render(vertices[some], body.skin.faces, seen_by[some])[0], whole[number])
        assert torch.equal(renderer.render(vertices[some], body.skin.faces, seen_by[some])[0], whole[number])


def test_gradients_and_cameras_that_lean_are_left_to_the_other() -> None:
    corners = torch.tensor([[-0.5, 0.3, 0.0], [0.5, 0.3, 0.0], [0.5, 1.3, 0.0], [-0.5, 1.3, 0.0]])[None]
    moved = corners.clone().requires_grad_()
    CompiledRenderer().render(moved, SQUARE_FACES, camera()).mean().backward()  # type: ignore[no-untyped-call]
    assert moved.grad is not None and float(moved.grad.abs().max()) > 0.0
    upright = camera()
    turn = torch.tensor([[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    leaning = replace(upright, rotation=turn @ upright.rotation)
    assert torch.equal(*both(corners, SQUARE_FACES, leaning))


def test_it_is_what_a_processor_takes() -> None:
    assert isinstance(choose_renderer("cpu"), CompiledRenderer)


def test_waves_from_tables() -> None:
    turns, contrasts = np.linspace(-3.0, 3.0, 997), np.array([0.1, 1.0, 16.0, 900.0])
    exact = np.tanh(contrasts[:, None] * np.sin(2.0 * np.pi * turns))
    found = np.array([[wave(turn, contrast) for turn in turns] for contrast in contrasts])
    assert np.abs(found - exact).max() < 3e-4
    assert np.abs(found - exact)[:3].max() < 1e-5


def test_vertices_move_as_they_do_with_gradients(walking: tuple[BodyMotion, Mesh]) -> None:
    motion, mesh = walking
    skin = bind_skin(mesh, motion.body.skeleton)
    frames = np.array([0, 7])
    turns, places = motion.rotations[frames], motion.positions_m[frames]
    exact = skin.deform(*(torch.as_tensor(values, dtype=torch.float32) for values in (turns, places)))
    assert float((skin.moved(turns, places) - exact).abs().max()) < 2e-6


def test_holders_keep_every_weight() -> None:
    weights = np.array([[0.0, 1.0, 0.0, 0.0], [0.25, 0.25, 0.0, 0.5], [0.0, 0.0, 0.0, 0.0]])
    joints, shares = holders(weights)
    assert joints.shape == shares.shape == (3, 3)
    whole = np.zeros_like(weights)
    np.add.at(whole, (np.arange(3)[:, None], joints), shares)
    assert np.array_equal(whole, weights)
