"""Reads and plays a binary FBX 7.4 in a few lines of its own: nodes, angles, skins and blend shapes at a key.

Shares no code with the writer, so that it can judge what is written. Only what the writer uses is understood.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

TICKS = 46_186_158_000
_PLAIN = {b"Y": "<h", b"C": "<?", b"I": "<i", b"F": "<f", b"D": "<d", b"L": "<q"}
_ARRAYS = {b"i": "<i4", b"l": "<i8", b"f": "<f4", b"d": "<f8"}


@dataclass
class Node:
    name: str
    values: list[Any]
    children: list[Node] = field(default_factory=list)

    def all(self, name: str) -> list[Node]:
        return [child for child in self.children if child.name == name]

    def one(self, name: str) -> Node:
        (found,) = self.all(name)
        return found

    def property(self, name: str) -> list[Any]:
        """What follows name, type, label and flags of one property."""
        return next(each.values[4:] for each in self.one("Properties70").children if each.values[0] == name)


def parse(data: bytes) -> Node:
    """All records below one without a name. Every offset is checked against what is read."""
    assert data.startswith(b"Kaydara FBX Binary  \x00\x1a\x00") and struct.unpack_from("<I", data, 23) == (7400,)
    children, place = _list(data, 27)
    assert (place + 16 + 4) <= len(data) and (len(data) - 16 - 120 - 4) % 16 == 0
    return Node("", [], children)


def _list(data: bytes, place: int) -> tuple[list[Node], int]:
    nodes: list[Node] = []
    while True:
        end, count, length, name_length = struct.unpack_from("<IIIB", data, place)
        place += 13
        if end == 0:
            return nodes, place
        name = data[place : place + name_length].decode()
        place += name_length
        values, after = [], place + length
        for _ in range(count):
            value, place = _value(data, place)
            values.append(value)
        assert place == after
        children: list[Node] = []
        if place < end:
            children, place = _list(data, place)
        assert place == end
        nodes.append(Node(name, values, children))


def _value(data: bytes, place: int) -> tuple[Any, int]:
    letter = data[place : place + 1]
    place += 1
    if letter in _PLAIN:
        kind = _PLAIN[letter]
        return struct.unpack_from(kind, data, place)[0], place + struct.calcsize(kind)
    if letter in b"SR":
        (length,) = struct.unpack_from("<I", data, place)
        content = data[place + 4 : place + 4 + length]
        return content.decode() if letter == b"S" else content, place + 4 + length
    count, packed, length = struct.unpack_from("<III", data, place)
    content = data[place + 12 : place + 12 + length]
    array = np.frombuffer(zlib.decompress(content) if packed else content, _ARRAYS[letter])
    assert len(array) == count
    return array, place + 12 + length


class FbxPlayer:
    """`objects` by number; `above` and `below` list connections as (object, property or None)."""

    def __init__(self, data: bytes) -> None:
        self.root = parse(data)
        self.objects = {node.values[0]: node for node in self.root.one("Objects").children}
        self.above: dict[int, list[tuple[int, str | None]]] = {number: [] for number in self.objects}
        self.below: dict[int, list[tuple[int, str | None]]] = {number: [] for number in (0, *self.objects)}
        for kind, child, parent, *name in (link.values for link in self.root.one("Connections").children):
            assert (kind == "OP") == bool(name)
            self.above[child].append((parent, name[0] if name else None))
            self.below[parent].append((child, name[0] if name else None))

    def of(self, kind: str, subclass: str | None = None) -> list[int]:
        return [n for n, o in self.objects.items() if o.name == kind and subclass in (None, o.values[2])]

    def name(self, number: int) -> str:
        return str(self.objects[number].values[1]).split("\0\1")[0]

    def named(self, kind: str, name: str) -> int:
        (found,) = [number for number in self.of(kind) if self.name(number) == name]
        return found

    def children(self, number: int, kind: str, subclass: str | None = None) -> list[int]:
        found = ((child, self.objects[child]) for child, _ in self.below[number])
        return [child for child, own in found if own.name == kind and subclass in (None, own.values[2])]

    def takes(self) -> list[str]:
        return [self.name(stack) for stack in self.of("AnimationStack")]

    def keyed(self, take: str) -> dict[tuple[int, str], list[int]]:
        """The curves of each animated property of a take, by object and property."""
        (layer,) = self.children(self.named("AnimationStack", take), "AnimationLayer")
        result: dict[tuple[int, str], list[int]] = {}
        for node in self.children(layer, "AnimationCurveNode"):
            ((target, name),) = [(up, name) for up, name in self.above[node] if name is not None]
            result[target, str(name)] = [curve for curve, _ in self.below[node]]
        return result

    def keys(self, curve: int) -> tuple[np.ndarray, np.ndarray]:
        """Times in seconds and values."""
        found = self.objects[curve]
        return found.one("KeyTime").values[0] / TICKS, found.one("KeyValueFloat").values[0].astype(np.float64)

    def values_at(self, take: str | None, time_s: float) -> dict[tuple[int, str], np.ndarray]:
        return {
            key: np.array([np.interp(time_s, *self.keys(curve)) for curve in curves])
            for key, curves in (self.keyed(take) if take is not None else {}).items()
        }

    def world(self, take: str | None = None, time_s: float = 0.0) -> dict[int, np.ndarray]:
        """The matrix of each model, in the file's unit."""
        moved, result = self.values_at(take, time_s), {0: np.eye(4)}
        stack = [(0, child) for child in self.children(0, "Model")]
        while stack:
            parent, number = stack.pop()
            path = {
                key: moved.get((number, f"Lcl {key}"), np.array(self.objects[number].property(f"Lcl {key}")))
                for key in ("Translation", "Rotation", "Scaling")
            }
            local = np.eye(4)
            local[:3, :3] = _turn(path["Rotation"]) * path["Scaling"]
            local[:3, 3] = path["Translation"]
            result[number] = result[parent] @ local
            stack += [(number, child) for child in self.children(number, "Model")]
        return result

    def points(self, take: str | None = None, time_s: float = 0.0) -> dict[str, np.ndarray]:
        """The control points of each mesh in world space, by the name of its model."""
        world, moved, result = self.world(take, time_s), self.values_at(take, time_s), {}
        for model in self.of("Model", "Mesh"):
            (mesh,) = self.children(model, "Geometry", "Mesh")
            points = self.objects[mesh].one("Vertices").values[0].reshape(-1, 3).copy()
            for shape in self.children(mesh, "Deformer", "BlendShape"):
                for channel in self.children(shape, "Deformer", "BlendShapeChannel"):
                    own = np.array(self.objects[channel].property("DeformPercent"))
                    percent = float(moved.get((channel, "DeformPercent"), own)[0])
                    (target,) = self.children(channel, "Geometry", "Shape")
                    places = self.objects[target].one("Indexes").values[0]
                    points[places] += percent / 100.0 * self.objects[target].one("Vertices").values[0].reshape(-1, 3)
            skins = self.children(mesh, "Deformer", "Skin")
            result[self.name(model)] = self._skinned(skins[0], points, world) if skins else _moved(world[model], points)
        return result

    def clusters(self, skin: int) -> dict[int, Node]:
        """The cluster of each joint's model."""
        return {self.children(n, "Model")[0]: self.objects[n] for n in self.children(skin, "Deformer", "Cluster")}

    def _skinned(self, skin: int, points: np.ndarray, world: dict[int, np.ndarray]) -> np.ndarray:
        result, total = np.zeros_like(points), np.zeros(len(points))
        for joint, cluster in self.clusters(skin).items():
            if cluster.all("Indexes"):
                places, weights = cluster.one("Indexes").values[0], cluster.one("Weights").values[0]
                placed = _moved(world[joint] @ matrix(cluster.one("Transform").values[0]), points[places])
                result[places] += weights[:, None] * placed
                total[places] += weights
        np.testing.assert_allclose(total, 1.0, atol=1e-5)
        return result


def matrix(values: np.ndarray) -> np.ndarray:
    return np.array(values.reshape(4, 4).T)


def _moved(by: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.asarray(points @ by[:3, :3].T + by[:3, 3])


def _turn(degrees: np.ndarray) -> np.ndarray:
    x, y, z = np.radians(degrees)
    about_x = [[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]]
    about_y = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    about_z = [[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]]
    return np.asarray(np.array(about_z) @ about_y @ about_x)
