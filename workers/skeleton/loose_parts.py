"""Loose parts: skin on joints that hang neither below the body nor on it, such as eyes on an armature of their own.

A part follows the joint of the body that it stands by. That is told from the skin, since the root of such an armature
stands anywhere: the part's vertices nearest to the body ask which joints hold the skin beside them. A part between
several of them follows the joint that carries all of these, if it stands near that; what is far from the body, or as
near to one joint as to another, stays where it is and is named.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from workers.skeleton import kinematics
from workers.skeleton.model import Array, Indices, Mask, Mesh, Skeleton

TOUCHING = 0.25  # of the leg's length: so near the nearest of a part must stand to the body
WITHIN = 0.6  # so near the middle of its vertices
MOST = 0.6  # share of the part's nearest vertices that agree on one joint
SOME = 0.1  # share below which a neighbour does not count
BETWEEN = 0.5  # of the leg's length: from a joint that carries several neighbours to what follows it
CLOTHING = 0.9  # share of a surface's vertices that touch the body if the body wears it
ENCLOSED = 2  # joints of the body within a surface that it wears
NEAREST = 0.25  # share of a part's vertices that are asked
MAX_PART, MAX_BODY = 100, 10_000  # vertices looked at
MAX_PARTS = 256  # parts looked at: a figure that is worn has fewer


class Neighbours:
    """The body's skin, to ask which of its joints a part stands by. `lead` `(joints,)`: what moves each joint, -1."""

    def __init__(
        self, skeleton: Skeleton, mesh: Mesh, positions_m: Array, leg_m: float, own: Mask, lead: Indices
    ) -> None:
        self.skeleton, self.mesh, self.positions_m, self.leg_m = skeleton, mesh, positions_m, leg_m
        rows = np.arange(len(mesh.weights))
        self.strongest: Indices = mesh.joints[rows, mesh.weights.argmax(axis=1)]
        self.lead = lead
        held = lead[self.strongest]
        self.held: Mask = held >= 0
        skin = _sample(np.flatnonzero(self.held), MAX_BODY)
        joints = np.flatnonzero(own)
        self.points: Array = np.concatenate([mesh.positions_m[skin], positions_m[joints]])
        self.holders: Indices = np.concatenate([held[skin], joints])
        self.own = own

    def vertices(self, joints: Indices) -> Indices:
        return np.flatnonzero(np.isin(self.strongest, joints))

    def leader(self, vertices: Indices) -> int | None:
        """The joint that these vertices stand by, None where that is not clear."""
        if not len(vertices):
            return None
        points = self.mesh.positions_m[_sample(vertices, MAX_PART)]
        nearest, distances = self._nearest(points)
        asked = np.argsort(distances, kind="stable")[: max(1, round(NEAREST * len(points)))]
        if distances[asked[0]] > TOUCHING * self.leg_m or np.median(distances) > WITHIN * self.leg_m:
            return None
        votes = Counter(int(self.holders[nearest[place]]) for place in asked)
        first, count = min(votes.items(), key=lambda item: (-item[1], item[0]))
        if count >= MOST * len(asked):
            return first
        shared = self._carries_all([joint for joint, count in votes.items() if count >= SOME * len(asked)])
        if shared is None:
            return None
        away = float(np.linalg.norm(points[asked] - self.positions_m[shared], axis=1).mean())
        return shared if away <= BETWEEN * self.leg_m else None

    def wearer(self, vertices: Indices) -> int | None:
        """The joint that carries all that these vertices lie on, None where the body does not wear them."""
        if not self.is_one_with(vertices):
            return None
        nearest, _ = self._nearest(self.mesh.positions_m[_sample(vertices, MAX_PART)])
        return self._carries_all(sorted({int(self.holders[place]) for place in nearest}))

    def is_one_with(self, vertices: Indices) -> bool:
        """True where these vertices and the body's are one surface: they share faces, joints hold both, none of them is
        far from the body, or they enclose some of its bones.
        """
        if not len(vertices):
            return False
        inside = np.zeros(len(self.strongest), dtype=np.bool_)
        inside[vertices] = True
        corners = inside[self.mesh.faces]
        seam = (corners.any(axis=1) & (self.held[self.mesh.faces] & ~corners).any(axis=1)).any()
        shared = self.mesh.weights[vertices] * (self.lead[self.mesh.joints[vertices]] >= 0)
        if seam or (shared.sum(axis=1) > SOME).any():
            return True
        distances = self._nearest(self.mesh.positions_m[_sample(vertices, MAX_PART)])[1]
        if float(np.quantile(distances, CLOTHING)) < TOUCHING * self.leg_m:
            return True
        points, joints = self.mesh.positions_m[vertices], self.positions_m[self.own]
        enclosed = ((joints > points.min(axis=0)) & (joints < points.max(axis=0))).all(axis=1)
        return bool(enclosed.sum() >= ENCLOSED and np.median(distances) < WITHIN * self.leg_m)

    def _nearest(self, points: Array) -> tuple[Indices, Array]:
        """The body's nearest point to each of `points`, and how far it is."""
        squares = np.sum(self.points**2, axis=1) - 2.0 * points @ self.points.T
        nearest: Indices = squares.argmin(axis=1)
        return nearest, np.asarray(np.linalg.norm(self.points[nearest] - points, axis=1))

    def _carries_all(self, joints: list[int]) -> int | None:
        """The lowest joint of the body that is all of these or above them."""
        lines = [[joint, *self.skeleton.ancestors(joint)] for joint in joints]
        shared = [joint for joint in lines[0] if self.own[joint] and all(joint in line for line in lines[1:])]
        return shared[0] if shared else None


def find_loose(
    skeleton: Skeleton, roots: list[int], holders: Mask, neighbours: Neighbours
) -> tuple[dict[int, int], list[int]]:
    """Joint of a part -> the joint it follows, and joints that hold skin for which none is clear.

    `roots` are the first joints of the parts. A root without skin is a group whose parts may go different ways. Beyond
    `MAX_PARTS` none is looked at.
    """
    following: dict[int, int] = {}
    unclear: list[int] = []
    waiting = list(roots)
    looked_at = 0
    while waiting:
        root = waiting.pop(0)
        looked_at += 1
        if looked_at > MAX_PARTS:
            unclear += [root]
            continue
        inside = kinematics.subtree(skeleton, root)
        leader = neighbours.leader(neighbours.vertices(inside))
        parts = [child for child in skeleton.children[root] if holders[kinematics.subtree(skeleton, child)].any()]
        if leader is not None:
            following[root] = leader
        elif not holders[root]:
            waiting += parts
        elif (leader := neighbours.wearer(neighbours.vertices(inside))) is not None:
            following[root] = leader
        else:
            unclear += [int(joint) for joint in inside if holders[joint]]
    return following, unclear


def _sample(items: Indices, most: int) -> Indices:
    """At most so many, evenly."""
    return items if len(items) <= most else items[np.linspace(0, len(items) - 1, most).astype(np.int64)]
