"""How deep limb vertices lie in the rest of the body: compiled, on a mesh of any size, for reports.

A vertex is asked about only where it lies in the bounds of a part that counts for it; whether it is inside, by the
winding numbers of the groups near by; and how deep, only where it is. What that means is said in
`workers.geometry.exact`, which does the same by libigl, for reference.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np

from workers.geometry.parts import GROUP_OF, GROUPS
from workers.geometry.queries.bounds import DEEPEST_STACK, bound_faces, closest_face, holds
from workers.geometry.queries.face_tree import FaceTree, build_tree
from workers.geometry.queries.windings import COLUMNS, find_moments, winding
from workers.geometry.surface import BodySurface
from workers.platform.compiled import compiled
from workers.skeleton.model import Array, Indices, Mask

NUMBER_OF_GROUPS = len(GROUPS)
# A winding number is harmonic where no surface is: around a point where it is farther than CLEAR from a half, it is on
# the same side of a half within SAME_SIDE of the distance to the closest face.
CLEAR, SAME_SIDE = 0.3, 0.5


class Depths(NamedTuple):
    """Of limb vertices in some frames `(frames, limb vertices)`: depth in the rest of the body in metres, 0 outside,
    and the number of the face that is closest.
    """

    depth_m: Array
    face: Indices


class DepthRoom(NamedTuple):
    """Working room for one pose."""

    boxes: Array  # (nodes, 6)
    group_boxes: Array  # (groups, 6)
    moments: Array  # (nodes, COLUMNS)
    asked: Mask  # (trees,)
    every_face: Mask  # (faces,) True
    stack: Indices


class DepthSearch:
    """Looks into one surface in any number of poses."""

    def __init__(self, surface: BodySurface) -> None:
        self.tree = build_tree(surface.mesh.faces, surface.face_parts, surface.mesh.positions_m)
        # Neighbours one after the other: what is known of one holds for the next where nothing is near.
        place = np.full(len(surface.parts), np.iinfo(np.int64).max)
        np.minimum.at(place, self.tree.corners.ravel(), np.arange(self.tree.corners.size))
        self.order = np.argsort(place[surface.limb_vertices], kind="stable")
        self.limbs = np.ascontiguousarray(surface.limb_vertices[self.order])
        self.own = np.ascontiguousarray(GROUP_OF[surface.parts[self.limbs]])
        self.excluded = np.ascontiguousarray(surface.excluded[self.limbs])
        self.outer = np.ascontiguousarray(surface.outer[self.tree.faces])

    def depths(self, vertices_m: Array, margin_m: float) -> Depths:
        """`vertices_m` `(frames, vertices, 3)`. A group has a say up to `margin_m` outside of its bounds: the open end
        of a distant limb winds around nothing.
        """
        nodes, trees = len(self.tree.first), len(self.tree.roots)
        room = DepthRoom(
            np.empty((nodes, 6)),
            np.empty((NUMBER_OF_GROUPS, 6)),
            np.empty((nodes, COLUMNS)),
            np.empty(trees, dtype=np.bool_),
            np.ones(len(self.tree.corners), dtype=np.bool_),
            np.empty(DEEPEST_STACK, dtype=np.int64),
        )
        shape = len(vertices_m), len(self.limbs)
        depth, face = np.zeros(shape), np.zeros(shape, dtype=np.int64)
        places = np.ascontiguousarray(vertices_m, dtype=np.float64)
        find_depths(
            self.tree, places, self.limbs, self.own, self.excluded, self.outer, float(margin_m), room, depth, face
        )
        back = np.argsort(self.order)
        return Depths(depth[:, back], self.tree.faces[face[:, back]])


@compiled
def find_depths(
    tree: FaceTree,
    positions: Array,
    limbs: Indices,
    own: Indices,
    excluded: Mask,
    outer: Mask,
    margin: float,
    room: DepthRoom,
    depth: Array,
    face: Indices,
) -> None:
    """Fill `depth` and `face` (in the tree's order) where a limb vertex is inside."""
    for frame in range(len(positions)):
        places = positions[frame]
        bound_faces(tree, places, room.boxes)
        bound_groups(tree, room.boxes, room.group_boxes)
        find_moments(tree, places, room.boxes, room.moments)
        known, known_groups, inside = -1.0, 0, False  # around the point that was asked last
        known_x, known_y, known_z = 0.0, 0.0, 0.0
        for row in range(len(limbs)):
            x, y, z = places[limbs[row], 0], places[limbs[row], 1], places[limbs[row], 2]
            if not in_a_part(tree, room.boxes, x, y, z, own[row], excluded, row):
                continue
            groups = 0
            for root in range(len(tree.roots)):
                group = tree.groups[root]
                room.asked[root] = group != own[row] and holds(room.group_boxes, group, x, y, z, margin)
                if room.asked[root]:
                    groups |= 1 << group
            dx, dy, dz = x - known_x, y - known_y, z - known_z
            if groups != known_groups or dx * dx + dy * dy + dz * dz >= known:
                total = winding(tree, places, room.moments, x, y, z, room.asked)
                inside = total > 0.5
                known, known_groups, known_x, known_y, known_z = -1.0, groups, x, y, z
                if abs(total - 0.5) > CLEAR:
                    _, squared = closest_face(
                        tree, room.boxes, places, x, y, z, room.asked, room.every_face, room.stack
                    )
                    known = SAME_SIDE * SAME_SIDE * squared
            if not inside:
                continue
            for root in range(len(tree.roots)):
                room.asked[root] = tree.groups[root] != own[row]
            closest, squared = closest_face(tree, room.boxes, places, x, y, z, room.asked, outer, room.stack)
            if closest >= 0:
                depth[frame, row], face[frame, row] = sqrt(squared), closest


@compiled
def bound_groups(tree: FaceTree, boxes: Array, group_boxes: Array) -> None:
    """Boxes `(groups, 6)` around all trees of a group."""
    group_boxes[:, :3], group_boxes[:, 3:] = np.inf, -np.inf
    for number in range(len(tree.roots)):
        group, root = tree.groups[number], tree.roots[number]
        for axis in range(3):
            group_boxes[group, axis] = min(group_boxes[group, axis], boxes[root, axis])
            group_boxes[group, axis + 3] = max(group_boxes[group, axis + 3], boxes[root, axis + 3])


@compiled
def in_a_part(tree: FaceTree, boxes: Array, x: float, y: float, z: float, own: int, excluded: Mask, row: int) -> bool:
    """Whether a point lies in the bounds of a part of another group, that is not excluded for it."""
    for number in range(len(tree.roots)):
        if tree.groups[number] == own or excluded[row, tree.parts[number]]:
            continue
        if holds(boxes, tree.roots[number], x, y, z, 0.0):
            return True
    return False
