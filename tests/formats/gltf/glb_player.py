"""Plays a GLB as the glTF specification says, in a few lines of its own: world matrices and skinned vertices at a key.

Shares no code with the reader, scale included, so that it can judge what is written.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

_TYPES = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class GlbPlayer:
    def __init__(self, glb: bytes) -> None:
        length = struct.unpack_from("<I", glb, 12)[0]
        self.json: dict[str, Any] = json.loads(glb[20 : 20 + length])
        self.binary = glb[28 + length :]

    def accessor(self, number: int) -> np.ndarray:
        accessor = self.json["accessors"][number]
        view = self.json["bufferViews"][accessor["bufferView"]]
        kind, width = np.dtype(_TYPES[accessor["componentType"]]), _WIDTHS[accessor["type"]]
        start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        flat = np.frombuffer(self.binary, kind, accessor["count"] * width, start)
        return flat.reshape(accessor["count"], width).astype(np.float64)

    def animation(self, name: str) -> int:
        return [animation["name"] for animation in self.json["animations"]].index(name)

    def world(self, animation: int | None, time_s: float = 0.0) -> np.ndarray:
        """`(nodes, 4, 4)` at a time that is a key of every channel that moves."""
        nodes = [dict(node) for node in self.json["nodes"]]
        if animation is not None:
            played = self.json["animations"][animation]
            for channel in played["channels"]:
                sampler = played["samplers"][channel["sampler"]]
                times, values = self.accessor(sampler["input"])[:, 0], self.accessor(sampler["output"])
                nearest = int(np.argmin(np.abs(times - time_s)))
                assert abs(times[nearest] - time_s) < 1e-4 or np.ptp(values, axis=0).max() < 1e-6
                nodes[channel["target"]["node"]][channel["target"]["path"]] = values[nearest].tolist()
        world = np.tile(np.eye(4), (len(nodes), 1, 1))
        stack = [(root, np.eye(4)) for root in self.json["scenes"][0]["nodes"]]
        while stack:
            number, above = stack.pop()
            world[number] = above @ _local(nodes[number])
            stack += [(child, world[number]) for child in nodes[number].get("children", [])]
        return world

    def skinned(self, world: np.ndarray) -> np.ndarray:
        """All skinned vertices in world space."""
        placed = []
        for node in self.json["nodes"]:
            if "skin" not in node or "mesh" not in node:
                continue
            skin = self.json["skins"][node["skin"]]
            inverse = self.accessor(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
            matrices = world[skin["joints"]] @ inverse
            attributes = self.json["meshes"][node["mesh"]]["primitives"][0]["attributes"]
            positions = self.accessor(attributes["POSITION"])
            joints = self.accessor(attributes["JOINTS_0"]).astype(int)
            weights = self.accessor(attributes["WEIGHTS_0"])
            blended = np.einsum("vk,vkij->vij", weights, matrices[joints])
            placed.append(np.einsum("vij,vj->vi", blended[:, :3, :3], positions) + blended[:, :3, 3])
        return np.concatenate(placed)


def _local(node: dict[str, Any]) -> np.ndarray:
    x, y, z, w = node.get("rotation", (0.0, 0.0, 0.0, 1.0))
    result = np.eye(4)
    result[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    result[:3, :3] *= np.array(node.get("scale", (1.0, 1.0, 1.0)))[None, :]
    result[:3, 3] = node.get("translation", (0.0, 0.0, 0.0))
    return result
