"""Which joints hold skin, and how much of it hangs on joints that nothing moves.

Weights decide, not what a file lists as joints: exporters list every bone of an armature. Traces of weight, as
automatic weighting leaves on bones far away, do not count as holding skin.
"""

from __future__ import annotations

import numpy as np

from workers.skeleton.model import Array, Mask, Mesh, Skeleton

MIN_VERTICES = 0.5  # in all: what a joint holds, in whole vertices
MIN_WEIGHT = 0.1  # at one vertex at least


def skin_holders(mesh: Mesh, joints: int) -> Mask:
    """Joints `(joints,)` that hold a part of the surface worth speaking of."""
    total, most = np.zeros(joints), np.zeros(joints)
    np.add.at(total, mesh.joints.ravel(), mesh.weights.ravel())
    np.maximum.at(most, mesh.joints.ravel(), mesh.weights.ravel())
    return np.asarray((total >= MIN_VERTICES) & (most >= MIN_WEIGHT))


def reaches(skeleton: Skeleton, chosen: Mask) -> Mask:
    """Joints `(joints,)` that are chosen or have a chosen one below them."""
    result = chosen.copy()
    for joint in range(len(skeleton) - 1, -1, -1):
        parent = int(skeleton.parents[joint])
        if parent >= 0 and result[joint]:
            result[parent] = True
    return result


def below(skeleton: Skeleton, chosen: Mask) -> Mask:
    """Joints `(joints,)` that are chosen or hang below a chosen one."""
    result = chosen.copy()
    for joint, parent in enumerate(skeleton.parents):
        result[joint] |= bool(parent >= 0 and result[parent])
    return result


def unmoved_skin(skeleton: Skeleton, mesh: Mesh, moved: Mask) -> tuple[float, tuple[str, ...]]:
    """Share of the surface (0-1, by area in the rest pose) that hangs on joints which nothing moves, and their names.

    `moved` `(joints,)` marks joints that are keyed or that the body carries; what hangs below one moves with it. Names
    come in order of the surface they hold, most first; traces of weight are left out of both.
    """
    holders = skin_holders(mesh, len(skeleton))
    still = ~below(skeleton, moved) & holders
    areas = vertex_areas(mesh)
    held = np.zeros(len(skeleton))
    np.add.at(held, mesh.joints.ravel(), (areas[:, None] * mesh.weights).ravel())
    whole = float(held.sum())
    names = [skeleton.names[j] or f"#{int(skeleton.file_indices[j])}" for j in np.argsort(-held) if still[j]]
    return (float(held[still].sum()) / whole if whole > 0.0 else 0.0), tuple(names)


def vertex_areas(mesh: Mesh) -> Array:
    """A third of each face's area to each of its corners `(vertices,)`; all alike for a surface without area."""
    areas = np.zeros(len(mesh.positions_m))
    if len(mesh.faces):
        a, b, c = (mesh.positions_m[mesh.faces[:, corner]] for corner in range(3))
        face = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6.0
        np.add.at(areas, mesh.faces.ravel(), np.repeat(face, 3))
    return areas if areas.any() else np.ones(len(areas))
