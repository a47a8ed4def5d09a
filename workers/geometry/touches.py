"""Touches: which vertices of hands, forearms, feet and shins come near to which other part, over a whole clip.

`look_where_it_counts` asks about a pair of parts only in frames that can make or end a contact of theirs: an arm that
hangs at its side touches nothing on purpose, so trunk and legs are asked about it only in the frames before it is
raised and after it was lowered, and further on only where something is near there already. What is asked is answered
as `look_everywhere` answers it, which is there for reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.near_body import allowed_m, near_body
from workers.geometry.nearest import Near, find_near
from workers.geometry.parts import GROUP_OF, PARTS, part_index
from workers.geometry.posing import pose
from workers.geometry.surface import BodySurface
from workers.motion.body_motion import BodyMotion
from workers.motion.intervals import runs
from workers.skeleton.model import Array, Indices, Mask

TOUCHING = tuple(part_index(side + part) for side in SIDES for part in ("Hand", "LowerArm", "Foot", "LowerLeg"))
FAR_END = 0.85  # share of a forearm or shin from which on it counts as wrist or ankle
FRAMES_AT_ONCE = 128
Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Touches:
    """`n` vertices, each in a frame in which it is near to another part, or inside it."""

    frame: Indices  # (n,)
    vertex: Indices  # (n,)
    part_b: Indices  # (n,) the part it is near to
    distance_m: Array  # (n,) negative inside

    def __len__(self) -> int:
        return len(self.frame)

    def chosen(self, rows: Mask | Indices) -> Touches:
        return Touches(self.frame[rows], self.vertex[rows], self.part_b[rows], self.distance_m[rows])

    @staticmethod
    def joined(pieces: list[Touches]) -> Touches:
        none = np.zeros(0, dtype=np.int64)
        columns = zip(*(vars(piece).values() for piece in pieces), strict=True)
        return Touches(*map(np.concatenate, columns)) if pieces else Touches(none, none, none, np.zeros(0))


@dataclass(frozen=True, eq=False)
class Search:
    """What is looked for: vertices up to `reach_m` outside. `not_meant` are the frames `(frames,)` of pairs of parts in
    which being near means nothing, `slack` by how many frames these can change what is found beside them.
    """

    motion: BodyMotion
    surface: BodySurface
    reach_m: float
    not_meant: Mapping[Pair, Mask]
    slack: int


def may_touch(a: int, b: int) -> bool:
    """Whether the vertices of part `a` are asked about part `b`: of two that may both touch, the first in the order of
    PARTS has the points.
    """
    return a in TOUCHING and GROUP_OF[a] != GROUP_OF[b] and (b not in TOUCHING or a < b)


def look_where_it_counts(search: Search) -> Touches:
    """The touches that decide what is a contact."""
    frames = search.motion.frames
    possible = np.array([[may_touch(a, b) for b in range(len(PARTS))] for a in range(len(PARTS))])
    asked = np.tile(possible, (frames, 1, 1))
    for (a, b), mask in search.not_meant.items():
        asked[:, a, b] &= _widened(~mask, search.slack)
    found, now = [_look(search, asked)], asked
    while True:
        touches = Touches.joined(found)
        now = _further(search, touches, asked)
        if not now.any():
            return touches
        found.append(_look(search, now))
        asked |= now


def look_everywhere(search: Search) -> Touches:
    """All touches, in every frame, by numpy, k-d trees and libigl."""
    surface = search.surface
    found = []
    for start in range(0, search.motion.frames, FRAMES_AT_ONCE):
        some = np.arange(start, min(start + FRAMES_AT_ONCE, search.motion.frames))
        queries = _queries(surface)
        vertices = pose(surface, search.motion, some)
        parts = surface.parts[queries]
        near = find_near(surface.target, vertices, queries, parts, search.reach_m, surface.ignored)
        touches = _counted(surface, near, some)
        pairs = np.stack([surface.parts[touches.vertex], touches.part_b], axis=1)
        found.append(touches.chosen(np.array([may_touch(int(a), int(b)) for a, b in pairs], dtype=np.bool_)))
    return Touches.joined(found)


def _further(search: Search, touches: Touches, asked: Mask) -> Mask:
    """Frames of pairs of parts that were not asked about, but next to some that were and where they are near."""
    result = np.zeros_like(asked)
    parts = search.surface.parts[touches.vertex]
    for a, b in search.not_meant:
        if asked[:, a, b].all():
            continue
        near = np.zeros(len(asked), dtype=np.bool_)
        near[touches.frame[(parts == a) & (touches.part_b == b)]] = True
        for start, stop in runs(~asked[:, a, b]):
            if (start > 0 and near[start - 1]) or (stop < len(near) and near[stop]):
                result[start:stop, a, b] = True
    return result


def _look(search: Search, asked: Mask) -> Touches:
    """What is asked `(frames, parts, parts)`, and no more."""
    surface, queries = search.surface, _queries(search.surface)
    some = np.flatnonzero(asked.any(axis=(1, 2)))
    found = []
    for start in range(0, len(some), FRAMES_AT_ONCE):
        frames = some[start : start + FRAMES_AT_ONCE]
        near, _ = near_body(surface, pose(surface, search.motion, frames), queries, search.reach_m, asked[frames])
        touches = _counted(surface, near, frames)
        found.append(touches.chosen(asked[touches.frame, surface.parts[touches.vertex], touches.part_b]))
    return Touches.joined(found)


def _queries(surface: BodySurface) -> Indices:
    return surface.limb_vertices[np.isin(surface.parts[surface.limb_vertices], TOUCHING)]


def _counted(surface: BodySurface, near: Near, frames: Indices) -> Touches:
    """Pairs that are no part of the bind pose and not at a wrist or ankle, by the frames of the clip."""
    rows = (allowed_m(surface, near) == 0.0) & ~_wrist_or_ankle(surface, near)
    part_b = surface.outer_face_parts[near.face]
    return Touches(frames[near.frame], near.vertex, part_b, near.distance_m).chosen(rows)


def _wrist_or_ankle(surface: BodySurface, near: Near) -> Mask:
    """Pairs at the far end of a forearm or shin: what touches there is the hand's or the foot's contact."""
    rest = surface.mesh.positions_m
    places = np.einsum("nc,ncd->nd", near.shares, rest[surface.outer_faces[near.face]])
    result = np.zeros(len(near), dtype=np.bool_)
    for part in (part_index(side + role) for side in SIDES for role in ("LowerArm", "LowerLeg")):
        if part in surface.frames:
            along = surface.frames[part].coordinates
            mine = np.flatnonzero(surface.parts[near.vertex] == part)
            result[mine] |= along(rest[near.vertex[mine]])[0] > FAR_END
            theirs = np.flatnonzero(surface.outer_face_parts[near.face] == part)
            result[theirs] |= along(places[theirs])[0] > FAR_END
    return result


def _widened(mask: Mask, frames: int) -> Mask:
    """The mask, and as many frames on both sides of each run."""
    padded = np.pad(mask, frames)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * frames + 1).any(axis=1))
