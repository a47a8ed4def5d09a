"""How much a skin is stretched against its bind pose, by the lengths of its edges and the areas of its faces.

A part that was torn away pulls the edges that hold it long; a wrist that was wrung lets the faces around it collapse.
Parts that hang on one joint throughout keep their shape and are not posed. Where a skin touches itself is left to
`workers.geometry.measured_penetration`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import sqrt

import numpy as np

from workers.geometry.posing import pose
from workers.geometry.surface import BodySurface
from workers.motion.body_motion import BodyMotion
from workers.platform.compiled import compiled
from workers.skeleton.model import Array, Indices

# An edge that is longer than in the bind pose by this factor is torn, not bent; and by at least this share of height,
# since the edges of seams and of fingers are short.
TORN = 2.0
TORN_BY = 0.01
# A face with less than this share of its area has collapsed.
COLLAPSED = 0.15
RIGID = 0.999
FRAMES_AT_ONCE = 4


@dataclass(frozen=True)
class SkinStrain:
    """Shares of all edges' length and of all faces' area, means over the frames; `longest_m` is by how much the edge
    that grew most is longer than in the bind pose, a mean over the frames too.
    """

    torn: float
    collapsed: float
    longest_m: float


@dataclass(frozen=True, eq=False)
class _Bending:
    """The part of a surface that more than one joint holds, with its edges and faces, and the size of the whole."""

    surface: BodySurface
    edges: Indices  # (edges, 2)
    edge_m: Array  # (edges,) in the bind pose
    area_m2: Array  # (faces,)
    all_edges_m: float
    all_area_m2: float


def skin_strain(surface: BodySurface, motion: BodyMotion, frames: Indices) -> SkinStrain:
    """The strain of a body's own surface in these frames of a motion."""
    bending = _bending(surface)
    if not len(bending.edges):
        return SkinStrain(0.0, 0.0, 0.0)
    torn, collapsed = 0.0, 0.0
    longest = np.zeros(len(bending.edges))
    for start in range(0, len(frames), FRAMES_AT_ONCE):
        vertices = pose(bending.surface, motion, frames[start : start + FRAMES_AT_ONCE])
        torn += stretch(vertices, bending.edges, bending.edge_m, TORN_BY * surface.body.height_m, longest)
        collapsed += collapse(vertices, bending.surface.mesh.faces, bending.area_m2)
    count = len(frames)
    return SkinStrain(
        torn / (bending.all_edges_m * count),
        collapsed / (bending.all_area_m2 * count),
        max(0.0, float(longest.max()) / count),
    )


@compiled
def stretch(vertices: Array, edges: Indices, edge_m: Array, torn_by_m: float, longest: Array) -> float:
    """Length at rest of the edges that are torn in some frames, summed over these; what each edge grew is added to
    `longest` `(edges,)`.
    """
    torn = 0.0
    for frame in range(len(vertices)):
        for edge in range(len(edges)):
            a, b = edges[edge, 0], edges[edge, 1]
            x = vertices[frame, b, 0] - vertices[frame, a, 0]
            y = vertices[frame, b, 1] - vertices[frame, a, 1]
            z = vertices[frame, b, 2] - vertices[frame, a, 2]
            grown = sqrt(x * x + y * y + z * z) - edge_m[edge]
            longest[edge] += grown
            if grown > max((TORN - 1.0) * edge_m[edge], torn_by_m):
                torn += edge_m[edge]
    return torn


@compiled
def collapse(vertices: Array, faces: Indices, area_m2: Array) -> float:
    """Area at rest of the faces that have collapsed in some frames, summed over these."""
    collapsed = 0.0
    for frame in range(len(vertices)):
        for face in range(len(faces)):
            a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
            ux = vertices[frame, b, 0] - vertices[frame, a, 0]
            uy = vertices[frame, b, 1] - vertices[frame, a, 1]
            uz = vertices[frame, b, 2] - vertices[frame, a, 2]
            vx = vertices[frame, c, 0] - vertices[frame, a, 0]
            vy = vertices[frame, c, 1] - vertices[frame, a, 1]
            vz = vertices[frame, c, 2] - vertices[frame, a, 2]
            x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
            if 0.5 * sqrt(x * x + y * y + z * z) < COLLAPSED * area_m2[face]:
                collapsed += area_m2[face]
    return collapsed


@lru_cache(maxsize=4)
def _bending(surface: BodySurface) -> _Bending:
    mesh = surface.mesh
    edges = _edges(mesh.faces)
    lengths = np.linalg.norm(mesh.positions_m[edges[:, 1]] - mesh.positions_m[edges[:, 0]], axis=1)
    areas = _areas(mesh.positions_m, mesh.faces)
    strongest = mesh.weights.argmax(axis=1)
    rows = np.arange(len(strongest))
    holder = np.where(mesh.weights[rows, strongest] > RIGID, mesh.joints[rows, strongest], -1 - rows)
    held = holder[mesh.faces]
    bends = (held != held[:, :1]).any(axis=1)
    used, corners = np.unique(mesh.faces[bends], return_inverse=True)
    faces = corners.reshape(-1, 3)
    part = replace(
        mesh, positions_m=mesh.positions_m[used], faces=faces, joints=mesh.joints[used], weights=mesh.weights[used]
    )
    own = _edges(faces)
    own_m = np.linalg.norm(part.positions_m[own[:, 1]] - part.positions_m[own[:, 0]], axis=1)
    posed = replace(surface, mesh=part, parts=surface.parts[used])
    return _Bending(posed, own, own_m, areas[bends], float(lengths.sum()), float(areas.sum()))


def _edges(faces: Indices) -> Indices:
    pairs = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    unique: Indices = np.unique(pairs, axis=0)
    return unique


def _areas(vertices: Array, faces: Indices) -> Array:
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    areas: Array = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
    return areas
