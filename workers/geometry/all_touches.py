"""Touches of all limb vertices in every frame, for reference: by numpy and libigl, many times slower.

The closest of all faces; behind it by its normal, on an edge by those of the corners; and, where that is deep or beside
an open border, inside by the winding number itself and no approximation of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from workers.geometry.nearest import closest_on_triangles
from workers.geometry.parts import GROUP_OF, PARTS
from workers.geometry.posing import pose
from workers.geometry.queries.contact_points import ALIKE
from workers.geometry.queries.triangles import ON_EDGE
from workers.geometry.surface import BodySurface
from workers.geometry.touches import (
    ENDED,
    FAR_END,
    MAX_POINTS,
    SPREAD,
    Intervals,
    Pair,
    Search,
    Touches,
    asked_of,
    may_touch,
    spread_points,
)
from workers.motion.intervals import hysteresis
from workers.skeleton.model import Array, Indices, Mask


@dataclass(frozen=True, eq=False)
class AllTouches:
    """`n` vertices, each in a frame in which it is near to another part, or inside it."""

    search: Search
    frame: Indices  # (n,)
    vertex: Indices  # (n,)
    part_b: Indices  # (n,) the part it is near to
    distance_m: Array  # (n,) negative inside

    def touching(self) -> Mapping[Pair, Mask]:
        pair = self.search.surface.parts[self.vertex] * len(PARTS) + self.part_b
        result: dict[Pair, Mask] = {}
        for number in np.unique(pair):
            rows = pair == number
            closest = np.full(self.search.motion.frames, np.inf)
            np.minimum.at(closest, self.frame[rows], self.distance_m[rows])
            touching = hysteresis(closest < self.search.near_m, closest < self.search.far_m)
            if touching.any():
                result[int(number) // len(PARTS), int(number) % len(PARTS)] = touching
        return result

    def points(self, intervals: Intervals, frames_each: int) -> Indices:
        surface = self.search.surface
        points = np.full((len(intervals), MAX_POINTS), -1, dtype=np.int64)
        parts = surface.parts[self.vertex]
        for number in range(len(intervals)):
            start, stop = intervals.start[number], intervals.stop[number]
            rows = (parts == intervals.part_a[number]) & (self.part_b == intervals.part_b[number])
            rows &= (self.frame >= start) & (self.frame < stop)
            vertices, which = np.unique(self.vertex[rows], return_inverse=True)
            # A vertex out of reach in a frame counts as far away there.
            distance = self.distance_m[rows]
            away = np.maximum(distance, 0.0) - distance.max(initial=0.0)
            sums = np.bincount(which, away, len(vertices)) / (stop - start)
            order = vertices[np.argsort(np.round(sums, ALIKE), kind="stable")]
            points[number] = spread_points(surface.mesh.positions_m, order, SPREAD * surface.arm_radius_m)
        return points


def look_everywhere(search: Search) -> Touches:
    """All touches, in every frame."""
    surface, queries = search.surface, asked_of(search.surface)
    found: list[tuple[Indices, Indices, Indices, Array]] = []
    for frame in range(search.motion.frames):
        (places,) = pose(surface, search.motion, [frame])
        for group in np.unique(GROUP_OF[surface.parts[queries]]):
            own = queries[GROUP_OF[surface.parts[queries]] == group]
            near = _near(surface, places, own, int(group), search.far_m)
            near = near.chosen(_counts(surface, near))
            part_b = surface.outer_face_parts[near.face]
            pairs = zip(surface.parts[near.vertex], part_b, strict=True)
            rows = np.array([may_touch(int(a), int(b)) for a, b in pairs], dtype=np.bool_)
            found.append((np.full(int(rows.sum()), frame), near.vertex[rows], part_b[rows], near.distance_m[rows]))
    none = np.zeros(0, dtype=np.int64)
    columns = zip(*(found or [(none, none, none, np.zeros(0))]), strict=True)
    frame_, vertex, part_b, distance = (np.concatenate(values) for values in columns)
    return AllTouches(search, frame_, vertex, part_b, distance)


@dataclass(frozen=True, eq=False)
class _Near:
    """Vertices that are near to faces of other groups, or inside them."""

    vertex: Indices  # (n,)
    face: Indices  # (n,)
    shares: Array  # (n, 3)
    distance_m: Array  # (n,) negative inside

    def chosen(self, rows: Mask) -> _Near:
        return _Near(*(values[rows] for values in vars(self).values()))


def _near(surface: BodySurface, places: Array, vertices: Indices, group: int, reach_m: float) -> _Near:
    """For vertices of one group in one pose `(all vertices, 3)`."""
    target, points = surface.target, places[vertices]
    others, patch = np.flatnonzero(target.groups != group), target.others(group)
    if not len(others):
        return _Near(vertices[:0], vertices[:0], np.zeros((0, 3)), np.zeros(0))
    face = others[patch.closest(places, points)[1]]
    corners = places[target.faces[face]]
    shares, squared = closest_on_triangles(points, corners)
    flat, smooth = (normals[0] for normals in target.normals(places[None]))
    rounded = np.einsum("nc,ncd->nd", shares, smooth[target.faces[face]])
    normal = np.where((shares > ON_EDGE).all(axis=1, keepdims=True), flat[face], rounded)
    side: Array = np.einsum("nd,nd->n", normal, points - np.einsum("nc,ncd->nd", shares, corners))
    inside: Mask = side < 0.0
    length = np.sqrt(squared)
    at_border = ((shares < ON_EDGE) & target.border[face]).any(axis=1)
    at_border |= ((shares > 1.0 - ON_EDGE) & target.border_corners[face]).any(axis=1)
    doubtful = np.flatnonzero(inside & ((length > target.shallow_m) | at_border) & (length < target.deepest_m))
    inside[doubtful] = patch.exact_winding_numbers(places, points[doubtful]) > 0.5
    kept = np.where(inside, length < target.deepest_m, length < reach_m)
    return _Near(vertices, face, shares, np.where(inside, -length, length)).chosen(kept)


def _counts(surface: BodySurface, near: _Near) -> Mask:
    """What is part of the bind pose or dressed does not count, nor does what lies at a wrist or ankle."""
    part_b = surface.outer_face_parts[near.face]
    counts = ~surface.ignored[near.vertex, part_b] & (surface.rest_depth_m[near.vertex, GROUP_OF[part_b]] == 0.0)
    rest = surface.mesh.positions_m
    places = np.einsum("nc,ncd->nd", near.shares, rest[surface.outer_faces[near.face]])
    for part in ENDED:
        if part in surface.frames:
            along = surface.frames[part].coordinates
            for own, points in ((surface.parts[near.vertex] == part, rest[near.vertex]), (part_b == part, places)):
                counts[own] &= along(points[own])[0] <= FAR_END
    return np.asarray(counts)
