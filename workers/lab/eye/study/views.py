"""RenderedMoments: moments of a clip on one body, seen as the product's scores see them: three views, the source's
facing.

They keep the cameras of the whole clip, so that a damaged moment is seen from where the good one was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from workers.lab.eye.data.bodies import PosableBody
from workers.motion.body_motion import BodyMotion
from workers.rendering.cameras import Camera, follow
from workers.rendering.renderer import Renderer
from workers.rendering.skinning import Skin, bind_skin
from workers.semantics.viewed_clip import VIEWS
from workers.skeleton.model import Array

AT_ONCE = 4  # pictures; on a CPU more would leave its cache


@dataclass(frozen=True, eq=False)
class RenderedBody:
    """A body with the surface it is seen by."""

    posable: PosableBody
    skin: Skin


@dataclass(frozen=True, eq=False)
class RenderedMoments:
    """`motion` holds the moments only; `cameras` has one camera a moment for each view."""

    rendered_body: RenderedBody
    motion: BodyMotion
    cameras: dict[str, Camera]
    facing: Array  # (4,) of the source's clip: turn about Y

    def __len__(self) -> int:
        return self.motion.frames

    def at(self, moments: Sequence[int]) -> RenderedMoments:
        """Some of the moments, in this order."""
        chosen = torch.as_tensor(list(moments), dtype=torch.long)
        cameras = {view: camera[chosen] for view, camera in self.cameras.items()}
        return replace(self, motion=frames_of(self.motion, moments), cameras=cameras)

    def doing(self, motion: BodyMotion) -> RenderedMoments:
        """The same cameras on another motion of the same moments."""
        if motion.frames != len(self):
            raise ValueError(f"{motion.frames} moments for a take of {len(self)}")
        return replace(self, motion=motion)


def make_body(posable: PosableBody) -> RenderedBody:
    return RenderedBody(posable, bind_skin(posable.surface, posable.body.skeleton))


def make_moments(
    rendered_body: RenderedBody, motion: BodyMotion, moments: Sequence[int], facing: Array
) -> RenderedMoments:
    """`motion` is the whole clip on the rendered body: the cameras follow its path."""
    body = motion.body
    path = motion.positions_m[:, body.hips]
    cameras = follow(path, motion.rate_hz, body.height_m, body.floor_m, facing, views=VIEWS)
    whole = RenderedMoments(rendered_body, motion, cameras, facing)
    return whole.at(moments)


def frames_of(motion: BodyMotion, frames: Sequence[int]) -> BodyMotion:
    """Some frames of a motion, in this order."""
    chosen = np.asarray(frames, dtype=np.int64)
    return motion.some(chosen)


def joined(motions: Sequence[BodyMotion]) -> BodyMotion:
    """Moments of several motions of one body as one."""
    return replace(
        motions[0],
        rotations=np.concatenate([motion.rotations for motion in motions]),
        positions_m=np.concatenate([motion.positions_m for motion in motions]),
    )


def photograph(take: RenderedMoments, renderer: Renderer) -> Tensor:
    """Pictures `(views, moments, 3, side, side)`, 0 to 1."""
    turns = torch.as_tensor(take.motion.rotations, dtype=torch.float32)
    places = torch.as_tensor(take.motion.positions_m, dtype=torch.float32)
    skin, camera = take.rendered_body.skin, Camera.join([take.cameras[view] for view in VIEWS])
    with torch.no_grad():
        vertices = skin.deform(turns, places).repeat(len(VIEWS), 1, 1)
        parts = [
            renderer.render(vertices[start : start + AT_ONCE], skin.faces, camera[start : start + AT_ONCE])
            for start in range(0, len(vertices), AT_ONCE)
        ]
    pictures = torch.cat(parts).clamp(0.0, 1.0)
    return pictures.view(len(VIEWS), len(take), *pictures.shape[1:])
