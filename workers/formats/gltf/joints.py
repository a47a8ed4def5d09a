"""Which nodes are joints, and whether the surface is rigid parts that hang on them.

With skins: the joints of all skins. Without: the nodes that an animation moves, every node below one, and those between
two of them, less those that hold a mesh or a camera; where nothing moves and there is no mesh, all: a bare skeleton.
The bones of a VRM animation are joints, moved or not; nodes that stand for its expressions are none.

Robots, toys and voxel figures have meshes and no skin: their nodes move rigid parts, each mesh held by the node itself
or by a node below it. There a node is a *part* and no joint where it holds a mesh, nothing but parts hangs below it,
and it stands where its parent does or is the only mesh its parent has: unless the file's VRM map declares it, a clip
moves it, or its name is a part of the body that no node above has. All others of the tree of the body are joints. This
counts only where it makes a humanoid whose needed joints carry meshes (`MIN_CARRYING` of them): what is no figure stays
a prop. Rigid parts on the bare skin that an FBX gets are told by the same measure. Tables, cars and dogs have four
limbs too: a body is sure only where the VRM map or the names say so, or a clip moves half of it (else `unsure`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.contract.roles import REQUIRED_ROLES
from workers.formats.gltf.animation import FileClip, moves
from workers.formats.gltf.bind import Skin
from workers.formats.gltf.document import GltfDocument
from workers.formats.gltf.nodes import NodeTree
from workers.formats.gltf.vrm_humanoid import declared_roles, face_nodes, is_animation
from workers.skeleton.find_roles.find import MIN_JOINTS, find_roles
from workers.skeleton.find_roles.names import NameReader, NameReading
from workers.skeleton.model import Mask, Skeleton

MIN_CARRYING = 0.5
NAMED_CONFIDENCE = 0.85  # mean over the needed roles: shape alone never reaches it
_MOST_NODES = 5_000  # of a figure: reading the names of whole landscapes takes seconds
_AT_PARENT = 1e-3  # of the tree's size: a node nearer to its parent than this is no bone's end

_SURE_NAME = 0.6


@dataclass(frozen=True, eq=False)
class FileJoints:
    """`deforming` `(nodes,)` are the joints; `rigid_parts` tells that meshes hang on those of a humanoid, unskinned,
    and `unsure` that nothing but its shape makes it one.
    """

    deforming: Mask
    rigid_parts: bool = False
    unsure: bool = False


@dataclass(frozen=True, eq=False)
class _Body:
    joints: Mask  # (nodes,)
    sure: bool


def find_joints(document: GltfDocument, tree: NodeTree, skins: list[Skin], clips: list[FileClip]) -> FileJoints:
    """The joints of a file. Raises ParseFailed for damaged keys of a node that may be a part."""
    holds_mesh = _holds(document, tree, "mesh")
    if skins:
        result = np.zeros(len(tree), dtype=bool)
        result[[tree.position_of[int(node)] for skin in skins for node in skin.joints]] = True
        skinned = any("skin" in document.nodes[number] for number in tree.file_indices)
        body = None if skinned else _body_of(document, tree, result, holds_mesh, clips)
        return FileJoints(result, rigid_parts=body is not None)
    moved = _moved(tree, clips)
    if int(holds_mesh.sum()) >= MIN_CARRYING * len(REQUIRED_ROLES) and len(tree) <= _MOST_NODES:
        parts = _parts(document, tree, clips, holds_mesh)
        body = _body_of(document, tree, ~parts & ~_holds(document, tree, "camera"), holds_mesh, clips)
        if body is not None and (body.sure or not moved.any()):
            return FileJoints(body.joints | (moved & ~parts), rigid_parts=True, unsure=not body.sure)
    if is_animation(document.json):
        moved[list(_declared(document, tree).values())] = True  # also those that this clip leaves at rest
        moved &= ~np.isin(tree.file_indices, list(face_nodes(document.json)))
    if not moved.any() and not document.meshes:
        moved[:] = True
    return FileJoints(moved & ~holds_mesh & ~_holds(document, tree, "camera"))


def animated_nodes(document: GltfDocument, tree: NodeTree, clips: list[FileClip]) -> Mask:
    """Nodes `(nodes,)` that a clip moves, and those below them, but for what holds a mesh or a camera."""
    return _moved(tree, clips) & ~_holds(document, tree, "mesh") & ~_holds(document, tree, "camera")


def _holds(document: GltfDocument, tree: NodeTree, key: str) -> Mask:
    return np.array([key in document.nodes[number] for number in tree.file_indices], dtype=bool)


def _moved(tree: NodeTree, clips: list[FileClip]) -> Mask:
    moved = np.zeros(len(tree), dtype=bool)
    moved[[channel.entry for clip in clips for channel in clip.channels]] = True
    for entry, parent in enumerate(tree.parents):
        if parent >= 0 and moved[parent]:
            moved[entry] = True
    return moved


def _parts(document: GltfDocument, tree: NodeTree, clips: list[FileClip], holds_mesh: Mask) -> Mask:
    """Nodes that only hold a mesh of the node above, or hang in the scene by themselves."""
    declared = _declared(document, tree)
    moving = {
        channel.entry
        for clip in clips
        for channel in clip.channels
        if holds_mesh[channel.entry] and moves(document, channel)
    }
    keeps = {*declared.values(), *moving}
    readings = NameReader(tree.names).readings
    size = float(np.max(np.ptp(tree.world[:, :3, 3], axis=0), initial=0.0))
    stands_at_parent = np.linalg.norm(tree.offsets, axis=1) <= _AT_PARENT * size
    has_own = holds_mesh.copy()  # a mesh of its own, in the node or at the same place below it
    below = (tree.parents >= 0) & holds_mesh & stands_at_parent
    has_own[tree.parents[below]] = True
    carries = np.zeros(len(tree), dtype=bool)  # has a joint below
    parts = np.zeros(len(tree), dtype=bool)
    for entry in range(len(tree) - 1, -1, -1):
        parent = int(tree.parents[entry])
        is_part = bool(holds_mesh[entry]) and not carries[entry] and entry not in keeps
        if is_part and parent >= 0 and not stands_at_parent[entry]:
            is_part = not has_own[parent] and not _names_a_joint(tree, readings, entry)
        parts[entry] = is_part
        if parent >= 0 and not is_part:
            carries[parent] = True
    return parts


def _names_a_joint(tree: NodeTree, readings: tuple[NameReading, ...], entry: int) -> bool:
    """Its name is a part of the body, and another one than the names of all nodes above say."""
    own = _named_part(readings[entry])
    above = int(tree.parents[entry])
    while own is not None and above >= 0:
        if _named_part(readings[above]) == own:
            return False
        above = int(tree.parents[above])
    return own is not None


def _named_part(reading: NameReading) -> tuple[str | None, str] | None:
    part = max(reading.parts, key=reading.score, default=None)
    return None if part is None or reading.score(part) < _SURE_NAME else (reading.side, part)


def _body_of(
    document: GltfDocument, tree: NodeTree, candidates: Mask, holds_mesh: Mask, clips: list[FileClip]
) -> _Body | None:
    """The humanoid among the candidates that carries meshes; None where there is no such body."""
    if not MIN_JOINTS <= int(candidates.sum()) <= document.limits.joints:
        return None
    declared = _declared(document, tree)
    roles = find_roles(_skeleton(tree, candidates), declared=declared).roles
    if any(role not in roles for role in REQUIRED_ROLES):
        return None
    needed = {roles[role].joint for role in REQUIRED_ROLES}
    carrying = {_nearest(tree, int(entry), candidates) for entry in np.flatnonzero(holds_mesh)}
    if len(needed & carrying) < MIN_CARRYING * len(needed):
        return None
    confidence = float(np.mean([roles[role].confidence for role in REQUIRED_ROLES]))
    moving = {c.entry for clip in clips for c in clip.channels if c.entry in needed and moves(document, c)}
    sure = bool(declared) or confidence >= NAMED_CONFIDENCE or len(moving) >= 0.5 * len(needed)
    below = np.zeros(len(tree), dtype=np.int64)  # of the roles' joints
    below[[match.joint for match in roles.values()]] = 1
    for entry in range(len(tree) - 1, -1, -1):
        if tree.parents[entry] >= 0:
            below[tree.parents[entry]] += below[entry]
    tops = np.flatnonzero(below == len(roles))  # all of them hang below these, each above the next
    if not len(tops):
        return _Body(candidates, sure)
    inside = np.zeros(len(tree), dtype=bool)
    inside[tops[-1]] = True
    for entry, parent in enumerate(tree.parents):
        if parent >= 0 and inside[parent]:
            inside[entry] = True
    return _Body(inside & candidates, sure)


def _nearest(tree: NodeTree, entry: int, joints: Mask) -> int:
    """The entry or the nearest above it that is a joint; -1 where there is none."""
    while entry >= 0 and not joints[entry]:
        entry = int(tree.parents[entry])
    return entry


def _declared(document: GltfDocument, tree: NodeTree) -> dict[str, int]:
    return declared_roles(document.json, tree.position_of, _skeleton(tree, np.ones(len(tree), dtype=bool)))[0]


def _skeleton(tree: NodeTree, joints: Mask) -> Skeleton:
    """The nodes as they stand, in the file's unit: finding roles does not depend on it."""
    return Skeleton(
        names=tree.names,
        parents=tree.parents,
        file_indices=tree.file_indices,
        node_offsets_m=tree.offsets,
        node_rotations=tree.rotations,
        rest_offsets_m=tree.offsets,
        rest_rotations=tree.rotations,
        deforming=joints,
        translation_scale=tree.parent_scales,
        end_site=np.zeros(len(tree), dtype=bool),
    )
