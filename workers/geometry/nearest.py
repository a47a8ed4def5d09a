"""Nearest surface, for reference: what `workers.geometry.queries.near` finds, in numpy, k-d trees and libigl.

For limb vertices, the closest place on the rest of the body, and on which side of it they are. Close to the surface,
inside is decided by the normal at the closest place together with a vote of the nearest faces, so that single faces
that are turned over or stick out do not decide. Deeper, and beside open borders, where normals mislead, the winding
number has the last word. Distances are those to the closest of the nearest few faces.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from workers.geometry.parts import GROUP_OF
from workers.geometry.queries.face_tree import FaceTree, build_tree, first_places
from workers.geometry.queries.triangles import ON_EDGE
from workers.geometry.winding import Patch
from workers.skeleton.model import Array, Indices, Mask

CANDIDATES = 8
VOTE = 0.5  # share of the nearest faces that must see a point behind them for it to be inside
FRAMES_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class Near:
    """Pairs of a limb vertex and its closest place on the surface of the rest of the body; `n` pairs in all."""

    frame: Indices  # (n,)
    vertex: Indices  # (n,)
    face: Indices  # (n,)
    shares: Array  # (n, 3) barycentric, of the corners of the face
    outward: Array  # (n, 3) unit, from the surface out: `vertex = place + distance * outward`
    distance_m: Array  # (n,) negative inside

    def __len__(self) -> int:
        return len(self.frame)

    def chosen(self, rows: Mask | Indices) -> Near:
        return Near(*(values[rows] for values in vars(self).values()))


def none_near() -> Near:
    none = np.zeros(0, dtype=np.int64)
    return Near(none, none, none, np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))


class Target:
    """Faces to be near to, with what does not change from pose to pose."""

    def __init__(self, faces: Indices, parts: Indices, positions_m: Array, deepest_m: float, shallow_m: float) -> None:
        """`parts` `(faces,)`; `positions_m` `(vertices, 3)` in any pose, to find open borders. Nothing is deeper
        inside than `deepest_m`; normals are trusted down to `shallow_m`.
        """
        self.faces, self.parts, self.deepest_m, self.shallow_m = faces, parts, deepest_m, shallow_m
        self.positions_m = positions_m
        self.groups = GROUP_OF[parts]
        rows = faces.ravel()
        columns = np.repeat(np.arange(len(faces)), 3)
        self.around = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(positions_m), len(faces)))
        self.patches = {int(part): Patch(faces[parts == part]) for part in np.unique(parts)}
        self._others: dict[int, Patch] = {}
        self.border, self.border_corners = _open_borders(faces, positions_m)

    @cached_property
    def tree(self) -> FaceTree:
        return build_tree(self.faces, self.parts, self.positions_m)

    @cached_property
    def places(self) -> Indices:
        """A number for each vertex `(vertices,)`, close for neighbours: where the tree has it first."""
        return first_places(self.tree, len(self.positions_m))

    def others(self, group: int) -> Patch:
        """The faces of all groups but one."""
        if group not in self._others:
            self._others[group] = Patch(self.faces[self.groups != group])
        return self._others[group]

    def normals(self, positions_m: Array) -> tuple[Array, Array]:
        """Unit normals of faces `(frames, faces, 3)` and of vertices `(frames, vertices, 3)`, weighted by area."""
        a, b, c = (positions_m[:, self.faces[:, corner]] for corner in range(3))
        area = np.cross(b - a, c - a)
        frames, count = area.shape[:2]
        summed = self.around @ area.transpose(1, 0, 2).reshape(count, -1)
        smooth = summed.reshape(-1, frames, 3).transpose(1, 0, 2)
        return _unit(area), _unit(smooth)


def find_near(
    target: Target,
    positions_m: Array,
    queries: Indices,
    query_parts: Indices,
    reach_m: float,
    ignored: Mask,
) -> Near:
    """Pairs at most `reach_m` outside the surface of all groups but the query's own, or inside it.

    `positions_m` `(frames, vertices, 3)`; `queries` are vertices, `query_parts` their parts. A vertex whose closest
    place is on a part that it has `ignored` `(vertices, parts)` makes no pair. The closest place is that of the nearest
    `CANDIDATES` faces by their centres: on a coarse mesh the closest face is not always among them.
    """
    query_groups = GROUP_OF[query_parts]
    parts = [
        _near_chunk(
            target,
            positions_m[start : start + FRAMES_AT_ONCE],
            queries,
            query_groups,
            reach_m,
            ignored,
            start,
        )
        for start in range(0, len(positions_m), FRAMES_AT_ONCE)
    ]
    return Near(*(np.concatenate(values) for values in zip(*(vars(part).values() for part in parts), strict=True)))


def _near_chunk(
    target: Target,
    positions: Array,
    queries: Indices,
    query_groups: Indices,
    reach: float,
    ignored: Mask,
    first: int,
) -> Near:
    corners = positions[:, target.faces]
    centres = corners.mean(axis=2)
    sizes = np.sqrt(((corners - centres[:, :, None]) ** 2).sum(-1).max(axis=-1))
    flat, smooth = target.normals(positions)
    bounded = _bounded(target, positions, queries, query_groups, reach, ignored)
    found: list[tuple[Indices, Indices, Indices, Indices]] = []
    for group in np.unique(query_groups):
        others = np.flatnonzero(target.groups != group)
        own_rows = np.flatnonzero(query_groups == group)
        count = min(CANDIDATES, len(others))
        if not count:
            continue
        for frame in np.flatnonzero(bounded[:, own_rows].any(axis=1)):
            own = queries[own_rows[bounded[frame, own_rows]]]
            tree = cKDTree(centres[frame, others], balanced_tree=False, compact_nodes=False)
            points = positions[frame, own]
            distance, nearest = tree.query(points)
            nearest = others[nearest]
            behind = np.einsum("ij,ij->i", flat[frame, nearest], points - centres[frame, nearest]) < 0.0
            close = distance < reach + sizes[frame, nearest]
            close |= behind & (distance < target.deepest_m + sizes[frame, nearest])
            if close.any():
                _, several = tree.query(points[close], k=count)
                number = int(close.sum())
                candidates = others[several.reshape(-1, count)]
                found.append((np.full(number, frame), own[close], np.full(number, group), candidates))
    if not found:
        return none_near()
    width = min(candidates.shape[1] for *_, candidates in found)
    frames, vertex, own_group = (np.concatenate([item[k] for item in found]) for k in (0, 1, 2))
    faces = np.concatenate([item[3][:, :width] for item in found])
    points = positions[frames, vertex]
    shares, squared = closest_on_triangles(points[:, None], corners[frames[:, None], faces])
    best = squared.argmin(axis=1)
    rows = np.arange(len(points))
    face, shares = faces[rows, best], shares[rows, best]
    away = points - np.einsum("nc,ncd->nd", shares, corners[frames, face])
    normal = _unit(np.einsum("nc,ncd->nd", shares, smooth[frames[:, None], target.faces[face]]))
    side = np.einsum("nd,nd->n", normal, away)
    facing = points[:, None] - centres[frames[:, None], faces]
    votes = np.einsum("nkd,nkd->nk", flat[frames[:, None], faces], facing) < 0.0
    length = np.linalg.norm(away, axis=1)
    at_border = ((shares < ON_EDGE) & target.border[face]).any(axis=1)
    at_border |= ((shares > 1.0 - ON_EDGE) & target.border_corners[face]).any(axis=1)
    known = ~ignored[vertex, target.parts[face]]
    inside = known & (side < 0.0) & ((votes.mean(axis=1) >= VOTE) | at_border)
    doubtful = np.flatnonzero(inside & ((length > target.shallow_m) | at_border) & (length < target.deepest_m))
    inside[doubtful] = _wound(target, positions, frames[doubtful], vertex[doubtful], own_group[doubtful])
    sign = np.where(inside, -1.0, 1.0)
    outward = np.where((length > 1e-9)[:, None], away * (sign / np.maximum(length, 1e-9))[:, None], normal)
    distance = sign * length
    kept = known & (distance < reach) & (-distance < target.deepest_m)
    return Near(frames[kept] + first, vertex[kept], face[kept], shares[kept], outward[kept], distance[kept])


def _bounded(
    target: Target, positions: Array, queries: Indices, query_groups: Indices, reach: float, ignored: Mask
) -> Mask:
    """Which queries lie in the bounds of a part that counts for them, or within reach of these `(frames, queries)`."""
    found = np.zeros((len(positions), len(queries)), dtype=np.bool_)
    for part, patch in target.patches.items():
        rows = np.flatnonzero((query_groups != GROUP_OF[part]) & ~ignored[queries, part])
        places = positions[:, patch.used]
        low, high = places.min(axis=1, keepdims=True) - reach, places.max(axis=1, keepdims=True) + reach
        points = positions[:, queries[rows]]
        found[:, rows] |= ((points >= low) & (points <= high)).all(axis=-1)
    return found


def _wound(target: Target, positions: Array, frame: Indices, vertex: Indices, group: Indices) -> Mask:
    """Whether each vertex lies inside the surface of all groups but its own, by winding number."""
    inside = np.zeros(len(frame), dtype=np.bool_)
    pair = frame * (int(target.groups.max(initial=0)) + 1) + group
    for number in np.unique(pair):
        rows = np.flatnonzero(pair == number)
        places = positions[frame[rows[0]]]
        inside[rows] = target.others(int(group[rows[0]])).winding_numbers(places, places[vertex[rows]]) > 0.5
    return inside


def closest_on_triangles(points: Array, corners: Array) -> tuple[Array, Array]:
    """Barycentric shares `(..., 3)` of the closest place on each triangle `(..., 3, 3)`, and its squared distance."""
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (np.einsum("...d,...d->...", u, v) for u, v in ((ab, ab), (ab, ac), (ac, ac)))
    d20, d21 = (np.einsum("...d,...d->...", ap, v) for v in (ab, ac))
    determinant = d00 * d11 - d01 * d01
    whole = np.where(determinant > 1e-30, determinant, 1.0)
    v, w = (d11 * d20 - d01 * d21) / whole, (d00 * d21 - d01 * d20) / whole
    face = np.stack([1.0 - v - w, v, w], axis=-1)
    within = (face >= 0.0).all(axis=-1) & (determinant > 1e-30)
    bc, bp = c - b, points - b
    t_ab, t_ac = (np.clip(d / np.maximum(length, 1e-30), 0.0, 1.0) for d, length in ((d20, d00), (d21, d11)))
    t_bc = np.clip(
        np.einsum("...d,...d->...", bp, bc) / np.maximum(np.einsum("...d,...d->...", bc, bc), 1e-30), 0.0, 1.0
    )
    zero = np.zeros_like(t_ab)
    edges = np.stack(
        [
            np.stack([1.0 - t_ab, t_ab, zero], axis=-1),
            np.stack([1.0 - t_ac, zero, t_ac], axis=-1),
            np.stack([zero, 1.0 - t_bc, t_bc], axis=-1),
        ],
        axis=-2,
    )
    away = points[..., None, :] - edges @ corners
    squared = np.einsum("...d,...d->...", away, away)
    best = squared.argmin(axis=-1)[..., None]
    shares = np.where(within[..., None], face, np.take_along_axis(edges, best[..., None], axis=-2)[..., 0, :])
    away = points - np.einsum("...c,...cd->...d", shares, corners)
    return shares, np.einsum("...d,...d->...", away, away)


def _open_borders(faces: Indices, positions_m: Array) -> tuple[Mask, Mask]:
    """Whether the edge opposite each corner `(faces, 3)` belongs to this face alone, and whether the corner lies on
    such an edge of any face; vertices at one place count as one.
    """
    extent = max(float(np.ptp(positions_m, axis=0).max(initial=0.0)), 1e-9)
    place = np.unique(np.round(positions_m / (1e-6 * extent)), axis=0, return_inverse=True)[1].reshape(-1)
    corners = place[faces]
    edges = np.sort(np.stack([corners[:, [1, 2]], corners[:, [2, 0]], corners[:, [0, 1]]], axis=1), axis=-1)
    _, number, counts = np.unique(edges.reshape(-1, 2), axis=0, return_inverse=True, return_counts=True)
    single: Mask = (counts[number.reshape(-1)] == 1).reshape(-1, 3)
    open_places = np.zeros(len(positions_m), dtype=np.bool_)
    open_places[edges[single]] = True
    return single, open_places[corners]


def _unit(vectors: Array) -> Array:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result: Array = vectors / np.maximum(length, 1e-20)
    return result
