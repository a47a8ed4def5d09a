"""Sample characters below a root with negative scale: one axis or all three, their contents mirrored with it or not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.glb_editor import GlbEditor
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices

AXES = {"x": (-1.0, 1.0, 1.0), "y": (1.0, -1.0, 1.0), "z": (1.0, 1.0, -1.0), "xyz": (-1.0, -1.0, -1.0)}


def mirrored(data: bytes, signs: Sequence[float], contents: bool) -> GlbEditor:
    """The file with `signs` as its root's scale.

    With `contents` all below the root is mirrored too, and the file looks as before. Without, it is seen in a mirror;
    upright: where the mirroring has turned it over, the root turns it back about X.
    """
    edit, flip = GlbEditor(data), np.diag(signs)
    root = edit.nodes[edit.node("Armature")]
    root["scale"] = (np.array(root.get("scale") or [1.0] * 3) * signs).tolist()
    if not contents:
        if signs[1] < 0.0:
            turn = np.array([1.0, 0.0, 0.0, 0.0])
            root["rotation"] = quat.multiply(turn, np.array(root.get("rotation") or quat.IDENTITY)).tolist()
        return edit
    turned = np.array([*signs, 1.0]) * np.prod(signs) * [1.0, 1.0, 1.0, np.prod(signs)]
    for number, node in enumerate(edit.nodes):
        if number != edit.node("Armature"):
            node["translation"] = (np.array(node.get("translation") or [0.0] * 3) * signs).tolist()
            node["rotation"] = (np.array(node.get("rotation") or quat.IDENTITY) * turned).tolist()
    for name in ("POSITION", "NORMAL"):
        edit.put_attribute(name, edit.attribute(name) * signs, "VEC3")
    if np.prod(signs) < 0.0:
        edit.put_faces([faces[:, ::-1] for faces in edit.faces()])
    matrices = edit.inverse_bind
    matrices[:, :3, :3] = flip @ matrices[:, :3, :3] @ flip
    matrices[:, :3, 3] = matrices[:, :3, 3] @ flip
    edit.put_inverse_bind(matrices)
    for animation in edit.json.get("animations", ()):
        for channel in animation["channels"]:
            sampler = animation["samplers"][channel["sampler"]]
            factor, kind = (turned, "VEC4") if channel["target"]["path"] == "rotation" else (np.array(signs), "VEC3")
            sampler["output"] = edit.add(edit.values(sampler["output"]) * factor, kind)
    return edit


def opposite_vertices(points: Array) -> Indices:
    """For each vertex of a symmetrical surface the one at its mirror image across X, `(vertices,)`."""
    mirror = points * [-1.0, 1.0, 1.0]
    nearest = np.array([int(np.argmin(np.linalg.norm(points - point, axis=1))) for point in mirror])
    assert np.linalg.norm(points[nearest] - mirror, axis=1).max() < 1e-3
    return nearest
