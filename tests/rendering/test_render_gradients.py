"""Gradients through skinning and rendering against finite differences of finer pictures; descent back to a pose."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from workers.evaluation.render_gradients import cases, descend, gradient_table, pose_body
from workers.rendering.cameras import VIEWS
from workers.rendering.decimate import prepare_surface
from workers.rendering.gradients import check_gradient
from workers.rendering.rasterizer import TorchRenderer
from workers.rendering.skinning import bind_skin
from workers.retargeting.motion import BodyMotion
from workers.skeleton.model import Mesh


def test_translation_scale_and_joint_angles() -> None:
    """The walk from the side, where an arm hides the body: signs, direction and size."""
    rows = gradient_table(sizes=(224,), fine_size=672, faces=3000, moments=[("clap", 0.45, "front")])
    assert {name.rsplit(": ", 1)[1] for name, _, _ in rows} == {"translation", "scale", "joint angles"}
    for name, _, check in rows:
        assert check.signs_right >= 0.85, name
        assert check.cosine > 0.9, name
        assert check.magnitude_error < 0.45, name


def test_without_silhouettes_the_gradient_is_wrong(
    walking: tuple[BodyMotion, Mesh], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check can fail: with the edge term taken out, translation no longer agrees."""
    motion, mesh = walking
    skin = bind_skin(prepare_surface(mesh, 3000), motion.body.skeleton)
    posed = pose_body(motion, skin, 30, "side")
    monkeypatch.setattr("workers.rendering.rasterizer.blend", lambda colours, crossings: colours)
    _, pose, steps, target = next(iter(cases(posed, 0)))
    check = check_gradient(TorchRenderer(), pose, steps, skin.faces, posed.camera, target, [224], 448)[224]
    assert check.magnitude_error > 0.5


def test_descent_turns_an_arm_back(walking: tuple[BodyMotion, Mesh]) -> None:
    """From an upper arm 20 degrees off, the pictures' loss alone leads back within 5 degrees, twist included."""
    motion, mesh = walking
    skin = bind_skin(prepare_surface(mesh, 3000), motion.body.skeleton)
    views = [pose_body(motion, skin, 30, view) for view in VIEWS]
    limb = views[0].limbs.index(motion.body.mapping.roles["leftUpperArm"].joint)
    start = np.radians(20.0) * torch.tensor([0.36, 0.48, 0.8])
    left = descend(views, skin.faces, limb, start)
    assert torch.linalg.norm(left).item() < np.radians(5.0)
