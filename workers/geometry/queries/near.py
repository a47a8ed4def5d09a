"""Nearest surface: for limb vertices, the closest place on the rest of the body, and on which side of it they are.

Compiled, frame by frame; no gradients. A vertex is asked about only where it lies in the bounds of a part that counts,
or within reach of these. Close to the surface, inside is decided by the normal at the closest place together with a
vote of the nearest faces, so that single faces that are turned over or stick out do not decide. Deeper, and beside open
borders, where normals mislead, the winding number has the last word. Distances are those to the closest of the nearest
few faces. `workers.geometry.nearest` says the same in numpy, for reference.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np

from workers.geometry.nearest import CANDIDATES, VOTE, Near, Target, none_near
from workers.geometry.parts import GROUP_OF, PARTS
from workers.geometry.queries.bounds import (
    DEEPEST_STACK,
    bound_faces,
    bound_points,
    bound_trees,
    holds,
    nearest_points,
    overlap,
)
from workers.geometry.queries.face_tree import FaceTree, Numbers
from workers.geometry.queries.triangles import area_vector, closest_on_triangle, on_border
from workers.geometry.queries.windings import COLUMNS, find_moments, winding
from workers.platform.compiled import compiled
from workers.skeleton.model import Array, Indices, Mask

FRAMES_AT_ONCE = 32
FACES, NORMALS, MOMENTS = 0, 1, 2
CLEARANCE, LARGEST = 3, 4


class Asked(NamedTuple):
    """What is asked about a surface, for compiled code."""

    queries: Indices  # (queries,) vertices, by part
    parts: Indices  # (query parts,)
    starts: Indices  # (query parts + 1,) first query of each
    wanted: Mask  # (frames, query parts, parts) or (1, ...) for all frames alike
    ignored: Mask  # (vertices, parts)
    border: Mask  # (faces, 3)
    border_corners: Mask  # (faces, 3)
    reach_m: float
    deepest_m: float
    shallow_m: float


class Room(NamedTuple):
    """Working room for one pose, and for the answers of some frames."""

    ready: Mask  # what is there of the pose: FACES, NORMALS, MOMENTS
    tree_boxes: Array  # (trees, 6)
    boxes: Array  # (nodes, 6) of the centres of faces
    centres: Array  # (faces, 3)
    sizes: Array  # (faces,)
    flat: Array  # (faces, 3)
    smooth: Array  # (vertices, 3)
    face_boxes: Array  # (nodes, 6)
    moments: Array  # (nodes, COLUMNS)
    others: Mask  # (trees,)
    stack: Indices
    squared: Array  # (candidates,)
    clear: Array  # (5,) a point, how far from it no face is within reach, and the largest size of a face
    several: Numbers  # (queries, candidates) found last: where the next pose is looked at first
    frame: Indices  # (answers,)
    query: Indices
    face: Indices
    shares: Array  # (answers, 3)
    outward: Array
    distance: Array


def find_near(
    target: Target,
    positions_m: Array,
    queries: Indices,
    query_parts: Indices,
    reach_m: float,
    ignored: Mask,
    wanted: Mask | None = None,
) -> Near:
    """Pairs at most `reach_m` outside the surface of all groups but the query's own, or inside it.

    `positions_m` `(frames, vertices, 3)`; `queries` are vertices, `query_parts` their parts. A vertex whose closest
    place is on a part that it has `ignored` `(vertices, parts)` makes no pair. `wanted` `(frames, parts, parts)` are
    the parts, of queries and of what they may be near to, whose bounds are looked into; all, where there is none.
    Ascending by frame and part.
    """
    tree, order = target.tree, target.tree.faces
    places = np.ascontiguousarray(positions_m, dtype=np.float64)
    by_part = np.lexsort((target.places[queries], query_parts))  # neighbours one after the other
    parts, starts = np.unique(query_parts[by_part], return_index=True)
    everywhere = np.ones((1, len(PARTS), len(PARTS)), dtype=np.bool_) if wanted is None else wanted
    asked = Asked(
        np.ascontiguousarray(queries[by_part], dtype=np.int64),
        parts.astype(np.int64),
        np.append(starts, len(queries)).astype(np.int64),
        np.ascontiguousarray(everywhere[:, parts]),
        np.ascontiguousarray(ignored),
        np.ascontiguousarray(target.border[order]),
        np.ascontiguousarray(target.border_corners[order]),
        float(reach_m),
        target.deepest_m,
        target.shallow_m,
    )
    answers = len(queries) * min(len(places), FRAMES_AT_ONCE)
    room = _room(tree, places.shape[1], len(queries), answers)
    found = []
    for start in range(0, len(places), FRAMES_AT_ONCE):
        now = slice(start, start + FRAMES_AT_ONCE)
        some = asked if wanted is None else asked._replace(wanted=asked.wanted[now])
        number = near_frames(tree, places[now], some, room)
        found.append(
            (
                room.frame[:number] + start,
                asked.queries[room.query[:number]],
                order[room.face[:number]],
                room.shares[:number].copy(),
                room.outward[:number].copy(),
                room.distance[:number].copy(),
            )
        )
    if not found:
        return none_near()
    return Near(*(np.concatenate(values) for values in zip(*found, strict=True)))


def _room(tree: FaceTree, vertices: int, queries: int, answers: int) -> Room:
    nodes, faces, trees = len(tree.first), len(tree.corners), len(tree.roots)
    return Room(
        ready=np.zeros(3, dtype=np.bool_),
        tree_boxes=np.empty((trees, 6)),
        boxes=np.empty((nodes, 6)),
        centres=np.empty((faces, 3)),
        sizes=np.empty(faces),
        flat=np.empty((faces, 3)),
        smooth=np.empty((vertices, 3)),
        face_boxes=np.empty((nodes, 6)),
        moments=np.empty((nodes, COLUMNS)),
        others=np.empty(trees, dtype=np.bool_),
        stack=np.empty(DEEPEST_STACK, dtype=np.int64),
        squared=np.empty(CANDIDATES),
        clear=np.zeros(5),
        several=np.full((queries, CANDIDATES), -1, dtype=np.int32),
        frame=np.empty(answers, dtype=np.int64),
        query=np.empty(answers, dtype=np.int64),
        face=np.empty(answers, dtype=np.int64),
        shares=np.empty((answers, 3)),
        outward=np.empty((answers, 3)),
        distance=np.empty(answers),
    )


@compiled
def near_frames(tree: FaceTree, positions: Array, asked: Asked, room: Room) -> int:
    """Fill the answers' room with the pairs of some frames `(frames, vertices, 3)`; how many there are."""
    near_trees = np.empty(len(tree.roots), dtype=np.int64)
    box = np.empty((1, 6))
    number = 0
    for frame in range(len(positions)):
        places = positions[frame]
        bound_trees(tree, places, room.tree_boxes)
        room.ready[:] = False
        for place in range(len(asked.parts)):
            first, stop, group = asked.starts[place], asked.starts[place + 1], GROUP_OF[asked.parts[place]]
            wanted = asked.wanted[frame if len(asked.wanted) > 1 else 0, place]
            bound_vertices(asked.queries, first, stop, places, box)
            trees = 0
            for root in range(len(tree.roots)):
                if tree.groups[root] == group or not wanted[tree.parts[root]]:
                    continue
                if overlap(box, 0, room.tree_boxes, root, asked.reach_m):
                    near_trees[trees] = root
                    trees += 1
            if not trees:
                continue
            room.clear[CLEARANCE] = -1.0
            for row in range(first, stop):
                vertex = asked.queries[row]
                if is_clear(room.clear, places[vertex, 0], places[vertex, 1], places[vertex, 2]):
                    continue
                if in_bounds(tree, room.tree_boxes, places, asked, vertex, near_trees, trees):
                    number += find_one(tree, places, asked, room, frame, row, group, number)
    return number


@compiled
def is_clear(clear: Array, x: float, y: float, z: float) -> bool:
    """Whether a point lies in the ball in which nothing is within reach."""
    dx, dy, dz = x - clear[0], y - clear[1], z - clear[2]
    inside: bool = clear[CLEARANCE] > 0.0 and dx * dx + dy * dy + dz * dz < clear[CLEARANCE] * clear[CLEARANCE]
    return inside


@compiled
def in_bounds(
    tree: FaceTree, boxes: Array, places: Array, asked: Asked, vertex: int, near_trees: Indices, trees: int
) -> bool:
    """Whether a vertex lies in the box of a part that counts for it, or within reach of one."""
    x, y, z = places[vertex, 0], places[vertex, 1], places[vertex, 2]
    for place in range(trees):
        root = near_trees[place]
        if holds(boxes, root, x, y, z, asked.reach_m) and not asked.ignored[vertex, tree.parts[root]]:
            return True
    return False


@compiled
def find_one(
    tree: FaceTree, places: Array, asked: Asked, room: Room, frame: int, row: int, group: int, number: int
) -> bool:
    """Whether a query makes a pair in a pose; it is written to the place `number` of the answers."""
    if not room.ready[FACES]:
        find_faces(tree, places, room.centres, room.sizes, room.flat)
        room.clear[LARGEST] = room.sizes.max()
        bound_points(tree, room.centres, room.boxes)
        room.ready[FACES] = True
    vertex = asked.queries[row]
    x, y, z = places[vertex, 0], places[vertex, 1], places[vertex, 2]
    several = room.several[row]
    count = nearest_points(tree, room.boxes, room.centres, x, y, z, group, room.stack, several, room.squared)
    if not count:
        return False
    several[count:] = several[0]
    face = several[0]
    depth = asked.deepest_m if is_behind(room.flat, room.centres, face, x, y, z) else asked.reach_m
    distance = sqrt(room.squared[0])
    if distance >= max(depth, asked.reach_m) + room.sizes[face]:
        # No centre is nearer, so that around here no face is within reach.
        room.clear[0], room.clear[1], room.clear[2] = x, y, z
        room.clear[CLEARANCE] = distance - asked.reach_m - room.clear[LARGEST]
        return False
    least, u, v, w, votes = np.inf, 0.0, 0.0, 0.0, 0
    for place in range(count):
        candidate = several[place]
        votes += is_behind(room.flat, room.centres, candidate, x, y, z)
        a, b, c = tree.corners[candidate, 0], tree.corners[candidate, 1], tree.corners[candidate, 2]
        away, its_u, its_v, its_w = closest_on_triangle(x, y, z, places, a, b, c)
        if away < least:
            least, face, u, v, w = away, candidate, its_u, its_v, its_w
    length = sqrt(least)
    if asked.ignored[vertex, part_of(tree, face)] or length >= max(asked.reach_m, asked.deepest_m):
        return False
    if not room.ready[NORMALS]:
        find_normals(tree, places, room.smooth)
        room.ready[NORMALS] = True
    a, b, c = tree.corners[face, 0], tree.corners[face, 1], tree.corners[face, 2]
    nx = u * room.smooth[a, 0] + v * room.smooth[b, 0] + w * room.smooth[c, 0]
    ny = u * room.smooth[a, 1] + v * room.smooth[b, 1] + w * room.smooth[c, 1]
    nz = u * room.smooth[a, 2] + v * room.smooth[b, 2] + w * room.smooth[c, 2]
    dx = x - (u * places[a, 0] + v * places[b, 0] + w * places[c, 0])
    dy = y - (u * places[a, 1] + v * places[b, 1] + w * places[c, 1])
    dz = z - (u * places[a, 2] + v * places[b, 2] + w * places[c, 2])
    at_border = on_border(asked.border, asked.border_corners, face, u, v, w)
    inside = nx * dx + ny * dy + nz * dz < 0.0 and (votes >= VOTE * count or at_border)
    if inside and (length > asked.shallow_m or at_border) and length < asked.deepest_m:
        if not room.ready[MOMENTS]:
            bound_faces(tree, places, room.face_boxes)
            find_moments(tree, places, room.face_boxes, room.moments)
            room.ready[MOMENTS] = True
        for root in range(len(tree.roots)):
            room.others[root] = tree.groups[root] != group
        inside = winding(tree, places, room.moments, x, y, z, room.others) > 0.5
    if length >= (asked.deepest_m if inside else asked.reach_m):
        return False
    scale = 1.0
    if length > 1e-9:
        scale = -1.0 / length if inside else 1.0 / length
    else:
        dx, dy, dz = nx, ny, nz
        scale = 1.0 / max(sqrt(nx * nx + ny * ny + nz * nz), 1e-20)
    room.outward[number, 0], room.outward[number, 1], room.outward[number, 2] = scale * dx, scale * dy, scale * dz
    room.shares[number, 0], room.shares[number, 1], room.shares[number, 2] = u, v, w
    room.frame[number], room.query[number], room.face[number] = frame, row, face
    room.distance[number] = -length if inside else length
    return True


@compiled
def bound_vertices(vertices: Indices, first: int, stop: int, places: Array, box: Array) -> None:
    """The box `(1, 6)` of some of the vertices."""
    box[0, :3], box[0, 3:] = np.inf, -np.inf
    for row in range(first, stop):
        for axis in range(3):
            value = places[vertices[row], axis]
            box[0, axis], box[0, axis + 3] = min(box[0, axis], value), max(box[0, axis + 3], value)


@compiled
def part_of(tree: FaceTree, face: int) -> int:
    """The part that a face, in the tree's order, belongs to."""
    number = len(tree.roots) - 1
    while number > 0 and tree.starts[number] > face:
        number -= 1
    part: int = tree.parts[number]
    return part


@compiled
def is_behind(flat: Array, centres: Array, face: int, x: float, y: float, z: float) -> bool:
    """Whether a point lies behind the plane of a face."""
    dx, dy, dz = x - centres[face, 0], y - centres[face, 1], z - centres[face, 2]
    side: bool = flat[face, 0] * dx + flat[face, 1] * dy + flat[face, 2] * dz < 0.0
    return side


@compiled
def find_faces(tree: FaceTree, places: Array, centres: Array, sizes: Array, flat: Array) -> None:
    """Centres of the faces, how far their corners are from these, and their normals, of any length."""
    for face in range(len(tree.corners)):
        a, b, c = tree.corners[face, 0], tree.corners[face, 1], tree.corners[face, 2]
        flat[face, 0], flat[face, 1], flat[face, 2] = area_vector(places, a, b, c)
        for axis in range(3):
            centres[face, axis] = (places[a, axis] + places[b, axis] + places[c, axis]) / 3.0
        farthest = 0.0
        for vertex in (a, b, c):
            x, y, z = (
                places[vertex, 0] - centres[face, 0],
                places[vertex, 1] - centres[face, 1],
                places[vertex, 2] - centres[face, 2],
            )
            farthest = max(farthest, x * x + y * y + z * z)
        sizes[face] = sqrt(farthest)


@compiled
def find_normals(tree: FaceTree, places: Array, smooth: Array) -> None:
    """Unit normals of the vertices, weighted by area."""
    smooth[:] = 0.0
    for face in range(len(tree.corners)):
        a, b, c = tree.corners[face, 0], tree.corners[face, 1], tree.corners[face, 2]
        x, y, z = area_vector(places, a, b, c)
        for vertex in (a, b, c):
            smooth[vertex, 0] += x
            smooth[vertex, 1] += y
            smooth[vertex, 2] += z
    for vertex in range(len(smooth)):
        x, y, z = smooth[vertex, 0], smooth[vertex, 1], smooth[vertex, 2]
        length = max(sqrt(x * x + y * y + z * z), 1e-20)
        smooth[vertex, 0], smooth[vertex, 1], smooth[vertex, 2] = x / length, y / length, z / length
