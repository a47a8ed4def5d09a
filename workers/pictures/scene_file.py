"""`scene.glb`: source, result and naive copy of one clip as three light bodies in one file, in step, for viewers.

What is in it is what was scored and drawn (`workers.semantics.viewed_clip`): decimated surfaces, or generated ones for
a motion without a skin, both bodies facing alike and beginning above the origin. Metres, Y up. One node for each body
(`source`, `result`, `copy_rest`, and `before_refinement` where there is one) holds its joints and its mesh; its extras
say where its ground lies, how tall it is, and what may be marked on it (`scene_marks`). One animation moves
them all. Bodies of one surface share its accessors. No textures and no normals: viewers light it as they like.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from workers.formats.gltf.container import join_container
from workers.formats.gltf.embed import BinaryBuilder, float_bytes
from workers.formats.gltf.fields import Json
from workers.formats.gltf.skeleton_glb import GENERATOR
from workers.motion.body_motion import local_path, to_clip
from workers.rendering.moving_body import MovingBody
from workers.rendering.skinning import Skin
from workers.skeleton import quat
from workers.skeleton.model import Array

HOLDERS = 4  # joints a vertex, as every viewer reads them
SAME_TURN_RAD = 1e-5  # a joint that turns less in the whole clip needs one key
UNSIGNED_SHORT, UNSIGNED_INT = 5123, 5125


def write_scene(bodies: Mapping[str, MovingBody], facing: Array, marked: Mapping[str, Json]) -> bytes:
    """GLB bytes of bodies by name, whose motions share one time axis. `facing` `(4,)` is where the source looks on
    average, for cameras; it lies in the scene's extras. `marked` is what is told of some of the bodies.
    """
    document: Json = {
        "asset": {"version": "2.0", "generator": GENERATOR},
        "scene": 0,
        "scenes": [{"nodes": [], "extras": {"facing": [round(float(part), 6) for part in facing]}}],
        "nodes": [],
        "meshes": [],
        "skins": [],
        "bufferViews": [],
        "accessors": [],
    }
    writer = _SceneWriter(document, next(iter(bodies.values())))
    for name, body in bodies.items():
        document["scenes"][0]["nodes"].append(writer.add(name, body, marked.get(name, {})))
    document["animations"] = [writer.animation]
    return join_container(document, writer.builder.finish())


class _SceneWriter:
    """Bodies added to `document` one after the other; surfaces that several share are written once."""

    def __init__(self, document: Json, first: MovingBody) -> None:
        self.document, self.builder = document, BinaryBuilder(document)
        self._meshes: dict[int, int] = {}
        motion = first.motion
        times = (np.arange(motion.frames) / motion.rate_hz).astype(np.float32)
        bounds = float(times[0]), float(times[-1])
        view = self.builder.add_view(float_bytes(times))
        self._times = self.builder.add_floats(view, 0, len(times), "SCALAR", bounds)
        self._start = self.builder.add_floats(view, 0, 1, "SCALAR", (bounds[0], bounds[0]))
        self.animation: Json = {"name": motion.name or "clip", "channels": [], "samplers": []}

    def add(self, name: str, body: MovingBody, marks: Json) -> int:
        """The body's own node, with its joints and its surface below it."""
        nodes, skeleton = self.document["nodes"], body.motion.body.skeleton
        top, first = len(nodes), len(nodes) + 1
        clip = to_clip(body.motion)
        told = {**_facts(body), **marks}
        parts = told.pop("parts", None)
        nodes.append({"name": name, "children": [], "extras": told})
        for joint in range(len(skeleton)):
            node: Json = {"name": skeleton.names[joint]} if skeleton.names[joint] else {}
            node["translation"] = skeleton.node_offsets_m[joint].tolist()
            if parts is not None:
                node["extras"] = {"part": parts[joint]}
            if skeleton.children[joint]:
                node["children"] = [first + child for child in skeleton.children[joint]]
            nodes.append(node)
            turns = quat.normalize(clip.rotations[:, joint])
            still = bool(np.all(quat.angle_between(turns, turns[:1]) < SAME_TURN_RAD))
            self._animate(first + joint, "rotation", turns[:1] if still else turns, "VEC4")
            if joint in clip.translations_m or skeleton.parents[joint] < 0:  # roots were moved to the origin
                self._animate(first + joint, "translation", local_path(body.motion, joint), "VEC3")
        nodes[top]["children"] = [first + int(root) for root in np.flatnonzero(skeleton.parents < 0)]
        nodes[top]["children"].append(len(nodes))
        nodes.append({"name": f"{name} surface", "mesh": self._mesh(body.skin), "skin": self._skin(body.skin, first)})
        return top

    def _animate(self, node: int, path: str, values: Array, kind: str) -> None:
        output = self.builder.add_floats(self.builder.add_view(float_bytes(values)), 0, len(values), kind)
        times = self._times if len(values) > 1 else self._start
        self.animation["channels"].append(
            {"sampler": len(self.animation["samplers"]), "target": {"node": node, "path": path}}
        )
        self.animation["samplers"].append({"input": times, "interpolation": "LINEAR", "output": output})

    def _mesh(self, skin: Skin) -> int:
        if id(skin) not in self._meshes:
            places = skin.positions_m.cpu().numpy()
            joints, weights = _strongest(skin.weights.cpu().numpy())
            count = len(places)
            position = self.builder.add_floats(self.builder.add_view(float_bytes(places)), 0, count, "VEC3")
            # A strict reader asks for the bounds of places, three numbers each.
            self.document["accessors"][position] |= {
                "min": places.min(axis=0).astype(np.float32).tolist(),
                "max": places.max(axis=0).astype(np.float32).tolist(),
            }
            self._meshes[id(skin)] = len(self.document["meshes"])
            attributes = {
                "POSITION": position,
                "JOINTS_0": self._integers(joints.astype("<u2"), UNSIGNED_SHORT, "VEC4", count),
                "WEIGHTS_0": self.builder.add_floats(self.builder.add_view(float_bytes(weights)), 0, count, "VEC4"),
            }
            faces = skin.faces.cpu().numpy().astype("<u4")
            indices = self._integers(faces, UNSIGNED_INT, "SCALAR", faces.size)
            self.document["meshes"].append({"primitives": [{"attributes": attributes, "indices": indices}]})
        return self._meshes[id(skin)]

    def _skin(self, skin: Skin, first: int) -> int:
        inverse = np.tile(np.eye(4), (len(skin.used), 1, 1))
        turn = quat.to_matrix(skin.unbind.cpu().numpy().astype(np.float64))
        inverse[:, :3, :3] = turn
        inverse[:, :3, 3] = -(turn @ skin.bind_positions_m.cpu().numpy()[..., None])[..., 0]
        view = self.builder.add_view(float_bytes(inverse.transpose(0, 2, 1)))  # glTF stores matrices by columns
        matrices = self.builder.add_floats(view, 0, len(inverse), "MAT4")
        joints = [first + int(joint) for joint in skin.used]
        self.document["skins"].append({"inverseBindMatrices": matrices, "joints": joints})
        return len(self.document["skins"]) - 1

    def _integers(self, values: NDArray[np.unsignedinteger], component: int, kind: str, count: int) -> int:
        view = self.builder.add_view(values.tobytes())
        accessor = {"bufferView": view, "byteOffset": 0, "componentType": component, "count": count, "type": kind}
        self.document["accessors"].append(accessor)
        return len(self.document["accessors"]) - 1


def _facts(body: MovingBody) -> Json:
    return {"floor_m": round(float(body.floor_m), 5), "height_m": round(float(body.motion.body.height_m), 5)}


def _strongest(weights: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The `HOLDERS` heaviest columns of each vertex `(vertices, 4)` and their weights, which sum to 1. An empty place
    names joint 0 with weight 0.
    """
    wide = np.pad(weights, ((0, 0), (0, max(0, HOLDERS - weights.shape[1]))))
    chosen = np.argsort(-wide, axis=1, kind="stable")[:, :HOLDERS]
    kept = np.take_along_axis(wide, chosen, axis=1)
    kept = kept / np.maximum(kept.sum(axis=1, keepdims=True), 1e-9)
    return np.where(kept > 0.0, chosen, 0), kept.astype(np.float32)
