"""A surface that moves, one pose at a time: compiled. What is not asked about in a pose is neither posed nor bounded.

`take_pose` turns to a frame of the motion; the parts of the surface are then posed and bounded when they are first
asked about. `closest` is the closest face of all other groups, found from a guess on: the face that was the closest in
the pose before is nearly always the closest again, or close to it, so that little else is looked at.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np

from workers.geometry.queries.bounds import DEEPEST_STACK, box_faces, join_boxes, squared_to_box
from workers.geometry.queries.face_tree import FaceTree, Numbers
from workers.geometry.queries.triangles import ON_EDGE, area_vector, closest_on_triangle
from workers.geometry.queries.windings import COLUMNS, find_moments, winding
from workers.geometry.surface import BodySurface, Influences
from workers.motion.body_motion import BodyMotion
from workers.platform.compiled import compiled
from workers.skeleton.model import Array, Indices, Mask

Closest = tuple[int, float, float, float, float]  # face, squared distance, barycentric shares


class Moving(NamedTuple):
    """A surface and how it moves; faces in the order of the tree."""

    tree: FaceTree  # of the outer faces
    tree_of: Numbers  # (faces,) the tree that holds each face
    vertices: Indices  # of each tree, one tree after the other
    starts: Indices  # (trees + 1,)
    face_starts: Indices  # (vertices + 1,) first face of each vertex in `faces_at`
    faces_at: Indices
    influences: Influences
    rest: Array  # (vertices, 3)
    unbound_turns: Array  # (used joints, 4)
    unbound_places: Array  # (used joints, 3)
    rotations: Array  # (frames, used joints, 4)
    positions: Array  # (frames, used joints, 3)


class Pose(NamedTuple):
    """Room for one pose, and what is there of it."""

    frame: Indices  # (2,) -1 for none; how many were taken so far
    joints: Array  # (used joints, 12): turn by rows, shift
    places: Array  # (vertices, 3)
    posed: Mask  # (trees,)
    bounded: Mask  # (trees,)
    wound: Mask  # (1,) whether there are moments
    roots: Array  # (trees, 6)
    boxes: Array  # (nodes, 6)
    moments: Array  # (nodes, COLUMNS)
    others: Mask  # (trees,)
    stack: Indices


def moving(surface: BodySurface, motion: BodyMotion) -> Moving:
    tree, influences = surface.target.tree, surface.influences
    trees = len(tree.roots)
    ends = np.append(tree.starts, len(tree.corners))
    vertices = [np.unique(tree.corners[ends[number] : ends[number + 1]]) for number in range(trees)]
    corners = tree.corners.ravel()
    counts = np.bincount(corners, minlength=len(surface.parts))
    return Moving(
        tree,
        np.repeat(np.arange(trees), np.diff(ends)).astype(np.int32),
        np.concatenate([*vertices, np.zeros(0, dtype=np.int64)]).astype(np.int64),
        np.cumsum([0, *map(len, vertices)]).astype(np.int64),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.argsort(corners, kind="stable") // 3,
        influences,
        surface.rest_m,
        np.ascontiguousarray(surface.unbound.rotations),
        np.ascontiguousarray(surface.unbound.positions_m),
        np.ascontiguousarray(motion.rotations[:, influences.joints], dtype=np.float64),
        np.ascontiguousarray(motion.positions_m[:, influences.joints], dtype=np.float64),
    )


def pose_room(body: Moving) -> Pose:
    nodes, trees = len(body.tree.first), len(body.tree.roots)
    return Pose(
        np.array([-1, 0]),
        np.empty((len(body.unbound_turns), 12)),
        np.empty_like(body.rest),
        np.zeros(trees, dtype=np.bool_),
        np.zeros(trees, dtype=np.bool_),
        np.zeros(1, dtype=np.bool_),
        np.empty((trees, 6)),
        np.empty((nodes, 6)),
        np.empty((nodes, COLUMNS)),
        np.empty(trees, dtype=np.bool_),
        np.empty(DEEPEST_STACK, dtype=np.int64),
    )


@compiled
def take_pose(body: Moving, frame: int, pose: Pose) -> None:
    """Turn to a frame."""
    if pose.frame[0] == frame:
        return
    pose.frame[0] = frame
    pose.frame[1] += 1
    pose.posed[:] = False
    pose.bounded[:] = False
    pose.wound[0] = False
    for joint in range(len(body.unbound_turns)):
        ax, ay, az, aw = (
            body.rotations[frame, joint, 0],
            body.rotations[frame, joint, 1],
            body.rotations[frame, joint, 2],
            body.rotations[frame, joint, 3],
        )
        bx, by, bz, bw = (
            body.unbound_turns[joint, 0],
            body.unbound_turns[joint, 1],
            body.unbound_turns[joint, 2],
            body.unbound_turns[joint, 3],
        )
        x = aw * bx + ax * bw + ay * bz - az * by
        y = aw * by - ax * bz + ay * bw + az * bx
        z = aw * bz + ax * by - ay * bx + az * bw
        w = aw * bw - ax * bx - ay * by - az * bz
        turn = pose.joints[joint]
        turn[0], turn[1], turn[2] = 1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w)
        turn[3], turn[4], turn[5] = 2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w)
        turn[6], turn[7], turn[8] = 2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y)
        px, py, pz = body.unbound_places[joint, 0], body.unbound_places[joint, 1], body.unbound_places[joint, 2]
        for row in range(3):
            moved = turn[3 * row] * px + turn[3 * row + 1] * py + turn[3 * row + 2] * pz
            turn[9 + row] = body.positions[frame, joint, row] - moved


@compiled
def pose_vertices(
    body: Moving, pose: Pose, vertices: Indices, first: int, stop: int, boxes: Array, number: int
) -> None:
    """Pose some vertices, by linear blend skinning, and write the box around them to row `number` of `boxes`."""
    low_x, low_y, low_z = np.inf, np.inf, np.inf
    high_x, high_y, high_z = -np.inf, -np.inf, -np.inf
    joints, weights, columns = pose.joints, body.influences.weights, body.influences.columns
    for row in range(first, stop):
        vertex = vertices[row]
        x, y, z = body.rest[vertex, 0], body.rest[vertex, 1], body.rest[vertex, 2]
        new_x, new_y, new_z = 0.0, 0.0, 0.0
        for place in range(body.influences.starts[vertex], body.influences.starts[vertex + 1]):
            weight, joint = weights[place], columns[place]
            new_x += weight * (joints[joint, 0] * x + joints[joint, 1] * y + joints[joint, 2] * z + joints[joint, 9])
            new_y += weight * (joints[joint, 3] * x + joints[joint, 4] * y + joints[joint, 5] * z + joints[joint, 10])
            new_z += weight * (joints[joint, 6] * x + joints[joint, 7] * y + joints[joint, 8] * z + joints[joint, 11])
        pose.places[vertex, 0], pose.places[vertex, 1], pose.places[vertex, 2] = new_x, new_y, new_z
        low_x, low_y, low_z = min(low_x, new_x), min(low_y, new_y), min(low_z, new_z)
        high_x, high_y, high_z = max(high_x, new_x), max(high_y, new_y), max(high_z, new_z)
    boxes[number, 0], boxes[number, 1], boxes[number, 2] = low_x, low_y, low_z
    boxes[number, 3], boxes[number, 4], boxes[number, 5] = high_x, high_y, high_z


@compiled
def pose_tree(body: Moving, pose: Pose, number: int) -> None:
    """Pose a tree and bound it as a whole."""
    pose_vertices(body, pose, body.vertices, body.starts[number], body.starts[number + 1], pose.roots, number)
    pose.posed[number] = True


@compiled
def bound_tree(body: Moving, pose: Pose, number: int) -> None:
    """Bound the nodes of a tree that is posed."""
    pose.bounded[number] = True
    tree, boxes, places = body.tree, pose.boxes, pose.places
    root = tree.roots[number]
    for node in range(tree.after[root] - 1, root - 1, -1):
        if tree.held[node] > 0:
            box_faces(tree, places, tree.first[node], tree.first[node] + tree.held[node], boxes, node)
        else:
            join_boxes(tree, boxes, node)


@compiled
def to_face(corners: Numbers, places: Array, face: int, x: float, y: float, z: float) -> Closest:
    """The closest place of one face, whose tree is posed."""
    squared, u, v, w = closest_on_triangle(x, y, z, places, corners[face, 0], corners[face, 1], corners[face, 2])
    return face, squared, u, v, w


@compiled
def from_plane(corners: Numbers, places: Array, face: int, x: float, y: float, z: float, squared: float) -> bool:
    """Whether the plane of a face, and so the face, is farther away than a squared distance."""
    a = corners[face, 0]
    nx, ny, nz = area_vector(places, a, corners[face, 1], corners[face, 2])
    over = nx * (x - places[a, 0]) + ny * (y - places[a, 1]) + nz * (z - places[a, 2])
    far: bool = over * over > squared * (nx * nx + ny * ny + nz * nz) * (1.0 + 1e-9)
    return far


@compiled
def closest_in_tree(body: Moving, pose: Pose, number: int, x: float, y: float, z: float, best: Closest) -> Closest:
    """The closest face of a tree that is posed, or `best` where that is as close."""
    if squared_to_box(x, y, z, pose.roots, number) >= best[1]:
        return best
    if not pose.bounded[number]:
        bound_tree(body, pose, number)
    return search_tree(body.tree, pose.boxes, pose.places, pose.stack, number, x, y, z, best)


@compiled
def search_tree(
    tree: FaceTree,
    boxes: Array,
    places: Array,
    stack: Indices,
    number: int,
    x: float,
    y: float,
    z: float,
    best: Closest,
) -> Closest:
    """The closest face of a tree that is bounded, or `best` where that is as close."""
    # Calls pass what they are given field by field: what is called often is given no more than it needs.
    corners, held, after, firsts = tree.corners, tree.held, tree.after, tree.first
    found, squared, u, v, w = best
    stack[0], waiting = tree.roots[number], 1
    while waiting > 0:
        waiting -= 1
        node = stack[waiting]
        if squared_to_box(x, y, z, boxes, node) >= squared:
            continue
        count = held[node]
        if count == 0:
            left, right = node + 1, after[node + 1]
            to_left, to_right = squared_to_box(x, y, z, boxes, left), squared_to_box(x, y, z, boxes, right)
            if to_left < to_right:
                left, right, to_left, to_right = right, left, to_right, to_left
            if to_left < squared:
                stack[waiting] = left
                waiting += 1
            if to_right < squared:
                stack[waiting] = right
                waiting += 1
            continue
        for face in range(firsts[node], firsts[node] + count):
            if from_plane(corners, places, face, x, y, z, squared):
                continue
            near = to_face(corners, places, face, x, y, z)
            if near[1] < squared:
                found, squared, u, v, w = near
    return found, squared, u, v, w


@compiled
def closest(
    body: Moving, pose: Pose, x: float, y: float, z: float, group: int, guess: int, enough_squared: float
) -> Closest:
    """The closest face of all groups but one, from a guess on, -1 for none; face -1 where there is none.

    Where the guess is closer than `enough_squared`, a face of the same part may be closer still.
    """
    tree = body.tree
    best, known = (-1, np.inf, 0.0, 0.0, 0.0), -1
    if guess >= 0:
        known = body.tree_of[guess]
        if not pose.posed[known]:
            pose_tree(body, pose, known)
        best = to_face(tree.corners, pose.places, guess, x, y, z)
        if best[1] >= enough_squared:
            best = closest_in_tree(body, pose, known, x, y, z, best)
    for number in range(len(tree.roots)):
        if number == known or tree.groups[number] == group:
            continue
        if not pose.posed[number]:
            pose_tree(body, pose, number)
        if squared_to_box(x, y, z, pose.roots, number) < best[1]:
            best = closest_in_tree(body, pose, number, x, y, z, best)
    return best


@compiled
def is_behind(body: Moving, pose: Pose, place: Closest, x: float, y: float, z: float) -> bool:
    """Whether a point lies behind the surface at its closest place: by the face's normal within it, by the normals of
    the corners on its edges.
    """
    nx, ny, nz, px, py, pz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    corners, places = body.tree.corners, pose.places
    shares = (place[2], place[3], place[4])
    if min(place[2], place[3], place[4]) > ON_EDGE:
        a, b, c = corners[place[0], 0], corners[place[0], 1], corners[place[0], 2]
        nx, ny, nz = area_vector(places, a, b, c)
        within: bool = nx * (x - places[a, 0]) + ny * (y - places[a, 1]) + nz * (z - places[a, 2]) < 0.0
        return within
    for corner in range(3):
        vertex, share = corners[place[0], corner], shares[corner]
        px += share * places[vertex, 0]
        py += share * places[vertex, 1]
        pz += share * places[vertex, 2]
        sx, sy, sz = 0.0, 0.0, 0.0
        for at in range(body.face_starts[vertex], body.face_starts[vertex + 1]):
            face = body.faces_at[at]
            if not pose.posed[body.tree_of[face]]:
                pose_tree(body, pose, body.tree_of[face])
            ax, ay, az = area_vector(places, corners[face, 0], corners[face, 1], corners[face, 2])
            sx, sy, sz = sx + ax, sy + ay, sz + az
        share /= max(sqrt(sx * sx + sy * sy + sz * sz), 1e-20)
        nx, ny, nz = nx + share * sx, ny + share * sy, nz + share * sz
    behind: bool = nx * (x - px) + ny * (y - py) + nz * (z - pz) < 0.0
    return behind


@compiled
def is_inside(body: Moving, pose: Pose, x: float, y: float, z: float, group: int) -> bool:
    """Whether a point lies in the surface of all groups but one: by the winding number, which is the mean over all
    directions of how often a ray leaves the surface, less how often it enters. Where the six along the axes agree, by
    these.
    """
    tree = body.tree
    for number in range(len(tree.roots)):
        pose.others[number] = tree.groups[number] != group
        if pose.others[number] and not pose.posed[number]:
            pose_tree(body, pose, number)
    least, most = 2**30, -(2**30)
    for axis in range(3):
        ahead, back = 0, 0
        for number in range(len(tree.roots)):
            if pose.others[number] and is_beside(pose.roots, number, axis, x, y, z):
                if not pose.bounded[number]:
                    bound_tree(body, pose, number)
                more = crossings(tree, pose.boxes, pose.places, number, axis, x, y, z)
                ahead, back = ahead + more[0], back + more[1]
        least, most = min(least, ahead, back), max(most, ahead, back)
    if least >= 1 or most <= 0:
        return least >= 1
    if not pose.wound[0]:
        for number in range(len(tree.roots)):
            if not pose.posed[number]:
                pose_tree(body, pose, number)
            if not pose.bounded[number]:
                bound_tree(body, pose, number)
        find_moments(tree, pose.places, pose.boxes, pose.moments)
        pose.wound[0] = True
    inside: bool = winding(tree, pose.places, pose.moments, x, y, z, pose.others) > 0.5
    return inside


@compiled
def is_beside(boxes: Array, node: int, axis: int, x: float, y: float, z: float) -> bool:
    """Whether the line along an axis through a point meets the box of a node."""
    if axis != 0 and not boxes[node, 0] <= x <= boxes[node, 3]:
        return False
    if axis != 1 and not boxes[node, 1] <= y <= boxes[node, 4]:
        return False
    return axis == 2 or boxes[node, 2] <= z <= boxes[node, 5]


@compiled
def crossings(
    tree: FaceTree, boxes: Array, places: Array, number: int, axis: int, x: float, y: float, z: float
) -> tuple[int, int]:
    """How often the rays along an axis and against it leave a tree's faces, less how often they enter."""
    corners, held, after, firsts = tree.corners, tree.held, tree.after, tree.first
    second, third = (axis + 1) % 3, (axis + 2) % 3
    point = (x, y, z)
    at, at_second, at_third = point[axis], point[second], point[third]
    ahead, back = 0, 0
    node = tree.roots[number]
    end = after[node]
    while node < end:
        if not is_beside(boxes, node, axis, x, y, z):
            node = after[node]
            continue
        count = held[node]
        if count == 0:
            node += 1
            continue
        for face in range(firsts[node], firsts[node] + count):
            a, b, c = corners[face, 0], corners[face, 1], corners[face, 2]
            ay, az = places[a, second] - at_second, places[a, third] - at_third
            by, bz = places[b, second] - at_second, places[b, third] - at_third
            cy, cz = places[c, second] - at_second, places[c, third] - at_third
            of_c, of_a, of_b = ay * bz - az * by, by * cz - bz * cy, cy * az - cz * ay
            if of_a >= 0.0 and of_b >= 0.0 and of_c >= 0.0:
                sign = 1
            elif of_a <= 0.0 and of_b <= 0.0 and of_c <= 0.0:
                sign = -1
            else:
                continue
            whole = of_a + of_b + of_c
            if whole == 0.0:
                continue
            height = (of_a * places[a, axis] + of_b * places[b, axis] + of_c * places[c, axis]) / whole
            if height > at:
                ahead += sign
            else:
                back -= sign
        node = after[node]
    return ahead, back
