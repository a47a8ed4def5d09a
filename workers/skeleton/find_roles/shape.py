"""The shape of a joint tree: arc lengths, ancestor pairs, reaches and a body scale, all independent of pose and facing.

`Shape` looks at bone lengths and the tree only; joint positions are used by `whole_body` where a pose is needed to tell
left from right. Lengths are metres, but nothing depends on the unit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workers.skeleton.kinematics import rest_world
from workers.skeleton.model import Array, Indices, Skeleton

FURTHEST = 32  # steps between two neighbouring links of a limb
MAX_DEPTH = 512  # no role lies further from the root; bounds the work on hostile trees


@dataclass(frozen=True, eq=False)
class Shape:
    """`length_m` is the bone from the parent, `arc_m` its sum from the root; `usable` joints may take a role."""

    skeleton: Skeleton
    positions_m: Array  # (joints, 3)
    usable: NDArray[np.bool_]  # (joints,) not an end site, nor a nameless mesh or group
    doubtful: NDArray[np.bool_]  # (joints,) a helper or no joint: does not count for the body's size
    length_m: Array  # (joints,)
    arc_m: Array  # (joints,)

    @cached_property
    def depth(self) -> Indices:
        """Steps from the root."""
        result = np.zeros(len(self.skeleton), dtype=np.int64)
        for joint, parent in enumerate(self.skeleton.parents):
            if parent >= 0:
                result[joint] = result[parent] + 1
        return result

    @cached_property
    def pairs(self) -> tuple[Indices, Indices]:
        """(ancestor, descendant) of usable joints at most FURTHEST steps apart, by ancestor: two arrays `(pairs,)`."""
        lower = np.flatnonzero(self.usable)
        upper = lower
        found: list[tuple[Indices, Indices]] = []
        for _ in range(FURTHEST):
            upper = self.skeleton.parents[upper]
            lower, upper = lower[upper >= 0], upper[upper >= 0]
            if not len(lower):
                break
            found.append((upper, lower))
        if not found:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        first, second = (np.concatenate(column) for column in zip(*found, strict=True))
        order = np.argsort(first, kind="stable")
        return first[order], second[order]

    @cached_property
    def reach_m(self) -> Array:
        """Longest arc from each joint down to a leaf, end sites included."""
        reach = np.zeros(len(self.skeleton))
        for joint in range(len(self.skeleton) - 1, 0, -1):
            parent = self.skeleton.parents[joint]
            if parent >= 0:
                reach[parent] = max(reach[parent], reach[joint] + self.length_m[joint])
        return reach

    @cached_property
    def lead_m(self) -> Array:
        """Arc from the nearest joint above that branches into at least two parts with bones of their own."""
        result = np.zeros(len(self.skeleton))
        long = (self.reach_m > 0.05 * self.height_m) & (self.skeleton.parents >= 0)
        branches = np.bincount(self.skeleton.parents[long], minlength=len(self.skeleton))
        for joint, parent in enumerate(self.skeleton.parents):
            if parent >= 0:
                result[joint] = self.length_m[joint] + (0.0 if branches[parent] > 1 else result[parent])
        return result

    @cached_property
    def next_m(self) -> Array:
        """Length of the bone to the child that leads furthest, 0 at a leaf."""
        result = np.zeros(len(self.skeleton))
        for joint, children in enumerate(self.skeleton.children):
            if children:
                result[joint] = self.length_m[max(children, key=lambda c: self.reach_m[c] + self.length_m[c])]
        return result

    @cached_property
    def count(self) -> Indices:
        """Joints in each subtree, itself included."""
        count = np.ones(len(self.skeleton), dtype=np.int64)
        for joint in range(len(self.skeleton) - 1, 0, -1):
            parent = self.skeleton.parents[joint]
            if parent >= 0:
                count[parent] += count[joint]
        return count

    @cached_property
    def height_m(self) -> float:
        """About a body height: 0.75 of the longest path between two leaves (toe to fingertip is 4/3 of a height)."""
        reach = np.zeros(len(self.skeleton))
        best = 0.0
        for joint in range(len(self.skeleton) - 1, 0, -1):
            parent = self.skeleton.parents[joint]
            if parent >= 0 and not self.doubtful[joint]:
                down = float(reach[joint] + self.length_m[joint])
                if reach[parent] > 0:
                    best = max(best, float(reach[parent]) + down)
                reach[parent] = max(reach[parent], down)
        return max(0.75 * (best or float(reach.max(initial=0.0))), 1e-9)

    @cached_property
    def _visits(self) -> Indices:
        """Order of a depth-first walk: a subtree is a run of `count` visits."""
        result = np.zeros(len(self.skeleton), dtype=np.int64)
        used = np.zeros(len(self.skeleton) + 1, dtype=np.int64)  # visits given out below each joint, the last for roots
        for joint, parent in enumerate(self.skeleton.parents):
            result[joint] = used[parent] + (result[parent] + 1 if parent >= 0 else 0)
            used[parent] += self.count[joint]
        return result

    def is_above(self, upper: int, lower: int) -> bool:
        """True where `upper` is a strict ancestor of `lower`."""
        return 0 < int(self._visits[lower] - self._visits[upper]) < int(self.count[upper])

    def common_ancestor(self, a: int, b: int) -> int:
        """Lowest joint that is an ancestor of both or one of the two; -1 in different trees."""
        while a != b and a >= 0:
            if self.depth[a] < self.depth[b]:
                a, b = b, a
            a = int(self.skeleton.parents[a])
        return a

    def path(self, upper: int, lower: int) -> list[int]:
        """Joints from below `upper` down to `lower`, which is included; from the root where `upper` is not above."""
        line = []
        while lower >= 0 and lower != upper:
            line.append(lower)
            lower = int(self.skeleton.parents[lower])
        return line[::-1]

    def subtree(self, joint: int) -> list[int]:
        """The joint and everything below it, parents first."""
        result = [joint]
        for item in result:
            result.extend(self.skeleton.children[item])
        return result


def measure_shape(
    skeleton: Skeleton, positions_m: Array | None, usable: NDArray[np.bool_], doubtful: NDArray[np.bool_]
) -> Shape:
    """Measure a skeleton; a pose whose bones have lost their lengths is replaced by the rest pose."""
    rest = rest_world(skeleton)[1]
    parents = skeleton.parents
    child = parents >= 0
    length = np.where(child, np.linalg.norm(rest - rest[parents], axis=1), 0.0)
    positions = rest
    if positions_m is not None and np.all(np.isfinite(positions_m)):
        posed = np.where(child, np.linalg.norm(positions_m - positions_m[parents], axis=1), 0.0)
        long = length > 0.02 * max(float(length.max(initial=0.0)), 1e-12)
        kept = np.abs(posed - length) < 0.5 * length
        if np.count_nonzero(kept & long) >= 0.5 * np.count_nonzero(long):
            positions = positions_m
        rigid, moved = np.count_nonzero(long & child), np.count_nonzero(posed > 1e-9)
        if rigid < 0.3 * np.count_nonzero(child) and moved > rigid:
            positions, length = positions_m, posed  # offsets live in position channels only
    arc = np.zeros(len(skeleton))
    for joint, parent in enumerate(parents):
        if parent >= 0:
            arc[joint] = arc[parent] + length[joint]
    shape = Shape(skeleton, positions, usable, doubtful, length, arc)
    return replace(shape, usable=usable & (shape.depth <= MAX_DEPTH))
