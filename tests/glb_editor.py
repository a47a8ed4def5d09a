"""Sample GLB files taken apart, changed as careless exporters would have written them, and packed again.

The sample has one skin and one mesh whose primitives share their vertices (`workers.samples.glb`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.gltf_builder import COMPONENTS, matrix, pack_glb, unpack_glb
from workers.formats.bundle import FileBundle
from workers.skeleton.model import Array, Indices

_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class GlbEditor:
    """The document is open to any change; `put` replaces what an accessor holds."""

    def __init__(self, data: bytes) -> None:
        self.json, binary = unpack_glb(data)
        self.binary = bytearray(binary)

    @property
    def nodes(self) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = self.json["nodes"]
        return nodes

    def node(self, name: str) -> int:
        return [node.get("name") for node in self.nodes].index(name)

    def parent(self, number: int) -> int:
        return next((n for n, node in enumerate(self.nodes) if number in (node.get("children") or ())), -1)

    def values(self, accessor: int) -> Array:
        entry = self.json["accessors"][accessor]
        kind = next(name for name, code in COMPONENTS.items() if code == entry["componentType"])
        start = self.json["bufferViews"][entry["bufferView"]].get("byteOffset", 0) + entry.get("byteOffset", 0)
        flat = np.frombuffer(self.binary, "<" + kind, entry["count"] * _WIDTHS[entry["type"]], start)
        return flat.reshape(entry["count"], -1).astype(np.float64)

    def add(self, values: NDArray[Any], kind: str, component: str = "f4") -> int:
        array = np.ascontiguousarray(values, dtype="<" + component).reshape(len(values), -1)
        self.binary += bytes(-len(self.binary) % 4)
        view = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": array.nbytes}
        self.json["bufferViews"].append(view)
        self.binary += array.tobytes()
        entry: dict[str, Any] = {
            "bufferView": len(self.json["bufferViews"]) - 1,
            "componentType": COMPONENTS[component],
        }
        entry |= {"count": len(array), "type": kind}
        if kind == "VEC3" or kind == "SCALAR":
            entry |= {"min": array.min(axis=0).tolist(), "max": array.max(axis=0).tolist()}
        self.json["accessors"].append(entry)
        return len(self.json["accessors"]) - 1

    def attribute(self, name: str) -> Array:
        return self.values(self.json["meshes"][0]["primitives"][0]["attributes"][name])

    def put_attribute(self, name: str, values: NDArray[Any], kind: str, component: str = "f4") -> None:
        accessor = self.add(values, kind, component)
        for primitive in self.json["meshes"][0]["primitives"]:
            primitive["attributes"][name] = accessor

    def faces(self) -> list[Indices]:
        """Of each primitive, `(faces, 3)`."""
        return [
            self.values(primitive["indices"]).reshape(-1, 3).astype(np.int64)
            for primitive in self.json["meshes"][0]["primitives"]
        ]

    def put_faces(self, faces: list[Indices]) -> None:
        kept = []
        for primitive, corners in zip(self.json["meshes"][0]["primitives"], faces, strict=True):
            if len(corners):
                kept.append(primitive | {"indices": self.add(corners.reshape(-1, 1), "SCALAR", "u2")})
        self.json["meshes"][0]["primitives"] = kept

    @property
    def joints(self) -> list[int]:
        joints: list[int] = self.json["skins"][0]["joints"]
        return joints

    @property
    def inverse_bind(self) -> Array:
        return self.values(self.json["skins"][0]["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)

    def put_inverse_bind(self, matrices: Array) -> None:
        self.json["skins"][0]["inverseBindMatrices"] = self.add(matrices.transpose(0, 2, 1).reshape(-1, 16), "MAT4")

    def local(self, number: int) -> Array:
        node = self.nodes[number]
        defaults = {"translation": (0, 0, 0), "rotation": (0, 0, 0, 1), "scale": (1, 1, 1)}
        return matrix(*(node.get(key) or default for key, default in defaults.items()))

    def world(self, number: int) -> Array:
        parent = self.parent(number)
        return self.local(number) if parent < 0 else self.world(parent) @ self.local(number)

    def glb(self) -> bytes:
        self.json["buffers"] = [{"byteLength": len(self.binary)}]
        return pack_glb(self.json, bytes(self.binary))

    def bundle(self, name: str = "changed.glb") -> FileBundle:
        return FileBundle(name, self.glb())
