"""Skinning and forward kinematics in torch against numpy, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from workers.motion.body_motion import BodyMotion, to_clip
from workers.rendering.skinning import bind_skin
from workers.skeleton import kinematics, quat
from workers.skeleton import quat_torch as rotations
from workers.skeleton.kinematics_torch import fk_offsets, forward_kinematics
from workers.skeleton.model import Array, Mesh

FRAMES = [0, 20, 55]


def reference(motion: BodyMotion, mesh: Mesh, frame: int) -> Array:
    """Each vertex by the weighted mean of where its joints carry it."""
    bind_turns, bind_places = kinematics.rest_world(motion.body.skeleton)
    moved = np.zeros_like(mesh.positions_m)
    for column in range(mesh.joints.shape[1]):
        joint = mesh.joints[:, column]
        local = quat.rotate(quat.conjugate(bind_turns[joint]), mesh.positions_m - bind_places[joint])
        place = quat.rotate(motion.rotations[frame, joint], local) + motion.positions_m[frame, joint]
        moved += mesh.weights[:, column, None] * place
    return moved


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_agrees_with_numpy(walking: tuple[BodyMotion, Mesh], dtype: torch.dtype, tolerance: float) -> None:
    motion, mesh = walking
    skin = bind_skin(mesh, motion.body.skeleton, dtype=dtype)
    moved = skin.deform(
        torch.as_tensor(motion.rotations[FRAMES], dtype=dtype), torch.as_tensor(motion.positions_m[FRAMES], dtype=dtype)
    )
    expected = np.stack([reference(motion, mesh, frame) for frame in FRAMES])
    assert np.abs(moved.numpy() - expected).max() < tolerance


def test_rest_pose_is_the_mesh(walking: tuple[BodyMotion, Mesh]) -> None:
    motion, mesh = walking
    turns, places = kinematics.rest_world(motion.body.skeleton)
    skin = bind_skin(mesh, motion.body.skeleton, dtype=torch.float64)
    moved = skin.deform(torch.as_tensor(turns)[None], torch.as_tensor(places)[None])
    assert np.abs(moved[0].numpy() - mesh.positions_m).max() < 1e-12


def test_a_joint_listed_twice_counts_twice(walking: tuple[BodyMotion, Mesh]) -> None:
    motion, mesh = walking
    twice = Mesh(
        mesh.positions_m,
        mesh.faces,
        np.concatenate([mesh.joints, mesh.joints], axis=1),
        0.5 * np.concatenate([mesh.weights, mesh.weights], axis=1),
    )
    one, other = (bind_skin(each, motion.body.skeleton) for each in (mesh, twice))
    assert torch.allclose(one.weights, other.weights, atol=1e-6)


def test_forward_kinematics_agrees_with_numpy(walking: tuple[BodyMotion, Mesh]) -> None:
    motion, _ = walking
    skeleton, clip = motion.body.skeleton, to_clip(motion)
    offsets = fk_offsets(skeleton, clip.frames, clip.translations_m)
    turns, places = forward_kinematics(skeleton, torch.as_tensor(clip.rotations), torch.as_tensor(offsets))
    assert np.abs(places.numpy() - motion.positions_m).max() < 1e-9
    assert quat.angle_between(turns.numpy(), motion.rotations).max() < 1e-6


def test_gradient_reaches_local_rotations_and_root(walking: tuple[BodyMotion, Mesh]) -> None:
    """The derivative of the mean vertex: 1 in the root's place, and the finite difference in a joint's turn."""
    motion, mesh = walking
    skeleton, clip = motion.body.skeleton, to_clip(motion)
    skin = bind_skin(mesh, skeleton, dtype=torch.float64)
    root = int(np.flatnonzero(skeleton.parents < 0)[0])
    arm = motion.body.mapping.roles["leftUpperArm"].joint
    local = torch.as_tensor(clip.rotations[20:21])

    def mean_vertex(turn: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        offsets = torch.as_tensor(fk_offsets(skeleton, clip.frames, clip.translations_m)[20:21]).clone()
        offsets[:, root] = offsets[:, root] + shift
        turned = local.clone()
        turned[:, arm] = rotations.multiply(local[:, arm], rotations.from_rotation_vector(turn))
        return skin.deform(*forward_kinematics(skeleton, turned, offsets))[0].mean(0).sum()

    turn = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    shift = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    mean_vertex(turn, shift).backward()  # type: ignore[no-untyped-call]
    assert shift.grad is not None and turn.grad is not None
    assert torch.allclose(shift.grad, torch.ones(3, dtype=torch.float64), atol=1e-9)
    for axis in range(3):
        step = torch.zeros(1, 3, dtype=torch.float64)
        step[0, axis] = 1e-4
        measured = (mean_vertex(step, shift.detach()) - mean_vertex(-step, shift.detach())) / 2e-4
        assert float(turn.grad[0, axis]) == pytest.approx(float(measured), rel=1e-4, abs=1e-8)


def test_quaternions_agree_with_numpy() -> None:
    random = np.random.default_rng(5)
    a, b = (quat.normalize(random.normal(size=(50, 4))) for _ in range(2))
    v = random.normal(size=(50, 3))
    assert np.allclose(rotations.multiply(torch.as_tensor(a), torch.as_tensor(b)).numpy(), quat.multiply(a, b))
    assert np.allclose(rotations.rotate(torch.as_tensor(a), torch.as_tensor(v)).numpy(), quat.rotate(a, v))
    assert np.allclose(rotations.to_matrix(torch.as_tensor(a)).numpy(), quat.to_matrix(a))
    assert np.allclose(
        rotations.from_rotation_vector(torch.as_tensor(v)).numpy(), quat.from_rotation_vector(v), atol=1e-9
    )
