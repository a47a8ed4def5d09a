"""The bind pose: where the joints stood when the skin was attached, from the inverse bind matrices (IBM).

Skinning is `v_world = sum_j w_j * world_j * IBM_j * v`; the transform of the mesh's node is ignored (glTF 2.0, 3.7.3).
In the bind pose `world_j * IBM_j` is one matrix G for all joints of a skin, so `world_j = G * inverse(IBM_j)`. The file
does not hold G. Candidates, each with evidence in real exporters:

* what most joints' `node_world_j * IBM_j` agree on: the nodes rest in the bind pose (the common case);
* the world matrix of a node that carries the skinned mesh (FBX converters) or of the static node above the skeleton;
* the identity (Blender bakes the armature's transform into the matrices);
* `node_world * IBM` of the topmost joint, if no other candidate has the right size.

A candidate's scale must agree with the bone lengths of the nodes. Among those left, the cost is the mean angle between
bind and node orientations weighted by bone length (capped at a right angle), plus the mean distance of the joints in
body sizes, plus a small penalty if the body would lie flat. Skins that share joints are reconciled: the one with the
most joints is solved first, the others take the G that puts shared joints where they already are. Matrices of joints
that move no vertex may say nothing (`gltf.filler_matrices`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from workers.contract.errors import ParseFailed
from workers.formats.gltf.document import GltfDocument
from workers.formats.gltf.fields import bad_field, index, indices
from workers.formats.gltf.filler_matrices import mend_fillers
from workers.formats.gltf.influences import holding_joints
from workers.formats.gltf.nodes import MIRROR, NodeTree
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices, Mask, Notice

_AGREE_RAD = np.radians(1.0)
_SCALE_TOLERANCE = 1.1
_LYING_COST = 0.25


@dataclass(frozen=True, eq=False)
class Skin:
    """`joints` are glTF node indices, `inverse_bind` is `(joints, 4, 4)`; `bound` tells whether it defines a pose."""

    number: int
    joints: Indices
    inverse_bind: Array
    bound: bool


@dataclass(eq=False)
class BindPose:
    """`affine` is the world matrix of each entry of the tree in the bind pose, file units."""

    affine: Array  # (nodes, 4, 4)
    rotations: Array  # (nodes, 4) local
    offsets: Array  # (nodes, 3) local, scale-free
    bound: bool
    notices: list[Notice] = field(default_factory=list)


def read_skins(document: GltfDocument) -> list[Skin]:
    """All skins with their inverse bind matrices. Raises ParseFailed for wrong counts, types, NaN or singular ones."""
    skins = []
    for number, skin in enumerate(document.skins):
        where = f"/skins/{number}"
        joints = indices(skin, "joints", len(document.nodes), where)
        if not joints:
            raise bad_field(f"{where}/joints", "lists no joint")
        if "skeleton" in skin:
            index(skin, "skeleton", len(document.nodes), where)
        matrices = np.tile(np.eye(4), (len(joints), 1, 1))
        if "inverseBindMatrices" in skin:
            matrices = _inverse_bind(
                document, index(skin, "inverseBindMatrices", len(document.accessors), where), len(joints), where
            )
        has_matrices = "inverseBindMatrices" in skin and document.accessors.has_data(skin["inverseBindMatrices"])
        # Identity throughout (also the default) says that the vertices are stored joint by joint: that defines no pose.
        bound = len(joints) == 1 or bool(np.max(np.abs(matrices - np.eye(4))) > 1e-6)
        skins.append(Skin(number, np.array(joints, dtype=np.int64), matrices, bound and has_matrices))
    return skins


def _inverse_bind(document: GltfDocument, accessor: int, count: int, where: str) -> Array:
    kind, component, _ = document.accessors.kind(accessor)
    if (kind, component) != ("MAT4", 5126):
        raise bad_field(f"{where}/inverseBindMatrices", f"accessor {accessor} must hold 4x4 float matrices")
    if not document.accessors.has_data(accessor):
        return np.tile(np.eye(4), (count, 1, 1))
    if document.accessors.count(accessor) < count:
        raise bad_field(
            f"{where}/inverseBindMatrices", f"accessor {accessor} holds fewer matrices than the skin has joints"
        )
    matrices = document.accessors.floats(accessor)[:count].transpose(0, 2, 1)
    if not np.all(np.abs(matrices) < 1e30):
        raise bad_field(f"{where}/inverseBindMatrices", "holds NaN or infinity")
    if np.max(np.abs(matrices[:, 3] - [0.0, 0.0, 0.0, 1.0])) > 1e-3:
        raise bad_field(f"{where}/inverseBindMatrices", "a fourth row is not 0, 0, 0, 1")
    lengths = np.linalg.norm(matrices[:, :3, :3], axis=1)
    volume = np.abs(np.linalg.det(matrices[:, :3, :3]))
    if np.any(lengths < 1e-12) or np.any(volume < 1e-5 * np.prod(lengths, axis=1)):
        worst = int(np.argmin(volume))
        raise bad_field(f"{where}/inverseBindMatrices", f"matrix {worst} cannot be inverted")
    matrices[:, 3] = [0.0, 0.0, 0.0, 1.0]
    return matrices


def find_bind_pose(document: GltfDocument, tree: NodeTree, skins: list[Skin]) -> BindPose:
    """The bind pose of the whole tree; joints of no skin keep their local node transform below their parent."""
    known: dict[int, Array] = {}  # tree entry -> world matrix
    filled: dict[int, Array] = {}  # the same of joints whose own matrices say nothing
    notices: list[Notice] = []
    mended = [_mended(document, tree, skin) for skin in skins if skin.bound]
    for skin, entries, inverse, filler in sorted(mended, key=lambda item: -int(np.sum(~item[3]))):
        if filler.any():
            notices.append(_filler_notice(tree, skin, entries[filler]))
        sound = np.flatnonzero(~filler)
        shared = [k for k in sound if int(entries[k]) in known]
        if shared:
            fits = np.array([known[int(entries[k])] @ skin.inverse_bind[k] for k in shared])
            matrix, agreeing = _majority(fits)
            if agreeing < 0.5:
                notices.append(
                    Notice(
                        "bind-poses-disagree",
                        f"skin {skin.number} was bound in another pose than a larger skin; the larger one counts",
                    )
                )
        else:
            matrix = _choose(document, tree, skin, entries, inverse, sound)
        for k, entry in enumerate(entries):
            (filled if filler[k] else known).setdefault(int(entry), matrix @ inverse[k])
    return _assemble(tree, filled | known, notices)


def _mended(document: GltfDocument, tree: NodeTree, skin: Skin) -> tuple[Skin, Indices, Array, Mask]:
    """A skin, its joints in the tree, their bind matrices with fillers replaced, and which joints had fillers."""
    entries = np.array([tree.position_of[int(node)] for node in skin.joints])
    stated: Array = np.linalg.inv(skin.inverse_bind).astype(np.float64)
    inverse, filler = mend_fillers(tree, entries, stated, partial(holding_joints, document, skin.number, len(entries)))
    if filler.any():
        skin = replace(skin, inverse_bind=np.linalg.inv(inverse).astype(np.float64))
    return skin, entries, inverse, filler


def _filler_notice(tree: NodeTree, skin: Skin, entries: Indices) -> Notice:
    first = tree.names[entries[0]] or f"#{tree.file_indices[entries[0]]}"
    others = f" (and {len(entries) - 1} more)" if len(entries) > 1 else ""
    return Notice(
        "bind-matrix-ignored",
        f"skin {skin.number}: joint {first!r}{others} moves no vertex and its bind matrix fits no joint beside it; "
        "it rests where its node stands relative to these",
        first,
    )


def _choose(
    document: GltfDocument, tree: NodeTree, skin: Skin, entries: Indices, inverse: Array, sound: Indices
) -> Array:
    """The matrix G of a skin; `sound` are the places of the joints whose own matrices count."""
    fits = tree.world[entries] @ skin.inverse_bind
    matrix, agreeing = _majority(fits[sound])
    if agreeing > 0.5:
        return matrix
    carriers = [n for n, node in enumerate(document.nodes) if node.get("skin") == skin.number and n in tree.position_of]
    inside = set(entries.tolist())
    tops = [int(entry) for entry in entries if int(tree.parents[entry]) not in inside]
    above = [int(tree.parents[top]) for top in tops if tree.parents[top] >= 0]
    candidates = (
        [tree.world[tree.position_of[n]] for n in carriers] + [np.eye(4)] + [tree.world[entry] for entry in above[:4]]
    )
    topmost = min(tops, default=int(entries[0]))
    instead = fits[entries.tolist().index(topmost)]
    entries, inverse = entries[sound], inverse[sound]
    scale = _bone_length_ratio(tree, entries, inverse)
    # What mirrors the nodes mirrors the bind pose.
    side = np.median(np.sign(np.linalg.det(inverse[:, :3, :3])) * np.where(tree.mirrored[entries], -1.0, 1.0))
    volumes = [np.linalg.det(c[:3, :3]) for c in candidates]
    fitting = [
        c
        for c, volume in zip(candidates, volumes, strict=True)
        if 1.0 / _SCALE_TOLERANCE < np.cbrt(abs(volume)) / scale < _SCALE_TOLERANCE and volume * side >= 0.0
    ]
    fitting = fitting or [instead]
    costs = [_cost(tree, entries, candidate @ inverse) for candidate in fitting]
    chosen: Array = fitting[int(np.argmin(costs))]
    return chosen


def _majority(fits: Array) -> tuple[Array, float]:
    """The matrix that most others agree with (1 degree, 2 % of scale), and the share that does."""
    # A scale that differs beyond all reason along the axes loses its volume to rounding: no division by zero then.
    scales = np.maximum(np.cbrt(np.abs(np.linalg.det(fits[:, :3, :3]))), 1e-30)
    axes = fits[:, :3, :3] / scales[:, None, None]
    trace = np.einsum("aij,bij->ab", axes, axes)
    close = (trace > 1.0 + 2.0 * np.cos(_AGREE_RAD)) & (np.abs(np.log(scales[:, None] / scales[None, :])) < 0.02)
    votes = close.sum(axis=1)
    best = int(np.argmax(votes))
    # Of those that agree, the one in the middle, so that one slightly off joint does not decide.
    group = np.flatnonzero(close[best])
    centre = np.median(fits[group], axis=0)
    nearest = group[int(np.argmin(np.abs(fits[group] - centre).sum(axis=(1, 2))))]
    return fits[nearest], float(votes[best]) / len(fits)


def _bone_length_ratio(tree: NodeTree, entries: Indices, inverse: Array) -> float:
    """Median of node bone length / bind bone length over the skin's joints; joint scale where there is no bone."""
    row = {int(entry): k for k, entry in enumerate(entries)}
    pairs = [(k, row[int(tree.parents[entry])]) for k, entry in enumerate(entries) if int(tree.parents[entry]) in row]
    if pairs:
        joint, parent = np.array(pairs).T
        bind = np.linalg.norm(inverse[joint, :3, 3] - inverse[parent, :3, 3], axis=1)
        node = np.linalg.norm(tree.world[entries[joint], :3, 3] - tree.world[entries[parent], :3, 3], axis=1)
        usable = (bind > 1e-3 * bind.max(initial=0.0)) & (node > 1e-3 * node.max(initial=0.0))
        if np.any(usable):
            return float(np.median(node[usable] / bind[usable]))
    linear = np.cbrt(np.abs(np.linalg.det(inverse[:, :3, :3])))
    return float(np.median(tree.scales[entries] / linear))


def _cost(tree: NodeTree, entries: Indices, bind: Array) -> float:
    """How unlike the nodes' pose a bind pose is, 0 to about 2.25."""
    node_positions, positions = tree.world[entries, :3, 3], bind[:, :3, 3]
    size = float(np.max(np.ptp(positions, axis=0))) or 1.0
    parents = {int(entry): k for k, entry in enumerate(entries)}
    above = np.array([parents.get(int(tree.parents[entry]), k) for k, entry in enumerate(entries)])
    weights = np.linalg.norm(positions - positions[above], axis=1) + 1e-6 * size
    mirrors = np.where(tree.mirrored[entries, None], MIRROR, 1.0)[:, None]
    bound, standing = (quat.closest_rotation(axes[:, :3, :3] * mirrors) for axes in (bind, tree.world[entries]))
    turn = np.einsum("nij,nij->n", bound, standing)
    angles = np.minimum(np.arccos(np.clip((turn - 1.0) / 2.0, -1.0, 1.0)), np.pi / 2)
    # Orientation is what the parent's joint does to the bone, so weigh each joint by the bones that hang on it.
    carried = np.bincount(above, weights=weights, minlength=len(entries))
    orientation = float(np.average(angles, weights=carried)) / (np.pi / 2)
    distance = float(np.average(np.linalg.norm(positions - node_positions, axis=1), weights=weights)) / size
    extent = np.ptp(positions, axis=0)
    lying = _LYING_COST if extent[1] < 0.9 * min(extent[0], extent[2]) else 0.0
    return orientation + min(distance, 1.0) + lying


def _assemble(tree: NodeTree, known: dict[int, Array], notices: list[Notice]) -> BindPose:
    count = len(tree)
    affine = tree.world.copy()
    world = quat.identity(count)
    positions = np.zeros((count, 3))
    rotations, offsets = tree.rotations.copy(), tree.offsets.copy()
    mirrors = np.where(tree.mirrored[:, None], MIRROR, 1.0)
    for entry in range(count):
        parent = int(tree.parents[entry])
        above, origin = (world[parent], positions[parent]) if parent >= 0 else (quat.IDENTITY, np.zeros(3))
        if entry in known:
            affine[entry] = known[entry]
            world[entry] = quat.from_matrix(quat.closest_rotation(affine[entry, :3, :3] * mirrors[entry]))
            positions[entry] = affine[entry, :3, 3]
            rotations[entry] = quat.multiply(quat.conjugate(above), world[entry])
            offsets[entry] = quat.rotate(quat.conjugate(above), positions[entry] - origin)
        else:
            if parent >= 0:
                affine[entry] = affine[parent] @ tree.local[entry]
            world[entry] = quat.multiply(above, rotations[entry])
            positions[entry] = origin + quat.rotate(above, offsets[entry])
    if not np.all(np.isfinite(affine)):
        raise ParseFailed("/skins: the bind matrices lead to infinite positions; export the file again")
    return BindPose(affine, rotations, offsets, bool(known), notices)
