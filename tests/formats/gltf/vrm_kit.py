"""Sample characters dressed up as VRM 1.0 and VRM 0.x files, by hand, so that every field can be set wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from workers.formats.bundle import FileBundle
from workers.formats.gltf.container import join_container, split_container
from workers.formats.limits import DEFAULT_LIMITS
from workers.samples.glb import make_character
from workers.samples.poses import SampleMotion
from workers.samples.rig import RigStyle
from workers.samples.shape import ROLES, BodyShape

Change = Callable[[dict[str, Any]], None]
NUMBERED = RigStyle(names="numbered")
# What the thumb's bones are called in VRM 0.x.
OLD_THUMBS = {"ThumbMetacarpal": "ThumbProximal", "ThumbProximal": "ThumbIntermediate", "ThumbDistal": "ThumbDistal"}
# Numbers whose text a careless writer would change, names that only extensions have, keys out of order.
EXPRESSIONS = {
    "preset": {"happy": {"isBinary": False, "overrideBlink": "none", "morphTargetBinds": []}, "aa": {"weight": 1.0}},
    "custom": {"わらい": {"isBinary": True, "textureTransformBinds": [{"scale": [1.0, 0.10000000149011612]}]}},
}
SPRINGS = {
    "specVersion": "1.0",
    "springs": [{"name": "hair", "joints": [{"node": 6, "hitRadius": 0.02, "stiffness": 1e-05}]}],
    "colliders": [{"node": 3, "shape": {"sphere": {"offset": [0.0, -0.0, 2.5e-07], "radius": 0.09}}}],
}


def node_of(role: str) -> int:
    """glTF node of a role in a sample character: the armature comes first."""
    return 1 + ROLES.index(role)


def vrm1_extensions() -> dict[str, Any]:
    bones = {role: {"node": node_of(role)} for role in ROLES}
    meta = {"name": "sample", "licenseUrl": "https://vrm.dev/licenses/1.0/", "authors": ["us"]}
    vrm = {"specVersion": "1.0", "meta": meta, "humanoid": {"humanBones": bones}, "expressions": EXPRESSIONS}
    return {"VRMC_springBone": SPRINGS, "VRMC_vrm": vrm}


def vrm0_extensions() -> dict[str, Any]:
    bones = []
    for role in ROLES:
        side = "left" if role.startswith("left") else "right"
        bone = side + OLD_THUMBS[role[len(side) :]] if "Thumb" in role else role
        bones.append({"bone": bone, "node": node_of(role), "useDefaultValues": True})
    bones.append({"bone": "jaw", "node": -1, "useDefaultValues": True})
    groups = [{"name": "Joy", "presetName": "joy", "binds": [], "isBinary": False}]
    springs = {"boneGroups": [{"comment": "hair", "stiffiness": 0.10000000149011612, "bones": [6]}]}
    humanoid = {"humanBones": bones, "armStretch": 0.05000000074505806}
    return {
        "VRM": {"humanoid": humanoid, "blendShapeMaster": {"blendShapeGroups": groups}, "secondaryAnimation": springs}
    }


def vrm(
    shape: BodyShape,
    extensions: dict[str, Any],
    change: Change | None = None,
    style: RigStyle = NUMBERED,
    motions: tuple[SampleMotion, ...] = (),
) -> FileBundle:
    """A sample character as a VRM 1.0 file, facing +Z; `change` may spoil its JSON."""
    document, binary = _parts(make_character(shape, style, motions))
    return _pack(document, binary, extensions, change)


def vrm_facing_back(shape: BodyShape, extensions: dict[str, Any], change: Change | None = None) -> FileBundle:
    """A sample character as VRM 0.x has them: facing -Z with every joint's axes parallel to the world's."""
    document, binary = _parts(make_character(shape, NUMBERED))
    half_turn = np.array([-1.0, 1.0, -1.0], dtype="<f4")
    for node in document["nodes"]:
        x, y, z = node.get("translation", (0.0, 0.0, 0.0))
        node["translation"] = [-x, y, -z]
    for primitive in document["meshes"][0]["primitives"][:1]:  # the primitives share their vertices
        for name in ("POSITION", "NORMAL"):
            accessor = document["accessors"][primitive["attributes"][name]]
            points = _view(document, binary, accessor, 3)
            points *= half_turn
            if "min" in accessor:
                accessor["min"], accessor["max"] = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    accessor = document["accessors"][document["skins"][0]["inverseBindMatrices"]]
    _view(document, binary, accessor, 16)[:, 12:15] *= half_turn
    return _pack(document, binary, extensions, change)


def _parts(data: bytes) -> tuple[dict[str, Any], bytearray]:
    container = split_container(data, "sample.glb", DEFAULT_LIMITS)
    assert container.binary is not None
    return container.json, bytearray(container.binary)


def _view(document: dict[str, Any], binary: bytearray, accessor: dict[str, Any], width: int) -> Any:
    start = document["bufferViews"][accessor["bufferView"]]["byteOffset"]
    count = accessor["count"]
    return np.frombuffer(binary, "<f4", count * width, start).reshape(count, width)


def _pack(document: dict[str, Any], binary: bytearray, extensions: dict[str, Any], change: Change | None) -> FileBundle:
    document["extensions"] = json.loads(json.dumps(extensions))
    document["extensionsUsed"] = sorted(extensions)
    if change is not None:
        change(document)
    return FileBundle("sample.vrm", join_container(document, bytes(binary)))
