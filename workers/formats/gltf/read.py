"""Read glTF 2.0 (`.glb`, `.gltf`) into a Scene: node tree, bind pose, clips, mesh, in the project's conventions.

Every node of the scene becomes an entry of the Skeleton, parents first; `deforming` marks the joints
(`workers.formats.gltf.joints`).
Clips are sampled and meshes built only when asked for.

`scene.document` is a `GltfSource`, all that `gltf.write` needs. In `scene.extras`:

    clip_notices    clip's index -> the notices that sampling it gives rise to (a callable: free until asked)
    declared_roles  the humanoid map of a VRM, role -> joint
    skins           the name and joints of each skin
    animated        the nodes that a clip moves, and those below them
    mirrored        whether most joints stand in mirrored space
    rigid_parts     whether meshes hang on the joints without a skin
    body_unsure     whether such joints are a body by their shape alone
    why_no_clip     what the animations of a file without a clip drive
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from workers.formats.bundle import FileBundle
from workers.formats.gltf import animation as gltf_animation
from workers.formats.gltf import mesh as gltf_mesh
from workers.formats.gltf.animation import FileClip
from workers.formats.gltf.animation_pointer import what_moves_instead
from workers.formats.gltf.bind import BindPose, Skin, find_bind_pose, read_skins
from workers.formats.gltf.document import GltfDocument, open_document
from workers.formats.gltf.fields import index
from workers.formats.gltf.joints import animated_nodes, find_joints
from workers.formats.gltf.nodes import NodeTree, read_nodes
from workers.formats.gltf.units import assume_units, longest_way
from workers.formats.gltf.vrm_humanoid import declared_roles
from workers.formats.limits import DEFAULT_LIMITS, Limits, check_limit
from workers.skeleton.model import Array, Clip, Indices, Mesh, Notice, Scene, Skeleton, Units


@dataclass(frozen=True, eq=False)
class GltfSource:
    """The read file behind a Scene: what its clips and its mesh are made from, and what a writer splices into."""

    document: GltfDocument
    tree: NodeTree
    skins: list[Skin]
    bind: BindPose
    clips: list[FileClip]
    units: Units
    deforming: NDArray[np.bool_]
    body_size_m: float

    def load_clip(self, number: int, rate_hz: float | None = None) -> Clip:
        clip = self.clips[number]
        return gltf_animation.sample_clip(
            self.document, self.tree, clip, rate_hz, self.units.document_factor, self.body_size_m
        )

    def poses(self, number: int, frames: Indices) -> tuple[Array, dict[int, Array]]:
        """Some frames of a clip, see `animation.sample_poses`."""
        return gltf_animation.sample_poses(
            self.document, self.tree, self.clips[number], frames, self.units.document_factor
        )

    def load_mesh(self) -> Mesh | None:
        return gltf_mesh.build_mesh(
            self.document, self.tree, self.skins, self.bind, self.deforming, self.units.document_factor
        )

    def clip_notices(self, number: int) -> tuple[Notice, ...]:
        return gltf_animation.clip_notices(self.document, self.tree, self.clips[number])


def read_gltf(bundle: FileBundle, limits: Limits = DEFAULT_LIMITS) -> Scene:
    """The scene of a GLB or glTF file. Raises InputErrors only; a file without joints gives an undeforming skeleton."""
    with _no_collection():
        return _read(bundle, limits)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Reading makes no cycles, and searching its thousands of small objects for some takes a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _read(bundle: FileBundle, limits: Limits) -> Scene:
    document = open_document(bundle, limits)
    skins = read_skins(document)
    tree = read_nodes(document, {int(node) for skin in skins for node in skin.joints})
    _check_references(document)
    gltf_mesh.check_meshes(document)
    clips = gltf_animation.list_clips(document, tree)
    joints = find_joints(document, tree, skins, clips)
    deforming = joints.deforming
    check_limit(int(deforming.sum()), limits.joints, "joints", bundle.name)
    bind = find_bind_pose(document, tree, skins)
    size = longest_way(tree.parents, bind.offsets, deforming)
    units, notices = assume_units(size)
    source = GltfSource(document, tree, skins, bind, clips, units, deforming, size * units.factor)
    skeleton = _skeleton(source)
    declared, vrm_notices = declared_roles(document.json, tree.position_of, skeleton)
    return Scene(
        format=document.format,
        skeleton=skeleton,
        rest_kind="bind" if bind.bound else "node",
        units=units,
        clips=tuple(clip.info() for clip in clips),
        load_clip=source.load_clip,
        load_mesh=source.load_mesh,
        skins=len(skins),
        meshes=len(document.meshes),
        notices=(*tree.notices, *bind.notices, *notices, *vrm_notices),
        document=source,
        extras={
            "clip_notices": partial(source.clip_notices),
            "declared_roles": declared,
            "skins": _skin_joints(source),
            "animated": animated_nodes(document, tree, clips),
            "mirrored": bool(np.mean(tree.mirrored[deforming]) > 0.5) if deforming.any() else False,
            "rigid_parts": joints.rigid_parts,
            "body_unsure": joints.unsure,
            "why_no_clip": None if clips else what_moves_instead(document.animations),
        },
    )


def _skin_joints(source: GltfSource) -> tuple[tuple[str, NDArray[np.int64]], ...]:
    return tuple(
        (
            str(source.document.skins[skin.number].get("name", "")),
            np.array([source.tree.position_of[int(node)] for node in skin.joints], dtype=np.int64),
        )
        for skin in source.skins
    )


def _skeleton(source: GltfSource) -> Skeleton:
    tree, factor = source.tree, source.units.factor
    return Skeleton(
        names=tree.names,
        parents=tree.parents,
        file_indices=tree.file_indices,
        node_offsets_m=tree.offsets * factor,
        node_rotations=tree.rotations,
        rest_offsets_m=source.bind.offsets * factor,
        rest_rotations=source.bind.rotations,
        deforming=source.deforming,
        translation_scale=tree.parent_scales * factor,
        end_site=np.zeros(len(tree), dtype=bool),
    )


def _check_references(document: GltfDocument) -> None:
    """Mesh, skin and camera of every node lie in range, also of nodes that the scene leaves out."""
    cameras = document.json.get("cameras")
    counts = {
        "mesh": len(document.meshes),
        "skin": len(document.skins),
        "camera": len(cameras) if isinstance(cameras, list) else 0,
    }
    for number, node in enumerate(document.nodes):
        for key in counts.keys() & node.keys():
            index(node, key, counts[key], f"/nodes/{number}")
