"""A body surface moved by a motion, in numpy. With gradients, bind `surface.mesh` by `rendering.skinning`.

Linear blend skinning as there: joints' 3 x 4 matrices are blended, one matrix product a batch of frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workers.geometry.surface import BodySurface
from workers.motion.body_motion import BodyMotion
from workers.skeleton import kinematics, quat
from workers.skeleton.model import Array, Indices

FRAMES_AT_ONCE = 32


def pose(surface: BodySurface, motion: BodyMotion, frames: Sequence[int] | Indices | None = None) -> Array:
    """Vertices `(frames, vertices, 3)` of `surface.mesh` in the world, of all frames or of those named."""
    used, weights = surface.skin_weights
    skeleton = surface.body.skeleton
    bound, places = (values[used] for values in kinematics.rest_world(skeleton))
    rest = surface.mesh.positions_m.astype(np.float32)
    chosen = np.arange(motion.frames) if frames is None else np.asarray(frames, dtype=np.int64)
    result = np.empty((len(chosen), len(surface.parts), 3))
    # Far from the origin single precision is coarse, so the body is moved by its hips to where it is fine.
    for start in range(0, len(chosen), FRAMES_AT_ONCE):
        some = chosen[start : start + FRAMES_AT_ONCE]
        centre = motion.positions_m[some][:, [motion.body.hips]]
        turn = quat.multiply(motion.rotations[some][:, used], quat.conjugate(bound))
        shift = motion.positions_m[some][:, used] - centre - quat.rotate(turn, places)
        joints = np.concatenate([quat.to_matrix(turn), shift[..., None]], axis=-1).astype(np.float32)
        blended = weights @ joints.transpose(1, 0, 2, 3).reshape(len(used), -1)
        blended = blended.reshape(-1, len(some), 3, 4)
        moved = np.einsum("vfij,vj->fvi", blended[..., :3], rest) + blended[..., 3].transpose(1, 0, 2)
        result[start : start + len(some)] = moved + centre
    return result
