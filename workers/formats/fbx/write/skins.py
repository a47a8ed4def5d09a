"""Skins: one cluster a joint, and the bind pose, in which the vertices are stored.

A vertex goes to `sum_j w_j world_j Transform_j v`. Readers differ in what they take of a cluster: `Transform`, the
inverse of `TransformLink` (the joint's world matrix when the skin was bound), or the bind pose. All say the same if one
matrix G = TransformLink_j * IBM_j holds for all joints of a skin: then the vertices are stored as G v, the mesh stands
at the origin, and `Transform_j` is the inverse of `TransformLink_j = G IBM_j^-1`. A joint that holds no vertex may have
an inverse bind matrix that says nothing (`gltf.filler_matrices`): it takes its place in the bind pose.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from workers.formats.fbx.write.objects import Objects, properties
from workers.formats.fbx.write.records import record
from workers.formats.fbx.write.space import Space, without
from workers.formats.fbx.write.surfaces import Surface
from workers.formats.gltf.bind import Skin
from workers.skeleton.model import Array, Indices, Mask


def skin_placement(space: Space, skin: Skin) -> Array:
    """G of a skin, `(4, 4)`: what most joints agree on, as there is one matrix a joint."""
    entries = joint_entries(space, skin)
    placements: Array = space.source.bind.affine[entries] @ skin.inverse_bind
    middle = np.median(placements, axis=0)
    nearest = int(np.argmin(np.abs(placements - middle).sum(axis=(1, 2))))
    placement: Array = placements[nearest]
    return placement


def joint_entries(space: Space, skin: Skin) -> Indices:
    """The entries of the node tree that a skin's joints are, in its order."""
    return np.array([space.tree.position_of[int(node)] for node in skin.joints], dtype=np.int64)


def joint_links(space: Space, skin: Skin, placement: Array, held: Indices) -> Array:
    """`TransformLink` of each joint `(joints, 4, 4)` in cm; `held` are the joints that hold a vertex."""
    entries = joint_entries(space, skin)
    links = space.bind_world[entries].copy()
    bound = placement @ np.linalg.inv(skin.inverse_bind[held])
    links[held] = space.to_centimetres(without(bound, space.taken_out[entries[held]]))
    links[:, 3] = [0.0, 0.0, 0.0, 1.0]
    return links


def holding(surface: Surface) -> Indices:
    """Joints, by their number within the skin, that hold a vertex."""
    assert surface.joints is not None and surface.weights is not None
    return np.unique(surface.joints[surface.weights > 0.0])


def stands(space: Space, limbs: Mask, entries: Indices) -> Array:
    """World matrices `(entries, 4, 4)` in cm of the nodes that the skeletons of these joints hang on, `limbs` being all
    joints: Blender makes an armature of that node, and takes its place from the clusters.
    """
    result = np.tile(np.eye(4), (len(entries), 1, 1))
    for row, entry in enumerate(entries.tolist()):
        while entry >= 0 and limbs[entry]:
            entry = int(space.tree.parents[entry])
        if entry >= 0:
            result[row] = space.bind_world[entry]
    return result


def add_skin(
    objects: Objects, name: str, mesh: int, surface: Surface, joints: list[int], links: Array, stands: Array
) -> None:
    """Bind the mesh's object to the objects `joints`, one a joint of the skin, at their world matrices `links`."""
    children = [record("Version", 101), properties(), record("Link_DeformAcuracy", 50.0)]
    skin = objects.add("Deformer", name, "Skin", children)
    objects.connect(skin, mesh)
    inverse = np.linalg.inv(links)
    for joint, (vertices, weights) in enumerate(_influences(surface, len(joints))):
        given = [record("Indexes", vertices), record("Weights", weights)] if len(vertices) else []
        cluster = objects.add(
            "Deformer",
            f"{name} {joint}",
            "Cluster",
            [
                record("Version", 100),
                properties(),
                record("UserData", "", ""),
                *given,
                record("Transform", flat(inverse[joint])),
                record("TransformLink", flat(links[joint])),
                record("TransformAssociateModel", flat(stands[joint])),
            ],
        )
        objects.connect(cluster, skin)
        objects.connect(joints[joint], cluster)


def add_bind_pose(objects: Objects, world: dict[int, Array]) -> None:
    """The pose of the objects in `world`: their world matrices in cm when the skins were bound."""
    nodes = [
        record("PoseNode", children=[record("Node", np.int64(model)), record("Matrix", flat(matrix))])
        for model, matrix in world.items()
    ]
    head = [record("Type", "BindPose"), record("Version", 100), record("NbPoseNodes", len(nodes))]
    objects.add("Pose", "BindPose", "BindPose", [*head, *nodes])


def flat(matrix: Array) -> Array:
    """A matrix as FBX stores it: column after column."""
    return np.ascontiguousarray(matrix.T).reshape(-1)


def _influences(surface: Surface, count: int) -> list[tuple[NDArray[np.int32], Array]]:
    """Vertices and weights of each joint; what one joint holds twice of a vertex is added up."""
    assert surface.joints is not None and surface.weights is not None
    held = surface.weights > 0.0
    vertices = np.nonzero(held)[0]
    keys, inverse = np.unique(surface.joints[held] * len(surface.positions) + vertices, return_inverse=True)
    weights: Array = np.bincount(inverse, surface.weights[held], minlength=len(keys)).astype(np.float64)
    bounds = np.searchsorted(keys, np.arange(count + 1) * len(surface.positions))
    vertex_of: NDArray[np.int32] = (keys % len(surface.positions)).astype(np.int32)
    return [(vertex_of[start:end], weights[start:end]) for start, end in pairwise(bounds)]
