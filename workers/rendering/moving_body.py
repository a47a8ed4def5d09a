"""A body's motion with the surface it is seen by, and pictures of its frames as bytes.

A character and a generated body (`body_proxy`) look alike from here on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.geometry.body_proxy import build_proxy
from workers.geometry.decimate import prepare_surface
from workers.motion.body_motion import BodyMotion
from workers.rendering.cameras import Camera, clip_facing, follow
from workers.rendering.renderer import Renderer
from workers.rendering.skinning import Skin, bind_skin
from workers.skeleton.model import Array, Indices, Mesh

Picture = NDArray[np.uint8]  # (height, width, 3)

FRAMES_AT_ONCE = 4  # on a CPU more are slower: they leave its cache
MAX_FACES = 12_000


@dataclass(frozen=True, eq=False)
class MovingBody:
    """A body's motion with the surface it is seen by, and where the ground is under it."""

    motion: BodyMotion
    skin: Skin
    floor_m: float

    def cameras(
        self, facing: Array, size: int, views: Sequence[str], frames: Indices | None = None
    ) -> dict[str, Camera]:
        """One camera a frame, or for each of `frames`, for each view (`cameras.follow`)."""
        path, height_m = self.motion.positions_m[:, self.motion.body.hips], self.motion.body.height_m
        return follow(path, self.motion.rate_hz, height_m, self.floor_m, facing, size, views, frames)

    def vertices(self, frames: slice | list[int] | Indices) -> Tensor:
        """The surface in some frames, `(frames, vertices, 3)` in the world; no gradients."""
        return self.skin.moved(self.motion.rotations[frames], self.motion.positions_m[frames])

    def render(self, renderer: Renderer, frames: Sequence[int], camera: Camera) -> list[Picture]:
        """Pictures of some frames; `camera` has one view for each frame of the motion."""
        pictures: list[Picture] = []
        for start in range(0, len(frames), FRAMES_AT_ONCE):
            chosen = list(frames[start : start + FRAMES_AT_ONCE])
            vertices = self.vertices(chosen)
            with torch.no_grad():
                views = camera[torch.tensor(chosen)].to(vertices.device, vertices.dtype)
                seen = renderer.render(vertices, self.skin.faces, views)
            bytes_ = (seen.clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
            pictures += list(bytes_)
        return pictures


def moving_body(
    motion: BodyMotion, mesh: Mesh | None, floor_m: float, most_faces: int = MAX_FACES, device: str = "cpu"
) -> MovingBody:
    """`mesh` is the character's surface in the rest pose of `motion.body.skeleton`; without one a body is generated."""
    surface = build_proxy(motion.body) if mesh is None or not len(mesh.faces) else prepare_surface(mesh, most_faces)
    return MovingBody(motion, bind_skin(surface, motion.body.skeleton, device), floor_m)


def motion_facing(motion: BodyMotion) -> Array:
    """Where the clip faces on average, a turn about Y `(4,)`; source and result are both seen from the source's."""
    left, right = motion.role_positions("leftUpperLeg"), motion.role_positions("rightUpperLeg")
    if left is None or right is None:
        return motion.body.facing
    return clip_facing(left, right)
