"""Legs, arms and trunk of a skeleton from its tree and bone lengths alone: no names, no pose, no units, no up axis.

A body has mirrored limbs: two branches of one joint with nearly the same bone lengths. The pair attached nearer to
the root, with the longer two main bones, on the far side from the head, is the legs. It is what a reader can
know before units and axes are known; finding the humanoid roles is left to `workers.skeleton`.

Not everything that hangs on a skeleton is body: helpers of a face, targets of IK, props, capes and hair hang where they
like. `BodyPlan.carrying` are the joints that carry it, trunk and limbs; a last bone that is longer than any bone of the
body (`STRAY`) leads to a helper and is not looked at. Strands of cloth and hair have many bones alike, limbs two long
ones: pairs are ranked by these.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from workers.skeleton.model import Array, Mask

MIN_LIMB = 0.15  # of the longest path through the skeleton; fingers, toes, eyes and hair are shorter
MIRROR_TOLERANCE = 0.2  # mean |log| of the ratio of measures of two limbs that count as mirrored
STRAY = 1.25  # of the longest bone that leads on: a last bone longer than this is no part of a body
STRAY_END = 0.25  # of a last bone: what may still follow it, such as its End Site
LARGEST_HEAD = 1.0  # of trunk and legs: what reaches further above the shoulders is hair or a helper
DIAMETER_TO_STATURE = 1.35  # fingertip to toe over stature: arm 0.44, torso 0.29, leg 0.49, foot 0.15 (Winter 2009)


@dataclass(frozen=True)
class Limb:
    """A branch below the trunk: its first joint, the joint at the end of its longest path, and its two main bones."""

    start: int
    tip: int
    main_bones: float


@dataclass(frozen=True)
class BodyPlan:
    """`hips` and `shoulders` are the joints that legs and arms are attached to; any of them may be missing (empty, -1).

    `stature` is the path from the top of the head along the trunk to the end of the legs, in the units of the offsets,
    or an estimate from the longest path where there is no such body. `carrying` are the nodes of trunk and limbs, or
    all but stray ones where no limbs are known: one of them stands on the ground.
    """

    legs: tuple[Limb, ...]
    arms: tuple[Limb, ...]
    hips: int
    shoulders: int
    stature: float
    how: str
    carrying: tuple[int, ...]


def body_plan(parents: tuple[int, ...], offsets: Array) -> BodyPlan:
    """The plan of a tree with `parents[j] != j`, roots -1, and local translations `offsets` `(nodes, 3)`."""
    lengths = np.linalg.norm(offsets, axis=1)
    stray = _stray(_Tree(parents, lengths))
    tree = _Tree(parents, np.where(stray, 0.0, lengths))
    diameter = tree.diameter()
    everything = tuple(int(node) for node in np.flatnonzero(~stray))
    pairs = _limb_pairs(tree, MIN_LIMB * diameter)
    if not pairs:
        how = "longest path, no mirrored limbs found"
        return BodyPlan((), (), -1, -1, diameter / DIAMETER_TO_STATURE, how, everything)
    limbs = [tuple(tree.limb(start) for start in pair) for pair in pairs]
    joints = [parents[pair[0]] for pair in pairs]
    if len(pairs) == 1:
        how = "longest path, one pair of limbs"
        carrying = _carrying(tree, limbs[0], tree.ancestry(joints[0]), stray)
        return BodyPlan(limbs[0], (), joints[0], -1, diameter / DIAMETER_TO_STATURE, how, carrying)
    legs = int(_leg_score(tree, limbs, joints, pairs, 0) < _leg_score(tree, limbs, joints, pairs, 1))
    hips, shoulders = joints[legs], joints[1 - legs]
    taken = {start for pair in pairs for start in pair}
    head = max(tree.free_reach(shoulders, taken), 0.0)
    leg = float(np.mean([tree.path(hips, limb.tip) for limb in limbs[legs]]))
    body = tree.path(shoulders, hips) + leg
    stature = min(head, LARGEST_HEAD * body) + body
    carrying = _carrying(tree, (*limbs[0], *limbs[1]), tree.between(hips, shoulders), stray)
    return BodyPlan(limbs[legs], limbs[1 - legs], hips, shoulders, stature, "head to trunk to feet", carrying)


def _stray(tree: _Tree) -> Mask:
    """Nodes at the end of a bone that no body has, `(nodes,)`, and what hangs on them.

    A last bone is one that nothing follows but a short end. Where no bone leads on, none can be judged.
    """
    is_chain = np.ones(len(tree.parents), dtype=np.bool_)  # at most one child all the way down
    for node in range(len(tree.parents) - 1, -1, -1):
        below = tree.children[node]
        is_chain[node] = len(below) <= 1 and all(is_chain[child] for child in below)
    has_parent = np.array(tree.parents) >= 0
    last = is_chain & has_parent & (tree.reach < STRAY_END * tree.lengths)
    leading = has_parent & ~last
    if not leading.any():
        return np.zeros(len(last), dtype=np.bool_)
    stray = last & (tree.lengths > STRAY * tree.lengths[leading].max())
    for node, parent in enumerate(tree.parents):
        stray[node] |= parent >= 0 and stray[parent]
    return np.asarray(stray)


def _carrying(tree: _Tree, limbs: tuple[Limb, ...], trunk: list[int], stray: Mask) -> tuple[int, ...]:
    nodes = {*trunk, *(node for limb in limbs for node in tree.chain(limb.start))}
    return tuple(sorted(node for node in nodes if not stray[node]))


def _limb_pairs(tree: _Tree, shortest: float) -> list[tuple[int, int]]:
    """The mirrored branches most like limbs, and the next such pair that is attached elsewhere, or at the same joint
    where there is no other. A limb has long main bones, and they are most of its length.
    """
    pairs = sorted(
        _mirrored_pairs(tree, shortest),
        key=lambda pair: -sum(tree.limb(start).main_bones ** 2 / float(tree.reach[start]) for start in pair),
    )
    others = sorted(pairs[1:], key=lambda pair: tree.parents[pair[0]] == tree.parents[pairs[0][0]])
    return pairs[:1] + others[:1]


class _Tree:
    """Path lengths in a tree. Nodes may be in any order as long as parents precede children."""

    def __init__(self, parents: tuple[int, ...], lengths: Array) -> None:
        self.parents, self.lengths = parents, lengths
        count = len(parents)
        self.children: list[list[int]] = [[] for _ in range(count)]
        self.reach = np.zeros(count)  # longest path from the node down to a leaf
        self.total = np.zeros(count)  # all bones below the node
        self.depth = np.zeros(count)  # path from the root
        self.farthest = list(range(count))
        for node, parent in enumerate(parents):
            if parent >= 0:
                self.children[parent].append(node)
                self.depth[node] = self.depth[parent] + lengths[node]
        for node in range(count - 1, -1, -1):
            parent = parents[node]
            if parent >= 0:
                self.total[parent] += self.total[node] + lengths[node]
                if self.reach[node] + lengths[node] > self.reach[parent]:
                    self.reach[parent] = self.reach[node] + lengths[node]
                    self.farthest[parent] = self.farthest[node]

    def diameter(self) -> float:
        """Longest path between two leaves."""
        best = 0.0
        for node in range(len(self.parents)):
            arms = sorted(
                (float(self.reach[child] + self.lengths[child]) for child in self.children[node]), reverse=True
            )
            best = max(best, sum(arms[:2]))
        return best

    def limb(self, start: int) -> Limb:
        bones = [float(self.lengths[node]) for node in self.chain(start)[1:]]
        return Limb(start, self.farthest[start], sum(sorted(bones)[-2:]))

    def chain(self, start: int) -> list[int]:
        """The nodes of the longest path below `start`, itself first."""
        nodes = [self.farthest[start]]
        while nodes[-1] != start:
            nodes.append(self.parents[nodes[-1]])
        return nodes[::-1]

    def ancestry(self, node: int) -> list[int]:
        """The node itself, its parent, ... up to its root."""
        nodes = [node]
        while self.parents[nodes[-1]] >= 0:
            nodes.append(self.parents[nodes[-1]])
        return nodes

    def path(self, a: int, b: int) -> float:
        """Length of the path between two nodes of one tree."""
        above = set(self.ancestry(a))
        meeting = next((node for node in self.ancestry(b) if node in above), self.ancestry(b)[-1])
        return float(self.depth[a] + self.depth[b] - 2.0 * self.depth[meeting])

    def between(self, a: int, b: int) -> list[int]:
        """The nodes of the path between two nodes of one tree, both included."""
        from_a, from_b = self.ancestry(a), self.ancestry(b)
        shared = set(from_a) & set(from_b)
        return [node for node in (*from_a, *from_b) if node not in shared or node == max(shared)]

    def free_reach(self, node: int, taken: set[int]) -> float:
        """Longest path down from a node that starts in none of the `taken` branches."""
        return max((float(self.reach[c] + self.lengths[c]) for c in self.children[node] if c not in taken), default=0.0)


def _mirrored_pairs(tree: _Tree, shortest: float) -> list[tuple[int, int]]:
    """Pairs of sibling branches with nearly equal bones, outermost only, best match first at each joint."""
    pairs: list[tuple[int, int]] = []
    inside: set[int] = set()
    for node, children in enumerate(tree.children):
        if node in inside:
            inside.update(children)
            continue
        candidates = [child for child in children if tree.reach[child] >= max(shortest, 1e-9)]
        # A joint with very many long branches is no trunk; comparing all of them would take quadratic time.
        scored = sorted((_mismatch(tree, a, b), a, b) for a, b in combinations(candidates[:16], 2))
        for mismatch, a, b in scored:
            if mismatch < MIRROR_TOLERANCE and a not in inside and b not in inside:
                pairs.append((a, b))
                inside.update((a, b))
    return pairs


def _mismatch(tree: _Tree, a: int, b: int) -> float:
    """How differently two branches are built: 0 for mirror images."""
    smallest = 1e-3 * max(float(tree.reach[a]), 1e-12)  # unlike zero-length helper bones are still alike

    def measures(node: int) -> Array:
        bones = sorted((float(tree.lengths[joint]) for joint in tree.chain(node)[1:]), reverse=True)[:3]
        return np.array([tree.reach[node], tree.total[node], *bones, *[0.0] * (3 - len(bones))]) + smallest

    return float(np.abs(np.log(measures(a) / measures(b))).mean())


def _leg_score(
    tree: _Tree, limbs: list[tuple[Limb, ...]], joints: list[int], pairs: list[tuple[int, int]], index: int
) -> int:
    """Votes that pair `index` is the legs: nearer to the root, longer main bones, no head beside them."""
    other = 1 - index
    taken = {start for pair in pairs for start in pair}
    for joint in joints:
        taken.update(tree.ancestry(joint))  # the trunk itself is no head
    bones = [sum(limb.main_bones for limb in pair) for pair in limbs]
    return (
        int(tree.depth[joints[index]] < tree.depth[joints[other]])
        + int(bones[index] > bones[other])
        + int(tree.free_reach(joints[index], taken) < tree.free_reach(joints[other], taken))
    )
