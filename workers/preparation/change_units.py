"""A scene in other units or with another axis up, and a mesh in another rest pose: plain changes of what was read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workers.formats.gltf.read import GltfSource
from workers.skeleton import kinematics, quat
from workers.skeleton.model import Array, Clip, Mesh, Scene, Skeleton, Units


def change_units(scene: Scene, ratio: float, turn: Array, units: Units) -> Scene:
    """All lengths times `ratio`, the roots turned by `turn` `(4,)`; clips and mesh likewise when they are loaded."""
    roots = scene.skeleton.parents < 0
    load_clip, load_mesh, document = scene.load_clip, scene.load_mesh, scene.document

    def turned(rotations: Array) -> Array:
        result = rotations.copy()
        result[..., roots, :] = quat.multiply(turn, result[..., roots, :])
        return result

    def clip(index: int, rate_hz: float | None) -> Clip:
        loaded = load_clip(index, rate_hz)
        moved = {
            joint: quat.rotate(turn, path * ratio) if roots[joint] else path * ratio
            for joint, path in loaded.translations_m.items()
        }
        return replace(loaded, rotations=quat.make_continuous(turned(loaded.rotations)), translations_m=moved)

    def mesh() -> Mesh | None:
        loaded = load_mesh()
        return None if loaded is None else replace(loaded, positions_m=quat.rotate(turn, loaded.positions_m * ratio))

    scaled = replace(
        scene.skeleton,
        node_offsets_m=scene.skeleton.node_offsets_m * ratio,
        rest_offsets_m=scene.skeleton.rest_offsets_m * ratio,
        translation_scale=scene.skeleton.translation_scale * ratio,
    )
    if isinstance(document, GltfSource):  # its writer goes back to the file's own unit
        document = replace(document, units=units, body_size_m=document.body_size_m * ratio)
    return replace(
        scene,
        units=units,
        document=document,
        load_clip=clip,
        load_mesh=mesh,
        skeleton=kinematics.with_roots_turned(scaled, turn),
    )


def posed(mesh: Mesh, skeleton: Skeleton, other: Skeleton) -> Mesh:
    """The mesh of `skeleton`'s rest pose in that of `other`, which has the same joints: linear blend skinning."""
    from_rotations, from_positions = kinematics.rest_world(skeleton)
    to_rotations, to_positions = kinematics.rest_world(other)
    turns = quat.multiply(to_rotations, quat.conjugate(from_rotations))
    result = np.zeros_like(mesh.positions_m)
    for column in range(mesh.joints.shape[1]):
        joints = mesh.joints[:, column]
        away = quat.rotate(turns[joints], mesh.positions_m - from_positions[joints])
        result += mesh.weights[:, column, None] * (away + to_positions[joints])
    return replace(mesh, positions_m=result)
