"""From an encoder's embedding through the renderer back to joint rotations, with a character of our own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.semantics.tiny_models import TINY
from workers.geometry.decimate import prepare_surface
from workers.lab.studies.gradients import PosedBody, pose_body, sample_motion
from workers.rendering.rasterizer import TorchRenderer
from workers.rendering.skinning import bind_skin
from workers.semantics.encoders.base import Encoder

Scene = tuple[PosedBody, Tensor]


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A waving character, seen from the front."""
    motion, mesh = sample_motion("wave", stout=False)
    skin = bind_skin(prepare_surface(mesh, 1500), motion.body.skeleton)
    return pose_body(motion, skin, motion.frames // 2, "front", size=64), skin.faces


def picture(scene: Scene, turns: Tensor) -> Tensor:
    posed, faces = scene
    vertices = posed.vertices(turns, torch.zeros(1, 3), torch.zeros(1, 1))
    return TorchRenderer().render(vertices, faces, posed.camera)


@pytest.mark.parametrize("name", sorted(TINY))
def test_gradients_reach_joint_rotations(name: str, scene: Scene, encoder_of: Callable[[str], Encoder]) -> None:
    """Every turned limb feels the difference between the picture and that of the pose it should have."""
    limbs = len(scene[0].limbs)
    with torch.no_grad():
        wanted = picture(scene, torch.zeros(1, limbs, 3))
        encoder = encoder_of(name).guided_by(wanted)
        goal = encoder.embed(wanted)
    turns = torch.full((1, limbs, 3), 0.3).requires_grad_(True)
    loss = (encoder.embed(picture(scene, turns)) - goal).square().mean()
    (gradient,) = torch.autograd.grad(loss, turns)
    assert loss > 0
    assert torch.isfinite(gradient).all()
    assert (gradient[0].norm(dim=-1) > 0).all()
