"""Touches of all limb vertices in every frame, for reference: by numpy, k-d trees and libigl, many times slower."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from workers.geometry.near_body import allowed_m
from workers.geometry.nearest import Near, find_near
from workers.geometry.parts import PARTS
from workers.geometry.posing import pose
from workers.geometry.queries.contact_points import ALIKE
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

FRAMES_AT_ONCE = 128
CANDIDATES = 64  # faces among which the closest is


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
    for start in range(0, search.motion.frames, FRAMES_AT_ONCE):
        some = np.arange(start, min(start + FRAMES_AT_ONCE, search.motion.frames))
        vertices = pose(surface, search.motion, some)
        parts = surface.parts[queries]
        near = find_near(surface.target, vertices, queries, parts, search.far_m, surface.ignored, CANDIDATES)
        near = near.chosen((allowed_m(surface, near) == 0.0) & ~_wrist_or_ankle(surface, near))
        part_b = surface.outer_face_parts[near.face]
        pairs = zip(surface.parts[near.vertex], part_b, strict=True)
        rows = np.array([may_touch(int(a), int(b)) for a, b in pairs], dtype=np.bool_)
        found.append((some[near.frame[rows]], near.vertex[rows], part_b[rows], near.distance_m[rows]))
    none = np.zeros(0, dtype=np.int64)
    columns = zip(*(found or [(none, none, none, np.zeros(0))]), strict=True)
    frame, vertex, part_b, distance = (np.concatenate(values) for values in columns)
    return AllTouches(search, frame, vertex, part_b, distance)


def _wrist_or_ankle(surface: BodySurface, near: Near) -> Mask:
    """Pairs at the far end of a forearm or shin: what touches there is the hand's or the foot's contact."""
    rest = surface.mesh.positions_m
    places = np.einsum("nc,ncd->nd", near.shares, rest[surface.outer_faces[near.face]])
    result = np.zeros(len(near), dtype=np.bool_)
    for part in ENDED:
        if part in surface.frames:
            along = surface.frames[part].coordinates
            mine = np.flatnonzero(surface.parts[near.vertex] == part)
            result[mine] |= along(rest[near.vertex[mine]])[0] > FAR_END
            theirs = np.flatnonzero(surface.outer_face_parts[near.face] == part)
            result[theirs] |= along(places[theirs])[0] > FAR_END
    return result
