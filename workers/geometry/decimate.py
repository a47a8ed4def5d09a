"""Decimation: fewer faces for rendering, every kept vertex with its own place and skin weights.

Welding first joins vertices that exporters split at texture seams. Then edges are collapsed into one of their ends by
the quadric error (Garland and Heckbert 1997, "Surface simplification using quadric error metrics"), many at a time: in
each round the cheapest collapses that touch no common face. Ends are never moved, so weights need no blending; limits
between differently held parts cost extra, so that joints still bend where they did. Deterministic: ties go by number.
"""

from __future__ import annotations

import numpy as np

from workers.skeleton.model import Array, Indices, Mask, Mesh

# Squared metres of error for a full change of weights over a metre of area: what keeps rings around joints.
WEIGHT_COST = 0.02
BORDER_COST = 4.0  # open borders are part of the silhouette
SHARPEST_TURN = 0.2  # cosine by which a face may turn in one collapse
MAX_ROUNDS = 200


def prepare_surface(mesh: Mesh, most_faces: int) -> Mesh:
    """A mesh for rendering: welded, without faces of no area, at most about `most_faces` faces."""
    return decimate(weld(mesh), most_faces)


def weld(mesh: Mesh) -> Mesh:
    """One vertex where several share place and weights; faces that collapse are dropped, and unused vertices too."""
    extent = max(float(np.ptp(mesh.positions_m, axis=0).max(initial=0.0)), 1e-9)
    place = np.round(mesh.positions_m / (1e-6 * extent)).astype(np.int64)
    ranked = np.argsort(np.where(mesh.weights > 0.0, mesh.joints, np.iinfo(np.int64).max), axis=1, kind="stable")
    joints = np.take_along_axis(np.where(mesh.weights > 0.0, mesh.joints, -1), ranked, axis=1)
    weights = np.round(np.take_along_axis(mesh.weights, ranked, axis=1) * 1e3).astype(np.int64)
    _, first, number = np.unique(
        np.concatenate([place, joints, weights], axis=1), axis=0, return_index=True, return_inverse=True
    )
    return compact(mesh, first[number.reshape(-1)][mesh.faces])


def compact(mesh: Mesh, faces: Indices) -> Mesh:
    """The mesh with other faces, without collapsed ones and without vertices that no face uses."""
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    used, corners = np.unique(faces[whole], return_inverse=True)
    return Mesh(mesh.positions_m[used], corners.reshape(-1, 3), mesh.joints[used], mesh.weights[used])


def decimate(mesh: Mesh, most_faces: int) -> Mesh:
    """Collapse edges until at most `most_faces` faces are left, or nothing more can go without turning faces over."""
    faces = mesh.faces
    if len(faces) <= most_faces:
        return mesh
    positions = mesh.positions_m
    quadrics = _quadrics(positions, faces)
    weights = _dense_weights(mesh)
    refused = np.empty(0, dtype=np.int64)  # collapses that turned a face over once are not tried again
    for _ in range(MAX_ROUNDS):
        surplus = len(faces) - most_faces
        if surplus <= 0:
            break
        moved, target, failed = _round(positions, faces, quadrics, weights, surplus, refused)
        refused = np.concatenate([refused, failed])
        if not len(moved):
            if not len(failed):
                break
            continue
        place = np.arange(len(positions))
        place[moved] = target
        np.add.at(quadrics, target, quadrics[moved])
        faces = place[faces]
        faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])]
    return compact(mesh, faces)


def _dense_weights(mesh: Mesh) -> Array:
    used, column = np.unique(mesh.joints, return_inverse=True)
    weights = np.zeros((len(mesh.positions_m), len(used)))
    np.add.at(weights, (np.arange(len(weights))[:, None], column.reshape(mesh.joints.shape)), mesh.weights)
    return weights


def _normals(positions: Array, faces: Indices) -> Array:
    """Area vectors `(faces, 3)`, twice the area long."""
    a, b, c = (positions[faces[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)


def _quadrics(positions: Array, faces: Indices) -> Array:
    """`(vertices, 4, 4)`: sums of area times squared distance to the planes of the faces, and of upright planes along
    open borders.
    """
    area = _normals(positions, faces)
    length = np.linalg.norm(area, axis=1)
    normal = area / np.maximum(length, 1e-20)[:, None]
    planes = np.concatenate([normal, -np.einsum("ij,ij->i", normal, positions[faces[:, 0]])[:, None]], axis=1)
    outer = 0.5 * length[:, None, None] * planes[:, :, None] * planes[:, None, :]
    quadrics = np.zeros((len(positions), 4, 4))
    for corner in range(3):
        np.add.at(quadrics, faces[:, corner], outer)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    owner = np.tile(np.arange(len(faces)), 3)
    _, number, counts = np.unique(_edge_keys(faces, len(positions)), return_inverse=True, return_counts=True)
    border = counts[number] == 1
    ends, along = edges[border], positions[edges[border, 1]] - positions[edges[border, 0]]
    upright = np.cross(along, normal[owner[border]])
    upright /= np.maximum(np.linalg.norm(upright, axis=1), 1e-20)[:, None]
    planes = np.concatenate([upright, -np.einsum("ij,ij->i", upright, positions[ends[:, 0]])[:, None]], axis=1)
    strength = BORDER_COST * np.einsum("ij,ij->i", along, along)
    outer = strength[:, None, None] * planes[:, :, None] * planes[:, None, :]
    for end in range(2):
        np.add.at(quadrics, ends[:, end], outer)
    return quadrics


def _edge_keys(faces: Indices, count: int) -> Indices:
    """A number for each edge of each face in turn `(3 * faces,)`, whichever way round: sorted as its lower, then its
    higher end among `count` vertices. One number is sorted many times faster than a pair.
    """
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    keys: Indices = edges.min(axis=1) * count + edges.max(axis=1)
    return keys


def _round(
    positions: Array, faces: Indices, quadrics: Array, weights: Array, surplus: int, refused: Indices
) -> tuple[Indices, Indices, Indices]:
    """Vertices to move and where each goes: the cheapest collapses that touch no common face and turn none over.

    Third, the keys of those that would turn one over; keys in `refused` are left out.
    """
    ends = np.stack(np.divmod(np.unique(_edge_keys(faces, len(positions))), len(positions)), axis=1)
    joint = quadrics[ends[:, 0]] + quadrics[ends[:, 1]]
    points = np.concatenate([positions, np.ones((len(positions), 1))], axis=1)
    costs = np.stack([np.einsum("ni,nij,nj->n", points[ends[:, k]], joint, points[ends[:, k]]) for k in (0, 1)], axis=1)
    apart = positions[ends[:, 1]] - positions[ends[:, 0]]
    change = np.abs(weights[ends[:, 0]] - weights[ends[:, 1]]).sum(axis=1)
    squared = np.einsum("ni,ni->n", apart, apart)
    # A short edge is cheap where the surface is flat; the small part by length keeps faces well shaped.
    cost = np.maximum(costs.min(axis=1), 0.0) + squared**2 * 1e-3 + WEIGHT_COST * change * squared * np.sqrt(squared)
    kept_end = np.argmin(costs, axis=1)
    target, moved = ends[np.arange(len(ends)), kept_end], ends[np.arange(len(ends)), 1 - kept_end]
    keys = moved * len(positions) + target
    order = np.argsort(cost, kind="stable")
    order = order[~np.isin(keys[order], refused)]
    order = order[: max(64, len(order) // 2)]  # expensive collapses wait for a later round
    moved, target, keys = moved[order], target[order], keys[order]
    chosen = np.flatnonzero(_independent(moved, target, faces, len(positions)))
    sound = _upright(positions, faces, moved[chosen], target[chosen], len(positions))
    failed = keys[np.delete(chosen, sound)]
    chosen = chosen[sound][: max(1, (surplus + 1) // 2)]
    return moved[chosen], target[chosen], failed


def _independent(moved: Indices, target: Indices, faces: Indices, count: int) -> Mask:
    """Of collapses in order of preference, those that come first at every face around both of their ends."""
    rank = np.arange(len(moved))
    at_vertex = np.full(count, len(moved))
    np.minimum.at(at_vertex, moved, rank)
    np.minimum.at(at_vertex, target, rank)
    at_face = at_vertex[faces].min(axis=1)
    around = np.full(count, len(moved))
    for corner in range(3):
        np.minimum.at(around, faces[:, corner], at_face)
    result: Mask = (around[moved] == rank) & (around[target] == rank)
    return result


def _upright(positions: Array, faces: Indices, moved: Indices, target: Indices, count: int) -> Indices:
    """Numbers of the collapses that turn no face over and do not pinch the surface."""
    place = np.arange(count)
    place[moved] = target
    number = np.full(count, -1)
    number[moved] = np.arange(len(moved))
    touched = np.flatnonzero((number[faces] >= 0).any(axis=1))
    owner = number[faces[touched]].max(axis=1)
    before, after = _normals(positions, faces[touched]), _normals(positions, place[faces[touched]])
    changed = place[faces[touched]]
    gone = (changed[:, 0] == changed[:, 1]) | (changed[:, 1] == changed[:, 2]) | (changed[:, 2] == changed[:, 0])
    lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    turned = ~gone & (np.einsum("ij,ij->i", before, after) < SHARPEST_TURN * lengths)
    bad = np.zeros(len(moved), dtype=np.bool_)
    np.logical_or.at(bad, owner, turned)
    removed = np.bincount(owner[gone], minlength=len(moved))
    return np.flatnonzero(~bad & (removed <= 2) & (removed > 0))
