"""Motions of an SMPL body made from numbers, and the files that AMASS and HumanML3D would hold of them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from workers.formats.smpl.joints import SmplJoints, smpl_joints
from workers.skeleton import quat
from workers.skeleton.model import Array

Z_UP = quat.from_axis_angle(np.array([1.0, 0.0, 0.0]), np.pi / 2.0)  # from Y up to Z up
CAMERA = quat.from_axis_angle(np.array([1.0, 0.0, 0.0]), np.pi)  # from Y up to a camera's Y down
ENDS = ("left_foot", "right_foot", "head", "left_wrist", "right_wrist")
HINGES = ("left_elbow", "right_elbow", "left_knee", "right_knee")


@dataclass(frozen=True, eq=False)
class Moving:
    """`vectors` `(frames, joints, 3)` local rotation vectors, `root` `(frames, 3)` the pelvis, Y up, in metres."""

    joints: SmplJoints
    vectors: Array
    root: Array
    offsets: Array

    def turned(self, turn: Array) -> Moving:
        """The same in other axes."""
        vectors = self.vectors.copy()
        vectors[:, 0] = rotation_vector(quat.multiply(turn, quat.from_rotation_vector(vectors[:, 0])))
        return Moving(self.joints, vectors, quat.rotate(turn, self.root), self.offsets)

    def places(self) -> Array:
        """Joint places `(frames, joints, 3)`, joint by joint with matrices."""
        local = quat.to_matrix(quat.from_rotation_vector(self.vectors))
        world, places = np.empty_like(local), np.empty_like(self.vectors)
        for joint, parent in enumerate(self.joints.parents):
            world[:, joint] = local[:, joint] if parent < 0 else world[:, parent] @ local[:, joint]
            places[:, joint] = self.root if parent < 0 else places[:, parent] + world[:, parent] @ self.offsets[joint]
        return places

    def npz(self, **changes: Any) -> bytes:
        """As AMASS saves it; `changes` replace arrays, None leaves one out."""
        arrays: dict[str, Any] = {
            "poses": self.vectors.reshape(len(self.vectors), -1),
            "trans": self.root - self.offsets[0],
            "betas": np.zeros(16),
            "gender": "neutral",
            "mocap_framerate": 120.0,
        }
        return packed({name: value for name, value in (arrays | changes).items() if value is not None})


def packed(arrays: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def saved(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def rotation_vector(q: Array) -> Array:
    q = np.where(q[..., 3:] < 0.0, -q, q)
    sine = np.linalg.norm(q[..., :3], axis=-1, keepdims=True)
    return np.asarray(
        q[..., :3] * np.where(sine > 1e-12, 2.0 * np.arctan2(sine, q[..., 3:]) / np.maximum(sine, 1e-12), 2.0)
    )


def walking(seed: int, *, joints: int = 52, frames: int = 40, lively: float = 0.4) -> Moving:
    """A body that wanders upright over the ground, every joint swinging at random; elbows and knees fold as hinges."""
    generator = np.random.default_rng(seed)
    body = smpl_joints(joints)
    time = np.linspace(0.0, 2.0 * np.pi, frames)[:, None, None]
    swing = generator.normal(size=(2, 1, joints, 3))
    vectors = lively * (swing[0] * np.sin(time) + swing[1] * np.cos(2.0 * time)) / 2.0
    for name in HINGES:
        bend = 0.9 + 0.5 * np.sin(time[:, 0, 0] + generator.uniform(0.0, 6.0))
        side = 1.0 if name.startswith("left") else -1.0
        axis = np.array([0.0, -side, 0.0]) if "elbow" in name else np.array([1.0, 0.0, 0.0])
        vectors[:, body.names.index(name)] = bend[:, None] * axis
    trunk = [body.names.index(name) for name in ("pelvis", "spine1", "spine2", "spine3", "left_hip", "right_hip")]
    vectors[:, trunk] *= 0.3
    vectors[:, 0, 1] += np.linspace(0.0, generator.uniform(-2.0, 2.0), frames)
    root = np.stack([np.linspace(0, 1.5, frames), np.zeros(frames), 0.3 * np.sin(time[:, 0, 0])], axis=1)
    moving = Moving(body, vectors, root, body.offsets_m)
    root[:, 1] = -moving.places()[..., 1].min(axis=1)  # the lowest joint on the ground
    return moving


def features(places: Array) -> tuple[Array, Array]:
    """HumanML3D's 263 numbers for 22 joints, by its definition, and the places that they stand for; one frame less.

    What is said twice (rotations, speeds, contacts) is filled with nonsense.
    """
    across = places[:, 2] - places[:, 1] + places[:, 17] - places[:, 16]
    forward = np.cross([0.0, 1.0, 0.0], across)
    yaw = np.unwrap(np.arctan2(forward[:, 0], forward[:, 2]))
    to_front = quat.from_axis_angle(np.array([0.0, 1.0, 0.0]), -yaw)
    root, around = places[:, 0], places[:, 1:] - places[:, [0]] * [1.0, 0.0, 1.0]
    result = np.random.default_rng(0).normal(size=(len(places) - 1, 263))
    result[:, 0] = -np.diff(yaw) / 2.0
    result[:, [1, 2]] = quat.rotate(to_front[1:], np.diff(root, axis=0))[:, [0, 2]]
    result[:, 3] = root[:-1, 1]
    result[:, 4:67] = quat.rotate(to_front[:-1, None], around[:-1]).reshape(len(result), -1)
    moved = places - places[0, 0] * [1.0, 0.0, 1.0]
    return result, quat.rotate(to_front[0], moved)[:-1]
