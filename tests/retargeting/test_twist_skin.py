"""Skin on twist joints keeps its girth where the limb rolls; without them it wrings."""

from __future__ import annotations

import numpy as np

from tests.retargeting.twist_bodies import (
    about,
    bone_axis,
    character,
    moved,
)
from workers.motion.body_motion import BodyMotion
from workers.preparation.prepare import PreparedCharacter
from workers.retargeting.twist import spread_twist
from workers.samples.rig import RigStyle
from workers.skeleton import quat
from workers.skeleton.model import Array


def skinned(prepared: PreparedCharacter, motion: BodyMotion, frame: int) -> tuple[Array, Array]:
    """Vertices of a frame by linear blend skinning, and at rest."""
    mesh, body = prepared.scene.load_mesh(), prepared.body
    assert mesh is not None
    turns = quat.multiply(motion.rotations[frame], quat.conjugate(body.rest_rotations))
    local = mesh.positions_m[:, None] - body.rest_positions_m[mesh.joints]
    placed = quat.rotate(turns[mesh.joints], local) + motion.positions_m[frame][mesh.joints]
    return np.einsum("vk,vka->va", mesh.weights, placed), mesh.positions_m


def narrowest(prepared: PreparedCharacter, motion: BodyMotion, role: str, tip: str, span: tuple[float, float]) -> float:
    """Least radius of the limb's cross-sections in the last frame against rest, along part of the bone."""
    body, mesh = prepared.body, prepared.scene.load_mesh()
    assert mesh is not None
    after, before = skinned(prepared, motion, -1)
    ends = body.rest_positions_m[[body.mapping.roles[r].joint for r in (role, tip)]]
    axis, length = quat.unit(ends[1] - ends[0]), float(np.linalg.norm(ends[1] - ends[0]))
    offset = before - ends[0]
    along = offset @ axis
    limb = [j for j, n in enumerate(body.skeleton.names) if n.startswith(role[:4])]
    near = np.linalg.norm(offset - along[:, None] * axis, axis=1) < 0.35 * length
    near &= np.isin(mesh.joints[np.arange(len(mesh.joints)), mesh.weights.argmax(axis=1)], limb)
    radii = []
    for ring in np.unique(np.round(along[near] / length, 3)):
        if span[0] < ring < span[1]:
            chosen = near & (np.abs(along / length - ring) < 0.006)
            if np.count_nonzero(chosen) >= 8:
                rest, now = before[chosen], after[chosen]
                size = [np.linalg.norm(part - part.mean(axis=0), axis=1).mean() for part in (rest, now)]
                radii.append(size[1] / size[0])
    assert len(radii) >= 5
    return float(min(radii))


def test_a_forearm_with_twist_joints_keeps_its_girth() -> None:
    least = {}
    for twisted in (True, False):
        prepared = character(RigStyle(twist_joints=twisted))
        axis = bone_axis(prepared.body, "leftLowerArm", "leftHand")
        motion = spread_twist(moved(prepared.body, {"leftHand": about(axis, [0.0, 75.0, 150.0])}))
        least[twisted] = narrowest(prepared, motion, "leftLowerArm", "leftHand", (0.1, 1.05))
    assert least[True] > 0.7
    assert least[False] < 0.45


def test_an_upper_arm_with_twist_joints_keeps_its_girth() -> None:
    least = {}
    for twisted in (True, False):
        prepared = character(RigStyle(twist_joints=twisted))
        axis = bone_axis(prepared.body, "leftUpperArm", "leftLowerArm")
        motion = spread_twist(moved(prepared.body, {"leftUpperArm": about(axis, [0.0, 60.0, 120.0])}))
        least[twisted] = narrowest(prepared, motion, "leftUpperArm", "leftLowerArm", (0.0, 0.9))
    assert least[True] > 0.7
    assert least[False] < least[True] - 0.1
