"""Bind matrices that say nothing: those of joints without weights that do not fit the joints with weights.

A matrix of a joint that holds no vertex moves nothing, so exporters may write what they like: converters write the
identity, or leave the pose of another moment. It is believed as long as it fits: the place of a joint in its parent's
frame is the same in the bind pose as in the nodes, whatever the pose. Where it does not, and the nodes of the joints
around it lie as rigidly as their bind matrices do, the joint stands where its node stands relative to them. An
identity, or one matrix for several joints that lie apart, needs less evidence. Weights are looked at only where
something does not fit.

Everything is in the skin's own space, times one `ratio` that makes its bones as long as the nodes'.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workers.formats.gltf.nodes import NodeTree
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices, Mask

# Places that differ by less than this share of the skeleton's size agree.
_SAME_PLACE = 0.02
_SAME_MATRIX = 1e-5
# How much a rotation known from a neighbour counts against the neighbours' places: only where these leave it open.
_PRIOR = 1e-3


def mend_fillers(tree: NodeTree, entries: Indices, bind: Array, holding: Callable[[], Mask]) -> tuple[Array, Mask]:
    """Bind matrices `(joints, 4, 4)` of a skin with fillers replaced, and which joints had one.

    `entries` are the joints' places in the tree, `bind` the inverses of their inverse bind matrices; `holding` tells
    which joints hold a vertex, and is called only where some matrices do not fit.
    """
    none = np.zeros(len(entries), dtype=np.bool_)
    above = _joints_above(tree, entries)
    if len(entries) < 3 or _fitting(tree, entries, bind, above, ~none)[above >= 0].all():
        return bind, none
    holds = holding()
    if holds.all():
        return bind, none
    return _Mender(tree, entries, bind, above, holds).mend()


class _Mender:
    """One skin in the making: `sure` joints have weights, or fit those that are sure."""

    def __init__(self, tree: NodeTree, entries: Indices, bind: Array, above: Indices, holds: Mask) -> None:
        self.nodes = tree.world[entries]
        self.bind = bind.copy()
        self.above, self.holds = above, holds
        self.below: list[list[int]] = [[] for _ in entries]
        for joint, parent in enumerate(above):
            if parent >= 0:
                self.below[parent].append(joint)
        self.ratio = _ratio(self.nodes, bind, above, holds)
        self.near = _SAME_PLACE * float(np.ptp(self.nodes[:, :3, 3], axis=0).max())
        self.fits = _fitting(tree, entries, bind, above, holds)
        self.sure = self._sure()

    def mend(self) -> tuple[Array, Mask]:
        doubtful = set(np.flatnonzero(~self.sure).tolist())
        blank = self._blank()
        filler = np.zeros(len(self.bind), dtype=np.bool_)
        while doubtful:
            placed = [(joint, self._place(joint)) for joint in sorted(doubtful)]
            evident = [(len(n), -joint) for joint, (_, n, off) in placed if len(n) > 1 and off < self.near]
            twins = [(1, -joint) for joint, (_, n, _) in placed if self.above[joint] >= 0 and self._twin(joint, n) >= 0]
            bare = [(len(n), -joint) for joint, (_, n, _) in placed if n and self._is_blank(joint, blank, filler)]
            best = max(evident or twins or bare, default=None)
            if best is None:
                break
            joint = -best[1]
            matrix = dict(placed)[joint][0]
            own = self.ratio * self.bind[joint, :3, 3]
            apart = float(np.linalg.norm(self.ratio * matrix[:3, 3] - own)) > self.near
            turned = _turn_between(matrix, self.bind[joint]) > np.radians(10.0)
            doubtful.remove(joint)
            self.sure[joint] = True
            if apart or turned:
                self.bind[joint], filler[joint] = matrix, True
        return self.bind, filler

    def _sure(self) -> Mask:
        """Joints with weights, and those that fit the sure ones beside them, again and again."""
        sure = self.holds.copy()
        while True:
            added = False
            for joint in np.flatnonzero(~sure):
                parent = self.above[joint]
                pairs = [bool(self.fits[child]) for child in self.below[joint] if sure[child]]
                pairs += [bool(self.fits[joint])] if parent >= 0 and sure[parent] else []
                if pairs and all(pairs):
                    sure[joint] = added = True
            if not added:
                return sure

    def _blank(self) -> Mask:
        """Joints whose matrix is the identity, or the same as that of another joint whose node lies elsewhere."""
        flat = self.bind.reshape(len(self.bind), 16)
        size = np.maximum(np.abs(flat).max(), 1.0)
        blank: Mask = np.abs(flat - np.eye(4).ravel()).max(axis=1) < _SAME_MATRIX
        for joint in np.flatnonzero(~self.sure):
            same = np.abs(flat - flat[joint]).max(axis=1) < _SAME_MATRIX * size
            away = np.linalg.norm(self.nodes[same, :3, 3] - self.nodes[joint, :3, 3], axis=1)
            blank[joint] |= bool(np.any(away > self.near))
        return blank

    def _is_blank(self, joint: int, blank: Mask, filler: Mask) -> bool:
        """A root may well stand at the origin, unturned: it needs others with the same filler."""
        return bool(blank[joint]) and (self.above[joint] >= 0 or bool(np.any(filler & blank)))

    def _twin(self, joint: int, beside: list[int]) -> int:
        """One of these whose node stands where the joint's does, -1 where none does."""
        places = self.nodes[:, :3, 3]
        twins = [other for other in beside if np.linalg.norm(places[other] - places[joint]) < 0.25 * self.near]
        return twins[0] if twins else -1

    def _place(self, joint: int) -> tuple[Array, list[int], float]:
        """Where the joint's node is relative to the sure joints beside it: matrix, those joints, and how far their
        places are from lying as their nodes do.
        """
        parent = int(self.above[joint])
        children = [child for child in self.below[joint] if self.sure[child]]
        beside = ([parent] if parent >= 0 and self.sure[parent] else []) + children
        if not beside:
            return self.bind[joint], [], np.inf
        result, off = self._rigid(joint, beside)
        if off > self.near and len(children) > 1 and len(beside) > len(children):
            # A root that travels in the nodes says little of the joint below it.
            result, off = self._rigid(joint, children)
            return result, children, off
        return result, beside, off

    def _rigid(self, joint: int, beside: list[int]) -> tuple[Array, float]:
        """The rigid motion that takes the neighbours' nodes to their bind places, applied to the joint's node.

        Kabsch's algorithm with a prior: the turn of the neighbour that is likeliest to be rigid with the joint.
        """
        places = self.nodes[:, :3, 3]
        guide = self._twin(joint, beside)
        if guide < 0:
            apart = {other: float(np.linalg.norm(places[other] - places[joint])) for other in beside}
            guide = beside[0] if beside[0] == self.above[joint] else min(beside, key=apart.__getitem__)
        prior = _axes(self.bind[guide]) @ _axes(self.nodes[guide]).T
        start, end = [], []
        for other in beside:
            if other == self.above[joint]:
                way = _axes(self.bind[other]) @ _axes(self.nodes[other]).T @ (places[joint] - places[other])
                start.append(places[joint])
                end.append(self.ratio * self.bind[other, :3, 3] + way)
            else:
                start.append(places[other])
                end.append(self.ratio * self.bind[other, :3, 3])
        a, b = np.array(start), np.array(end)
        middle_a, middle_b = a.mean(axis=0), b.mean(axis=0)
        spread = float(np.sum((a - middle_a) ** 2))
        matrix = (b - middle_b).T @ (a - middle_a) + (_PRIOR * spread + 1e-12) * prior
        turn = _nearest_turn(matrix, float(np.linalg.det(prior)))
        off = float(np.max(np.linalg.norm((a - middle_a) @ turn.T - (b - middle_b), axis=1)))
        result = np.eye(4)
        result[:3, :3] = turn @ self.nodes[joint, :3, :3] / self.ratio
        result[:3, 3] = (middle_b + turn @ (places[joint] - middle_a)) / self.ratio
        return result, off


def _joints_above(tree: NodeTree, entries: Indices) -> Indices:
    """For each joint of the skin the nearest joint of the skin above it, -1 where there is none."""
    row = {int(entry): joint for joint, entry in enumerate(entries)}
    result = np.full(len(entries), -1, dtype=np.int64)
    for joint, entry in enumerate(entries):
        parent = int(tree.parents[entry])
        while parent >= 0 and parent not in row:
            parent = int(tree.parents[parent])
        result[joint] = row.get(parent, -1)
    return result


def _fitting(tree: NodeTree, entries: Indices, bind: Array, above: Indices, counted: Mask) -> Mask:
    """Whether a joint lies in the frame of the joint above it as its node does `(joints,)`, False without one."""
    nodes = tree.world[entries]
    near = _SAME_PLACE * float(np.ptp(nodes[:, :3, 3], axis=0).max())
    way_bind = (bind[:, :3, 3] - bind[above, :3, 3]) * _ratio(nodes, bind, above, counted)
    way_node = nodes[:, :3, 3] - nodes[above, :3, 3]
    bind_axes, node_axes = _orthogonal(bind[:, :3, :3])[above], _orthogonal(nodes[:, :3, :3])[above]
    apart = np.einsum("nji,nj->ni", bind_axes, way_bind) - np.einsum("nji,nj->ni", node_axes, way_node)
    fits: Mask = (np.linalg.norm(apart, axis=1) < near) & (above >= 0)
    return fits


def _ratio(nodes: Array, bind: Array, above: Indices, counted: Mask) -> float:
    """Median of node bone length / bind bone length over bones between joints that count; of any where there is none.

    For a joint that does not count stands the nearest one below it that does.
    """
    places, bound = nodes[:, :3, 3], bind[:, :3, 3]
    stand_in = np.where(counted, np.arange(len(above)), -1)
    reach = np.full(len(above), np.inf)
    for joint in np.flatnonzero(counted & (above >= 0)):
        parent = above[joint]
        apart = np.linalg.norm(places[joint] - places[parent])
        if not counted[parent] and apart < reach[parent]:
            stand_in[parent], reach[parent] = joint, apart
    one, other = stand_in, np.where(above >= 0, stand_in[above], -1)
    between = (one >= 0) & (other >= 0) & (one != other)
    if not between.any():
        between, one, other = above >= 0, np.arange(len(above)), above
    node = np.linalg.norm(places[one[between]] - places[other[between]], axis=1)
    length = np.linalg.norm(bound[one[between]] - bound[other[between]], axis=1)
    usable = (length > 1e-3 * length.max(initial=0.0)) & (node > 1e-3 * node.max(initial=0.0))
    return float(np.median(node[usable] / length[usable])) if usable.any() else 1.0


def _orthogonal(matrices: Array) -> Array:
    """The orthogonal part of each matrix `(..., 3, 3)`, mirrored where it is."""
    u, _, vt = np.linalg.svd(matrices)
    result: Array = u @ vt
    return result


def _axes(matrix: Array) -> Array:
    return _orthogonal(matrix[:3, :3])


def _nearest_turn(matrix: Array, side: float) -> Array:
    """The nearest rotation, or for a negative `side` the nearest mirrored one."""
    mirror = np.diag([1.0, 1.0, np.sign(side)])
    result: Array = quat.closest_rotation((matrix @ mirror)[None])[0] @ mirror
    return result


def _turn_between(a: Array, b: Array) -> float:
    trace = float(np.sum(_axes(a) * _axes(b)))
    return float(np.arccos(np.clip((trace - 1.0) / 2.0, -1.0, 1.0)))
