"""Sample characters whose weights hang on deforming twins of some joints: those joints' matrices say nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.glb_editor import GlbEditor
from tests.gltf_builder import matrix, random_unit_quaternions
from workers.skeleton import quat
from workers.skeleton.model import Array

FILLERS = ("true", "identity", "one for all", "another pose")


def with_twins(data: bytes, names: Sequence[str], filler: str, in_skin_space: Array | None = None) -> GlbEditor:
    """The weights of these joints moved to a `DEF-` child at the same place; their own matrices become fillers.

    `in_skin_space` is a matrix that takes the file's vertices to the space they are to be stored in.
    """
    edit = GlbEditor(data)
    space = np.eye(4) if in_skin_space is None else in_skin_space
    stored = edit.attribute("POSITION") @ space[:3, :3].T + space[:3, 3]
    edit.put_attribute("POSITION", stored, "VEC3")
    true = edit.inverse_bind @ np.linalg.inv(space)
    rows = [edit.joints.index(edit.node(name)) for name in names]
    matrices = [*true]
    held = edit.attribute("JOINTS_0").astype(np.int64)
    size, random = float(np.ptp(stored, axis=0).max()), np.random.default_rng(len(names))
    for name, row in zip(names, rows, strict=True):
        edit.nodes.append({"name": f"DEF-{name}"})
        joint = edit.nodes[edit.joints[row]]
        joint["children"] = [*(joint.get("children") or ()), len(edit.nodes) - 1]
        edit.joints.append(len(edit.nodes) - 1)
        held[held == row] = len(edit.joints) - 1
        matrices.append(true[row])
        if filler == "identity":
            matrices[row] = np.eye(4)
        elif filler == "one for all":
            matrices[row] = true[rows[0]] @ matrix((0.3, -0.2, 0.1), quat.normalize(np.array([1.0, 2.0, 3.0, 4.0])))
        elif filler == "another pose":
            turn = matrix(random.normal(size=3) * 0.2 * size, random_unit_quaternions(random, 1)[0])
            matrices[row] = true[row] @ turn
    edit.put_attribute("JOINTS_0", held, "VEC4", "u1")
    edit.put_inverse_bind(np.stack(matrices))
    return edit


def pose_nodes(edit: GlbEditor, angle_rad: float, seed: int = 0, moved: str | None = None) -> None:
    """Turn every joint's node at random but the twins, and move one: the file rests in mid-movement."""
    random = np.random.default_rng(seed)
    for number in edit.joints:
        node = edit.nodes[number]
        if node["name"].startswith("DEF-"):
            continue
        turn = random_unit_quaternions(random, 1, angle_rad)[0]
        node["rotation"] = quat.normalize(quat.multiply(np.array(node.get("rotation") or quat.IDENTITY), turn)).tolist()
        if node["name"] == moved:
            node["translation"] = (np.array(node["translation"]) + np.array([0.1, 0.05, 0.4])).tolist()


def split_skins(data: bytes, parts: Sequence[Sequence[str]], filler: bool) -> GlbEditor:
    """One mesh and one skin for each part of the body, by the names of the joints that hold it; each skin lists all
    joints, with the identity for those that hold nothing of its mesh, if `filler`.
    """
    edit = GlbEditor(data)
    true, faces = edit.inverse_bind, edit.faces()
    names = [edit.nodes[joint]["name"] for joint in edit.joints]
    strongest = edit.attribute("JOINTS_0")[:, 0].astype(np.int64)
    held, weights = edit.attribute("JOINTS_0").astype(np.int64), edit.attribute("WEIGHTS_0")
    carrier = next(node for node in edit.nodes if "mesh" in node)
    mesh, skin = edit.json["meshes"][0], edit.json["skins"][0]
    edit.json["meshes"], edit.json["skins"] = [], []
    for number, part in enumerate(parts):
        mine = np.isin(strongest, [names.index(name) for name in part])
        primitives, holds = [], np.empty(0, dtype=np.int64)
        for primitive, corners in zip(mesh["primitives"], faces, strict=True):
            kept = corners[mine[corners].all(axis=1)]
            if not len(kept):
                continue
            used, again = np.unique(kept, return_inverse=True)
            attributes = {
                "POSITION": edit.add(edit.values(primitive["attributes"]["POSITION"])[used], "VEC3"),
                "JOINTS_0": edit.add(held[used], "VEC4", "u1"),
                "WEIGHTS_0": edit.add(weights[used], "VEC4"),
            }
            indices = edit.add(again.reshape(-1, 1), "SCALAR", "u2")
            primitives.append({"attributes": attributes, "indices": indices, "material": primitive["material"]})
            holds = np.union1d(holds, held[used][weights[used] > 0.0])
        matrices = np.where(np.isin(np.arange(len(true)), holds)[:, None, None] | (not filler), true, np.eye(4))
        edit.json["meshes"].append({"primitives": primitives})
        inverse = edit.add(matrices.transpose(0, 2, 1).reshape(-1, 16), "MAT4")
        edit.json["skins"].append({"joints": list(skin["joints"]), "inverseBindMatrices": inverse})
        if number == 0:
            carrier["mesh"], carrier["skin"] = 0, 0
        else:
            edit.nodes.append({"mesh": number, "skin": number})
            edit.json["scenes"][0]["nodes"].append(len(edit.nodes) - 1)
    return edit
