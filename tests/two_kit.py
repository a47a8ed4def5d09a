"""Two sample characters in one file, side by side, each with its own armature, skin and mesh."""

from __future__ import annotations

from typing import Any

from tests.glb_editor import GlbEditor


def merged(first: bytes, second: bytes, apart_m: float, shared_root: bool = False) -> GlbEditor:
    """`second` added to `first`, its armature moved `apart_m` along X; with `shared_root` both below one node."""
    result, other = GlbEditor(first), GlbEditor(second)
    nodes, accessors, views = len(result.nodes), len(result.json["accessors"]), len(result.json["bufferViews"])
    meshes, materials = len(result.json["meshes"]), len(result.json.get("materials", ()))
    result.binary += bytes(-len(result.binary) % 4)
    start = len(result.binary)
    result.binary += other.binary
    for view in other.json["bufferViews"]:
        result.json["bufferViews"].append(view | {"byteOffset": view.get("byteOffset", 0) + start})
    for accessor in other.json["accessors"]:
        result.json["accessors"].append(accessor | {"bufferView": accessor["bufferView"] + views})
    for mesh in other.json["meshes"]:
        for primitive in mesh["primitives"]:
            primitive["attributes"] = {key: value + accessors for key, value in primitive["attributes"].items()}
            primitive["indices"] += accessors
            primitive["material"] += materials
        result.json["meshes"].append(mesh)
    result.json.setdefault("materials", []).extend(other.json.get("materials", ()))
    for skin in other.json["skins"]:
        skin["joints"] = [joint + nodes for joint in skin["joints"]]
        skin["inverseBindMatrices"] += accessors
        skin.pop("skeleton", None)
        result.json["skins"].append(skin)
    for node in other.nodes:
        added: dict[str, Any] = dict(node)
        if node.get("children"):
            added["children"] = [child + nodes for child in node["children"]]
        if "mesh" in node:
            added["mesh"] = node["mesh"] + meshes
        if "skin" in node:
            added["skin"] = node["skin"] + len(result.json["skins"]) - len(other.json["skins"])
        if node.get("name") == "Armature":
            added |= {"name": "Armature2", "translation": [apart_m, 0.0, 0.0]}
        result.nodes.append(added)
    for animation in other.json.get("animations", ()):
        for channel in animation["channels"]:
            channel["target"]["node"] += nodes
        for sampler in animation["samplers"]:
            sampler["input"] += accessors
            sampler["output"] += accessors
        result.json.setdefault("animations", []).append(animation)
    roots = [*result.json["scenes"][0]["nodes"], *(root + nodes for root in other.json["scenes"][0]["nodes"])]
    if shared_root:
        result.nodes.append({"name": "Scene", "children": roots})
        roots = [len(result.nodes) - 1]
    result.json["scenes"][0]["nodes"] = roots
    return result
