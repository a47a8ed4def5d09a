"""Cameras: pinhole views of a body, and views that follow its root without hiding where it goes.

Camera space is x right, y down, z forward (depth); pixel (0, 0) is the top left corner, pixel centres lie at halves.
A camera knows the ground under the body and the body's height (`unit_m`), so that ground cue and framing scale with it:
bodies of different size fill their pictures alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from workers.skeleton import quat
from workers.skeleton.body import UP, heading
from workers.skeleton.model import Array, Indices

# Degrees from the body's heading to where the camera stands, counted towards the body's left.
VIEWS = {"front": 0.0, "side": 90.0, "three_quarter": -40.0}
# Where nothing is scored or optimised from: between those, and from the other side.
HELD_OUT = {"left_three_quarter": 45.0, "right_side": -80.0}
PITCH_DEG = 12.0  # looking down, so that the ground and the depth of a stance show
DISTANCE = 4.2  # in body heights: a long lens, little perspective
FIELD = 1.5  # body heights that fit into the picture at that distance: raised arms and jumps stay inside
AIM = 0.6  # in body heights above the floor: hands raised overhead stay inside
# The camera's path is the root's, smoothed over this time: a step or a lunge shows as a shift in the picture, a walk as
# the ground passing by.
FOLLOW_S = 0.6
# Rises and falls within this share of the height (jumps, crouches, lying down) do not move the camera.
LEVEL_BAND = 0.6


@dataclass(frozen=True, eq=False)
class Camera:
    """A batch of views; all tensors on one device. `size` is the side of the square picture in pixels."""

    eye_m: Tensor  # (B, 3)
    rotation: Tensor  # (B, 3, 3) world to camera, rows right, down, forward
    focal: Tensor  # (B,) distance of the picture plane in half picture sides
    floor_m: Tensor  # (B,)
    unit_m: Tensor  # (B,) height of the body
    size: int

    def __len__(self) -> int:
        return len(self.eye_m)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All but the size, in the order of the constructor."""
        return self.eye_m, self.rotation, self.focal, self.floor_m, self.unit_m

    def to(self, device: torch.device | str, dtype: torch.dtype = torch.float32) -> Camera:
        return _camera((tensor.to(device, dtype) for tensor in self.tensors), self.size)

    def with_size(self, size: int) -> Camera:
        """The same view in more or fewer pixels."""
        return replace(self, size=size)

    def zoomed(self, factor: float) -> Camera:
        """The same view with everything `factor` times as large in the picture."""
        return replace(self, focal=self.focal * factor)

    def __getitem__(self, chosen: slice | Tensor) -> Camera:
        """Some of the views."""
        return _camera((tensor[chosen] for tensor in self.tensors), self.size)

    @staticmethod
    def join(cameras: Sequence[Camera]) -> Camera:
        """All views of several batches; they must share the picture size."""
        columns = zip(*(camera.tensors for camera in cameras), strict=True)
        return _camera((torch.cat(column) for column in columns), cameras[0].size)

    def project(self, points_m: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels `(B, n, 2)` and depths `(B, n)` of world points `(B, n, 3)`; pixels mean nothing at depth <= 0."""
        local = (points_m - self.eye_m[:, None]) @ self.rotation.transpose(1, 2)
        depth = local[..., 2]
        safe = torch.where(depth.abs() > 1e-6, depth, 1e-6)
        half = 0.5 * self.size
        return half + half * self.focal[:, None, None] * local[..., :2] / safe[..., None], depth


def _camera(tensors: Iterable[Tensor], size: int) -> Camera:
    eye_m, rotation, focal, floor_m, unit_m = tensors
    return Camera(eye_m, rotation, focal, floor_m, unit_m, size)


def look_at(eye_m: Array, target_m: Array, focal: float, floor_m: float, unit_m: float, size: int) -> Camera:
    """Upright cameras from `eye_m` `(B, 3)` to `target_m` `(B, 3)`; not straight up or down."""
    forward = quat.unit(target_m - eye_m)
    right = quat.unit(np.cross(forward, UP))
    rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
    count = len(rotation)

    def tensor(values: Array) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32)

    return Camera(
        tensor(np.broadcast_to(eye_m, (count, 3)).copy()), tensor(rotation), torch.full((count,), float(focal)),
        torch.full((count,), float(floor_m)), torch.full((count,), float(unit_m)), size,
    )  # fmt: skip


def follow(
    root_m: Array,
    rate_hz: float,
    height_m: float,
    floor_m: float,
    facing: Array,
    size: int = 224,
    views: Sequence[str] = ("front", "side", "three_quarter"),
    frames: Indices | None = None,
) -> dict[str, Camera]:
    """One batch of cameras (a frame each, or one for each of `frames`) for every view, with the root's path
    `(frames, 3)`.

    `facing` `(4,)` is the turn about Y from +Z to where the clip faces (`clip_facing`), fixed for the whole clip, so
    that turns show. Source and result are seen alike when both get the facing of the source.
    """
    target = _camera_path(root_m, rate_hz, height_m, floor_m)
    target = target if frames is None else target[frames]
    focal = 2.0 * DISTANCE / FIELD
    result = {}
    for view in views:
        turn = quat.multiply(facing, quat.from_axis_angle(UP, np.radians((VIEWS | HELD_OUT)[view])))
        tilt = quat.from_axis_angle(np.array([1.0, 0.0, 0.0]), -np.radians(PITCH_DEG))
        back = quat.rotate(quat.multiply(turn, tilt), [0.0, 0.0, DISTANCE * height_m])
        result[view] = look_at(target + back, target, focal, floor_m, height_m, size)
    return result


def clip_facing(left_m: Array, right_m: Array) -> Array:
    """Where a clip faces on average, as a turn about Y `(4,)`: from the paths `(frames, 3)` of the left and the right
    side of the body (upper legs, for instance). The first frame decides where the body turns evenly.
    """
    lateral = quat.unit((left_m - right_m) * [1.0, 0.0, 1.0])
    mean = lateral.mean(axis=0)
    return heading(mean if np.linalg.norm(mean) > 0.2 else lateral[0])


def _camera_path(root_m: Array, rate_hz: float, height_m: float, floor_m: float) -> Array:
    """What the cameras look at, `(frames, 3)`."""
    path = smooth(root_m, FOLLOW_S * rate_hz)
    aim = floor_m + AIM * height_m
    band = LEVEL_BAND * height_m
    excess = path[:, 1] - aim
    path[:, 1] = aim + np.sign(excess) * np.maximum(np.abs(excess) - band, 0.0)
    return path


def smooth(path: Array, deviation_frames: float) -> Array:
    """Gaussian mean along time of `(frames, n)`; the ends are continued by point reflection, which keeps a steady
    walk steady.
    """
    reach = min(int(np.ceil(3.0 * deviation_frames)), len(path) - 1)
    if reach < 1:
        return path.copy()
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation_frames) ** 2)
    before = 2.0 * path[0] - path[reach:0:-1]
    after = 2.0 * path[-1] - path[-2 : -reach - 2 : -1]
    padded = np.concatenate([before, path, after])
    return np.stack([np.convolve(column, kernel / kernel.sum(), mode="valid") for column in padded.T], axis=1)
