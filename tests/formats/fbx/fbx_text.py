"""Small ASCII FBX 7.4 files, written from the published layout: nodes with all of FBX's transform properties, animation
in stacks and layers, a skinned mesh with materials.

`world_matrix` states what they mean, by the formula of the FBX documentation ("Computing transformation matrices"):

    world = parent * T * Roff * Rp * Rpre * R * inverse(Rpost) * inverse(Rp) * Soff * Sp * S * inverse(Sp)

Angles in degrees, lengths in the file's unit; an order such as XYZ turns about X first.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

TICKS = 46186158000
ORDERS = ("XYZ", "XZY", "YZX", "YXZ", "ZXY", "ZYX")
_ZERO = (0.0, 0.0, 0.0)
Vector = Sequence[float] | np.ndarray


@dataclass
class Node:
    """One model; `kind` is LimbNode, Null or Mesh. `inherit` is FBX's InheritType (1: RSrs, 2: Rrs)."""

    name: str
    parent: int = -1
    kind: str = "LimbNode"
    translation: Sequence[float] = _ZERO
    rotation: Sequence[float] = _ZERO
    scaling: Sequence[float] = (1.0, 1.0, 1.0)
    pre_rotation: Sequence[float] = _ZERO
    post_rotation: Sequence[float] = _ZERO
    rotation_offset: Sequence[float] = _ZERO
    rotation_pivot: Sequence[float] = _ZERO
    scaling_offset: Sequence[float] = _ZERO
    scaling_pivot: Sequence[float] = _ZERO
    order: int = 0
    inherit: int = 1


Tracks = Mapping[tuple[int, str], tuple[Vector, np.ndarray]]


@dataclass
class Take:
    """Layers of tracks: (node, "Lcl Rotation" or "Lcl Translation") -> (times in seconds, values `(keys, 3)`)."""

    name: str
    stop_s: float
    layers: Sequence[Tracks]
    start_s: float = 0.0


@dataclass
class Body:
    """A skinned mesh on node `node`: per bone (node, vertices, weights); `materials` is one slot a polygon."""

    node: int
    positions: Sequence[Sequence[float]]
    polygons: Sequence[Sequence[int]]
    clusters: Sequence[tuple[int, Sequence[int], Sequence[float]]] = ()
    links: Mapping[int, np.ndarray] = field(default_factory=dict)  # node -> world matrix at binding time
    transform: np.ndarray = field(default_factory=lambda: np.eye(4))  # the mesh's world matrix at binding time
    materials: Sequence[int] = ()
    normals: Sequence[Sequence[float]] = ()  # one a polygon corner
    coordinates: Sequence[Sequence[float]] = ()  # one a polygon corner


def euler(angles: Vector, order: str = "XYZ") -> np.ndarray:
    """`(4, 4)` rotation by angles about X, Y, Z in degrees, turned in the order named."""
    result = np.eye(4)
    for axis in order:
        a, (i, j) = np.radians(angles["XYZ".index(axis)]), {"X": (1, 2), "Y": (2, 0), "Z": (0, 1)}[axis]
        turn = np.eye(4)
        turn[i, i] = turn[j, j] = np.cos(a)
        turn[j, i], turn[i, j] = np.sin(a), -np.sin(a)
        result = turn @ result
    return result


def shift(offset: Vector) -> np.ndarray:
    result = np.eye(4)
    result[:3, 3] = offset
    return result


def local_matrix(node: Node, rotation: Vector | None = None, translation: Any = None) -> np.ndarray:
    turn = euler(node.rotation if rotation is None else rotation, ORDERS[node.order])
    parts = [
        shift(node.translation if translation is None else translation),
        shift(node.rotation_offset), shift(node.rotation_pivot), euler(node.pre_rotation), turn,
        np.linalg.inv(euler(node.post_rotation)), shift(-np.asarray(node.rotation_pivot)),
        shift(node.scaling_offset), shift(node.scaling_pivot), np.diag([*node.scaling, 1.0]),
        shift(-np.asarray(node.scaling_pivot)),
    ]  # fmt: skip
    product: np.ndarray = np.linalg.multi_dot(parts)
    return product


def world_matrices(
    nodes: Sequence[Node], rotations: Mapping[int, Any] | None = None, translations: Mapping[int, Any] | None = None
) -> list[np.ndarray]:
    """World matrices of a scene whose nodes all inherit scale (InheritType 1)."""
    result: list[np.ndarray] = []
    for index, node in enumerate(nodes):
        local = local_matrix(node, (rotations or {}).get(index), (translations or {}).get(index))
        result.append(local if node.parent < 0 else result[node.parent] @ local)
    return result


def fbx_text(
    nodes: Sequence[Node],
    takes: Sequence[Take] = (),
    body: Body | None = None,
    *,
    unit: float = 1.0,
    up: int = 1,
    custom_rate: float = 0.0,
    textures: Sequence[tuple[str, bytes | None]] = (),
    bind_pose: Mapping[int, np.ndarray] | None = None,
) -> bytes:
    """The file. `unit` is centimetres, `up` 1 for Y and 2 for Z; `textures` gives one material each: name, content."""
    objects: list[str] = []
    links: list[str] = []
    for index, node in enumerate(nodes):
        objects += [
            _model(node, 1000 + index),
            f'NodeAttribute: {2000 + index}, "NodeAttribute::", "{node.kind}" {{ }}',
        ]
        links.append(f'C: "OO",{1000 + index},{1000 + node.parent if node.parent >= 0 else 0}')
        if node.kind != "Mesh":
            links.append(f'C: "OO",{2000 + index},{1000 + index}')
    for number, take in enumerate(takes):
        _write_take(take, 100_000 * (number + 1), objects, links)
    if body is not None:
        _write_body(body, objects, links)
    _write_materials(body, textures, objects, links)
    if bind_pose:
        poses = "".join(
            f"PoseNode: {{ Node: {1000 + n}\nMatrix: {array_text(m.T.reshape(-1))} }}\n" for n, m in bind_pose.items()
        )
        objects.append(
            f'Pose: 9500, "Pose::Bind", "BindPose" {{ Type: "BindPose"\nNbPoseNodes: {len(bind_pose)}\n{poses} }}'
        )
    front, sign = (2, 1) if up == 1 else (1, -1)
    mode = 14 if custom_rate else 11  # 14: custom, 11: 24 frames a second
    newline = "\n"
    text = f"""; FBX 7.4.0 project file
FBXHeaderExtension:  {{
	FBXHeaderVersion: 1003
	FBXVersion: 7400
}}
GlobalSettings:  {{
	Properties70:  {{
		P: "UpAxis", "int", "Integer", "",{up}
		P: "UpAxisSign", "int", "Integer", "",1
		P: "FrontAxis", "int", "Integer", "",{front}
		P: "FrontAxisSign", "int", "Integer", "",{sign}
		P: "CoordAxis", "int", "Integer", "",0
		P: "CoordAxisSign", "int", "Integer", "",1
		P: "UnitScaleFactor", "double", "Number", "",{unit}
		P: "TimeMode", "enum", "", "",{mode}
		P: "CustomFrameRate", "double", "Number", "",{custom_rate or -1}
	}}
}}
Objects:  {{
{newline.join(objects)}
}}
Connections:  {{
{newline.join(links)}
}}
"""
    return text.encode()


def _vector(name: str, kind: str, value: Sequence[float]) -> str:
    return f'P: "{name}", "{kind}", "", "A",{",".join(repr(float(v)) for v in value)}'


def array_text(values: Any, kind: type = float) -> str:
    items = [repr(kind(v)) for v in values]
    return f"*{len(items)} {{ a: {','.join(items)} }}"


def _model(node: Node, number: int) -> str:
    properties = [
        f'P: "RotationOrder", "enum", "", "",{node.order}',
        'P: "RotationActive", "bool", "", "",1',
        f'P: "InheritType", "enum", "", "",{node.inherit}',
        _vector("RotationOffset", "Vector3D", node.rotation_offset),
        _vector("RotationPivot", "Vector3D", node.rotation_pivot),
        _vector("ScalingOffset", "Vector3D", node.scaling_offset),
        _vector("ScalingPivot", "Vector3D", node.scaling_pivot),
        _vector("PreRotation", "Vector3D", node.pre_rotation),
        _vector("PostRotation", "Vector3D", node.post_rotation),
        _vector("Lcl Translation", "Lcl Translation", node.translation),
        _vector("Lcl Rotation", "Lcl Rotation", node.rotation),
        _vector("Lcl Scaling", "Lcl Scaling", node.scaling),
    ]
    inner = "\n".join(properties)
    return f'Model: {number}, "Model::{node.name}", "{node.kind}" {{\nVersion: 232\nProperties70: {{\n{inner}\n}}\n}}'


def _write_take(take: Take, base: int, objects: list[str], links: list[str]) -> None:
    start, stop = round(take.start_s * TICKS), round(take.stop_s * TICKS)
    objects.append(
        f'AnimationStack: {base}, "AnimStack::{take.name}", "" {{\nProperties70: {{\n'
        f'P: "LocalStart", "KTime", "Time", "",{start}\nP: "LocalStop", "KTime", "Time", "",{stop}\n}}\n}}'
    )
    number = base + 1
    for layer in take.layers:
        layer_id, number = number, number + 1
        objects.append(f'AnimationLayer: {layer_id}, "AnimLayer::L{layer_id}", "" {{ }}')
        links.append(f'C: "OO",{layer_id},{base}')
        for (node, what), (times, values) in layer.items():
            curve_node, number = number, number + 1
            objects.append(f'AnimationCurveNode: {curve_node}, "AnimCurveNode::{what[4]}", "" {{ }}')
            links += [f'C: "OO",{curve_node},{layer_id}', f'C: "OP",{curve_node},{1000 + node}, "{what}"']
            for axis in range(3):
                curve, number = number, number + 1
                ticks = [round(t * TICKS) for t in times]
                objects.append(
                    f'AnimationCurve: {curve}, "AnimCurve::", "" {{\nDefault: 0\nKeyVer: 4008\n'
                    f"KeyTime: {array_text(ticks, int)}\nKeyValueFloat: {array_text(values[:, axis])}\n"
                    f"KeyAttrFlags: {array_text([4], int)}\nKeyAttrDataFloat: {array_text([0, 0, 0, 0])}\n"  # 4: linear
                    f"KeyAttrRefCount: {array_text([len(ticks)], int)}\n}}"
                )
                links.append(f'C: "OP",{curve},{curve_node}, "d|{"XYZ"[axis]}"')


def _write_body(body: Body, objects: list[str], links: list[str]) -> None:
    corners = [v if k < len(face) - 1 else -v - 1 for face in body.polygons for k, v in enumerate(face)]
    layers, used = "", ""
    for kind, key, values in (
        ("Normal", "Normals", body.normals), ("UV", "UV", body.coordinates), ("Material", "Materials", body.materials),
    ):  # fmt: skip
        if len(values):
            mapping = "ByPolygon" if kind == "Material" else "ByPolygonVertex"
            reference = "IndexToDirect" if kind == "Material" else "Direct"
            flat = np.asarray(values).reshape(-1)
            listed = array_text(flat, int if kind == "Material" else float)
            layers += (
                f'LayerElement{kind}: 0 {{\nVersion: 101\nName: ""\nMappingInformationType: "{mapping}"\n'
                f'ReferenceInformationType: "{reference}"\n{key}: {listed}\n}}\n'
            )
            used += f'LayerElement: {{ Type: "LayerElement{kind}"\nTypedIndex: 0 }}\n'
    objects.append(
        f'Geometry: 3000, "Geometry::Body", "Mesh" {{\nVertices: {array_text(np.asarray(body.positions).reshape(-1))}\n'
        f"PolygonVertexIndex: {array_text(corners, int)}\nGeometryVersion: 124\n{layers}"
        f"Layer: 0 {{\nVersion: 100\n{used}}}\n}}"
    )
    links.append(f'C: "OO",3000,{1000 + body.node}')
    if not body.clusters:
        return
    objects.append('Deformer: 4000, "Deformer::Skin", "Skin" { Version: 101 }')
    links.append('C: "OO",4000,3000')
    for number, (node, vertices, weights) in enumerate(body.clusters):
        link = body.links[node]
        transform = np.linalg.inv(link) @ body.transform  # as files hold it: the mesh seen from the bone
        objects.append(
            f'Deformer: {4100 + number}, "SubDeformer::C", "Cluster" {{\nVersion: 100\n'
            f"Indexes: {array_text(vertices, int)}\nWeights: {array_text(weights)}\n"
            f"Transform: {array_text(transform.T.reshape(-1))}\nTransformLink: {array_text(link.T.reshape(-1))}\n}}"
        )
        links += [f'C: "OO",{4100 + number},4000', f'C: "OO",{1000 + node},{4100 + number}']


def _write_materials(
    body: Body | None, textures: Sequence[tuple[str, bytes | None]], objects: list[str], links: list[str]
) -> None:
    for number, (name, content) in enumerate(textures):
        material, texture, video = 9000 + number, 9100 + number, 9200 + number
        objects.append(
            f'Material: {material}, "Material::{name}", "" {{\nShadingModel: "phong"\nProperties70: {{\n'
            f'P: "DiffuseColor", "Color", "", "A",0.5,0.25,0.125\n}}\n}}'
        )
        links.append(f'C: "OO",{material},{1000 + (body.node if body else 0)}')
        if content is None:
            continue
        encoded = base64.b64encode(content).decode()
        held = f'Content: ,\n"{encoded}"\n' if content else ""
        objects += [
            f'Texture: {texture}, "Texture::{name}", "" {{\nType: "TextureVideoClip"\nFileName: "C:\\art\\{name}.png"\n'
            f'RelativeFilename: "..\\art\\{name}.png"\n}}',
            f'Video: {video}, "Video::{name}", "Clip" {{\nType: "Clip"\nFileName: "C:\\art\\{name}.png"\n'
            f'RelativeFilename: "..\\art\\{name}.png"\n{held}}}',
        ]
        links += [f'C: "OP",{texture},{material}, "DiffuseColor"', f'C: "OO",{video},{texture}']
