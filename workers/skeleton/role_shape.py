"""The shape of a joint tree: arc lengths, ancestor pairs, reaches and a body scale, all independent of pose and facing.

`Shape` looks at bone lengths and the tree only; joint positions are used by `role_body` where a pose is needed to tell
left from right. Lengths are metres, but nothing depends on the unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workers.skeleton.kinematics import rest_world
from workers.skeleton.model import Array, Indices, Skeleton


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
    def ancestors(self) -> tuple[tuple[int, ...], ...]:
        """Parent first, root last."""
        result: list[tuple[int, ...]] = []
        for parent in self.skeleton.parents:
            result.append(() if parent < 0 else (int(parent), *result[parent]))
        return tuple(result)

    @cached_property
    def pairs(self) -> tuple[Indices, Indices]:
        """All (ancestor, descendant) pairs of usable joints, sorted by ancestor: two index arrays `(pairs,)`."""
        upper = [a for j, line in enumerate(self.ancestors) if self.usable[j] for a in line]
        lower = [j for j, line in enumerate(self.ancestors) if self.usable[j] for _ in line]
        first, second = np.array(upper, dtype=np.int64), np.array(lower, dtype=np.int64)
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
        for joint, parent in enumerate(self.skeleton.parents):
            if parent >= 0:
                branches = sum(self.reach_m[c] > 0.05 * self.height_m for c in self.skeleton.children[parent])
                result[joint] = self.length_m[joint] + (0.0 if branches > 1 else result[parent])
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

    def is_above(self, upper: int, lower: int) -> bool:
        """True where `upper` is a strict ancestor of `lower`."""
        return upper in self.ancestors[lower]

    def common_ancestor(self, a: int, b: int) -> int:
        """Lowest joint that is an ancestor of both or one of the two; -1 in different trees."""
        line = {a, *self.ancestors[a]}
        return next((joint for joint in (b, *self.ancestors[b]) if joint in line), -1)

    def path(self, upper: int, lower: int) -> list[int]:
        """Joints from below `upper` down to `lower`, which is included."""
        line = [lower, *self.ancestors[lower]]
        return line[: line.index(upper)][::-1] if upper in line else line[::-1]

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
    return Shape(skeleton, positions, usable, doubtful, length, arc)
