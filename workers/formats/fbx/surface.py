"""One FBX mesh as glTF vertices: indexed, welded, cut into triangles, one list of corners a material. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.formats.fbx.model import FbxMesh
from workers.formats.fbx.skins import SkinnedVertices
from workers.formats.fbx.triangles import triangulate, weld
from workers.skeleton.model import Array, Indices


@dataclass(eq=False)
class Surface:
    """`parts` gives the triangles' vertices, flat, for each material slot of the mesh."""

    positions: Array  # (vertices, 3)
    vertices: Indices  # (vertices,) of the file
    normals: Array | None  # (vertices, 3) unit
    coordinates: Array | None  # (vertices, 2) V down, as in glTF
    joints: Indices | None  # (vertices, 4)
    weights: Array | None
    parts: list[tuple[int, Indices]]


def build_surface(mesh: FbxMesh, skinned: SkinnedVertices | None) -> Surface | None:
    """None for a mesh without triangles. With a skin, positions and normals are those of the bind pose's world."""
    inside = (mesh.corners >= 0) & (mesh.corners < len(mesh.positions))
    if not len(mesh.positions) or not np.all(inside):
        return None
    positions = mesh.positions if skinned is None else skinned.positions
    triangles, owners = triangulate(mesh.faces, positions[mesh.corners])
    if not len(triangles):
        return None
    normals = (
        None if mesh.normals is None else _unit(mesh.normals if skinned is None else mesh.normals @ skinned.turn.T)
    )
    coordinates = None if mesh.coordinates is None else _v_down(mesh.coordinates)
    used = np.unique(triangles)
    given = [mesh.corners, normals, coordinates]
    first, place = weld([column[used] for column in given if column is not None])
    corner = used[first]
    vertex_of = np.zeros(len(mesh.corners), dtype=np.int64)
    vertex_of[used] = place
    slots = mesh.face_materials[owners]
    vertices = mesh.corners[corner]
    return Surface(
        positions=positions[vertices],
        vertices=vertices,
        normals=None if normals is None else normals[corner],
        coordinates=None if coordinates is None else coordinates[corner],
        joints=None if skinned is None else skinned.joints[vertices],
        weights=None if skinned is None else skinned.weights[vertices],
        parts=[(int(slot), vertex_of[triangles[slots == slot]].reshape(-1)) for slot in np.unique(slots)],
    )


def _unit(normals: Array) -> Array:
    """Unit length in single precision; what has no direction points up."""
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    usable = np.isfinite(lengths) & (lengths > 1e-20)
    unit = np.where(usable, normals / np.where(usable, lengths, 1.0), [0.0, 1.0, 0.0])
    return unit.astype(np.float32).astype(np.float64)


def _v_down(coordinates: Array) -> Array:
    flipped = np.stack([coordinates[:, 0], 1.0 - coordinates[:, 1]], axis=1)
    finite: Array = np.where(np.abs(flipped) < 1e30, flipped, 0.0).astype(np.float32).astype(np.float64)
    return finite
