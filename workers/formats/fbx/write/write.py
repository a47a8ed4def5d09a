"""A GLB as a binary FBX 7.4 that stands and moves as it does: nodes, skins, meshes, materials, clips.

The GLB is one of our own results, so whatever another writer keeps of a character is in it. What an FBX cannot hold is
told in notices; the map of this package (`formats.fbx.write`) says what is never written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from workers.formats.bundle import FileBundle
from workers.formats.fbx.write.blend_shapes import add_blend_shapes, target_names, target_weights
from workers.formats.fbx.write.document import assemble
from workers.formats.fbx.write.geometry import add_mesh, used_materials
from workers.formats.fbx.write.materials import Materials
from workers.formats.fbx.write.models import (
    STANDING,
    ModelKind,
    Names,
    add_model,
    dropped_things,
    left_out,
    limb_entries,
    node_names,
)
from workers.formats.fbx.write.objects import ROOT, Objects
from workers.formats.fbx.write.skins import (
    add_bind_pose,
    add_skin,
    holding,
    joint_entries,
    joint_links,
    skin_placement,
    stands,
)
from workers.formats.fbx.write.space import CENTIMETRES, Space
from workers.formats.fbx.write.surfaces import Surface, read_surface
from workers.formats.fbx.write.takes import add_takes
from workers.formats.gltf.bind import Skin
from workers.formats.gltf.fields import Json, index, text
from workers.formats.gltf.key_rate import DEFAULT_RATE_HZ
from workers.formats.gltf.read import GltfSource, read_gltf
from workers.skeleton.fold_notices import fold_notices
from workers.skeleton.model import Array, Mask, Notice


@dataclass(frozen=True, eq=False)
class WrittenFbx:
    """`names` are those of the nodes that were written, by glTF node index."""

    data: bytes
    names: Mapping[int, str]
    notices: tuple[Notice, ...]


def write_fbx(glb: bytes, metres_per_unit: float) -> WrittenFbx:
    """The FBX of a GLB whose unit is so many metres long. Raises ParseFailed, TooLarge, UnsupportedFeature."""
    source = read_gltf(FileBundle("result.glb", glb)).document
    return _Writer(Space(source, metres_per_unit * CENTIMETRES)).write()


@dataclass(eq=False)
class _Writer:
    """`models` are the objects of the tree's entries, `world` the bind pose by object, `channels` those of blend
    shapes by glTF node, one list a mesh object.
    """

    space: Space
    objects: Objects = field(default_factory=Objects)
    names: Names = field(default_factory=Names)
    models: dict[int, int] = field(default_factory=dict)
    world: dict[int, Array] = field(default_factory=dict)
    channels: dict[int, list[list[int]]] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)

    @property
    def source(self) -> GltfSource:
        return self.space.source

    def write(self) -> WrittenFbx:
        tree = self.space.tree
        limbs = limb_entries(self.space)
        skipped = left_out(self.space, limbs)
        names, renamed = node_names(self.space, limbs, self.names, skipped)
        self.notices += [*renamed, *dropped_things(self.space, list(names)), *self._sheared(names)]
        materials = Materials(self.objects, self.source.document)
        rigid = self._rigid_surfaces()
        for entry in sorted(names):  # parents first
            parent = int(tree.parents[entry])
            is_mesh = entry in rigid and not limbs[entry]
            kind: ModelKind = "LimbNode" if limbs[entry] else "Mesh" if is_mesh else "Null"
            above = ROOT if parent < 0 else self.models[parent]
            self.models[entry] = add_model(self.objects, names[entry], kind, self.space.local(entry), above)
        self._note_bind_pose(names)
        for entry, surface in rigid.items():
            carrier = self.models[entry]
            if limbs[entry]:
                name = self.names.own(f"{names[entry]}_mesh")
                carrier = add_model(self.objects, name, "Mesh", STANDING, carrier)
            self._add_surface(entry, carrier, surface, materials)
        for entry in range(len(tree)):
            self._add_skinned(entry, names.get(entry), limbs, materials)
        if self.world:
            add_bind_pose(self.objects, self.world)
        takes = add_takes(self.objects, self.space, self.models, self.channels)
        self.notices += materials.notices
        last = self.source.clips[-1] if self.source.clips else None
        end_s = max((clip.end_s for clip in self.source.clips), default=0.0)
        rate_hz = last.info().rate_hz if last is not None else DEFAULT_RATE_HZ
        active = str(takes[-1].values[0]) if takes else ""
        data = assemble(self.objects, takes, rate_hz, end_s, active)
        by_node = {int(tree.file_indices[entry]): name for entry, name in names.items()}
        return WrittenFbx(data, by_node, fold_notices(self.notices))

    def _node(self, entry: int) -> Json:
        return self.source.document.nodes[int(self.space.tree.file_indices[entry])]

    def _sheared(self, names: Mapping[int, str]) -> list[Notice]:
        return [
            Notice("shear-dropped", f"node {name!r} has a sheared matrix, which an FBX cannot hold", name)
            for entry, name in names.items()
            if self.space.tree.sheared[entry]
        ]

    def _skin(self, entry: int) -> Skin | None:
        node = self._node(entry)
        where = f"/nodes/{int(self.space.tree.file_indices[entry])}"
        return self.source.skins[index(node, "skin", len(self.source.skins), where)] if "skin" in node else None

    def _rigid_surfaces(self) -> dict[int, Surface]:
        """Surfaces of the entries that carry a mesh without a skin, in the space of their node."""
        result = {}
        for entry in range(len(self.space.tree)):
            if "mesh" not in self._node(entry) or self._skin(entry) is not None:
                continue
            surface = read_surface(self.source.document, int(self._node(entry)["mesh"]), None)
            if surface is not None:
                matrix = np.diag([*(self.space.taken_out[entry] * self.space.unit_cm), 1.0])
                result[entry] = surface.placed(matrix)
        return result

    def _note_bind_pose(self, names: Mapping[int, str]) -> None:
        """Joints of the skins and all nodes above them."""
        for skin in self.source.skins if self.source.bind.bound else []:
            for entry in joint_entries(self.space, skin).tolist():
                while entry >= 0 and self.models[entry] not in self.world:
                    self.world[self.models[entry]] = self.space.bind_world[entry]
                    entry = int(self.space.tree.parents[entry])

    def _add_skinned(self, entry: int, node_name: str | None, limbs: Mask, materials: Materials) -> None:
        skin = self._skin(entry)
        if skin is None or "mesh" not in self._node(entry):
            return
        surface = read_surface(self.source.document, int(self._node(entry)["mesh"]), len(skin.joints))
        if surface is None:
            return
        placement = skin_placement(self.space, skin)
        wanted = f"{node_name}_mesh" if node_name else self.space.tree.names[entry] or f"mesh_{entry}"
        name = self.names.own(wanted)
        model = add_model(self.objects, name, "Mesh", STANDING)
        surface = surface.placed(_scaled(placement, self.space.unit_cm))
        mesh = self._add_surface(entry, model, surface, materials)
        links = joint_links(self.space, skin, placement, holding(surface))
        entries = joint_entries(self.space, skin)
        joints = [self.models[joint] for joint in entries.tolist()]
        add_skin(self.objects, name, mesh, surface, joints, links, stands(self.space, limbs, entries))
        self.world[model] = np.eye(4)

    def _add_surface(self, entry: int, model: int, surface: Surface, materials: Materials) -> int:
        """The mesh's object, connected to the object of its node, with materials and blend shapes."""
        node = self._node(entry)
        given = self.source.document.meshes[int(node["mesh"])]
        name = text(given, "name", f"/meshes/{node['mesh']}") or self.space.tree.names[entry]
        slots = used_materials(surface)
        mesh = add_mesh(self.objects, name, surface, slots)
        self.objects.connect(mesh, model)
        for slot in slots:
            self.objects.connect(materials.of(slot), model)
        if surface.targets:
            names = target_names(given, len(surface.targets))
            weights = target_weights(given, node, len(surface.targets))
            number = int(self.space.tree.file_indices[entry])
            made = add_blend_shapes(self.objects, name, mesh, surface, names, weights)
            self.channels.setdefault(number, []).append(made)
        return mesh


def _scaled(matrix: Array, factor: float) -> Array:
    """The matrix, then lengths times `factor`."""
    result = matrix.copy()
    result[:3] *= factor
    return result
