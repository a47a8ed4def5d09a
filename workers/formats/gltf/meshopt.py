"""EXT_meshopt_compression: the bitstreams of compressed bufferViews back to plain bytes.

Written after the bitstream description in the extension's specification (Khronos' glTF registry, appendix A "Bitstream"
and B "Filters"): mode ATTRIBUTES in version 0, TRIANGLES and INDICES in version 1, and the three filters. Every length
is checked before it is read, and the caller has checked `count * stride` against the limits, so damaged data ends in
ParseFailed and never takes more memory than it declares. Newer versions are refused. No library: the package that wraps
the reference implementation comes as source only, and a parser of strangers' bytes is better off without native code.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.contract.errors import ParseFailed, UnsupportedFeature

Bytes = NDArray[np.uint8]

_ATTRIBUTES, _TRIANGLES, _INDICES = 0xA0, 0xE1, 0xD1
_TAIL = 32  # bytes of padding behind the attribute blocks, the first element included
_GROUP = 16
_BLOCK_BYTES, _BLOCK_ELEMENTS = 8192, 256
# How many of a byte's 2-bit or 4-bit values are the sentinel that a whole byte follows for.
_SENTINELS_2 = bytes(sum((byte >> shift) & 3 == 3 for shift in (0, 2, 4, 6)) for byte in range(256))
_SENTINELS_4 = bytes((byte & 15 == 15) + (byte >> 4 == 15) for byte in range(256))


def decode_view(data: bytes, count: int, stride: int, mode: str, filtering: str, where: str) -> bytes:
    """`count * stride` plain bytes. Raises ParseFailed for damaged data, UnsupportedFeature for newer versions."""
    try:
        if mode == "ATTRIBUTES":
            return _filtered(_attributes(data, count, stride), stride, filtering).tobytes()
        indices = _triangles(data, count) if mode == "TRIANGLES" else _sequence(data, count)
    except _Newer as error:
        raise UnsupportedFeature(
            f"{where}: {error}; decompress it, e.g. `npx @gltf-transform/cli copy IN.glb OUT.glb`, or export without"
        ) from None
    except (_Damaged, IndexError, ValueError, OverflowError) as error:
        raise ParseFailed(f"{where}: the meshopt data is damaged ({error}); export the file again") from None
    return indices.astype("<u2" if stride == 2 else "<u4").tobytes()


class _Damaged(Exception):
    """What the bitstream does not allow."""


class _Newer(Exception):
    """Another version of the bitstream."""


def _check_header(data: bytes, header: int, least: int) -> None:
    if len(data) < least:
        raise _Damaged("it ends too early")
    if data[0] != header:
        if data[0] & 0xF0 == header & 0xF0:
            raise _Newer(f"meshopt data of version {data[0] & 15} is not read here")
        raise _Damaged("it has no such header")


def _attributes(data: bytes, count: int, stride: int) -> Bytes:
    """`(count, stride)`: per block and byte of the element, deltas in groups of 16 with 0, 2, 4 or 8 bits a value."""
    _check_header(data, _ATTRIBUTES, 1 + max(_TAIL, stride))
    result = np.empty((count, stride), dtype=np.uint8)
    last = np.frombuffer(data, np.uint8, stride, len(data) - stride)
    end = len(data) - max(_TAIL, stride)
    size = min(_BLOCK_BYTES // stride & ~(_GROUP - 1), _BLOCK_ELEMENTS)
    position = 1
    for first in range(0, count, size):
        elements = min(size, count - first)
        groups = -(-elements // _GROUP)
        deltas = np.empty((stride, groups * _GROUP), dtype=np.uint8)
        for byte in range(stride):
            position = _byte_groups(data, position, end, groups, deltas[byte])
        steps = (deltas >> 1) ^ -(deltas & 1).astype(np.uint8)
        block = np.cumsum(steps[:, :elements].T, axis=0, dtype=np.uint8) + last
        result[first : first + elements] = block
        last = result[first + elements - 1]
    if position != end:
        raise _Damaged("it is longer than its content")
    return result


def _byte_groups(data: bytes, position: int, end: int, groups: int, out: Bytes) -> int:
    """Fill `out` `(groups * 16,)`; returns where the data goes on."""
    header = position
    position += -(-groups // 4)
    if position > end:
        raise _Damaged("it ends too early")
    for group in range(groups):
        kind = data[header + group // 4] >> group % 4 * 2 & 3
        place = out[group * _GROUP : (group + 1) * _GROUP]
        if kind == 0:
            place[:] = 0
            continue
        if kind == 3:
            following, literals = position + _GROUP, 0
        else:
            following = position + 4 * kind
            table = _SENTINELS_2 if kind == 1 else _SENTINELS_4
            literals = sum(data[position:following].translate(table))
        if following + literals > end:
            raise _Damaged("it ends too early")
        raw = np.frombuffer(data, np.uint8, following - position, position)
        if kind == 3:
            place[:] = raw
        else:
            shifts, mask = ((6, 4, 2, 0), 3) if kind == 1 else ((4, 0), 15)
            place[:] = (raw[:, None] >> np.array(shifts, dtype=np.uint8) & mask).reshape(-1)
            if literals:
                place[place == mask] = np.frombuffer(data, np.uint8, literals, following)
        position = following + literals
    return position


def _filtered(values: Bytes, stride: int, filtering: str) -> NDArray[np.generic]:
    if filtering == "OCTAHEDRAL":
        return _octahedral(values.view("<i1" if stride == 4 else "<i2"))
    if filtering == "QUATERNION":
        return _quaternions(values.view("<i2"))
    if filtering == "EXPONENTIAL":
        raw = values.view("<i4")
        with np.errstate(over="ignore"):
            floats: NDArray[np.float32] = np.ldexp((raw << 8 >> 8).astype(np.float32), raw >> 24).astype("<f4")
        return floats
    return values


def _octahedral(values: NDArray[np.signedinteger]) -> NDArray[np.signedinteger]:
    """Unit vectors from their place on an octahedron whose size is the third component; the fourth stays."""
    most = float(np.iinfo(values.dtype).max)
    x, y = values[:, 0].astype(np.float64), values[:, 1].astype(np.float64)
    z = values[:, 2] - np.abs(x) - np.abs(y)
    fold = np.minimum(z, 0.0)
    x = x + np.where(x >= 0.0, fold, -fold)
    y = y + np.where(y >= 0.0, fold, -fold)
    vectors = np.stack([x, y, z], axis=1)
    length = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    result = values.copy()
    result[:, :3] = np.trunc(vectors / length * most + np.where(vectors >= 0.0, 0.5, -0.5))
    return result


def _quaternions(values: NDArray[np.signedinteger]) -> NDArray[np.signedinteger]:
    """Unit quaternions from their three smaller components; the fourth value holds scale and the largest's place."""
    scale = np.sqrt(0.5) / (values[:, 3].astype(np.int64) | 3)
    small = values[:, :3] * scale[:, None]
    large = np.sqrt(np.maximum(0.0, 1.0 - np.sum(small**2, axis=1)))
    parts = np.concatenate([large[:, None], small], axis=1) * 32767.0
    rounded = np.trunc(parts + np.where(parts >= 0.0, 0.5, -0.5))
    places = ((values[:, 3:4] & 3) + np.arange(4)) % 4
    result = np.empty_like(values)
    stored = np.clip(rounded, -32768.0, 32767.0).astype(values.dtype)  # damaged scales lead beyond
    np.put_along_axis(result, places.astype(np.int64), stored, axis=1)
    return result


class _Indices:
    """Numbers of seven bits a byte, as differences to the last one read."""

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self.data, self.position, self.end = data, position, end
        self.last = 0

    def number(self) -> int:
        result = 0
        for shift in range(0, 35, 7):
            byte = self.byte()
            result |= (byte & 127) << shift
            if byte < 128:
                return result
        raise _Damaged("a number is too long")

    def byte(self) -> int:
        if self.position >= self.end:
            raise _Damaged("it ends too early")
        self.position += 1
        return self.data[self.position - 1]

    def index(self) -> int:
        number = self.number()
        self.last = (self.last + (number >> 1 ^ -(number & 1))) & 0xFFFFFFFF
        return self.last


def _sequence(data: bytes, count: int) -> NDArray[np.int64]:
    """Differences to one of two baselines, which the lowest bit names."""
    _check_header(data, _INDICES, 1 + count + 4)
    reader = _Indices(data, 1, len(data) - 4)
    result = np.empty(count, dtype=np.int64)
    baselines = [0, 0]
    for place in range(count):
        number = reader.number()
        which, number = number & 1, number >> 1
        baselines[which] = (baselines[which] + (number >> 1 ^ -(number & 1))) & 0xFFFFFFFF
        result[place] = baselines[which]
    return result


def _triangles(data: bytes, count: int) -> NDArray[np.int64]:
    """A code a triangle: an edge that was seen lately and a vertex, or three vertices; both by short memories of 16."""
    triangles = count // 3
    _check_header(data, _TRIANGLES, 1 + triangles + _GROUP)
    if count % 3:
        raise _Damaged("its indices are no triangles")
    table = data[-_GROUP:]
    reader = _Indices(data, 1 + triangles, len(data) - _GROUP)
    edges = [(0, 0)] * 16
    vertices = [0] * 16
    edge_at = vertex_at = following = 0
    result = np.empty(count, dtype=np.int64)
    for triangle in range(triangles):
        code = data[1 + triangle]
        high, low = code >> 4, code & 15
        fresh: list[int] = []
        if high < 15:
            a, b = edges[edge_at - 1 - high & 15]
            if low == 0:
                c, following = following, following + 1
                fresh = [c]
            elif low < 13:
                c = vertices[vertex_at - 1 - low & 15]
            else:
                c = reader.index() if low == 15 else reader.last + (1 if low == 14 else -1) & 0xFFFFFFFF
                reader.last = c
                fresh = [c]
            pushed: tuple[tuple[int, int], ...] = ((c, b), (a, c))
        else:
            if low < 14:
                auxiliary, free = table[low], 0
            else:
                auxiliary, free = reader.byte(), 0 if low == 14 else 15
                following = 0 if auxiliary == 0 else following
            corners = []
            for choice in (free, auxiliary >> 4, auxiliary & 15):
                if choice == 0:
                    corners.append(following)
                    following += 1
                else:
                    corners.append(vertices[vertex_at - choice & 15])
            if low >= 14:
                for place, choice in enumerate((free, auxiliary >> 4, auxiliary & 15)):
                    if choice == 15:
                        corners[place] = reader.index()
            a, b, c = corners
            kinds = (free, auxiliary >> 4, auxiliary & 15)
            fresh = [v for v, choice in zip(corners, kinds, strict=True) if choice == 0 or (choice == 15 and low >= 14)]
            pushed = ((b, a), (c, b), (a, c))
        for vertex in fresh:
            vertices[vertex_at & 15] = vertex
            vertex_at += 1
        for edge in pushed:
            edges[edge_at & 15] = edge
            edge_at += 1
        result[3 * triangle : 3 * triangle + 3] = a, b, c
    if reader.position != reader.end:
        raise _Damaged("it is longer than its content")
    return result
