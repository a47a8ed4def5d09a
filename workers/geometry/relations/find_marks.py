"""Where the marks lie on one surface: rays from each part's axis to its skin, in the rest pose.

A mark is where its ray first leaves the part's outer faces. Where it meets none (a hole, a part that ends before the
mark) the part's nearest vertex stands for it, measured along the axis and around it, so that every part that has skin
has all its marks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.geometry.relations.marks import Marks
from workers.geometry.surface import BodySurface
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices, Mask

GRAZING = 1e-12  # of the largest face: what a ray only touches along its face
SLIT = 1e-6  # of a face: by as much a ray may pass beside it, or it would slip through between two
FLAT = 0.1


@dataclass(frozen=True, eq=False)
class MarkPlaces:
    """Marks on a surface in its rest pose: `found` `(all marks,)` tells those of parts that have skin; of these
    positions `(marks, 3)`, unit outward normals `(marks, 3)`, and three vertices `(marks, 3)` with their shares.
    """

    found: Mask
    positions_m: Array
    normals: Array
    corners: Indices
    shares: Array


def find_marks(surface: BodySurface, marks: Marks) -> MarkPlaces:
    """Where `marks` lie on a surface."""
    rest, count, smooth = surface.rest_m, len(marks), _smooth(surface)
    found = np.zeros(count, dtype=np.bool_)
    corners, shares, normals = np.zeros((count, 3), dtype=np.int64), np.zeros((count, 3)), np.zeros((count, 3))
    for part in np.unique(marks.part):
        rows = np.flatnonzero(marks.part == part)
        faces = surface.outer_faces[surface.outer_face_parts == part]
        if part not in surface.frames or not len(faces):
            continue
        frame = surface.frames[part]
        outward = frame.outward(marks.around[rows])
        origins = frame.place(marks.along[rows], marks.around[rows], np.zeros(len(rows)))
        face, shares[rows] = _first_exit(origins, outward, rest[faces])
        corners[rows] = faces[face]
        missed = rows[face < 0]
        corners[missed] = _nearest_vertices(surface, faces, marks, missed)[:, None]
        shares[missed] = 1.0 / 3.0
        normals[rows] = _normals(smooth[corners[rows]], shares[rows], outward)
        found[rows] = True
    corners, shares = corners[found], shares[found]
    return MarkPlaces(found, np.einsum("mc,mcd->md", shares, rest[corners]), normals[found], corners, shares)


def _first_exit(origins: Array, ways: Array, triangles: Array) -> tuple[Indices, Array]:
    """Number of the triangle by which each ray first leaves, and the shares of its corners there; -1 and 0 for none.

    Moeller and Trumbore, "Fast, minimum storage ray/triangle intersection" (1997), for all rays and triangles.
    """
    a, ab, ac = triangles[:, 0], triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    normal = np.cross(ab, ac)
    leaving = ways @ normal.T
    safe = np.where(leaving > GRAZING * np.abs(normal).max(initial=1.0), leaving, np.inf)
    turned = np.cross(origins, ways)
    way = (np.einsum("ti,ti->t", a, normal) - origins @ normal.T) / safe
    # The shares are the moments of the edges about the ray, over that of the whole triangle.
    moment_b = turned @ ac.T - ways @ np.cross(ac, a).T
    moment_c = turned @ ab.T - ways @ np.cross(ab, a).T
    b, c = moment_b / -safe, moment_c / safe
    hit = np.isfinite(safe) & (way > 0.0) & (b >= -SLIT) & (c >= -SLIT) & (b + c <= 1.0 + SLIT)
    nearest = np.where(hit, way, np.inf).argmin(axis=1)
    row = np.arange(len(origins))
    there = hit[row, nearest]
    b, c = b[row, nearest], c[row, nearest]
    shares = np.where(there[:, None], np.stack([1.0 - b - c, b, c], axis=1), 0.0)
    return np.where(there, nearest, -1), shares


def _nearest_vertices(surface: BodySurface, faces: Indices, marks: Marks, rows: Indices) -> Indices:
    """The vertex of a part that lies closest to each mark along and around its axis."""
    if not len(rows):
        return np.zeros(0, dtype=np.int64)
    part = int(marks.part[rows[0]])
    vertices = np.unique(faces)
    along, around, _ = surface.frames[part].coordinates(surface.rest_m[vertices])
    length, radius = surface.frames[part].length_m, surface.radius_m[part]
    off = length * (along - marks.along[rows][:, None])
    turn = (around - marks.around[rows][:, None] + np.pi) % (2.0 * np.pi) - np.pi
    nearest: Indices = vertices[(off**2 + (radius * turn) ** 2).argmin(axis=1)]
    return nearest


def _smooth(surface: BodySurface) -> Array:
    """Sums of the area vectors of the outer faces around each vertex `(vertices, 3)`: a mark on an edge has one normal,
    whichever face its ray met.
    """
    triangles = surface.rest_m[surface.outer_faces]
    area = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    sums = np.zeros_like(surface.rest_m)
    np.add.at(sums, surface.outer_faces, area[:, None])
    return sums


def _normals(around: Array, shares: Array, outward: Array) -> Array:
    """Unit normals from those of three vertices; where they cancel out, outward from the axis."""
    normal = np.einsum("mc,mcd->md", shares, quat.unit(around))
    return np.where((normal**2).sum(axis=1, keepdims=True) > FLAT**2, quat.unit(normal), outward)
