"""The penetration loss: zero where nothing penetrates, right depths, gradients to both sides."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.geometry.capsule_body import TRUNK, arm_across, capsule_surface, moved
from workers.geometry.exact import ExactPenetration
from workers.geometry.parts import BODY, GROUP_OF
from workers.geometry.penetration import find_pairs, penetration_loss
from workers.geometry.posing import pose
from workers.geometry.surface import BodySurface, reduced
from workers.motion.body_motion import BodyMotion
from workers.rendering.skinning import bind_skin
from workers.skeleton.quat_torch import multiply, rotate


@pytest.fixture(scope="module")
def light(surface: BodySurface) -> BodySurface:
    return reduced(surface, 2500)


def crossed(surface: BodySurface, angle_deg: float) -> BodyMotion:
    return moved(surface.body, arm_across(angle_deg))


def posed(surface: BodySurface, motion: BodyMotion) -> Tensor:
    return torch.as_tensor(pose(surface, motion))


@pytest.mark.parametrize("angle_deg", [90.0, 120.0])
def test_no_loss_where_nothing_penetrates(light: BodySurface, angle_deg: float) -> None:
    for vertices in (posed(light, crossed(light, angle_deg)), torch.as_tensor(light.mesh.positions_m)[None]):
        pairs = find_pairs(light, vertices)
        assert penetration_loss(vertices, pairs, light.arm_radius_m).abs().max() == 0.0


def test_depths_agree_with_the_exact_ones(surface: BodySurface) -> None:
    """On the same full surface, though inside is decided in another way; the exact ones have a tolerance."""
    vertices = posed(surface, crossed(surface, 20.0))
    pairs = find_pairs(surface, vertices, reach=0.0)
    depths = np.zeros(len(surface.parts))
    depths[pairs.vertex.numpy()] = pairs.depths_m(vertices).numpy()
    exact = ExactPenetration(surface)
    known = exact.measure(vertices.numpy()).depth_m[0]
    deep = known > 0.0
    assert deep.sum() > 30
    assert np.abs(depths[exact.limbs][deep] - known[deep]).max() < 0.003
    assert (depths[exact.limbs][~deep] < 0.01).all()


def test_loss_is_in_arm_radii() -> None:
    losses = []
    for scale in (1.0, 0.01):
        surface = capsule_surface(scale)
        vertices = posed(surface, crossed(surface, 20.0))
        losses.append(float(penetration_loss(vertices, find_pairs(surface, vertices), surface.arm_radius_m)))
    assert losses[1] == pytest.approx(losses[0], rel=0.03)


def test_gradient_reaches_both_sides_and_sums_to_zero(light: BodySurface) -> None:
    """What pushes the limb out pushes the body away: forces are equal and opposite."""
    vertices = posed(light, crossed(light, 20.0)).requires_grad_()
    pairs = find_pairs(light, vertices)
    penetration_loss(vertices, pairs, light.arm_radius_m).sum().backward()  # type: ignore[no-untyped-call]
    assert vertices.grad is not None
    force = vertices.grad[0].numpy()
    arm = GROUP_OF[light.parts] == 1
    trunk = GROUP_OF[light.parts] == BODY
    assert np.abs(force[arm]).max() > 0.0
    assert np.abs(force[trunk]).max() > 0.0
    assert np.abs(force.sum(axis=0)).max() < 1e-6 * np.abs(force).sum()
    assert np.abs(force[~(arm | trunk)]).max() == 0.0


def test_gradient_agrees_with_finite_differences(light: BodySurface) -> None:
    vertices = posed(light, crossed(light, 20.0)).double()
    pairs = find_pairs(light, vertices)
    rng = np.random.default_rng(3)
    way = torch.as_tensor(rng.normal(size=vertices.shape))
    variable = vertices.clone().requires_grad_()
    penetration_loss(variable, pairs, light.arm_radius_m).sum().backward()  # type: ignore[no-untyped-call]
    assert variable.grad is not None
    slope = float((variable.grad * way).sum())
    step = 1e-5
    values = []
    for sign in (1.0, -1.0):
        shifted = vertices + sign * step * way
        values.append(float(penetration_loss(shifted, find_pairs(light, shifted), light.arm_radius_m).sum()))
    assert (values[0] - values[1]) / (2.0 * step) == pytest.approx(slope, rel=0.05)


def test_descent_takes_the_arm_out(light: BodySurface) -> None:
    """Turning the forearm by gradient alone ends with no vertex deeper than a few millimetres."""
    skin = bind_skin(light.mesh, light.body.skeleton, dtype=torch.float64)
    angle = torch.tensor(30.0, dtype=torch.float64, requires_grad=True)
    start = moved(light.body, arm_across(30.0))
    elbow = light.body.mapping.roles["leftLowerArm"].joint
    hand = light.body.mapping.roles["leftHand"].joint
    optimiser = torch.optim.Adam([angle], lr=3.0)
    depth = np.inf
    for _ in range(40):
        half = torch.deg2rad(angle - 30.0) / 2.0
        zero = torch.zeros_like(half)
        # The forearm swings about the upright axis through the elbow.
        swing = torch.stack([zero, torch.sin(half), zero, torch.cos(half)])
        rotations = torch.as_tensor(start.rotations).clone()
        positions = torch.as_tensor(start.positions_m).clone()
        rotations[:, [elbow, hand]] = multiply(swing.expand(1, 2, 4), rotations[:, [elbow, hand]])
        away = positions[:, hand] - positions[:, elbow]
        positions[:, hand] = positions[:, elbow] + rotate(swing.expand(1, 4), away)
        vertices = skin.deform(rotations, positions)
        pairs = find_pairs(light, vertices)
        depth = float(pairs.depths_m(vertices).detach().max()) if len(pairs) else 0.0
        loss = penetration_loss(vertices, pairs, light.arm_radius_m).sum()
        if float(loss.detach()) == 0.0:
            break
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert depth < 0.003
    assert 40.0 < float(angle.detach()) < 80.0


def test_trunk_radius_is_what_the_tests_assume(surface: BodySurface) -> None:
    assert surface.radius_m[0] == pytest.approx(TRUNK, rel=0.02)
