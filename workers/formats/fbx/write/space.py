"""Where the nodes of a glTF stand in an FBX: centimetres, and no scale where none is needed.

Engines take a scaled joint badly: a skeleton below a node of scale 0.01 has its sizes, sockets and root motion in
another unit. So each node's world scale s and mirroring M (`gltf.nodes`) are taken out of the tree and put into what
hangs on it. With `D = M s` of a node and `P` of its parent,

    local' = P local D^-1,   so   world' = world D^-1

which is again translation, rotation and scale, exactly; the scale left over is what differs between the axes, and 1
where nothing does. Vertices of a node are multiplied by D, inverse bind matrices too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from workers.formats.gltf.nodes import MIRROR, NodeTree, fold_rotations, fold_translations
from workers.formats.gltf.read import GltfSource
from workers.skeleton.model import Array

CENTIMETRES = 100.0


@dataclass(frozen=True, eq=False)
class Space:
    """`unit_cm` is the length of the document's unit. Entries are those of the document's node tree."""

    source: GltfSource
    unit_cm: float

    @property
    def tree(self) -> NodeTree:
        return self.source.tree

    def translations(self, entry: int, values: Array) -> Array:
        """A node's local translations `(..., 3)` in cm, of those in the file."""
        return fold_translations(self.tree, entry, values) * self.unit_cm

    def rotations(self, entries: Array, values: Array) -> Array:
        """Local quaternions `(..., entries, 4)`, of those in the file."""
        return fold_rotations(self.tree, entries.astype(np.int64), values)

    def scales(self, entry: int, values: Array) -> Array:
        """What is left of a node's local scales `(..., 3)`."""
        left: Array = np.abs(values) * (self.tree.parent_scales[entry] / self.tree.scales[entry])
        return left

    def local(self, entry: int) -> tuple[Array, Array, Array]:
        """Translation in cm, rotation and scale of a node as it stands."""
        tree = self.tree
        return tree.offsets[entry] * self.unit_cm, tree.rotations[entry], self.scales(entry, tree.node_scales[entry])

    @cached_property
    def taken_out(self) -> Array:
        """D of each node, `(nodes, 3)`: the diagonal of a matrix."""
        return np.where(self.tree.mirrored[:, None], MIRROR, 1.0) * self.tree.scales[:, None]

    @cached_property
    def bind_world(self) -> Array:
        """World matrices `(nodes, 4, 4)` of the bind pose as FBX has them."""
        return self.to_centimetres(without(self.source.bind.affine, self.taken_out))

    def to_centimetres(self, matrices: Array) -> Array:
        result = matrices.copy()
        result[..., :3, 3] *= self.unit_cm
        return result


def without(matrices: Array, diagonal: Array) -> Array:
    """`matrix D^-1` of matrices `(..., 4, 4)` and diagonals `(..., 3)`."""
    result = matrices.copy()
    result[..., :3, :3] /= diagonal[..., None, :]
    return result
