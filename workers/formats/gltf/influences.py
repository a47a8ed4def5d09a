"""Which joints hold which vertices, and how strongly: `JOINTS_n` and `WEIGHTS_n` of a primitive."""

from __future__ import annotations

import numpy as np

from workers.formats.gltf.document import GltfDocument
from workers.formats.gltf.draco import draco_of, fill_accessors
from workers.formats.gltf.fields import Json, bad_field, child, index, objects
from workers.skeleton.model import Array, Indices, Mask

_MAX_SETS = 2  # JOINTS_0, JOINTS_1: eight influences


def read_influences(
    document: GltfDocument, attributes: Json, count: int, joint_count: int, where: str
) -> tuple[Indices, Array]:
    """Joint numbers within the skin and weights that sum to 1, `(count, 4 or 8)`.

    A vertex that no joint holds goes to the skin's first one. Raises ParseFailed.
    """
    accessors = document.accessors
    joint_sets, weight_sets = [], []
    for number in range(_MAX_SETS):
        names = (f"JOINTS_{number}", f"WEIGHTS_{number}")
        if not any(name in attributes for name in names):
            break
        read = [index(attributes, name, len(accessors), f"{where}/attributes") for name in names]
        for name, accessor in zip(names, read, strict=True):
            if accessors.kind(accessor)[0] != "VEC4" or accessors.count(accessor) != count:
                raise bad_field(f"{where}/attributes/{name}", f"accessor {accessor} must hold one VEC4 a vertex")
        if accessors.kind(read[0])[1] not in (5121, 5123):
            raise bad_field(f"{where}/attributes/{names[0]}", "must be unsigned bytes or shorts")
        joint_sets.append(accessors.read(read[0]).astype(np.int64))
        weight_sets.append(accessors.floats(read[1]))
    if not joint_sets:
        return np.zeros((count, 1), dtype=np.int64), np.ones((count, 1))
    joints, weights = np.concatenate(joint_sets, axis=1), np.concatenate(weight_sets, axis=1)
    if not np.all((weights > -1e-3) & (weights < 1e30)):
        raise bad_field(f"{where}/attributes", "skin weights must be finite and not negative")
    weights = np.maximum(weights, 0.0)
    if np.any((joints >= joint_count) & (weights > 0.0)):
        raise bad_field(
            f"{where}/attributes", f"a vertex refers to joint {int(joints.max())} of a skin with {joint_count}"
        )
    joints = np.where(weights > 0.0, joints, 0)
    total = weights.sum(axis=1, keepdims=True)
    unheld = total[:, 0] <= 1e-12
    weights = weights / np.where(total > 1e-12, total, 1.0)
    weights[unheld, 0] = 1.0
    return joints, weights


def holding_joints(document: GltfDocument, skin: int, joint_count: int) -> Mask:
    """Joints of a skin that hold a vertex of some mesh, `(joint_count,)`.

    All of them where that cannot be told: no mesh uses the skin, or its weights lie in no buffer. Raises ParseFailed.
    """
    holds = np.zeros(joint_count, dtype=np.bool_)
    meshes = {node["mesh"] for node in document.nodes if node.get("skin") == skin and "mesh" in node}
    seen: set[tuple[int, ...]] = set()
    for mesh in sorted(meshes):
        for place, primitive in enumerate(objects(document.meshes[mesh], "primitives", f"/meshes/{mesh}")):
            where = f"/meshes/{mesh}/primitives/{place}"
            attributes = child(primitive, "attributes", where)
            names = [name for name in sorted(attributes) if name.startswith(("POSITION", "JOINTS_", "WEIGHTS_"))]
            if "POSITION" not in names:
                continue
            read = tuple(index(attributes, name, len(document.accessors), f"{where}/attributes") for name in names)
            if read in seen:
                continue
            seen.add(read)
            if draco_of(primitive):
                fill_accessors(document.accessors, primitive, where)
            if not all(map(document.accessors.has_data, read)):
                return np.ones(joint_count, dtype=np.bool_)
            count = document.accessors.count(attributes["POSITION"])
            joints, weights = read_influences(document, attributes, count, joint_count, where)
            holds[np.unique(joints[weights > 0.0])] = True
    return holds if holds.any() else np.ones(joint_count, dtype=np.bool_)
