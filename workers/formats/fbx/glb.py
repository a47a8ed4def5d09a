"""An FBX scene written as one GLB: nodes, meshes with materials and skins, one animation a take. Pure numpy.

Every node keeps its name and place; what is left out are scale helpers that say nothing (`fbx.helpers`) and the nodes
of skinned meshes that have nothing else on them: a skinned mesh goes to the root of the scene, since its node's
transform means nothing there.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.contract.errors import ParseFailed
from workers.formats.fbx.helpers import fold_helpers
from workers.formats.fbx.images import write_materials
from workers.formats.fbx.model import FbxMesh, FbxScene, FbxShape, FbxTake
from workers.formats.fbx.skins import FbxSkin, bare_skin, local_matrices, skin_mesh
from workers.formats.fbx.surface import Surface, build_surface
from workers.formats.gltf.container import join_container
from workers.formats.gltf.embed import BinaryBuilder
from workers.formats.gltf.fields import Json
from workers.skeleton import quat
from workers.skeleton.model import Array

_FLOAT, _BYTE, _SHORT, _INT = 5126, 5121, 5123, 5125
_VERTICES, _CORNERS = 34962, 34963


def build_glb(scene: FbxScene, rate_hz: float, siblings: Collection[str] = ()) -> bytes:
    """The GLB. Changes the scene, adds to its notices what cannot be kept. Raises ParseFailed for infinite values."""
    return _Writer(scene, rate_hz, siblings).write()


class _Writer:
    """Collects the document. `place` is the glTF node of each FBX node that stays."""

    def __init__(self, scene: FbxScene, rate_hz: float, siblings: Collection[str]) -> None:
        self.scene, self.rate_hz, self.siblings = scene, rate_hz, siblings
        self.document: Json = {
            "asset": {"version": "2.0", "generator": "motion-retargeting-service FBX reader"},
            "bufferViews": [],
            "accessors": [],
        }
        self.builder = BinaryBuilder(self.document)
        self.nodes: list[Json] = []
        self.roots: list[int] = []
        self.meshes: list[Json] = []
        self.skins: list[Json] = []
        self.place: dict[int, int] = {}

    def write(self) -> bytes:
        scene = self.scene
        local = local_matrices(scene)
        folded = fold_helpers(scene, local)
        skinned = self._skin_meshes(local)
        self._write_nodes(folded | self._emptied(skinned))
        for index, (mesh, skin, surface, linear) in skinned.items():
            self.roots.append(len(self.nodes))
            name = scene.nodes[index].name
            self.nodes.append(
                {
                    "name": name if index not in self.place else f"{name}_mesh",
                    "mesh": self._mesh(mesh, surface, scene.nodes[index].materials, linear),
                    "skin": self._skin(skin, name),
                }
            )
        self._write_rigid_meshes(skinned)
        if not skinned:
            bare = bare_skin(scene, local)
            if bare is not None:
                self._skin(bare, "skeleton")
        self._give_skins_one_root()
        animations = [self._animation(take) for take in scene.takes]
        write_materials(scene, self.builder, self.siblings)
        if self.nodes:
            self.document |= {"scene": 0, "scenes": [{"nodes": self.roots}], "nodes": self.nodes}
        for key, values in (("meshes", self.meshes), ("skins", self.skins), ("animations", animations)):
            if values:
                self.document[key] = values
        return join_container(self.document, self.builder.finish())

    def _skin_meshes(self, local: Array) -> dict[int, tuple[FbxMesh, FbxSkin, Surface, Array]]:
        """Skin and surface of every node that carries a visible skinned mesh."""
        result = {}
        for index, node in enumerate(self.scene.nodes):
            if node.mesh < 0:
                continue
            mesh = self.scene.meshes[node.mesh]
            if not node.visible:
                self.scene.warn("mesh-hidden", f"mesh of node {node.name!r} is hidden in the file; it is left out")
                node.mesh = -1
                continue
            made = skin_mesh(self.scene, mesh, index, local)
            surface = None if made is None else build_surface(mesh, made[1])
            if made is not None and surface is not None:
                result[index] = (mesh, made[0], surface, made[1].linear)
        return result

    def _emptied(self, skinned: dict[int, tuple[FbxMesh, FbxSkin, Surface, Array]]) -> set[int]:
        """Nodes that only held a skinned mesh."""
        parents = {node.parent for node in self.scene.nodes}
        moved = {index for take in self.scene.takes for index in take.paths}
        joints = {joint for _, skin, _, _ in skinned.values() for joint in skin.joints}
        return {index for index in skinned if index not in parents | moved | joints}

    def _write_nodes(self, left_out: set[int]) -> None:
        for index, node in enumerate(self.scene.nodes):
            if index in left_out:
                continue
            number = self.place[index] = len(self.nodes)
            written: Json = {"name": node.name} if node.name else {}
            rotation = np.clip(quat.normalize(node.rotation), -1.0, 1.0)
            for key, value, default in (
                ("translation", node.translation, np.zeros(3)),
                ("rotation", rotation, quat.IDENTITY),
                ("scale", node.scale, np.ones(3)),
            ):
                if not np.array_equal(value, default):
                    written[key] = value.tolist()
            self.nodes.append(written)
            if node.parent < 0:
                self.roots.append(number)
            else:
                self.nodes[self.place[node.parent]].setdefault("children", []).append(number)

    def _write_rigid_meshes(self, skinned: dict[int, Any]) -> None:
        made: dict[tuple[int, tuple[int, ...]], int] = {}
        for index, node in enumerate(self.scene.nodes):
            if node.mesh < 0 or index in skinned or index not in self.place:
                continue
            key = (node.mesh, node.materials)
            if key not in made:
                surface = build_surface(self.scene.meshes[node.mesh], None)
                made[key] = (
                    -1
                    if surface is None
                    else self._mesh(self.scene.meshes[node.mesh], surface, node.materials, np.eye(3))
                )
            if made[key] >= 0:
                self.nodes[self.place[index]]["mesh"] = made[key]

    def _mesh(self, mesh: FbxMesh, surface: Surface, materials: tuple[int, ...], linear: Array) -> int:
        """The mesh; `linear` takes offsets in the mesh's own space to the surface's."""
        if not np.all(np.abs(surface.positions) < 1e30):
            raise ParseFailed(f"mesh {mesh.name[:80]!r} has vertices that are not finite; export the file again")
        attributes = {"POSITION": self._accessor(surface.positions, "VEC3", _FLOAT, _VERTICES, bounds=True)}
        if surface.normals is not None:
            attributes["NORMAL"] = self._accessor(surface.normals, "VEC3", _FLOAT, _VERTICES)
        if surface.coordinates is not None:
            attributes["TEXCOORD_0"] = self._accessor(surface.coordinates, "VEC2", _FLOAT, _VERTICES)
        if surface.joints is not None and surface.weights is not None:
            component = _BYTE if int(surface.joints.max()) < 256 else _SHORT
            attributes["JOINTS_0"] = self._accessor(surface.joints, "VEC4", component, _VERTICES)
            attributes["WEIGHTS_0"] = self._accessor(surface.weights, "VEC4", _FLOAT, _VERTICES)
        component = _SHORT if len(surface.positions) < 65535 else _INT
        targets = [{"POSITION": self._target(mesh, shape, surface, linear)} for shape in mesh.shapes]
        primitives = []
        for slot, corners in surface.parts:
            primitive: Json = {
                "attributes": attributes,
                "indices": self._accessor(corners, "SCALAR", component, _CORNERS),
            }
            if 0 <= slot < len(materials):
                primitive["material"] = materials[slot]
            if targets:
                primitive["targets"] = targets
            primitives.append(primitive)
        names: Json = {"extras": {"targetNames": [shape.name for shape in mesh.shapes]}} if targets else {}
        self.meshes.append({"primitives": primitives} | ({"name": mesh.name} if mesh.name else {}) | names)
        return len(self.meshes) - 1

    def _target(self, mesh: FbxMesh, shape: FbxShape, surface: Surface, linear: Array) -> int:
        offsets = np.zeros_like(mesh.positions)
        offsets[shape.vertices] = shape.offsets @ linear.T
        return self._accessor(offsets[surface.vertices], "VEC3", _FLOAT, bounds=True)

    def _skin(self, skin: FbxSkin, name: str) -> int:
        written: Json = {"joints": [self.place[joint] for joint in skin.joints]} | ({"name": name} if name else {})
        if skin.inverse_bind is not None:
            columns = skin.inverse_bind.transpose(0, 2, 1).reshape(-1, 16)  # glTF stores matrices by columns
            written["inverseBindMatrices"] = self._accessor(columns, "MAT4", _FLOAT)
        self.skins.append(written)
        return len(self.skins) - 1

    def _give_skins_one_root(self) -> None:
        """glTF wants the joints of a skin below one common root: where they are not, the whole scene gets one."""
        root_of: dict[int, int] = {}
        for index, number in self.place.items():  # parents first
            parent = self.scene.nodes[index].parent
            root_of[number] = root_of[self.place[parent]] if parent >= 0 else number
        if all(len({root_of[joint] for joint in skin["joints"]}) == 1 for skin in self.skins):
            return
        below = [root for root in self.roots if "skin" not in self.nodes[root]]
        self.roots = [root for root in self.roots if "skin" in self.nodes[root]] + [len(self.nodes)]
        self.nodes.append({"name": "RootNode", "children": below})

    def _animation(self, take: FbxTake) -> Json:
        """One time axis of all frames, one of the two ends for what stays still."""
        times = np.arange(take.frames) / self.rate_hz
        inputs: dict[int, int] = {}
        channels: list[Json] = []
        samplers: list[Json] = []
        for index, path in take.paths.items():
            for key, values in (
                ("translation", path.translations), ("rotation", path.rotations), ("scale", path.scales),
            ):  # fmt: skip
                if values is None or index not in self.place:
                    continue
                if key == "rotation":
                    values = np.clip(quat.make_continuous(quat.normalize(values)[:, None])[:, 0], -1.0, 1.0)
                if len(values) not in inputs:
                    own = times if len(values) == take.frames else times[[0, -1]]
                    inputs[len(values)] = self._accessor(own[:, None], "SCALAR", _FLOAT, bounds=True)
                output = self._accessor(values, "VEC4" if key == "rotation" else "VEC3", _FLOAT)
                channels.append({"sampler": len(samplers), "target": {"node": self.place[index], "path": key}})
                samplers.append({"input": inputs[len(values)], "interpolation": "LINEAR", "output": output})
        return {"name": take.name, "channels": channels, "samplers": samplers}

    def _accessor(
        self, values: NDArray[Any], kind: str, component: int, target: int | None = None, bounds: bool = False
    ) -> int:
        types = {_FLOAT: "<f4", _BYTE: "u1", _SHORT: "<u2", _INT: "<u4"}
        stored = np.ascontiguousarray(values, dtype=types[component])
        view = self.builder.add_view(stored.tobytes())
        if target is not None:
            self.document["bufferViews"][view]["target"] = target
        accessor: Json = {"bufferView": view, "componentType": component, "count": len(stored), "type": kind}
        if bounds:
            flat = stored.reshape(len(stored), -1)
            accessor |= {"min": flat.min(axis=0).tolist(), "max": flat.max(axis=0).tolist()}
        self.document["accessors"].append(accessor)
        return len(self.document["accessors"]) - 1
