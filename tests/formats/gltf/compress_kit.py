"""Files compressed by meshopt and Draco. The meshopt encoder here is the plainest one that its bitstream allows."""

from __future__ import annotations

from typing import Any

import DracoPy
import numpy as np
from numpy.typing import NDArray

from workers.formats.bundle import FileBundle
from workers.formats.gltf.container import join_container, split_container
from workers.formats.limits import DEFAULT_LIMITS

MESHOPT, DRACO = "EXT_meshopt_compression", "KHR_draco_mesh_compression"
SIZES = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
BYTES = {5121: 1, 5123: 2, 5125: 4, 5126: 4}
TYPES = {5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}


def encode_attributes(rows: NDArray[np.uint8]) -> bytes:
    """Mode ATTRIBUTES, version 0; the smallest of the four ways for each group of 16 bytes."""
    count, stride = rows.shape
    size, last, out = min(8192 // stride & ~15, 256), rows[0], bytearray([0xA0])
    for first in range(0, count, size):
        block = rows[first : first + size]
        steps = np.diff(block, axis=0, prepend=last[None]).astype(np.int8).astype(np.int16)
        zigzag = np.where(steps < 0, -2 * steps - 1, 2 * steps).astype(np.uint8)
        zigzag = np.pad(zigzag, ((0, -len(zigzag) % 16), (0, 0)))
        for column in zigzag.T:
            groups = [_group(column[k : k + 16]) for k in range(0, len(column), 16)]
            kinds = [kind for kind, _ in groups] + [0] * (-len(groups) % 4)
            out += bytes(
                kinds[k] | kinds[k + 1] << 2 | kinds[k + 2] << 4 | kinds[k + 3] << 6 for k in range(0, len(kinds), 4)
            )
            out += b"".join(content for _, content in groups)
        last = block[-1]
    tail: bytes = rows[0].tobytes()
    return bytes(out) + bytes(max(0, 32 - stride)) + tail


def _group(values: NDArray[np.uint8]) -> tuple[int, bytes]:
    if not values.any():
        return 0, b""
    ways = [(3, values.tobytes())]
    for kind, bits in ((1, 2), (2, 4)):
        sentinel = (1 << bits) - 1
        short = np.minimum(values, sentinel).reshape(-1, 8 // bits)
        packed = sum(short[:, k].astype(int) << (8 - bits * (k + 1)) for k in range(8 // bits))
        ways.append((kind, np.asarray(packed, np.uint8).tobytes() + values[values >= sentinel].tobytes()))
    return min(ways, key=lambda way: len(way[1]))


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _steps(indices: NDArray[Any]) -> list[int]:
    steps = np.diff(indices.astype(np.int64), prepend=0).tolist()
    return [step << 1 if step >= 0 else (-step << 1) - 1 for step in steps]


def encode_triangles(indices: NDArray[Any]) -> bytes:
    """Mode TRIANGLES, version 1, each corner written out."""
    numbers = [_number(step) for step in _steps(indices)]
    corners = b"".join(b"\xff" + b"".join(numbers[k : k + 3]) for k in range(0, len(numbers), 3))
    return b"\xe1" + b"\xff" * (len(indices) // 3) + corners + bytes(16)


def encode_sequence(indices: NDArray[Any]) -> bytes:
    """Mode INDICES, version 1, of the first of its two baselines only."""
    return b"\xd1" + b"".join(_number(step << 1) for step in _steps(indices)) + bytes(4)


def _parts(glb: bytes) -> tuple[dict[str, Any], bytes]:
    container = split_container(glb, "plain.glb", DEFAULT_LIMITS)
    assert container.binary is not None
    return container.json, container.binary


def _values(document: dict[str, Any], binary: bytes, accessor: int) -> NDArray[Any]:
    entry = document["accessors"][accessor]
    view = document["bufferViews"][entry["bufferView"]]
    count, width = entry["count"], SIZES[entry["type"]]
    start = view.get("byteOffset", 0) + entry.get("byteOffset", 0)
    return np.frombuffer(binary, TYPES[entry["componentType"]], count * width, start).reshape(count, width)


def with_meshopt(glb: bytes, indices: str = "TRIANGLES") -> FileBundle:
    """Every accessor's view compressed and required, over a placeholder for the plain bytes."""
    document, binary = _parts(glb)
    triangles = {p["indices"] for mesh in document["meshes"] for p in mesh["primitives"]}
    packed, plain = bytearray(), 0
    for number, entry in enumerate(document["accessors"]):
        rows = _values(document, binary, number)
        if number in triangles:
            data = (encode_triangles if indices == "TRIANGLES" else encode_sequence)(rows[:, 0])
        else:
            data = encode_attributes(np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1))
        stride = SIZES[entry["type"]] * BYTES[entry["componentType"]]
        packed += bytes(-len(packed) % 4)
        compressed: dict[str, Any] = {
            "buffer": 0,
            "byteOffset": len(packed),
            "byteLength": len(data),
            "byteStride": stride,
        }
        compressed |= {"count": len(rows), "mode": indices if number in triangles else "ATTRIBUTES"}
        packed += data
        view = document["bufferViews"][entry["bufferView"]]
        view |= {
            "buffer": 1,
            "byteOffset": plain,
            "byteLength": len(rows) * stride,
            "extensions": {MESHOPT: compressed},
        }
        plain += len(rows) * stride + -len(rows) * stride % 4
    packed += bytes(-len(packed) % 4)
    fallback = {"byteLength": plain, "extensions": {MESHOPT: {"fallback": True}}}
    document["buffers"] = [{"byteLength": len(packed)}, fallback]
    document |= {"extensionsUsed": [MESHOPT], "extensionsRequired": [MESHOPT]}
    return FileBundle("meshopt.glb", join_container(document, bytes(packed)))


def with_draco(glb: bytes, *, level: int = 7, ordered: bool = False) -> FileBundle:
    """Every primitive compressed and required, its accessors without data."""
    document, binary = _parts(glb)
    packed = bytearray(binary)
    for mesh in document["meshes"]:
        for primitive in mesh["primitives"]:
            given = {k: _values(document, binary, n) for k, n in primitive["attributes"].items() if k != "NORMAL"}
            corners = _values(document, binary, primitive["indices"])[:, 0].astype(np.uint32)
            used, order = np.unique(corners, return_inverse=True)
            stream = DracoPy.encode(
                given["POSITION"][used], order.reshape(-1, 3).astype(np.uint32), quantization_bits=20,
                compression_level=level, preserve_order=ordered,
                generic_attributes={0: given["JOINTS_0"][used].astype(np.uint16), 1: given["WEIGHTS_0"][used]},
            )  # fmt: skip
            decoded = DracoPy.decode(stream)
            names = {0: "JOINTS_0", 1: "WEIGHTS_0"}
            ids = {names.get(item["unique_id"], "POSITION"): item["unique_id"] for item in decoded.attributes}
            packed += bytes(-len(packed) % 4)
            document["bufferViews"].append({"buffer": 0, "byteOffset": len(packed), "byteLength": len(stream)})
            packed += stream
            extension = {"bufferView": len(document["bufferViews"]) - 1, "attributes": ids}
            attributes = {}
            for name in ids:
                entry = dict(document["accessors"][primitive["attributes"][name]]) | {"count": len(decoded.points)}
                entry.pop("bufferView")
                document["accessors"].append(entry)
                attributes[name] = len(document["accessors"]) - 1
            indices = {"componentType": 5125, "count": decoded.faces.size, "type": "SCALAR"}
            document["accessors"].append(indices)
            primitive |= {"attributes": attributes, "indices": len(document["accessors"]) - 1}
            primitive["extensions"] = {DRACO: extension}
    packed += bytes(-len(packed) % 4)
    document["buffers"][0]["byteLength"] = len(packed)
    document |= {"extensionsUsed": [DRACO], "extensionsRequired": [DRACO]}
    return FileBundle("draco.glb", join_container(document, bytes(packed)))
