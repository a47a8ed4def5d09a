"""The node graph: checked, put parents first, and freed from scale and mirroring.

World matrices `(nodes, 4, 4)` are exact. For everything else each node's world matrix is split as

    world = translate(p) * rotate(Q) * mirror(M) * scale(s)

with a unit quaternion Q, M either the identity or diag(-1, 1, 1), and one positive number s: the product of the node
scales from the root down. Q obeys plain parent-times-local kinematics, so no scale and no mirroring is left inside:

    Q[j] = Q[parent] * fold(q),  fold(q) = (M_parent q M_parent) * F
    p[j] = p[parent] + Q[parent] * (M_parent t * s_parent)

where F is the half turn that two negative scale factors amount to. `fold_rotations` and `unfold_rotations` convert
between a file's rotation values and ours. A non-uniform scale is replaced by its geometric mean, with a notice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.contract.errors import ParseFailed
from workers.formats.gltf.document import GltfDocument
from workers.formats.gltf.fields import indices, numbers, objects, optional_index, text
from workers.skeleton import quat
from workers.skeleton.fold_notices import fold_notices
from workers.skeleton.model import Array, Indices, Notice

MIRROR = np.array([-1.0, 1.0, 1.0])
# M q M for M = diag(-1, 1, 1): the axis is reflected and the sense reversed, so x keeps its sign, y and z change it.
_MIRRORED_QUATERNION = np.array([1.0, -1.0, -1.0, 1.0])


@dataclass(frozen=True, eq=False)
class NodeTree:
    """Arrays over the nodes that are used, parents first; `file_indices[k]` is the glTF index of entry k."""

    names: tuple[str, ...]
    parents: Indices
    file_indices: Indices
    position_of: dict[int, int]  # glTF node index -> entry
    local: Array  # (nodes, 4, 4)
    world: Array  # (nodes, 4, 4)
    offsets: Array  # (nodes, 3) folded local translations, file units
    rotations: Array  # (nodes, 4) folded local rotations
    scales: Array  # (nodes,) world scale s
    parent_scales: Array  # (nodes,) s of the parent, 1 for roots
    mirrored: NDArray[np.bool_]  # (nodes,) M is diag(-1, 1, 1)
    parent_mirrored: NDArray[np.bool_]
    half_turns: Array  # (nodes, 4) F
    node_scales: Array  # (nodes, 3) the nodes' own scale values
    has_matrix: NDArray[np.bool_]
    sheared: NDArray[np.bool_]
    notices: tuple[Notice, ...]

    def __len__(self) -> int:
        return len(self.parents)


def fold_rotations(tree: NodeTree, nodes: Indices, rotations: Array) -> Array:
    """The file's local rotations `(..., len(nodes), 4)` of these entries in the scale-free convention."""
    sign = np.where(tree.parent_mirrored[nodes, None], _MIRRORED_QUATERNION, 1.0)
    turn = tree.half_turns[nodes]
    folded = rotations * sign
    return folded if np.all(turn == quat.IDENTITY) else quat.multiply(folded, np.broadcast_to(turn, folded.shape))


def unfold_rotations(tree: NodeTree, nodes: Indices, rotations: Array) -> Array:
    """Inverse of `fold_rotations`."""
    sign = np.where(tree.parent_mirrored[nodes, None], _MIRRORED_QUATERNION, 1.0)
    turn = quat.conjugate(tree.half_turns[nodes])
    if not np.all(tree.half_turns[nodes] == quat.IDENTITY):
        rotations = quat.multiply(rotations, np.broadcast_to(turn, rotations.shape))
    return rotations * sign


def fold_translations(tree: NodeTree, node: int, translations: Array) -> Array:
    """The file's local translations `(..., 3)` of one entry, in file units with the ancestors' scale applied."""
    mirror = MIRROR if tree.parent_mirrored[node] else 1.0
    folded: Array = translations * mirror * tree.parent_scales[node]
    return folded


def unfold_translations(tree: NodeTree, node: int, translations: Array) -> Array:
    """Inverse of `fold_translations`."""
    unfolded: Array = translations * (MIRROR if tree.parent_mirrored[node] else 1.0) / tree.parent_scales[node]
    return unfolded


def read_nodes(document: GltfDocument, must_hold: set[int]) -> NodeTree:
    """The nodes of the default scene; all nodes where there is none or it leaves out one of `must_hold` (skin joints).

    Raises ParseFailed for a node with two parents, a cycle, or values of the wrong type.
    """
    parent_of, children = _parents(document)
    order, notices = _order(document, parent_of, children, must_hold)
    position_of = {node: entry for entry, node in enumerate(order)}
    parents = np.array([position_of.get(parent_of[node], -1) for node in order], dtype=np.int64)
    count = len(order)
    translations, rotations, scales = np.zeros((count, 3)), quat.identity(count), np.ones((count, 3))
    has_matrix, sheared = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    local = np.tile(np.eye(4), (count, 1, 1))
    names = []
    for entry, number in enumerate(order):
        node, where = document.nodes[number], f"/nodes/{number}"
        names.append(text(node, "name", where) or "")
        matrix = numbers(node, "matrix", 16, where)
        if matrix is not None:
            has_matrix[entry] = True
            local[entry] = matrix.reshape(4, 4).T
            continue
        translations[entry] = _given(numbers(node, "translation", 3, where), translations[entry])
        rotations[entry] = _given(numbers(node, "rotation", 4, where), rotations[entry])
        scales[entry] = _given(numbers(node, "scale", 3, where), scales[entry])
    norms = np.linalg.norm(rotations, axis=1)
    rotations = quat.normalize(rotations)
    if np.any(has_matrix):
        parts = decompose(local[has_matrix])
        translations[has_matrix], rotations[has_matrix], scales[has_matrix], sheared[has_matrix] = parts
    volumes = np.abs(np.linalg.det(local[:, :3, :3]))
    flat = volumes < 1e-9 * np.prod(np.linalg.norm(local[:, :3, :3], axis=1), axis=1) + 1e-36
    rebuilt = ~has_matrix | flat  # what has no volume cannot be inverted, so a scale of 0 becomes 1 here
    sizes = np.where(np.abs(scales) > 1e-12, scales, 1.0)
    local[rebuilt, :3, :3] = quat.to_matrix(rotations[rebuilt]) * sizes[rebuilt, None, :]
    local[rebuilt, :3, 3] = translations[rebuilt]
    notices += _scale_notices(document, names, order, parents, scales, norms)
    return _fold(
        names, parents, order, position_of, local, translations, rotations, scales, has_matrix, sheared, notices
    )


def decompose(matrices: Array) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Translation, rotation, scale of affine matrices `(n, 4, 4)`, and whether they are sheared.

    A negative determinant becomes a negative X scale. For a sheared matrix the rotation is that of the closest frame.
    """
    linear = matrices[:, :3, :3]
    scales = np.linalg.norm(linear, axis=1)
    scales[:, 0] *= np.where(np.linalg.det(linear) < 0.0, -1.0, 1.0)
    safe = np.where(np.abs(scales) > 1e-12, scales, 1.0)
    axes = linear / safe[:, None, :]
    flat = np.any(np.abs(scales) <= 1e-12, axis=1)
    axes[flat] = np.eye(3)
    gram = np.einsum("nij,nik->njk", axes, axes)
    sheared = np.max(np.abs(gram - np.eye(3)), axis=(1, 2)) > 1e-3
    return matrices[:, :3, 3].copy(), quat.from_matrix(quat.closest_rotation(axes)), scales, sheared


def _given(value: Array | None, default: Array) -> Array:
    return default if value is None else value


def _parents(document: GltfDocument) -> tuple[list[int], list[list[int]]]:
    count = len(document.nodes)
    parent_of = [-1] * count
    children = [indices(node, "children", count, f"/nodes/{number}") for number, node in enumerate(document.nodes)]
    for number, below in enumerate(children):
        for node in below:
            if parent_of[node] >= 0:
                raise ParseFailed(
                    f"/nodes/{node}: has two parents, nodes {parent_of[node]} and {number}; export the file again"
                )
            parent_of[node] = number
    return parent_of, children


def _reach(roots: list[int], children: list[list[int]]) -> list[int]:
    """Depth first, parents before children, siblings in file order."""
    order = []
    stack = roots[::-1]
    while stack:
        node = stack.pop()
        order.append(node)
        stack.extend(reversed(children[node]))
    return order


def _order(
    document: GltfDocument, parent_of: list[int], children: list[list[int]], must_hold: set[int]
) -> tuple[list[int], list[Notice]]:
    everything = _reach([node for node, parent in enumerate(parent_of) if parent < 0], children)
    if len(everything) < len(parent_of):
        lost = min(set(range(len(parent_of))) - set(everything))
        raise ParseFailed(f"/nodes/{lost}: is its own ancestor; export the file again")
    scenes = objects(document.json, "scenes")
    listed = [indices(scene, "nodes", len(parent_of), f"/scenes/{number}") for number, scene in enumerate(scenes)]
    for number, roots in enumerate(listed):
        inner = [node for node in roots if parent_of[node] >= 0]
        if inner:
            raise ParseFailed(f"/scenes/{number}/nodes: node {inner[0]} is not a root; export the file again")
    default = optional_index(document.json, "scene", len(scenes), "")
    if default is None:
        return everything, []
    order = _reach(listed[default], children)
    if not order or not must_hold <= set(order):
        return everything, [
            Notice("nodes-outside-scene", "the default scene leaves out joints of a skin: all nodes are used")
        ]
    return order, []


def _scale_notices(
    document: GltfDocument, names: list[str], order: list[int], parents: Indices, scales: Array, norms: Array
) -> list[Notice]:
    inner = np.zeros(len(order), dtype=bool)
    inner[parents[parents >= 0]] = True
    sizes = np.abs(scales)
    uneven = sizes.max(axis=1, initial=0.0) > 1.01 * sizes.min(axis=1, initial=np.inf)
    problems = (
        ("zero-scale", inner & np.any(sizes <= 1e-12, axis=1), "has scale 0; 1 is used instead"),
        ("non-uniform-scale", inner & uneven, "is scaled differently along its axes; the geometric mean is used"),
        ("mirrored-scale", inner & (np.prod(scales, axis=1) < 0.0), "mirrors what is below it"),
        ("non-unit-rotation", np.abs(norms - 1.0) > 0.01, "has a rotation that is not unit; it was normalised"),
    )
    notices = []
    for code, which, message in problems:
        for entry in np.flatnonzero(which):
            joint = names[entry] or f"#{order[entry]}"
            notices.append(Notice(code, f"node {joint!r} {message}", joint))
    return list(fold_notices(notices))


def _fold(
    names: list[str],
    parents: Indices,
    order: list[int],
    position_of: dict[int, int],
    local: Array,
    translations: Array,
    rotations: Array,
    scales: Array,
    has_matrix: NDArray[np.bool_],
    sheared: NDArray[np.bool_],
    notices: list[Notice],
) -> NodeTree:
    count = len(order)
    sizes = np.where(np.abs(scales) > 1e-12, np.abs(scales), 1.0)
    own = np.cbrt(np.prod(sizes, axis=1))
    signs = np.where(scales < 0.0, -1.0, 1.0)
    flips = np.prod(signs, axis=1) < 0.0
    half = np.where(flips[:, None], signs * MIRROR, signs)  # an even number of signs: a half turn or nothing
    half_turns = quat.from_matrix(half[:, :, None] * np.eye(3))
    world = local.copy()
    world_scales = own.copy()
    mirrored = flips.copy()
    for entry, parent in enumerate(parents):
        if parent >= 0:
            world[entry] = world[parent] @ local[entry]
            world_scales[entry] *= world_scales[parent]
            mirrored[entry] ^= mirrored[parent]
    if not (np.all(np.abs(world) < 1e30) and np.all((world_scales > 1e-30) & (world_scales < 1e30))):
        raise ParseFailed("/nodes: the transforms multiply to infinity or nothing; export the file again")
    child = parents >= 0
    parent_scales = np.where(child, world_scales[parents], 1.0)
    parent_mirrored = np.where(child, mirrored[parents], False)
    offsets = translations * np.where(parent_mirrored[:, None], MIRROR, 1.0) * parent_scales[:, None]
    tree = NodeTree(
        names=tuple(names), parents=parents, file_indices=np.array(order, dtype=np.int64).reshape(count),
        position_of=position_of, local=local, world=world, offsets=offsets, rotations=rotations, scales=world_scales,
        parent_scales=parent_scales, mirrored=mirrored, parent_mirrored=parent_mirrored, half_turns=half_turns,
        node_scales=scales, has_matrix=has_matrix, sheared=sheared, notices=tuple(notices),
    )  # fmt: skip
    tree.rotations[:] = fold_rotations(tree, np.arange(count), rotations)
    return tree
