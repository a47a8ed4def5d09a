"""A body surface moved by a motion, without gradients. With gradients, bind `surface.mesh` by `rendering.skinning`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from workers.geometry.surface import BodySurface
from workers.rendering.skinning import Skin, bind_skin
from workers.retargeting.motion import BodyMotion
from workers.skeleton.model import Array, Indices

FRAMES_AT_ONCE = 64


def pose(
    surface: BodySurface, motion: BodyMotion, frames: Sequence[int] | Indices | None = None, skin: Skin | None = None
) -> Array:
    """Vertices `(frames, vertices, 3)` of `surface.mesh` in the world, of all frames or of those named.

    `skin` is the mesh bound already, which saves binding it again.
    """
    bound = skin or bind_skin(surface.mesh, surface.body.skeleton)
    chosen = np.arange(motion.frames) if frames is None else np.asarray(frames, dtype=np.int64)
    result = np.empty((len(chosen), len(surface.parts), 3))
    # Far from the origin single precision is coarse, so the body is moved by its hips to where it is fine.
    for start in range(0, len(chosen), FRAMES_AT_ONCE):
        some = chosen[start : start + FRAMES_AT_ONCE]
        centre = motion.positions_m[some][:, [motion.body.hips]]
        turns = torch.as_tensor(motion.rotations[some], dtype=bound.weights.dtype)
        places = torch.as_tensor(motion.positions_m[some] - centre, dtype=bound.weights.dtype)
        with torch.no_grad():
            result[start : start + len(some)] = bound.deform(turns, places).numpy() + centre
    return result
