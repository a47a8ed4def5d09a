"""Touches: where parts of hands, forearms, feet and shins come near to which other part, over a whole clip.

`look_where_it_counts` asks about a pair of parts only in frames that can make or end a contact of theirs: an arm that
hangs at its side touches nothing on purpose, so trunk and legs are asked about it only in the frames before it is
raised and after it was lowered, and further on only while something is near there already. It says what
`workers.geometry.all_touches` says, which is there for reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.parts import GROUP_OF, PARTS, part_index
from workers.geometry.queries.contact_points import Spans, find_points
from workers.geometry.queries.moving import Moving, moving
from workers.geometry.queries.touching import Asked, asked_vertices, find_touching
from workers.geometry.surface import BodySurface
from workers.motion.body_motion import BodyMotion
from workers.skeleton.model import Array, Indices, Mask

TOUCHING = tuple(part_index(side + part) for side in SIDES for part in ("Hand", "LowerArm", "Foot", "LowerLeg"))
FAR_END = 0.85  # share of a forearm or shin from which on it counts as wrist or ankle: the hand's or foot's contact
ENDED = tuple(part_index(side + part) for side in SIDES for part in ("LowerArm", "LowerLeg"))
MAX_POINTS, SPREAD = 4, 0.8  # points of a contact, and how far apart in arm radii
Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Search:
    """What is looked for: parts that touch from when they are closer than `near_m` until they are farther apart than
    `far_m`. `not_meant` are the frames `(frames,)` of pairs of parts in which being near means nothing, `slack` by how
    many frames these can change what is found beside them.
    """

    motion: BodyMotion
    surface: BodySurface
    near_m: float
    far_m: float
    not_meant: Mapping[Pair, Mask]
    slack: int

    @cached_property
    def moving(self) -> Moving:
        return moving(self.surface, self.motion)


@dataclass(frozen=True, eq=False)
class Intervals:
    """`n` pairs of parts, each over some frames."""

    part_a: Indices  # (n,)
    part_b: Indices  # (n,)
    start: Indices  # (n,)
    stop: Indices  # (n,)

    def __len__(self) -> int:
        return len(self.start)

    def chosen(self, rows: Mask | Indices) -> Intervals:
        return Intervals(self.part_a[rows], self.part_b[rows], self.start[rows], self.stop[rows])


class Touches(Protocol):
    """What a search found."""

    def touching(self) -> Mapping[Pair, Mask]:
        """Pairs of parts and the frames `(frames,)` in which they touch."""

    def points(self, intervals: Intervals, frames_each: int) -> Indices:
        """For each interval up to MAX_POINTS vertices of its part a, those closest to its part b first, apart from one
        another at rest; -1 for none. Looked for in up to `frames_each` frames of it.
        """


def may_touch(a: int, b: int) -> bool:
    """Whether the vertices of part `a` are asked about part `b`: of two that may both touch, the first in the order of
    PARTS has the points.
    """
    return a in TOUCHING and GROUP_OF[a] != GROUP_OF[b] and (b not in TOUCHING or a < b)


class TouchesThatCount:
    """The touches that decide what is a contact, by compiled queries."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.asked = _asked(search.surface)

    def touching(self) -> Mapping[Pair, Mask]:
        search, parts = self.search, self.asked.parts
        possible = np.array([[may_touch(int(a), b) for b in range(len(PARTS))] for a in parts], dtype=np.bool_)
        wanted = np.tile(possible.reshape(len(parts), len(PARTS)), (search.motion.frames, 1, 1))
        places = {int(part): place for place, part in enumerate(parts)}
        for (a, b), mask in search.not_meant.items():
            if a in places:
                wanted[:, places[a], b] &= widened(~mask, search.slack)
        found = find_touching(search.moving, self.asked, wanted, search.near_m, search.far_m)
        pairs = np.argwhere(found.any(axis=0))
        return {(int(parts[place]), int(b)): np.ascontiguousarray(found[:, place, b]) for place, b in pairs}

    def points(self, intervals: Intervals, frames_each: int) -> Indices:
        search = self.search
        spans = Spans(
            np.searchsorted(self.asked.parts, intervals.part_a), intervals.part_b, intervals.start, intervals.stop
        )
        apart = SPREAD * search.surface.arm_radius_m
        return find_points(search.moving, self.asked, spans, frames_each, search.far_m, MAX_POINTS, apart)


def look_where_it_counts(search: Search) -> Touches:
    """The touches that decide what is a contact."""
    return TouchesThatCount(search)


def asked_of(surface: BodySurface) -> Indices:
    """The vertices that are asked about."""
    return surface.limb_vertices[np.isin(surface.parts[surface.limb_vertices], TOUCHING)]


@lru_cache(maxsize=16)
def _asked(surface: BodySurface) -> Asked:
    """What is part of the bind pose or dressed does not count, nor does what lies at a wrist or ankle."""
    vertices = asked_of(surface)
    counts = ~surface.ignored[vertices] & (surface.rest_depth_m[vertices][:, GROUP_OF[: len(PARTS)]] == 0.0)
    rest = surface.mesh.positions_m
    along = np.full(surface.outer_faces.shape, -np.inf)
    for part in ENDED:
        if part in surface.frames:
            shares = surface.frames[part].coordinates(rest)[0]
            counts[(surface.parts[vertices] == part) & (shares[vertices] > FAR_END)] = False
            own = surface.outer_face_parts == part
            along[own] = shares[surface.outer_faces[own]]
    return asked_vertices(surface, vertices, counts, along, FAR_END)[0]


def widened(mask: Mask, frames: int) -> Mask:
    """The mask, and as many frames on both sides of each run."""
    padded = np.pad(mask, frames)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * frames + 1).any(axis=1))


def spread_points(rest_m: Array, order: Indices, apart_m: float) -> Indices:
    """The first of some vertices in `order`, up to MAX_POINTS, apart from one another at rest; -1 for none."""
    rest = rest_m[order]
    result = np.full(MAX_POINTS, -1, dtype=np.int64)
    apart = np.ones(len(order), dtype=np.bool_)
    for point in range(MAX_POINTS):
        if not apart.any():
            break
        chosen = int(apart.argmax())
        result[point] = order[chosen]
        apart &= np.linalg.norm(rest - rest[chosen], axis=1) > apart_m
    return result
