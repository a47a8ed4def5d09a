"""How deep limb vertices lie in the rest of the body: compiled, on a mesh of any size, for reports.

A vertex is asked about only where it lies in the bounds of a part that counts for it; whether it is inside, by the
winding numbers of the groups near by; and how deep, only where it is. Deep inside, neighbours may
share their closest face: such a depth is said too great by some hundredths at times, the greatest of a frame is exact.
What it all means is said in `workers.geometry.exact`, which does the same by libigl, for reference.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np

from workers.geometry.parts import GROUP_OF, GROUPS, PARTS
from workers.geometry.queries.bounds import DEEPEST_STACK, bound_faces, closest_face, holds, squared_to_box
from workers.geometry.queries.face_tree import FaceTree, build_tree, first_places
from workers.geometry.queries.triangles import closest_on_triangle
from workers.geometry.queries.windings import COLUMNS, find_moments, winding
from workers.geometry.surface import BodySurface
from workers.platform.compiled import compiled
from workers.skeleton.model import Array, Indices, Mask

NUMBER_OF_GROUPS = len(GROUPS)
# A winding number is harmonic where no surface is: around a point where it is less than CLEAR, it is no more than a
# half within SAME_SIDE of the distance to the closest face.
CLEAR, SAME_SIDE = 0.2, 0.5


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
    rough: Mask  # (limb vertices,) depths by a neighbour's closest face
    stack: Indices


class DepthSearch:
    """Looks into one surface in any number of poses."""

    def __init__(self, surface: BodySurface) -> None:
        self.tree = build_tree(surface.mesh.faces, surface.face_parts, surface.mesh.positions_m)
        # Neighbours one after the other: what is known of one holds for the next where nothing is near.
        places = first_places(self.tree, len(surface.parts))
        self.order = np.argsort(places[surface.limb_vertices], kind="stable")
        self.limbs = np.ascontiguousarray(surface.limb_vertices[self.order])
        self.own = np.ascontiguousarray(GROUP_OF[surface.parts[self.limbs]])
        self.excluded = np.ascontiguousarray(surface.excluded[self.limbs])
        # Vertices of one kind are asked about the same parts.
        self.kinds = self.own * 2 ** len(PARTS) + self.excluded @ (2 ** np.arange(len(PARTS)))
        self.outer = np.ascontiguousarray(surface.outer[self.tree.faces])

    def depths(self, vertices_m: Array, margin_m: float, shared: float = 0.0) -> Depths:
        """`vertices_m` `(frames, vertices, 3)`. A group has a say up to `margin_m` outside of its bounds: the open end
        of a distant limb winds around nothing. Within `shared` of the depth of a vertex around it, a share, others of
        its kind take its closest face for theirs.
        """
        nodes, trees = len(self.tree.first), len(self.tree.roots)
        room = DepthRoom(
            np.empty((nodes, 6)),
            np.empty((NUMBER_OF_GROUPS, 6)),
            np.empty((nodes, COLUMNS)),
            np.empty(trees, dtype=np.bool_),
            np.ones(len(self.tree.corners), dtype=np.bool_),
            np.empty(len(self.limbs), dtype=np.bool_),
            np.empty(DEEPEST_STACK, dtype=np.int64),
        )
        shape = len(vertices_m), len(self.limbs)
        depth, face = np.zeros(shape), np.zeros(shape, dtype=np.int64)
        places = np.ascontiguousarray(vertices_m, dtype=np.float64)
        find_depths(
            self.tree,
            places,
            self.limbs,
            self.own,
            self.excluded,
            self.kinds,
            self.outer,
            float(margin_m),
            float(shared),
            room,
            depth,
            face,
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
    kinds: Indices,
    outer: Mask,
    margin: float,
    shared: float,
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
        room.rough[:] = False
        # A ball in which every vertex of this kind is outside.
        clear, clear_x, clear_y, clear_z, clear_kind = -1.0, 0.0, 0.0, 0.0, -1
        # One that was inside, and how deep: around it, its closest face is taken for that of all of this kind.
        deep_x, deep_y, deep_z, deep, last, last_kind = 0.0, 0.0, 0.0, 0.0, -1, -1
        for row in range(len(limbs)):
            x, y, z = places[limbs[row], 0], places[limbs[row], 1], places[limbs[row], 2]
            dx, dy, dz = x - clear_x, y - clear_y, z - clear_z
            if dx * dx + dy * dy + dz * dz < clear and kinds[row] == clear_kind:
                continue
            dx, dy, dz = x - deep_x, y - deep_y, z - deep_z
            if dx * dx + dy * dy + dz * dz < shared * shared * deep and kinds[row] == last_kind:
                a, b, c = tree.corners[last, 0], tree.corners[last, 1], tree.corners[last, 2]
                depth[frame, row] = sqrt(closest_on_triangle(x, y, z, places, a, b, c)[0])
                face[frame, row], room.rough[row] = last, True
                continue
            clear, clear_kind = -1.0, kinds[row]
            away = from_parts(tree, room.boxes, x, y, z, own[row], excluded, row)
            if away > 0.0:
                clear, clear_x, clear_y, clear_z = away, x, y, z
                continue
            for root in range(len(tree.roots)):
                group = tree.groups[root]
                room.asked[root] = group != own[row] and holds(room.group_boxes, group, x, y, z, margin)
            total = winding(tree, places, room.moments, x, y, z, room.asked)
            for root in range(len(tree.roots)):
                room.asked[root] = tree.groups[root] != own[row]
            if total <= 0.5:
                if total < CLEAR:
                    _, squared = closest_face(
                        tree, room.boxes, places, x, y, z, room.asked, room.every_face, room.stack, -1
                    )
                    clear, clear_x, clear_y, clear_z = SAME_SIDE * SAME_SIDE * squared, x, y, z
                continue
            guess = last if last_kind == kinds[row] else -1
            closest, squared = closest_face(tree, room.boxes, places, x, y, z, room.asked, outer, room.stack, guess)
            if closest >= 0:
                depth[frame, row], face[frame, row] = sqrt(squared), closest
                deep_x, deep_y, deep_z, deep, last, last_kind = x, y, z, squared, closest, kinds[row]
        settle_greatest(tree, places, limbs, own, outer, room, depth[frame], face[frame])


@compiled
def settle_greatest(
    tree: FaceTree,
    places: Array,
    limbs: Indices,
    own: Indices,
    outer: Mask,
    room: DepthRoom,
    depth: Array,
    face: Indices,
) -> None:
    """Measure the greatest depth of a frame exactly: what is rough is never too small, so the greatest is asked about
    until it is none of these.
    """
    while len(depth) > 0:
        row = depth.argmax()
        if not room.rough[row]:
            break
        for root in range(len(tree.roots)):
            room.asked[root] = tree.groups[root] != own[row]
        x, y, z = places[limbs[row], 0], places[limbs[row], 1], places[limbs[row], 2]
        face[row], squared = closest_face(tree, room.boxes, places, x, y, z, room.asked, outer, room.stack, face[row])
        depth[row], room.rough[row] = sqrt(squared), False


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
def from_parts(tree: FaceTree, boxes: Array, x: float, y: float, z: float, own: int, excluded: Mask, row: int) -> float:
    """Squared distance from a point to the nearest box of a part of another group that is not excluded for it."""
    least = np.inf
    for number in range(len(tree.roots)):
        if tree.groups[number] != own and not excluded[row, tree.parts[number]]:
            least = min(least, squared_to_box(x, y, z, boxes, tree.roots[number]))
            if least == 0.0:
                break
    return least
