"""Small glTF files made by hand for the tests: JSON and bytes, no library, so that every field can be set wrong."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import numpy as np

from workers.formats.bundle import FileBundle
from workers.skeleton import quat
from workers.skeleton.model import Array

COMPONENTS = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}


class GltfBuilder:
    """A growing document; `document` is open to any change before it is written."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {"asset": {"version": "2.0"}, "nodes": [], "accessors": [], "bufferViews": []}
        self.binary = bytearray()

    def view(self, content: bytes, **extra: Any) -> int:
        self.binary += bytes(-len(self.binary) % 4)
        self.document["bufferViews"].append(
            {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(content), **extra}
        )
        self.binary += content
        return len(self.document["bufferViews"]) - 1

    def accessor(self, values: Any, kind: str, component: str = "f4", **extra: Any) -> int:
        """An accessor of its own view; float inputs get min and max, as the validator wants for times and positions."""
        array = np.asarray(values, dtype="<" + component)
        array = array.reshape(len(array), -1)
        entry = {
            "bufferView": self.view(array.tobytes()),
            "componentType": COMPONENTS[component],
            "count": len(array),
            "type": kind,
        }
        if kind in ("SCALAR", "VEC3") and component == "f4" and np.all(np.isfinite(array)):
            entry |= {"min": array.min(axis=0).tolist(), "max": array.max(axis=0).tolist()}
        self.document["accessors"].append(entry | extra)
        return len(self.document["accessors"]) - 1

    def matrices(self, matrices: Array) -> int:
        return self.accessor(np.asarray(matrices).transpose(0, 2, 1).reshape(-1, 16), "MAT4")

    def node(self, parent: int | None = None, **fields: Any) -> int:
        self.document["nodes"].append(fields)
        number = len(self.document["nodes"]) - 1
        if parent is not None:
            self.document["nodes"][parent].setdefault("children", []).append(number)
        return number

    def skin(self, joints: list[int], inverse_bind: Array | None = None, **extra: Any) -> int:
        skin: dict[str, Any] = {"joints": joints, **extra}
        if inverse_bind is not None:
            skin["inverseBindMatrices"] = self.matrices(inverse_bind)
        self.document.setdefault("skins", []).append(skin)
        return len(self.document["skins"]) - 1

    def mesh(self, positions: Any, **primitive: Any) -> int:
        """A mesh of one primitive; keyword `attributes` are added to POSITION."""
        attributes = {"POSITION": self.accessor(positions, "VEC3"), **primitive.pop("attributes", {})}
        self.document.setdefault("meshes", []).append({"primitives": [{"attributes": attributes, **primitive}]})
        return len(self.document["meshes"]) - 1

    def animation(self, *channels: tuple[int, str, Any, Any], interpolation: str | None = None, **extra: Any) -> int:
        """`channels` are (node, path, key times, values)."""
        samplers: list[dict[str, Any]] = []
        targets: list[dict[str, Any]] = []
        for node, path, times, values in channels:
            kind = {"rotation": "VEC4", "weights": "SCALAR"}.get(path, "VEC3")
            sampler = {"input": self.accessor(times, "SCALAR"), "output": self.accessor(values, kind)}
            samplers.append(sampler | ({"interpolation": interpolation} if interpolation else {}))
            targets.append({"sampler": len(targets), "target": {"node": node, "path": path}})
        self.document.setdefault("animations", []).append({"samplers": samplers, "channels": targets, **extra})
        return len(self.document["animations"]) - 1

    def _finished(self, buffer: dict[str, Any]) -> dict[str, Any]:
        document = {key: value for key, value in self.document.items() if value != []}
        if self.binary and "buffers" not in document:
            document["buffers"] = [{"byteLength": len(self.binary), **buffer}]
        return document

    def glb(self) -> bytes:
        return pack_glb(self._finished({}), bytes(self.binary))

    def gltf(self, uri: str | None = None) -> bytes:
        """A `.gltf`, its buffer in a data URI or, with `uri`, beside it."""
        data = "data:application/octet-stream;base64," + base64.b64encode(self.binary).decode()
        return json.dumps(self._finished({"uri": uri or data})).encode()

    def bundle(self) -> FileBundle:
        return FileBundle("test.glb", self.glb())


def pack_glb(document: Any, binary: bytes = b"", further: tuple[tuple[int, bytes], ...] = ()) -> bytes:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
    if binary:
        binary = binary + bytes(-len(binary) % 4)
        chunks += struct.pack("<II", len(binary), 0x004E4942) + binary
    for kind, content in further:
        chunks += struct.pack("<II", len(content), kind) + content
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def unpack_glb(data: bytes) -> tuple[dict[str, Any], bytes]:
    """JSON and BIN chunk, read independently of the code under test."""
    size = struct.unpack_from("<I", data, 12)[0]
    document = json.loads(data[20 : 20 + size])
    rest = data[20 + size :]
    return document, rest[8 : 8 + struct.unpack_from("<I", rest)[0]] if rest else b""


def matrix(translation: Any = (0, 0, 0), rotation: Any = (0, 0, 0, 1), scale: Any = (1, 1, 1)) -> Array:
    """4x4 matrix of a translation, rotation and scale."""
    result = np.eye(4)
    result[:3, :3] = quat.to_matrix(np.asarray(rotation, dtype=float)) * np.asarray(scale, dtype=float)
    result[:3, 3] = translation
    return result


def parts(matrices: Array) -> dict[str, Any]:
    """Node fields of an unsheared matrix with positive scale."""
    scale = np.linalg.norm(matrices[:3, :3], axis=0)
    rotation = quat.from_matrix(matrices[:3, :3] / scale)
    return {"translation": matrices[:3, 3].tolist(), "rotation": rotation.tolist(), "scale": scale.tolist()}


# A little person in T pose facing +Z: name, parent, world position in metres; parents come first.
BODY = (
    ("Hips", -1, (0.0, 1.0, 0.0)),
    ("Spine", 0, (0.0, 1.2, 0.0)),
    ("Head", 1, (0.0, 1.6, 0.0)),
    ("ArmL", 1, (0.2, 1.5, 0.0)),
    ("HandL", 3, (0.7, 1.5, 0.0)),
    ("ArmR", 1, (-0.2, 1.5, 0.0)),
    ("HandR", 5, (-0.7, 1.5, 0.0)),
    ("LegL", 0, (0.1, 0.95, 0.0)),
    ("FootL", 7, (0.1, 0.05, 0.0)),
    ("LegR", 0, (-0.1, 0.95, 0.0)),
    ("FootR", 9, (-0.1, 0.05, 0.05)),
)
PARENTS = np.array([parent for _, parent, _ in BODY])


def random_unit_quaternions(random: np.random.Generator, count: int, angle: float = np.pi) -> Array:
    vectors = random.normal(size=(count, 3))
    vectors *= random.uniform(0, angle, (count, 1)) / np.linalg.norm(vectors, axis=1, keepdims=True)
    return quat.from_rotation_vector(vectors)


def bind_matrices(random: np.random.Generator) -> Array:
    """World matrices of BODY in its bind pose, in metres, joint axes turned at random, `(joints, 4, 4)`."""
    rotations = random_unit_quaternions(random, len(BODY))
    return np.stack([matrix(position, rotation) for (_, _, position), rotation in zip(BODY, rotations, strict=True)])


def posed(bind: Array, random: np.random.Generator, angle: float) -> Array:
    """The body in another pose: each joint's local rotation turned by up to `angle` radians, bone lengths kept."""
    turns = random_unit_quaternions(random, len(BODY), angle)
    world = np.empty_like(bind)
    for joint, parent in enumerate(PARENTS):
        local = bind[joint] if parent < 0 else np.linalg.inv(bind[parent]) @ bind[joint]
        local = local @ matrix(rotation=turns[joint])
        world[joint] = local if parent < 0 else world[parent] @ local
    return world


def character(
    random: np.random.Generator,
    bind: Array,
    pose: Array,
    armature: Array,
    skin_space: Array,
    mesh_world: Array | None = None,
    with_matrices: bool = False,
) -> GltfBuilder:
    """A skinned body: nodes stand in `pose` below an `armature` node, bound in `bind` (both world, metres).

    `skin_space` is the matrix G: vertices and inverse bind matrices are stored in that space. Each vertex lies at a
    joint.
    """
    builder = GltfBuilder()
    scale = float(np.cbrt(np.linalg.det(armature[:3, :3])))
    root = builder.node(name="Armature", **parts(armature))
    scaled = matrix(scale=(scale,) * 3)
    worlds = pose @ scaled
    joints: list[int] = []
    for (name, parent, _), world in zip(BODY, worlds, strict=True):
        above = armature if parent < 0 else worlds[parent]
        local = np.linalg.inv(above) @ world
        fields = {"matrix": local.T.reshape(-1).tolist()} if with_matrices else parts(local)
        joints.append(builder.node(root if parent < 0 else joints[parent], name=name, **fields))
    inverse = np.linalg.inv(bind @ scaled) @ skin_space
    vertices = np.linalg.inv(skin_space) @ bind[:, :, 3:]
    indices = [[k, (k + 1) % len(BODY), (k + 2) % len(BODY)] for k in range(len(BODY))]
    influence = np.zeros((len(BODY), 4))
    influence[:, 0] = np.arange(len(BODY))
    weights = np.tile([1.0, 0.0, 0.0, 0.0], (len(BODY), 1))
    mesh = builder.mesh(
        vertices[:, :3, 0],
        attributes={
            "JOINTS_0": builder.accessor(influence, "VEC4", "u1"),
            "WEIGHTS_0": builder.accessor(weights, "VEC4"),
        },
        indices=builder.accessor(np.ravel(indices), "SCALAR", "u2"),
    )
    skin = builder.skin(joints, inverse)
    builder.node(name="Body", mesh=mesh, skin=skin, **parts(np.eye(4) if mesh_world is None else mesh_world))
    return builder
