"""Compiled: what bounds the faces of a tree in one pose, and the nearest of them.

Boxes bound what they hold: no face of a node is nearer to a point than the node's box. Trees of the point's own group
are left out.
"""

from __future__ import annotations

import numpy as np

from workers.geometry.queries.face_tree import FaceTree, Numbers
from workers.geometry.queries.triangles import closest_on_triangle
from workers.platform.compiled import compiled
from workers.skeleton.model import Array, Indices, Mask

DEEPEST_STACK = 256  # a tree of halves is as deep as its number of faces has bits


@compiled
def join_boxes(tree: FaceTree, boxes: Array, node: int) -> None:
    """The box of a node that holds no face, around those of its two children."""
    left, right = node + 1, tree.after[node + 1]
    for axis in range(3):
        boxes[node, axis] = min(boxes[left, axis], boxes[right, axis])
        boxes[node, axis + 3] = max(boxes[left, axis + 3], boxes[right, axis + 3])


@compiled
def box_faces(tree: FaceTree, places: Array, first: int, stop: int, boxes: Array, row: int) -> None:
    """The box around some faces of the tree in a pose `places` `(vertices, 3)`, into a row of `boxes`."""
    low_x, low_y, low_z = np.inf, np.inf, np.inf
    high_x, high_y, high_z = -np.inf, -np.inf, -np.inf
    for face in range(first, stop):
        for corner in range(3):
            vertex = tree.corners[face, corner]
            x, y, z = places[vertex, 0], places[vertex, 1], places[vertex, 2]
            low_x, low_y, low_z = min(low_x, x), min(low_y, y), min(low_z, z)
            high_x, high_y, high_z = max(high_x, x), max(high_y, y), max(high_z, z)
    boxes[row, 0], boxes[row, 1], boxes[row, 2] = low_x, low_y, low_z
    boxes[row, 3], boxes[row, 4], boxes[row, 5] = high_x, high_y, high_z


@compiled
def bound_faces(tree: FaceTree, places: Array, boxes: Array) -> None:
    """Boxes `(nodes, 6)`, low and high corner, around the faces of each node in a pose `places` `(vertices, 3)`."""
    for node in range(len(tree.first) - 1, -1, -1):
        if tree.held[node] > 0:
            box_faces(tree, places, tree.first[node], tree.first[node] + tree.held[node], boxes, node)
        else:
            join_boxes(tree, boxes, node)


@compiled
def bound_trees(tree: FaceTree, places: Array, boxes: Array) -> None:
    """Only the boxes of the roots, into `boxes` `(trees, 6)`."""
    for number in range(len(tree.roots)):
        stop = tree.starts[number + 1] if number + 1 < len(tree.starts) else len(tree.corners)
        box_faces(tree, places, tree.starts[number], stop, boxes, number)


@compiled
def bound_points(tree: FaceTree, points: Array, boxes: Array) -> None:
    """Boxes `(nodes, 6)` around one point of each face `(faces, 3)`, in the tree's order."""
    for node in range(len(tree.first) - 1, -1, -1):
        if tree.held[node] > 0:
            for axis in range(3):
                low, high = np.inf, -np.inf
                for face in range(tree.first[node], tree.first[node] + tree.held[node]):
                    low, high = min(low, points[face, axis]), max(high, points[face, axis])
                boxes[node, axis], boxes[node, axis + 3] = low, high
        else:
            join_boxes(tree, boxes, node)


@compiled
def squared_to_box(x: float, y: float, z: float, boxes: Array, node: int) -> float:
    """Squared distance from a point to the box of a node, 0 inside it."""
    dx = max(boxes[node, 0] - x, 0.0, x - boxes[node, 3])
    dy = max(boxes[node, 1] - y, 0.0, y - boxes[node, 4])
    dz = max(boxes[node, 2] - z, 0.0, z - boxes[node, 5])
    squared: float = dx * dx + dy * dy + dz * dz
    return squared


@compiled
def overlap(first: Array, number: int, second: Array, other: int, margin: float) -> bool:
    """Whether two boxes are nowhere farther apart than a margin along an axis."""
    for axis in range(3):
        if first[number, axis] > second[other, axis + 3] + margin:
            return False
        if first[number, axis + 3] < second[other, axis] - margin:
            return False
    return True


@compiled
def holds(boxes: Array, node: int, x: float, y: float, z: float, margin: float) -> bool:
    """Whether a point lies in the box of a node, widened by a margin."""
    inside: bool = (
        boxes[node, 0] - margin <= x <= boxes[node, 3] + margin
        and boxes[node, 1] - margin <= y <= boxes[node, 4] + margin
        and boxes[node, 2] - margin <= z <= boxes[node, 5] + margin
    )
    return inside


@compiled
def push_children(
    tree: FaceTree, boxes: Array, node: int, x: float, y: float, z: float, stack: Indices, waiting: int
) -> None:
    """Both children of a node onto the stack at `waiting`, the one nearer to the point on top."""
    left, right = node + 1, tree.after[node + 1]
    if squared_to_box(x, y, z, boxes, left) < squared_to_box(x, y, z, boxes, right):
        stack[waiting], stack[waiting + 1] = right, left
    else:
        stack[waiting], stack[waiting + 1] = left, right


@compiled
def keep_nearest(found: Numbers | Indices, squared: Array, number: int, item: int, distance: float) -> int:
    """An item among the `number` nearest so far, which stay sorted by squared distance; where there is no room the last
    one goes. How many there are then.
    """
    if number < len(found):
        number += 1
    place = number - 1
    while place > 0 and squared[place - 1] > distance:
        squared[place], found[place] = squared[place - 1], found[place - 1]
        place -= 1
    squared[place], found[place] = distance, item
    return number


@compiled
def nearest_points(
    tree: FaceTree,
    boxes: Array,
    points: Array,
    x: float,
    y: float,
    z: float,
    own_group: int,
    stack: Indices,
    found: Numbers,
    squared: Array,
) -> int:
    """The nearest of one point of each face, in groups other than its own: how many were found, at most as many as
    `found` has room for, nearest first.

    `boxes` are `bound_points`'. `found` holds faces of such groups to begin with, each once, where the search should
    look first, or -1 in its first place; it and `squared` are replaced. `stack` is room for the search.
    """
    most, number = len(found), 0
    limit = np.inf
    if found[0] >= 0:
        limit = 0.0
        for place in range(most):
            face = found[place]
            dx, dy, dz = points[face, 0] - x, points[face, 1] - y, points[face, 2] - z
            limit = max(limit, dx * dx + dy * dy + dz * dz)
        limit = limit * (1.0 + 1e-12) + 1e-300  # what lies just there is to be found again
    for number_of_tree in range(len(tree.roots)):
        root = tree.roots[number_of_tree]
        if tree.groups[number_of_tree] == own_group or squared_to_box(x, y, z, boxes, root) >= limit:
            continue
        stack[0], waiting = root, 1
        while waiting > 0:
            waiting -= 1
            node = stack[waiting]
            if squared_to_box(x, y, z, boxes, node) >= limit:
                continue
            if tree.held[node] == 0:
                push_children(tree, boxes, node, x, y, z, stack, waiting)
                waiting += 2
                continue
            for face in range(tree.first[node], tree.first[node] + tree.held[node]):
                dx, dy, dz = points[face, 0] - x, points[face, 1] - y, points[face, 2] - z
                distance = dx * dx + dy * dy + dz * dz
                if distance >= limit:
                    continue
                number = keep_nearest(found, squared, number, face, distance)
                if number == most:
                    limit = squared[most - 1]
    return number


@compiled
def closest_face(
    tree: FaceTree,
    boxes: Array,
    places: Array,
    x: float,
    y: float,
    z: float,
    asked: Mask,
    counts: Mask,
    stack: Indices,
    guess: int,
) -> tuple[int, float]:
    """The closest face of the trees that are `asked` `(trees,)` for and its squared distance; -1 and infinity if there
    is none.

    Only faces that `counts` `(faces,)`, in the tree's order. `boxes` are `bound_faces`'. A `guess` is one of these
    faces that may well be the closest, or -1: the better it is, the less is looked at.
    """
    best, found = np.inf, guess
    if guess >= 0:
        a, b, c = tree.corners[guess, 0], tree.corners[guess, 1], tree.corners[guess, 2]
        best = closest_on_triangle(x, y, z, places, a, b, c)[0]
    for number_of_tree in range(len(tree.roots)):
        root = tree.roots[number_of_tree]
        if not asked[number_of_tree] or squared_to_box(x, y, z, boxes, root) >= best:
            continue
        stack[0], waiting = root, 1
        while waiting > 0:
            waiting -= 1
            node = stack[waiting]
            if squared_to_box(x, y, z, boxes, node) >= best:
                continue
            if tree.held[node] == 0:
                push_children(tree, boxes, node, x, y, z, stack, waiting)
                waiting += 2
                continue
            for face in range(tree.first[node], tree.first[node] + tree.held[node]):
                if counts[face]:
                    a, b, c = tree.corners[face, 0], tree.corners[face, 1], tree.corners[face, 2]
                    distance = closest_on_triangle(x, y, z, places, a, b, c)[0]
                    if distance < best:
                        best, found = distance, face
    return found, best
