"""A body surface moved by a motion. With gradients, bind `surface.mesh` by `rendering.skinning`.

Linear blend skinning as there: joints' 3 x 4 matrices are blended, for each vertex those of the joints that hold it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workers.geometry.surface import BodySurface, Influences
from workers.motion.body_motion import BodyMotion
from workers.platform.compiled import compiled
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices

FRAMES_AT_ONCE = 32


def pose(
    surface: BodySurface,
    motion: BodyMotion,
    frames: Sequence[int] | Indices | None = None,
    vertices: Indices | None = None,
) -> Array:
    """Vertices `(frames, vertices, 3)` of `surface.mesh` in the world, of all frames or of those named; all vertices,
    or some.
    """
    influences = surface.influences
    used, unbound, rest = influences.joints, surface.unbound, surface.rest_m
    chosen = np.arange(motion.frames) if frames is None else np.asarray(frames, dtype=np.int64)
    some = np.arange(len(rest)) if vertices is None else np.ascontiguousarray(vertices)
    result = np.empty((len(chosen), len(some), 3))
    for start in range(0, len(chosen), FRAMES_AT_ONCE):
        now = chosen[start : start + FRAMES_AT_ONCE]
        turn = quat.multiply(motion.rotations[now][:, used], unbound.rotations)
        shift = motion.positions_m[now][:, used] - quat.rotate(turn, unbound.positions_m)
        skin(influences, quat.to_matrix(turn), shift, rest, some, result[start : start + len(now)])
    return result


@compiled
def skin(influences: Influences, turns: Array, shifts: Array, rest: Array, vertices: Indices, moved: Array) -> None:
    """Fill `moved` `(frames, vertices, 3)`; `turns` `(frames, used joints, 3, 3)`, `shifts` `(frames, used joints, 3)`,
    `rest` `(all vertices, 3)`.
    """
    for frame in range(len(moved)):
        for number in range(len(vertices)):
            vertex = vertices[number]
            x, y, z = rest[vertex, 0], rest[vertex, 1], rest[vertex, 2]
            for row in range(3):
                moved[frame, number, row] = 0.0
            for place in range(influences.starts[vertex], influences.starts[vertex + 1]):
                weight, joint = influences.weights[place], influences.columns[place]
                for row in range(3):
                    moved[frame, number, row] += weight * (
                        turns[frame, joint, row, 0] * x
                        + turns[frame, joint, row, 1] * y
                        + turns[frame, joint, row, 2] * z
                        + shifts[frame, joint, row]
                    )
