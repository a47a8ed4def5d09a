"""Sample characters cut into rigid parts: no skin, each face a part of the joint that holds it most."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from workers.formats.bundle import FileBundle
from workers.formats.gltf.container import join_container, split_container
from workers.formats.gltf.read import read_gltf
from workers.formats.limits import DEFAULT_LIMITS
from workers.samples.glb import make_character
from workers.samples.poses import SampleMotion
from workers.samples.rig import RigStyle
from workers.samples.shape import BodyShape

Held = Literal["on", "below", "mixed"]
Document = dict[str, Any]


def rigid(
    shape: BodyShape,
    held: Held = "below",
    style: RigStyle | None = None,
    motions: Sequence[SampleMotion] = (),
    *,
    fingers: bool = False,
    offset: bool = False,
    extensions: dict[str, Any] | None = None,
    change: Callable[[Document], None] | None = None,
    name: str = "robot.glb",
) -> FileBundle:
    """A character of parts: each mesh on the bone's own node, on a child of it (with `offset` away from it), or mixed:
    on the node itself where no bone is below. Without `fingers` their faces belong to the hands.
    """
    skinned = make_character(shape, style, motions)
    scene = read_gltf(FileBundle("skinned.glb", skinned))
    container = split_container(skinned, "skinned.glb", DEFAULT_LIMITS)
    assert container.binary is not None
    document, binary = container.json, bytearray(container.binary)
    nodes = document["nodes"]
    document["scenes"][0]["nodes"] = [0]
    for key in ("skins", "meshes"):
        del document[key]
    document["meshes"] = []
    for key in ("mesh", "skin"):
        del nodes[-1][key]
    tree, mesh = scene.document.tree, scene.load_mesh()
    assert mesh is not None
    holder = np.arange(len(tree))
    if not fingers:
        hands = [
            e
            for e in range(len(tree))
            if "Hand" in _role(tree.names[e], style) and nodes[tree.file_indices[e]].get("children")
        ]
        for hand in hands:
            nodes[int(tree.file_indices[hand])].pop("children")
            for entry in range(hand + 1, len(tree)):
                if holder[tree.parents[entry]] == hand:
                    holder[entry] = hand
    strongest = mesh.joints[np.arange(len(mesh.joints)), mesh.weights.argmax(axis=1)]
    owner = holder[strongest[mesh.faces[:, 0]]]
    for entry in np.unique(owner):
        faces = mesh.faces[owner == entry]
        used, corners = np.unique(faces, return_inverse=True)
        inverse = np.linalg.inv(tree.world[entry])
        points = mesh.positions_m[used] @ inverse[:3, :3].T + inverse[:3, 3]
        number = int(tree.file_indices[entry])
        on_bone = held == "on" or (held == "mixed" and not nodes[number].get("children"))
        away = points.mean(axis=0) if offset and not on_bone else np.zeros(3)
        document["meshes"].append({"primitives": [_primitive(document, binary, points - away, corners.reshape(-1))]})
        if on_bone:
            nodes[number]["mesh"] = len(document["meshes"]) - 1
        else:
            nodes[number].setdefault("children", []).append(len(nodes))
            nodes.append(
                {
                    "name": f"{nodes[number]['name']}_mesh",
                    "mesh": len(document["meshes"]) - 1,
                    "translation": away.tolist(),
                }
            )
    if extensions is not None:
        document |= {"extensions": json.loads(json.dumps(extensions)), "extensionsUsed": sorted(extensions)}
    if change is not None:
        change(document)
    document["buffers"][0]["byteLength"] = len(binary)
    return FileBundle(name, join_container(document, bytes(binary)))


def _role(name: str, style: RigStyle | None) -> str:
    return name if style is None or style.names != "suffixed" else name.replace("hand", "Hand")


def _primitive(document: Document, binary: bytearray, points: Any, corners: Any) -> Document:
    accessors = []
    for values, component, kind in ((points.astype("<f4"), 5126, "VEC3"), (corners.astype("<u2"), 5123, "SCALAR")):
        binary += bytes(-len(binary) % 4)
        document["bufferViews"].append({"buffer": 0, "byteOffset": len(binary), "byteLength": values.nbytes})
        binary += values.tobytes()
        entry: Document = {"bufferView": len(document["bufferViews"]) - 1, "componentType": component}
        entry |= {"count": len(values), "type": kind}
        if kind == "VEC3":
            entry |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        document["accessors"].append(entry)
        accessors.append(len(document["accessors"]) - 1)
    binary += bytes(-len(binary) % 4)
    return {"attributes": {"POSITION": accessors[0]}, "indices": accessors[1]}
