"""Gradients through skinning and rendering against finite differences of finer pictures; descent back to a pose."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from workers.geometry.decimate import prepare_surface
from workers.lab.studies.descent import descend
from workers.lab.studies.gradients import FILE_MOMENTS, cases, file_motion, gradient_table, pose_body
from workers.lab.studies.renderer_gradients import GradientCheck, check_gradient
from workers.motion.body_motion import BodyMotion
from workers.rendering.cameras import VIEWS
from workers.rendering.edges import Crossings, find_crossings
from workers.rendering.rasterizer import TorchRenderer
from workers.rendering.skinning import bind_skin
from workers.skeleton.model import Mesh


@pytest.mark.parametrize("moment", [("clap", 0.45, "front"), ("wave", 0.4, "side")])
def test_translation_scale_and_joint_angles(moment: tuple[str, float, str]) -> None:
    """Palms before the chest; and legs whose outlines coincide, with one arm behind the head."""
    rows = list(gradient_table(sizes=(224,), fine_size=448, faces=2000, moments=[moment]))
    assert {row.change for row in rows} == {"translation", "scale", "joint angles"}
    for row in rows:
        assert not (row.check.counted & row.check.wrong).any(), row
        assert row.check.cosine > 0.95, row
        assert row.check.magnitude_error < 0.35, row


def test_a_real_character(shared_data: Path) -> None:
    if not (shared_data / FILE_MOMENTS[0][0]).is_file():
        pytest.skip(f"no {FILE_MOMENTS[0][0]} in the real data")
    motion, mesh = file_motion(shared_data / FILE_MOMENTS[0][0], FILE_MOMENTS[0][1])
    skin = bind_skin(prepare_surface(mesh, 3000), motion.body.skeleton)
    posed = pose_body(motion, skin, motion.frames // 3, "side")
    for change, pose, steps, target in list(cases(posed, 0))[:2]:
        check = check_gradient(TorchRenderer(), pose, steps, skin.faces, posed.camera, target, [224], 448)[224]
        assert check.cosine > 0.95 and check.magnitude_error < 0.3, change


def test_without_silhouettes_the_gradient_is_wrong(
    walking: tuple[BodyMotion, Mesh], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check can fail: with the edge term taken out, translation no longer agrees."""
    motion, mesh = walking
    skin = bind_skin(prepare_surface(mesh, 3000), motion.body.skeleton)
    posed = pose_body(motion, skin, 30, "side")

    def still(*arguments: Any) -> Crossings:
        found = find_crossings(*arguments)
        return dataclasses.replace(found, distance=found.distance.detach())

    monkeypatch.setattr("workers.rendering.rasterizer.find_crossings", still)
    _, pose, steps, target = next(iter(cases(posed, 0)))
    check = check_gradient(TorchRenderer(), pose, steps, skin.faces, posed.camera, target, [224], 448)[224]
    assert check.magnitude_error > 0.5


def test_only_signs_that_could_be_measured_count() -> None:
    measured = np.array([1.0, 0.3, -0.1, 0.02])
    check = GradientCheck(-measured, measured, measured, error=np.array([0.1, 0.12, 0.02, 0.001]))
    assert check.counted.tolist() == [True, False, True, False]  # the second is uncertain, the last too small
    assert check.wrong.all() and (check.largest_wrong, check.largest_left_out) == (1.0, 0.3)
    right = GradientCheck(measured * [1, -1, 1, -1], measured, measured, check.error)
    assert right.largest_wrong == 0.0


def test_descent_turns_an_arm_back(walking: tuple[BodyMotion, Mesh]) -> None:
    """From an upper arm 20 degrees off, the pictures' loss alone leads back within 5 degrees, twist included."""
    motion, mesh = walking
    skin = bind_skin(prepare_surface(mesh, 3000), motion.body.skeleton)
    views = [pose_body(motion, skin, 30, view) for view in VIEWS]
    limb = views[0].limbs.index(motion.body.mapping.roles["leftUpperArm"].joint)
    start = np.radians(20.0) * torch.tensor([0.36, 0.48, 0.8])
    left = descend(views, skin.faces, limb, start)
    assert torch.linalg.norm(left).item() < np.radians(5.0)
