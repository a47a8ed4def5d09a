"""Meshes: all skinned surfaces, and rigid ones that hang on joints, as one mesh in the bind pose and world metres.

A skinned vertex is placed by `sum_j w_j * bind_world_j * IBM_j * v`, a rigid one by the bind world matrix of its node.
Morph targets, materials and everything else about looks are left out. Points and lines are not surfaces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.formats.gltf.bind import BindPose, Skin
from workers.formats.gltf.document import GltfDocument
from workers.formats.gltf.draco import draco_of, fill_accessors
from workers.formats.gltf.fields import Json, bad_field, child, index, integer, objects, optional_index
from workers.formats.gltf.influences import read_influences
from workers.formats.gltf.nodes import NodeTree
from workers.formats.limits import check_limit
from workers.skeleton.model import Array, Indices, Mesh

_TRIANGLES, _STRIP, _FAN = 4, 5, 6


@dataclass(frozen=True, eq=False)
class _Part:
    positions: Array
    faces: Indices
    joints: Indices  # (vertices, k) tree entries
    weights: Array


def build_mesh(
    document: GltfDocument,
    tree: NodeTree,
    skins: list[Skin],
    bind: BindPose,
    deforming: NDArray[np.bool_],
    factor: float,
) -> Mesh | None:
    """None where no surface moves with the skeleton. Raises ParseFailed, TooLarge, UnsupportedFeature."""
    parts: list[_Part] = []
    face_count = 0
    for entry in range(len(tree)):
        number = int(tree.file_indices[entry])
        node = document.nodes[number]
        if "mesh" not in node:
            continue
        mesh = document.meshes[index(node, "mesh", len(document.meshes), f"/nodes/{number}")]
        where = f"/meshes/{node['mesh']}/primitives"
        skin = skins[index(node, "skin", len(skins), f"/nodes/{number}")] if "skin" in node else None
        joint = -1 if skin is not None else _carrier(tree, entry, deforming)
        if skin is None and joint < 0:
            continue
        # Exporters often cut one set of vertices into a primitive for each material: the set is taken once.
        shared: dict[str, tuple[Json, Array, list[Indices], str]] = {}
        for place, primitive in enumerate(objects(mesh, "primitives", f"/meshes/{node['mesh']}")):
            surface = read_triangles(document, primitive, f"{where}/{place}")
            if surface is None:
                continue
            positions, faces = surface
            face_count += len(faces)
            check_limit(face_count, 2 * document.limits.vertices, "faces", f"{where}/{place}")
            key = _vertex_key(child(primitive, "attributes", f"{where}/{place}"))
            shared.setdefault(key, (primitive, positions, [], f"{where}/{place}"))[2].append(faces)
        for primitive, positions, pieces, there in shared.values():
            faces = np.concatenate(pieces)
            count = sum(len(part.positions) for part in parts) + len(positions)
            check_limit(count, document.limits.vertices, "vertices", there)
            if skin is not None:
                parts.append(_skinned(document, tree, skin, bind, primitive, positions, faces, there))
            else:
                matrix = bind.affine[entry]
                placed = positions @ matrix[:3, :3].T + matrix[:3, 3]
                held = np.full((len(positions), 1), joint), np.ones((len(positions), 1))
                parts.append(_Part(placed, _facing(faces, matrix[None]), *held))
    return _join(parts, factor) if parts else None


def check_meshes(document: GltfDocument) -> None:
    """Every primitive's accessors and material exist, whether it is read or not. Raises ParseFailed."""
    count, materials = len(document.accessors), len(objects(document.json, "materials"))
    for number, mesh in enumerate(document.meshes):
        for place, primitive in enumerate(objects(mesh, "primitives", f"/meshes/{number}")):
            where = f"/meshes/{number}/primitives/{place}"
            attributes = child(primitive, "attributes", where)
            for target in [attributes, *objects(primitive, "targets", where)]:
                for semantic in target:
                    index(target, semantic, count, f"{where}/attributes")
            optional_index(primitive, "indices", count, where)
            optional_index(primitive, "material", materials, where)


def _vertex_key(attributes: Json) -> str:
    """Equal for primitives that place and hold the same vertices."""
    return repr(sorted(item for item in attributes.items() if item[0].startswith(("POSITION", "JOINTS_", "WEIGHTS_"))))


def _carrier(tree: NodeTree, entry: int, deforming: NDArray[np.bool_]) -> int:
    """The node itself or its nearest ancestor that is a joint, -1 if there is none."""
    while entry >= 0 and not deforming[entry]:
        entry = int(tree.parents[entry])
    return entry


def read_triangles(document: GltfDocument, primitive: Json, where: str) -> tuple[Array, Indices] | None:
    """Positions `(n, 3)` and triangles of a primitive, decompressed; None for points and lines."""
    mode = integer(primitive, "mode", where, default=_TRIANGLES)
    if mode > _FAN:
        raise bad_field(f"{where}/mode", f"{mode} does not exist")
    attributes = child(primitive, "attributes", where)
    if mode < _TRIANGLES or "POSITION" not in attributes:
        return None
    accessors = document.accessors
    accessor = index(attributes, "POSITION", len(accessors), f"{where}/attributes")
    if accessors.kind(accessor)[0] != "VEC3":
        raise bad_field(f"{where}/attributes/POSITION", f"accessor {accessor} must be VEC3")
    check_limit(accessors.count(accessor), document.limits.vertices, "vertices", where)
    if draco_of(primitive):
        fill_accessors(accessors, primitive, where)
    positions = accessors.floats(accessor)
    if not np.all(np.abs(positions) < 1e30):
        raise bad_field(f"{where}/attributes/POSITION", "holds NaN or infinity")
    if "indices" in primitive:
        accessor = index(primitive, "indices", len(accessors), where)
        kind, component, _ = accessors.kind(accessor)
        if kind != "SCALAR" or component not in (5121, 5123, 5125):
            raise bad_field(f"{where}/indices", f"accessor {accessor} must hold unsigned whole numbers")
        check_limit(accessors.count(accessor), 6 * document.limits.vertices, "vertex indices", where)
        corners = accessors.read(accessor)[:, 0].astype(np.int64)
        if np.any(corners >= len(positions)):
            raise bad_field(
                f"{where}/indices", f"refers to vertex {int(corners.max())}, but there are {len(positions)}"
            )
    else:
        corners = np.arange(len(positions), dtype=np.int64)
    return positions, _triangles(corners, mode)


def _triangles(corners: Indices, mode: int) -> Indices:
    if mode == _TRIANGLES:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    if len(corners) < 3:
        return np.empty((0, 3), dtype=np.int64)
    if mode == _FAN:
        return np.stack([np.full(len(corners) - 2, corners[0]), corners[1:-1], corners[2:]], axis=1)
    faces = np.stack([corners[:-2], corners[1:-1], corners[2:]], axis=1)
    faces[1::2] = faces[1::2, [1, 0, 2]]  # every other triangle of a strip runs the other way round
    return faces


def _facing(faces: Indices, matrices: Array) -> Indices:
    """Triangles turned round where the placing mirrors, so that they still face outward."""
    return faces[:, ::-1] if np.median(np.linalg.det(matrices[:, :3, :3])) < 0.0 else faces


def _skinned(
    document: GltfDocument,
    tree: NodeTree,
    skin: Skin,
    bind: BindPose,
    primitive: Json,
    positions: Array,
    faces: Indices,
    where: str,
) -> _Part:
    local, weights = read_influences(
        document, child(primitive, "attributes", where), len(positions), len(skin.joints), where
    )
    entries = np.array([tree.position_of[int(node)] for node in skin.joints])
    matrices = (bind.affine[entries] @ skin.inverse_bind)[:, :3]
    homogeneous = np.concatenate([positions, np.ones((len(positions), 1))], axis=1)
    if np.max(np.abs(matrices - matrices[0])) <= 1e-7 * np.max(np.abs(matrices)):
        placed = homogeneous @ matrices[0].T
    else:
        placed = np.zeros_like(positions)
        for column in range(local.shape[1]):
            placed += weights[:, column, None] * np.einsum("nij,nj->ni", matrices[local[:, column]], homogeneous)
    return _Part(placed, _facing(faces, matrices), entries[local], weights)


def _join(parts: list[_Part], factor: float) -> Mesh:
    width = max(part.joints.shape[1] for part in parts)
    starts = np.cumsum([0] + [len(part.positions) for part in parts])

    def widen(values: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.pad(values, ((0, 0), (0, width - values.shape[1])))

    return Mesh(
        positions_m=np.concatenate([part.positions for part in parts]) * factor,
        faces=np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=False)]),
        joints=np.concatenate([widen(part.joints) for part in parts]).astype(np.int64),
        weights=np.concatenate([widen(part.weights) for part in parts]).astype(np.float64),
    )
