"""FaceTree: the faces of a surface in a hierarchy that is made once and holds in every pose.

A forest with one tree for each part of the body: faces that are neighbours in the rest pose move together, so the
hierarchy stays good while the body moves, and a pose costs only new bounds (`bounds`). Nodes lie in depth-first order:
the left child follows its parent, the right one comes after the left one's subtree, and `after` of a node is where its
subtree ends.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.geometry.parts import GROUP_OF
from workers.skeleton.model import Array, Indices

LEAF = 4  # faces
Numbers = NDArray[np.int32]


class FaceTree(NamedTuple):
    """Arrays for compiled code; faces in the order of the leaves."""

    corners: Numbers  # (faces, 3) vertices
    faces: Indices  # (faces,) their numbers on the surface
    first: Numbers  # (nodes,) first face
    held: Numbers  # (nodes,) faces of a leaf, 0 for a node that has children
    after: Numbers  # (nodes,)
    roots: Numbers  # (trees,) ascending
    parts: Numbers  # (trees,)
    groups: Numbers  # (trees,)
    starts: Numbers  # (trees,) first face


def build_tree(faces: Indices, face_parts: Indices, positions_m: Array) -> FaceTree:
    """`faces` `(faces, 3)` of `positions_m` `(vertices, 3)` at rest; `face_parts` `(faces,)`."""
    centres = positions_m[faces].mean(axis=1)
    order: list[Indices] = []
    first: list[int] = []
    count: list[int] = []
    after: list[int] = []
    roots, starts, parts = [], [], [int(part) for part in np.unique(face_parts)]
    placed = 0
    for part in parts:
        roots.append(len(first))
        starts.append(placed)
        # Right halves wait on the stack; what is closed when one is taken up ends there.
        waiting: list[tuple[Indices, int]] = [(np.flatnonzero(face_parts == part), 0)]
        open_nodes: list[int] = []
        while waiting:
            members, depth = waiting.pop()
            for node in open_nodes[depth:]:
                after[node] = len(first)
            del open_nodes[depth:]
            open_nodes.append(len(first))
            first.append(placed)
            after.append(0)
            if len(members) <= LEAF:
                count.append(len(members))
                order.append(members)
                placed += len(members)
                continue
            count.append(0)
            own = centres[members]
            middle = len(members) // 2
            split = np.argpartition(own[:, np.ptp(own, axis=0).argmax()], middle)
            waiting.append((members[split[middle:]], depth + 1))
            waiting.append((members[split[:middle]], depth + 1))
        for node in open_nodes:
            after[node] = len(first)
    ordered = np.concatenate(order) if order else np.zeros(0, dtype=np.int64)

    def numbers(values: list[int] | Indices) -> Numbers:
        return np.ascontiguousarray(values, dtype=np.int32)

    groups = GROUP_OF[np.array(parts, dtype=np.int64)]
    return FaceTree(
        np.ascontiguousarray(faces[ordered], dtype=np.int32).reshape(-1, 3),
        ordered,
        *(numbers(values) for values in (first, count, after, roots, parts, groups, starts)),
    )


def first_places(tree: FaceTree, vertices: int) -> Indices:
    """Where each vertex `(vertices,)` stands first among the corners of the tree's faces: neighbours stand close."""
    places = np.full(vertices, np.iinfo(np.int64).max)
    np.minimum.at(places, tree.corners.ravel(), np.arange(tree.corners.size))
    return places
