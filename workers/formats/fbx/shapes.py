"""Blend shapes, read through the binding: those at weight 0 as targets, the others as the file shows the mesh.

A channel takes its last shape, which counts at the full weight; those on the way there are left out. For the child
process only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workers.formats.fbx.binding import each, integers, kept, vectors
from workers.formats.fbx.model import FbxScene, FbxShape
from workers.formats.limits import Limits, check_limit
from workers.skeleton.model import Array


def blended(mesh: Any, positions: Array) -> Array:
    """Vertices `(vertices, 3)` with the blend shapes at the weights that the file holds."""
    for deformer in each(mesh.blend_deformers):
        if any(float(channel.weight) for channel in each(deformer.channels)):
            offsets = [deformer.get_vertex_offset(vertex) for vertex in range(len(positions))]
            positions = positions + np.array(offsets, dtype=np.float64).reshape(-1, 3)
    return positions


def read_shapes(mesh: Any, name: str, scene: FbxScene, limits: Limits) -> list[FbxShape]:
    """The shapes of a mesh that can still be blended in. Raises TooLarge."""
    count, shown, stepped = int(mesh.num_vertices), 0, 0
    shapes: list[FbxShape] = []
    for channel in (channel for deformer in each(mesh.blend_deformers) for channel in each(deformer.channels)):
        keys = list(each(channel.keyframes))
        shown += float(channel.weight) != 0.0
        if not keys or float(channel.weight) != 0.0:
            continue
        stepped += len(keys) > 1
        check_limit(3 * count * (len(shapes) + 1), limits.accessor_elements, "blend shape values", f"mesh {name!r}")
        shape = kept(keys[-1].shape)
        places, offsets = integers(shape.offset_vertices), vectors(shape.position_offsets, 3)
        listed = min(len(places), len(offsets))
        places, offsets = places[:listed], offsets[:listed]
        sound = (places >= 0) & (places < count) & np.all(np.abs(offsets) < 1e30, axis=1)
        shapes.append(FbxShape(str(channel.name) or str(shape.name), places[sound], offsets[sound]))
    if shown:
        text = f"mesh {name!r}: {shown} of its blend shapes stay at the weights that the file holds"
        scene.warn("blend-shapes-dropped", text)
    if stepped:
        scene.warn("blend-steps-dropped", f"mesh {name!r}: {stepped} blend shapes in steps go straight to the last one")
    return shapes
