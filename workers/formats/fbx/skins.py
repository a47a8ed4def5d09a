"""Skins: which nodes are joints, their inverse bind matrices, and four influences a vertex. Pure numpy, no binding.

Skinned vertices are moved to the world of the bind pose, so that an inverse bind matrix (IBM) is the inverse of where
its joint stood and nothing else: `IBM = geometry_to_bone * inverse(G)`, `v_world = sum w * bone_world * IBM * (G v)`,
where G takes the mesh's own space to the world at binding time. Skinning is the same for any G; FBX states G, so the
bind pose needs no guess.

Joints are the bones that hold vertices and the limb nodes above them. A file without skins makes its limb nodes joints
of a skin without mesh, bound only if the file has a bind pose that fits them: otherwise its rest pose is unknown and no
matrices are claimed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.formats.fbx.model import FbxCluster, FbxMesh, FbxScene
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices

INFLUENCES = 4
_LENGTH_TOLERANCE = 0.02
_FITTING_BONES = 0.9


@dataclass(eq=False)
class FbxSkin:
    """`joints` index the nodes; `inverse_bind` is `(joints, 4, 4)` or None where no bind pose is known."""

    joints: list[int]
    inverse_bind: Array | None


@dataclass(eq=False)
class SkinnedVertices:
    """Per vertex of the file: positions in the bind pose's world, four joints of the skin and their weights."""

    positions: Array  # (vertices, 3)
    linear: Array  # (3, 3) what took offsets there
    turn: Array  # (3, 3) for normals, not normalised
    joints: Indices  # (vertices, 4)
    weights: Array  # (vertices, 4) sum 1


def local_matrices(scene: FbxScene) -> Array:
    """`(nodes, 4, 4)` translation * rotation * scale."""
    result = np.tile(np.eye(4), (len(scene.nodes), 1, 1))
    if scene.nodes:
        rotations = quat.normalize(np.stack([node.rotation for node in scene.nodes]))
        scales = np.stack([node.scale for node in scene.nodes])
        result[:, :3, :3] = quat.to_matrix(rotations) * scales[:, None, :]
        result[:, :3, 3] = np.stack([node.translation for node in scene.nodes])
    return result


def world_matrices(scene: FbxScene, local: Array) -> Array:
    result = local.copy()
    for index, node in enumerate(scene.nodes):
        if node.parent >= 0:
            result[index] = result[node.parent] @ local[index]
    return result


def skin_mesh(scene: FbxScene, mesh: FbxMesh, carrier: int, local: Array) -> tuple[FbxSkin, SkinnedVertices] | None:
    """The skin of a mesh on node `carrier`, which holds the vertices that no bone does; None if no bone holds any."""
    clusters = [cluster for cluster in mesh.clusters if _invertible(cluster.geometry_to_bone)]
    if len(clusters) < len(mesh.clusters):
        lost = len(mesh.clusters) - len(clusters)
        scene.warn(
            "cluster-dropped", f"mesh {mesh.name!r}: {lost} bones were bound with a flat matrix; they hold nothing"
        )
    if not clusters:
        return None
    # A bone without vertices may be bound with anything: where the mesh stood, one with vertices says.
    holding = next((cluster for cluster in clusters if np.any(cluster.weights > 0.0)), clusters[0])
    stated = holding.bind_to_world @ holding.geometry_to_bone
    to_world = stated if _invertible(stated) else np.eye(4)
    known: dict[int, Array] = {}  # world matrix at binding time
    for cluster in clusters:
        known.setdefault(cluster.node, to_world @ np.linalg.inv(cluster.geometry_to_bone))
    held, weights, overflow = _influences(clusters, len(mesh.positions))
    joints = _joints(scene, list(known))
    _complete(scene, joints, known, local)
    if np.any(weights[:, 0] <= 0.0):
        free = weights[:, 0] <= 0.0
        if carrier not in known:
            joints.append(carrier)
            known[carrier] = to_world
        held[free, 0], weights[free, 0] = carrier, 1.0
    if overflow:
        scene.warn(
            "influences-reduced",
            f"mesh {mesh.name!r}: {overflow} vertices hang on more than {INFLUENCES} joints; the strongest ones count",
        )
    place = np.zeros(len(scene.nodes), dtype=np.int64)
    place[joints] = np.arange(len(joints))
    skin = FbxSkin(joints, _inverse(np.stack([known[joint] for joint in joints])))
    return skin, SkinnedVertices(
        positions=mesh.positions @ to_world[:3, :3].T + to_world[:3, 3],
        linear=to_world[:3, :3],
        turn=np.linalg.inv(to_world[:3, :3]).T.astype(np.float64),
        joints=np.where(weights > 0.0, place[held], 0),
        weights=weights,
    )


def bare_skin(scene: FbxScene, local: Array) -> FbxSkin | None:
    """The limb nodes of a file without skins, and what lies between them; None where it has no limb node."""
    limbs = {index for index, node in enumerate(scene.nodes) if node.bone}
    if not limbs:
        return None
    joints = sorted(_between(scene, limbs))
    pose = {joint: scene.bind_poses[joint] for joint in joints if joint in scene.bind_poses}
    world = world_matrices(scene, local)
    inner = {scene.nodes[joint].parent for joint in joints} & set(joints)
    if not pose or not inner <= pose.keys() or not _pose_fits(scene, pose, world):
        return FbxSkin(joints, None)
    _complete(scene, joints, pose, local)
    matrices = np.stack([pose[joint] for joint in joints])
    return FbxSkin(joints, _inverse(matrices) if all(map(_invertible, matrices)) else None)


def _joints(scene: FbxScene, bones: list[int]) -> list[int]:
    """The bones that hold vertices and all limbs above them, parents first."""
    above = _nearest_below(scene, set(bones))
    return sorted({*bones, *(index for index in above if scene.nodes[index].bone)})


def _between(scene: FbxScene, limbs: set[int]) -> set[int]:
    """Nodes with a limb above and a limb below them."""
    above, below = set(limbs), set(limbs)
    for index, node in enumerate(scene.nodes):
        if node.parent in above:
            above.add(index)
    for index in reversed(range(len(scene.nodes))):
        if index in below and scene.nodes[index].parent >= 0:
            below.add(scene.nodes[index].parent)
    return above & below


def _complete(scene: FbxScene, joints: list[int], known: dict[int, Array], local: Array) -> None:
    """World matrices of the joints that lack one.

    From a bind pose that agrees with the others, from the joint above, or from the nearest joint below.
    """
    trusted = _agrees(scene.bind_poses, known)
    nearest = _nearest_below(scene, known)
    world: Array | None = None
    for joint in joints:  # parents first
        if joint in known:
            continue
        parent = scene.nodes[joint].parent
        if trusted and joint in scene.bind_poses and _invertible(scene.bind_poses[joint]):
            known[joint] = scene.bind_poses[joint]
        elif parent in known:
            known[joint] = known[parent] @ local[joint]
        else:
            found = _from_below(scene, joint, nearest[joint], known, local) if joint in nearest else None
            if found is None:
                world = world_matrices(scene, local) if world is None else world
                found = world[joint]
            known[joint] = found


def _nearest_below(scene: FbxScene, known: Collection[int]) -> dict[int, int]:
    """For every node above a known one: a known node below it."""
    result: dict[int, int] = {}
    for index in reversed(range(len(scene.nodes))):  # children before parents
        nearest = index if index in known else result.get(index, -1)
        if nearest >= 0 and scene.nodes[index].parent >= 0:
            result[scene.nodes[index].parent] = nearest
    return result


def _from_below(scene: FbxScene, joint: int, below: int, known: dict[int, Array], local: Array) -> Array | None:
    way, index = np.eye(4), below
    while index != joint:
        way, index = local[index] @ way, scene.nodes[index].parent
    if not _invertible(way):
        return None
    result: Array = known[below] @ np.linalg.inv(way)
    return result


def _agrees(poses: dict[int, Array], known: dict[int, Array]) -> bool:
    shared = [node for node in known if node in poses]
    if not shared:
        return False
    size = max(float(np.ptp([known[node][:3, 3] for node in shared], axis=0).max()), 1e-6)
    off = [float(np.max(np.abs(poses[node][:3, 3] - known[node][:3, 3]))) > 0.01 * size for node in shared]
    return float(np.mean(off)) < 1.0 - _FITTING_BONES


def _pose_fits(scene: FbxScene, pose: dict[int, Array], world: Array) -> bool:
    """Whether the bones are as long in the bind pose as in the nodes; some exporters write one that they are not."""
    pairs = [(joint, scene.nodes[joint].parent) for joint in pose if scene.nodes[joint].parent in pose]
    if not pairs:
        return True
    bound = np.array([np.linalg.norm(pose[a][:3, 3] - pose[b][:3, 3]) for a, b in pairs])
    nodes = np.array([np.linalg.norm(world[a, :3, 3] - world[b, :3, 3]) for a, b in pairs])
    near = np.abs(bound - nodes) <= _LENGTH_TOLERANCE * np.maximum(nodes, float(nodes.mean()))
    return float(near.mean()) >= _FITTING_BONES


def _influences(clusters: list[FbxCluster], count: int) -> tuple[Indices, Array, int]:
    """Nodes and weights `(vertices, 4)`, strongest first, sum 1 (0 where no bone holds one); how many had more."""
    vertices = np.concatenate([cluster.vertices for cluster in clusters])
    nodes = np.concatenate([np.full(len(cluster.vertices), cluster.node) for cluster in clusters])
    weights = np.concatenate([cluster.weights for cluster in clusters])
    usable = (vertices >= 0) & (vertices < count) & (weights > 0.0) & (weights < 1e30)
    # One bone may hold a vertex through several clusters: its weights add up.
    span = int(nodes.max(initial=0)) + 1
    pairs, place = np.unique(vertices[usable] * span + nodes[usable], return_inverse=True)
    total = np.bincount(place, weights=weights[usable], minlength=len(pairs))
    vertex, node = pairs // span, pairs % span
    order = np.lexsort((-total, vertex))
    vertex, node, total = vertex[order], node[order], total[order]
    rank = np.arange(len(vertex)) - np.searchsorted(vertex, vertex, side="left")
    kept = rank < INFLUENCES
    held = np.zeros((count, INFLUENCES), dtype=np.int64)
    strength = np.zeros((count, INFLUENCES))
    held[vertex[kept], rank[kept]] = node[kept]
    strength[vertex[kept], rank[kept]] = total[kept]
    sums = strength.sum(axis=1, keepdims=True)
    strength /= np.where(sums > 0.0, sums, 1.0)
    return held, strength, int(np.sum(rank == INFLUENCES))


def _invertible(matrix: Array) -> bool:
    """Whether a matrix has volume, by the measure that `gltf.bind` uses."""
    if not np.all(np.abs(matrix) < 1e30):
        return False
    lengths: NDArray[np.float64] = np.linalg.norm(matrix[:3, :3], axis=0)
    return bool(np.all(lengths > 1e-9) and abs(np.linalg.det(matrix[:3, :3])) > 1e-4 * np.prod(lengths))


def _inverse(matrices: Array) -> Array:
    result: Array = np.linalg.inv(matrices).astype(np.float64)
    result[:, 3] = [0.0, 0.0, 0.0, 1.0]
    return result
