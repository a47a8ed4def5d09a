"""GLB files of sample characters: armature, joints, one skin, one mesh with a primitive a material, clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pygltflib import (
    ARRAY_BUFFER,
    ELEMENT_ARRAY_BUFFER,
    FLOAT,
    GLTF2,
    UNSIGNED_BYTE,
    UNSIGNED_SHORT,
    Accessor,
    Animation,
    AnimationChannel,
    AnimationChannelTarget,
    AnimationSampler,
    Asset,
    Attributes,
    Buffer,
    BufferView,
    Material,
    Mesh,
    Node,
    PbrMetallicRoughness,
    Primitive,
    Scene,
    Skin,
)

from workers.samples.body import MATERIALS, build_body
from workers.samples.poses import SampleMotion
from workers.samples.rig import Rig, RigStyle, build_rig
from workers.samples.shape import BodyShape
from workers.skeleton import quat
from workers.skeleton.model import Array

COMPONENTS = {np.dtype(np.float32): FLOAT, np.dtype(np.uint16): UNSIGNED_SHORT, np.dtype(np.uint8): UNSIGNED_BYTE}


@dataclass(frozen=True)
class Armature:
    """The node above the joints: `turn` and `scale` take the data's space to the world."""

    turn: Array
    scale: float

    def into(self, points_m: Array) -> Array:
        """World metres to the space below the armature."""
        return quat.rotate(quat.conjugate(self.turn), points_m) / self.scale


def armature_of(style: RigStyle) -> Armature:
    quarter = quat.from_axis_angle(np.array([1.0, 0.0, 0.0]), -0.5 * np.pi)
    return Armature(quarter if style.up_axis == "Z" else quat.identity(), 0.01 if style.unit == "cm" else 1.0)


class _Buffer:
    """Accessors appended to one binary chunk, each in its own four-byte aligned view."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[BufferView] = []
        self.accessors: list[Accessor] = []

    def add(self, values: NDArray[np.generic], kind: str, target: int | None = None, bounds: bool = False) -> int:
        values = np.ascontiguousarray(values)
        self.data += bytes(-len(self.data) % 4)
        raw = values.tobytes()
        self.views.append(BufferView(buffer=0, byteOffset=len(self.data), byteLength=len(raw), target=target))
        self.data += raw
        flat = values.reshape(len(values), -1)
        self.accessors.append(
            Accessor(
                bufferView=len(self.views) - 1,
                componentType=COMPONENTS[values.dtype],
                count=len(values),
                type=kind,
                min=flat.min(axis=0).tolist() if bounds else None,
                max=flat.max(axis=0).tolist() if bounds else None,
            )
        )
        return len(self.accessors) - 1


def make_character(shape: BodyShape, style: RigStyle | None = None, motions: Sequence[SampleMotion] = ()) -> bytes:
    """GLB of a body in a rig style (default: T pose, metres, Y up), with motions made on the same shape as clips."""
    rig = build_rig(build_body(shape), style or RigStyle())
    return rig_to_glb(rig, motions)


def rig_to_glb(rig: Rig, motions: Sequence[SampleMotion] = ()) -> bytes:
    """Node 0 is the armature, node 1 + j is joint j, the last node the mesh, at the root of the scene."""
    armature, buffer = armature_of(rig.style), _Buffer()
    count = len(rig.names)
    joints = armature.into(rig.joints_m)
    world = quat.multiply(quat.conjugate(armature.turn), quat.multiply(rig.turns, rig.frames))
    document = GLTF2(
        asset=Asset(version="2.0", generator="motion-retargeting-service samples"),
        scene=0,
        scenes=[Scene(name="Scene", nodes=[0, count + 1])],
        nodes=[
            _armature_node(armature),
            *_joint_nodes(rig, joints, world),
            Node(name=rig.body.shape.name + "_body", mesh=0, skin=0),
        ],
        materials=[_material(name) for name in MATERIALS],
        meshes=[_mesh(rig, armature, buffer)],
        skins=[_skin(joints, world, buffer)],
        animations=[_animation(rig, armature, motion, buffer) for motion in motions],
    )
    document.accessors, document.bufferViews = buffer.accessors, buffer.views
    buffer.data += bytes(-len(buffer.data) % 4)
    document.buffers = [Buffer(byteLength=len(buffer.data))]
    document.set_binary_blob(bytes(buffer.data))
    return b"".join(document.save_to_bytes())


def _armature_node(armature: Armature) -> Node:
    return Node(name="Armature", rotation=armature.turn.tolist(), scale=[armature.scale] * 3, children=[1])


def _joint_nodes(rig: Rig, joints: Array, world: Array) -> list[Node]:
    nodes = []
    for joint, (name, parent) in enumerate(zip(rig.names, rig.parents, strict=True)):
        back = quat.conjugate(world[parent]) if parent >= 0 else quat.identity()
        offset = joints[joint] - (joints[parent] if parent >= 0 else 0.0)
        children = [1 + child for child, its_parent in enumerate(rig.parents) if its_parent == joint]
        nodes.append(
            Node(
                name=name,
                translation=quat.rotate(back, offset).tolist(),
                # Rounding may leave a component a hair above 1, which a strict reader refuses.
                rotation=np.clip(quat.normalize(quat.multiply(back, world[joint])), -1.0, 1.0).tolist(),
                children=children or None,
            )
        )
    return nodes


def _material(name: str) -> Material:
    return Material(
        name=name,
        pbrMetallicRoughness=PbrMetallicRoughness(
            baseColorFactor=[*MATERIALS[name], 1.0], metallicFactor=0.0, roughnessFactor=0.8
        ),
        alphaCutoff=None,
    )


def _mesh(rig: Rig, armature: Armature, buffer: _Buffer) -> Mesh:
    """The surface in the space below the armature, one set of vertices shared by all primitives."""
    order = np.argsort(-rig.weights, axis=1, kind="stable")[:, :4]
    weights = np.take_along_axis(rig.weights, order, axis=1)
    joints = np.where(weights > 0.0, order, 0).astype(np.uint8)
    weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    normals = quat.rotate(quat.conjugate(armature.turn), rig.normals)
    attributes = Attributes(
        POSITION=buffer.add(armature.into(rig.positions_m).astype(np.float32), "VEC3", ARRAY_BUFFER, bounds=True),
        NORMAL=buffer.add(normals.astype(np.float32), "VEC3", ARRAY_BUFFER),
        JOINTS_0=buffer.add(joints, "VEC4", ARRAY_BUFFER),
        WEIGHTS_0=buffer.add(weights, "VEC4", ARRAY_BUFFER),
    )
    primitives = []
    for material in range(len(MATERIALS)):
        corners = rig.body.faces[rig.body.materials == material].astype(np.uint16).reshape(-1)
        indices = buffer.add(corners, "SCALAR", ELEMENT_ARRAY_BUFFER)
        primitives.append(Primitive(attributes=attributes, indices=indices, material=material))
    return Mesh(name=rig.body.shape.name + "_body", primitives=primitives)


def _skin(joints: Array, world: Array, buffer: _Buffer) -> Skin:
    inverse = np.zeros((len(joints), 4, 4))
    turn = quat.to_matrix(quat.conjugate(world))
    inverse[:, :3, :3] = turn
    inverse[:, :3, 3] = -np.einsum("jab,jb->ja", turn, joints)
    inverse[:, 3, 3] = 1.0
    # glTF stores matrices by columns.
    accessor = buffer.add(inverse.transpose(0, 2, 1).reshape(-1, 16).astype(np.float32), "MAT4")
    return Skin(inverseBindMatrices=accessor, joints=list(range(1, 1 + len(joints))), skeleton=1)


def _animation(rig: Rig, armature: Armature, motion: SampleMotion, buffer: _Buffer) -> Animation:
    """Rotation of every joint and translation of the hips, linear, one key a frame."""
    world = quat.multiply(rig.of_all_joints(motion.turns), rig.frames)
    world = quat.multiply(quat.conjugate(armature.turn), world)
    times = buffer.add((np.arange(len(world)) / motion.rate_hz).astype(np.float32), "SCALAR", bounds=True)
    tracks = [(rig.hips, "translation", _hips_track(rig, armature, world, motion.hips_m), "VEC3")]
    for joint, parent in enumerate(rig.parents):
        local = world[:, joint] if parent < 0 else quat.multiply(quat.conjugate(world[:, parent]), world[:, joint])
        tracks.append((joint, "rotation", quat.make_continuous(local), "VEC4"))
    samplers, channels = [], []
    for index, (joint, path, values, kind) in enumerate(tracks):
        output = buffer.add(values.astype(np.float32), kind)
        samplers.append(AnimationSampler(input=times, output=output, interpolation="LINEAR"))
        channels.append(AnimationChannel(sampler=index, target=AnimationChannelTarget(node=1 + joint, path=path)))
    return Animation(name=motion.name, samplers=samplers, channels=channels)


def _hips_track(rig: Rig, armature: Armature, world: Array, hips_m: Array) -> Array:
    """The place of the hips `(frames, 3)` from their parent, which stays where it is."""
    parent = rig.parents[rig.hips]
    if parent < 0:
        return armature.into(hips_m)
    offset = armature.into(hips_m) - armature.into(rig.joints_m)[parent]
    return quat.rotate(quat.conjugate(world[:, parent]), offset)
