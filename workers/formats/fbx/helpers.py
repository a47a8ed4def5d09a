"""Scale helpers taken out again. Pure numpy, no binding.

Where a node's children do not inherit its scale, ufbx leaves the node unscaled and hangs an unnamed helper below it
that has the scale and carries what the node carried: mesh, skin weights, bone attribute. A helper that no take moves
and that carries no rigid mesh says nothing but a constant, so its node takes its place:
`IBM_node = local_helper * IBM_helper`. A helper that stays keeps its weights, and its node becomes a joint too, because
it is the one with the name and the motion.
"""

from __future__ import annotations

import numpy as np

from workers.formats.fbx.model import FbxPath, FbxScene
from workers.skeleton.model import Array

_STILL = 1e-5


def fold_helpers(scene: FbxScene, local: Array) -> set[int]:
    """Moves what helpers carry to their nodes; returns the helpers that are to be left out."""
    parents = {node.parent for node in scene.nodes}
    animated = {index for take in scene.takes for index in take.paths if not _is_still(scene, take.paths[index], index)}
    folded = set()
    for index, node in enumerate(scene.nodes):
        if not node.scale_helper or node.parent < 0:
            continue
        above = scene.nodes[node.parent]
        above.bone = above.bone or node.bone
        rigid = node.mesh >= 0 and not scene.meshes[node.mesh].clusters
        if index not in parents and index not in animated and not rigid:
            folded.add(index)
            node.bone = False
            if node.mesh >= 0 and above.mesh < 0:
                above.mesh, above.materials, above.visible = node.mesh, node.materials, above.visible and node.visible
        elif not node.name:
            node.name = f"{above.name}_scale"
    for mesh in scene.meshes.values():
        for cluster in mesh.clusters:
            if cluster.node in folded:
                step = local[cluster.node]
                cluster.geometry_to_bone = step @ cluster.geometry_to_bone
                cluster.bind_to_world = cluster.bind_to_world @ np.linalg.inv(step) if _has_volume(step) else np.eye(4)
                cluster.node = scene.nodes[cluster.node].parent
    for take in scene.takes:
        for index in folded:
            take.paths.pop(index, None)
    return folded


def _is_still(scene: FbxScene, path: FbxPath, index: int) -> bool:
    turned = path.rotations is not None and np.max(np.abs(path.rotations - scene.nodes[index].rotation)) > _STILL
    return path.translations is None and path.scales is None and not turned


def _has_volume(matrix: Array) -> bool:
    return bool(abs(np.linalg.det(matrix[:3, :3])) > 1e-30)
