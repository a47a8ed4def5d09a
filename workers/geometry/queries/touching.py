"""Which parts of a moving surface touch which, and in what frames: compiled.

Two parts touch in the runs of frames in which they are closer than `far` and that hold a frame in which they are closer
than `near`. One vertex that is close enough decides a pair in a frame, so the one that decided the last frame is asked
first; `far` is asked about only beside frames that touch.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np

from workers.geometry.parts import GROUP_OF, PARTS
from workers.geometry.queries.bounds import holds, overlap
from workers.geometry.queries.face_tree import first_places
from workers.geometry.queries.moving import (
    Closest,
    Moving,
    Pose,
    closest,
    is_behind,
    is_inside,
    pose_room,
    pose_tree,
    take_pose,
)
from workers.geometry.surface import BodySurface
from workers.platform.compiled import compiled
from workers.skeleton.model import Array, Indices, Mask

# Vertices as close to one that is deep in a part as this share of its depth are taken to be deep in the same.
LIKE_IT = 0.3
# Whether a vertex lies deep in a part whose bounds are elsewhere is asked in every so manieth frame, and in all while
# such a part is the closest.
TURNS = 4


class Asked(NamedTuple):
    """Vertices that are asked about, by part, and what they may touch."""

    vertices: Indices  # (rows,)
    parts: Indices  # (asked parts,)
    starts: Indices  # (asked parts + 1,) first row of each
    trees: Indices  # (rows,) a tree that has the vertex
    counts: Mask  # (rows, parts) whether it counts that a vertex is near to a part
    along: Array  # (faces, 3) shares along a part at the corners, where its far end does not count; else minus infinity
    far_end: float
    deepest_m: float
    shallow_m: float  # up to this depth normals tell inside from outside, but for open borders
    border: Mask  # (faces, 3) whether the edge opposite a corner belongs to one face alone
    border_corners: Mask  # (faces, 3) whether the corner lies on such an edge


class Found(NamedTuple):
    """What is known from other poses, and room."""

    guess: Indices  # (rows,) the face that was the closest, or -1
    first: Indices  # (asked parts, parts) the row that decided last, or -1
    trees: Indices  # (trees,) those in whose bounds a part lies
    boxes: Array  # (asked parts, 6)
    posed: Indices  # (asked parts,) the pose that they are posed in, counted from 1
    inside: (
        Indices  # (rows,) the part whose surface it was deep behind when last asked about, + 1; less than 0: not in it
    )
    clear: Array  # (4,) a ball around a place in which nothing touches; no ball where its radius is negative
    within: Array  # (4,) a ball around a place that is inside: all of it is
    shallow: Array  # (4,) a ball around a place in which nothing lies deep in a part that is not settled


def asked_vertices(
    surface: BodySurface, vertices: Indices, counts: Mask, along: Array, far_end: float
) -> tuple[Asked, Indices]:
    """For `vertices`, with `counts` `(vertices, parts)` and `along` `(outer faces, 3)`; and the order of the rows."""
    target = surface.target
    places = first_places(target.tree, len(surface.parts))
    order = np.lexsort((places[vertices], surface.parts[vertices]))
    parts, starts = np.unique(surface.parts[vertices[order]], return_index=True)
    asked = Asked(
        np.ascontiguousarray(vertices[order], dtype=np.int64),
        parts.astype(np.int64),
        np.append(starts, len(vertices)).astype(np.int64),
        (np.searchsorted(target.tree.starts, places[vertices[order]] // 3, side="right") - 1).astype(np.int64),
        np.ascontiguousarray(counts[order]),
        np.ascontiguousarray(along[target.tree.faces], dtype=np.float64).reshape(-1, 3),
        float(far_end),
        float(target.deepest_m),
        float(target.shallow_m),
        np.ascontiguousarray(target.border[target.tree.faces]),
        np.ascontiguousarray(target.border_corners[target.tree.faces]),
    )
    return asked, order


def nothing_found(asked: Asked) -> Found:
    return Found(
        np.full(len(asked.vertices), -1, dtype=np.int64),
        np.full((len(asked.parts), len(PARTS)), -1, dtype=np.int64),
        np.empty(len(PARTS), dtype=np.int64),
        np.empty((len(asked.parts), 6)),
        np.full(len(asked.parts), -1, dtype=np.int64),
        np.zeros(len(asked.vertices), dtype=np.int64),
        np.full(4, -1.0),
        np.full(4, -1.0),
        np.full(4, -1.0),
    )


def find_touching(body: Moving, asked: Asked, wanted: Mask, near_m: float, far_m: float) -> Mask:
    """Frames `(frames, asked parts, parts)` in which parts touch, of those that are `wanted`."""
    touching, apart = np.zeros_like(wanted), np.zeros_like(wanted)
    fill_touching(
        body,
        asked,
        np.ascontiguousarray(wanted),
        near_m,
        far_m,
        pose_room(body),
        pose_room(body),
        nothing_found(asked),
        nothing_found(asked),
        touching,
        apart,
    )
    return touching


@compiled
def fill_touching(
    body: Moving,
    asked: Asked,
    wanted: Mask,
    near: float,
    far: float,
    pose: Pose,
    beside: Pose,
    found: Found,
    found_beside: Found,
    touching: Mask,
    apart: Mask,
) -> None:
    """Fill `touching`. Runs that come from frames that are not wanted are followed there until it is known."""
    frames, parts = wanted.shape[0], wanted.shape[2]
    still = np.zeros(parts, dtype=np.bool_)
    for frame in range(frames):
        for place in range(len(asked.parts)):
            if not any_of(wanted[frame, place]):
                continue
            take_pose(body, frame, pose)
            still[:] = wanted[frame, place]
            settle(body, asked, pose, found, place, near, wanted[frame, place], still)
            followed = False
            for part in range(parts):
                touching[frame, place, part] = wanted[frame, place, part] and not still[part]
                if still[part]:
                    from_before = frame > 0 and touching[frame - 1, place, part]
                    edge = (frame > 0 and not wanted[frame - 1, place, part]) or (
                        frame + 1 < frames and not wanted[frame + 1, place, part]
                    )
                    still[part] = from_before or edge
                    followed |= still[part]
            if not followed:
                continue
            asked_far = still.copy()
            settle(body, asked, pose, found, place, far, asked_far, still)
            for part in range(parts):
                if not asked_far[part]:
                    continue
                if still[part]:
                    apart[frame, place, part] = True
                elif frame > 0 and touching[frame - 1, place, part]:
                    touching[frame, place, part] = True
                else:
                    touching[frame, place, part] = comes_from_beside(
                        body, asked, wanted, near, far, beside, found_beside, touching, frame, place, part
                    )
    for frame in range(frames - 2, -1, -1):
        for place in range(len(asked.parts)):
            followed = False
            for part in range(parts):
                still[part] = (
                    touching[frame + 1, place, part]
                    and wanted[frame, place, part]
                    and not touching[frame, place, part]
                    and not apart[frame, place, part]
                )
                followed |= still[part]
            if followed:
                asked_far = still.copy()
                take_pose(body, frame, beside)
                settle(body, asked, beside, found_beside, place, far, asked_far, still)
                for part in range(parts):
                    touching[frame, place, part] |= asked_far[part] and not still[part]


@compiled
def any_of(mask: Mask) -> bool:
    return bool(mask.any())


@compiled
def comes_from_beside(
    body: Moving,
    asked: Asked,
    wanted: Mask,
    near: float,
    far: float,
    pose: Pose,
    found: Found,
    touching: Mask,
    frame: int,
    place: int,
    part: int,
) -> bool:
    """Whether a pair that is within `far` in a frame touches because of frames beside it that are not wanted."""
    still = np.zeros(wanted.shape[2], dtype=np.bool_)
    still[part] = True
    only = still.copy()
    for step in (-1, 1):
        now = frame + step
        while 0 <= now < len(wanted):
            if wanted[now, place, part]:
                if touching[now, place, part]:
                    return True
                break
            take_pose(body, now, pose)
            still[part] = True
            settle(body, asked, pose, found, place, near, only, still)
            if not still[part]:
                return True
            settle(body, asked, pose, found, place, far, only, still)
            if still[part]:
                break
            now += step
    return False


@compiled
def settle(
    body: Moving, asked: Asked, pose: Pose, found: Found, place: int, reach: float, wanted: Mask, still: Mask
) -> None:
    """Of the parts that are `still` asked about, clear those to which a vertex of the part at `place` is closer than
    `reach`, or that it is deep in. How deep vertices lie in is asked only within the bounds of parts that are `wanted`.
    """
    tree = body.tree
    pose_asked(body, asked, pose, found, place)
    group = GROUP_OF[asked.parts[place]]
    trees = 0
    found.clear[3] = -1.0
    found.shallow[3] = -1.0
    found.within[3] = -1.0
    for number in range(len(tree.roots)):
        part = tree.parts[number]
        if wanted[part]:
            if not pose.posed[number]:
                pose_tree(body, pose, number)
            if overlap(found.boxes, place, pose.roots, number, reach):
                found.trees[trees] = number
                trees += 1
                row = found.first[place, part]
                if row >= 0 and still[part]:
                    ask(body, asked, pose, found, place, row, group, reach, still)
                    found.clear[3] = -1.0
                    found.shallow[3] = -1.0
    for row in range(asked.starts[place], asked.starts[place + 1] if trees else 0):
        vertex = asked.vertices[row]
        x, y, z = pose.places[vertex, 0], pose.places[vertex, 1], pose.places[vertex, 2]
        if is_in_ball(found.clear, x, y, z):
            continue
        near, within = False, False
        for number in found.trees[:trees]:
            part = tree.parts[number]
            if still[part] and asked.counts[row, part] and holds(pose.roots, number, x, y, z, reach):
                near = True
                break
            within |= holds(pose.roots, number, x, y, z, 0.0)
        if not near:
            if not within or is_in_ball(found.shallow, x, y, z):
                continue
            guess = found.guess[row]
            if (row + pose.frame[0]) % TURNS != 0 and guess >= 0 and not still[tree.parts[body.tree_of[guess]]]:
                continue
        ask(body, asked, pose, found, place, row, group, reach, still)
        if not any_of(still):
            return


@compiled
def is_in_ball(ball: Array, x: float, y: float, z: float) -> bool:
    dx, dy, dz = x - ball[0], y - ball[1], z - ball[2]
    inside: bool = ball[3] > 0.0 and dx * dx + dy * dy + dz * dz < ball[3] * ball[3]
    return inside


@compiled
def set_ball(ball: Array, x: float, y: float, z: float, radius: float) -> None:
    ball[0], ball[1], ball[2], ball[3] = x, y, z, radius


@compiled
def pose_asked(body: Moving, asked: Asked, pose: Pose, found: Found, place: int) -> None:
    """Pose the vertices of an asked part and bound them."""
    if found.posed[place] == pose.frame[1]:
        return
    found.posed[place] = pose.frame[1]
    low_x, low_y, low_z = np.inf, np.inf, np.inf
    high_x, high_y, high_z = -np.inf, -np.inf, -np.inf
    for row in range(asked.starts[place], asked.starts[place + 1]):
        if not pose.posed[asked.trees[row]]:
            pose_tree(body, pose, asked.trees[row])
        vertex = asked.vertices[row]
        x, y, z = pose.places[vertex, 0], pose.places[vertex, 1], pose.places[vertex, 2]
        low_x, low_y, low_z = min(low_x, x), min(low_y, y), min(low_z, z)
        high_x, high_y, high_z = max(high_x, x), max(high_y, y), max(high_z, z)
    boxes = found.boxes
    boxes[place, 0], boxes[place, 1], boxes[place, 2] = low_x, low_y, low_z
    boxes[place, 3], boxes[place, 4], boxes[place, 5] = high_x, high_y, high_z


@compiled
def ask(
    body: Moving, asked: Asked, pose: Pose, found: Found, place: int, row: int, group: int, reach: float, still: Mask
) -> None:
    """Ask about one vertex: it clears the part that it is near to or in, or says where nothing is."""
    vertex = asked.vertices[row]
    x, y, z = pose.places[vertex, 0], pose.places[vertex, 1], pose.places[vertex, 2]
    guess = found.guess[row]
    # Which place of the part is the closest matters only where the far end of that part does not count.
    enough = reach * reach if guess >= 0 and asked.along[guess, 0] == -np.inf else 0.0
    near = closest(body, pose, x, y, z, group, guess, enough)
    found.guess[row] = near[0]
    if near[0] < 0:
        return
    part, length = body.tree.parts[body.tree_of[near[0]]], sqrt(near[1])
    counts = still[part] and asked.counts[row, part] and not at_far_end(asked, near)
    if length < reach:
        if not counts:
            set_ball(found.shallow, x, y, z, max(reach - length, LIKE_IT * length))
    else:
        if not is_behind(body, pose, near, x, y, z):
            # No surface in this ball: all of it is outside.
            found.inside[row] = 0
            set_ball(found.clear, x, y, z, length - reach)
            return
        if not counts:
            set_ball(found.shallow, x, y, z, LIKE_IT * length)
            return
        if is_in_ball(found.within, x, y, z):
            found.inside[row] = part + 1
        elif abs(found.inside[row]) != part + 1:
            found.inside[row] = part + 1 if is_inside(body, pose, x, y, z, group) else -part - 1
        if found.inside[row] < 0 or length >= asked.deepest_m:
            set_ball(found.clear, x, y, z, length - reach)
            return
        set_ball(found.within, x, y, z, LIKE_IT * length)
    if counts:
        still[part] = False
        found.first[place, part] = row


@compiled
def at_far_end(asked: Asked, near: Closest) -> bool:
    """Whether a place lies at the end of a part where it does not count."""
    along = asked.along[near[0]]
    if along[0] == -np.inf:
        return False
    far: bool = near[2] * along[0] + near[3] * along[1] + near[4] * along[2] > asked.far_end
    return far
