"""Polygons cut into triangles, and the corners of a mesh welded into shared vertices. Pure numpy, no binding.

A quadrilateral is cut along the diagonal that leaves both halves facing the same way (the shorter one where both do);
polygons with more corners are cut by clipping ears in the plane of their Newell normal (Meisters, "Polygons have ears",
1975), or as a fan beyond `_MAX_EARS` corners.
"""

from __future__ import annotations

import numpy as np

from workers.skeleton.model import Array, Indices

_MAX_EARS = 256


def triangulate(faces: Indices, points: Array) -> tuple[Indices, Indices]:
    """Triangles `(n, 3)` of corners, and the face `(n,)` of each.

    `faces` are (first corner, corners), `points` the corners' positions `(corners, 3)`. Faces with fewer than three
    corners or beyond the list of corners are left out.
    """
    starts, sizes = faces[:, 0], faces[:, 1]
    whole = (starts >= 0) & (sizes >= 3) & (starts + sizes <= len(points))
    threes, fours = np.flatnonzero(whole & (sizes == 3)), np.flatnonzero(whole & (sizes == 4))
    pieces = [starts[threes, None] + np.arange(3)]
    owners = [threes]
    if len(fours):
        pieces.append(_cut_quads(starts[fours, None] + np.arange(4), points))
        owners.append(np.repeat(fours, 2))
    for face in np.flatnonzero(whole & (sizes > 4)).tolist():
        cut = _clip_ears(points[starts[face] : starts[face] + sizes[face]]) + starts[face]
        pieces.append(cut)
        owners.append(np.full(len(cut), face))
    triangles, owner = np.concatenate(pieces), np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return triangles[order].astype(np.int64), owner[order].astype(np.int64)


def _cut_quads(quads: Indices, points: Array) -> Indices:
    p = points[quads]
    halves = np.array([[[0, 1, 2], [0, 2, 3]], [[0, 1, 3], [1, 2, 3]]])  # along 0-2, along 1-3
    normals = [[_normal(p[:, half]) for half in cut] for cut in halves]
    facing = [np.einsum("ni,ni->n", first, second) > 0.0 for first, second in normals]
    lengths = [np.linalg.norm(p[:, 0] - p[:, 2], axis=1), np.linalg.norm(p[:, 1] - p[:, 3], axis=1)]
    second_diagonal = np.where(facing[0] == facing[1], lengths[1] < lengths[0], facing[1])
    chosen = halves[second_diagonal.astype(np.int64)]  # (quads, 2, 3)
    return np.take_along_axis(quads[:, None, :], chosen, axis=2).reshape(-1, 3)


def _normal(triangles: Array) -> Array:
    return np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])


def _clip_ears(polygon: Array) -> Indices:
    count = len(polygon)
    fan = np.stack([np.zeros(count - 2), np.arange(1, count - 1), np.arange(2, count)], axis=1).astype(np.int64)
    if count > _MAX_EARS:
        return fan
    flat = _in_plane(polygon)
    if _is_convex(flat):
        return fan
    left = list(range(count))
    triangles = []
    while len(left) > 3:
        ear = next((place for place in range(len(left)) if _is_ear(flat, left, place)), None)
        if ear is None:
            return fan  # it crosses itself: no cut is right
        triangles.append([left[ear - 1], left[ear], left[(ear + 1) % len(left)]])
        del left[ear]
    return np.array([*triangles, left], dtype=np.int64)


def _in_plane(polygon: Array) -> Array:
    """Coordinates `(n, 2)` in which the polygon runs counter-clockwise."""
    normal = np.cross(polygon, np.roll(polygon, -1, axis=0)).sum(axis=0)
    length = float(np.linalg.norm(normal))
    normal = normal / length if length > 0.0 else np.array([0.0, 0.0, 1.0])
    helper = np.eye(3)[int(np.argmin(np.abs(normal)))]
    across = np.cross(helper, normal)
    across /= np.linalg.norm(across)
    return np.stack([polygon @ across, polygon @ np.cross(normal, across)], axis=1)


def _is_convex(flat: Array) -> bool:
    """Never turns right, and goes round once."""
    ways = np.roll(flat, -1, axis=0) - flat
    following = np.roll(ways, -1, axis=0)
    across = ways[:, 0] * following[:, 1] - ways[:, 1] * following[:, 0]
    turns = np.arctan2(across, np.einsum("ni,ni->n", ways, following))
    return bool(np.all(turns >= 0.0) and turns.sum() < 3.0 * np.pi)


def _is_ear(flat: Array, left: list[int], place: int) -> bool:
    before, tip, after = (flat[left[place - 1]], flat[left[place]], flat[left[(place + 1) % len(left)]])
    if _side(before, tip, after) <= 0.0:
        return False
    others = [left[k] for k in range(len(left)) if k not in (place, (place - 1) % len(left), (place + 1) % len(left))]
    q = flat[others]
    inside = (_side(before, tip, q) > 0.0) & (_side(tip, after, q) > 0.0) & (_side(after, before, q) > 0.0)
    return not bool(np.any(inside))


def _side(start: Array, end: Array, points: Array) -> Array:
    """Positive for points to the left of the way from start to end."""
    way = end - start
    result: Array = way[0] * (points[..., 1] - start[1]) - way[1] * (points[..., 0] - start[0])
    return result


def weld(columns: list[Indices | Array]) -> tuple[Indices, Indices]:
    """Corners that are equal in all columns (each `(corners,)` or `(corners, k)`) become one vertex.

    Returns a corner that stands for each vertex, `(vertices,)`, and the vertex of each corner, `(corners,)`.
    """
    label = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        for values in column.reshape(len(column), -1).T:
            _, rank = np.unique(values, return_inverse=True)
            _, label = np.unique(label * (int(rank.max(initial=0)) + 1) + rank, return_inverse=True)
    _, first = np.unique(label, return_index=True)
    # Vertices in the order in which corners use them, which keeps neighbours together.
    order = np.argsort(first, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return first[order].astype(np.int64), place[label]
