"""Sample bodies on other skeletons: joints renamed, hung elsewhere, doubled or added, as characters and as motions.

A `Joint` stands with a role of the sample body: it rests where that role's joint does (or at `place`) and moves
rigidly with it in a clip. Which joint holds a role's skin is free, so is what hangs below what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from tests.gltf_builder import GltfBuilder, matrix
from workers.formats.bundle import FileBundle
from workers.formats.bvh.write import write_bvh
from workers.formats.read import read_scene
from workers.samples.body import MATERIALS, SampleBody, build_body
from workers.samples.clips import make_clips
from workers.samples.poses import SampleMotion
from workers.samples.rig import world_joints
from workers.samples.shape import INDEX, PARENTS, ROLES, STOUT, BodyShape
from workers.skeleton import kinematics, quat
from workers.skeleton.model import Array, Indices, Scene

SLAB_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 7, 5], [4, 6, 7], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
     [1, 5, 7], [1, 7, 3]]
)  # fmt: skip


@dataclass(frozen=True)
class Joint:
    """`role` None: a joint that stays. `axes` is its own rotation in T pose, `place` its world position there."""

    name: str
    parent: str | None
    role: str | None
    place: tuple[float, float, float] | None = None
    axes: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)
    skinned: bool = True  # listed as a joint of the skin


@dataclass(frozen=True, eq=False)
class RebuiltRig:
    """`holders`: role -> name of the joint that holds its skin; `parts`: material -> joint that holds its vertices;
    `slab`: a joint and where a slab of skin that it holds lies, 0.4 m wide and 2 cm thick.
    """

    body: SampleBody
    joints: tuple[Joint, ...]
    holders: Mapping[str, str]
    parts: Mapping[str, str]
    slab: tuple[str, tuple[float, float, float]] | None = None

    @property
    def names(self) -> list[str]:
        return [joint.name for joint in self.joints]

    def with_joints(self, *more: Joint, holders: Mapping[str, str] | None = None) -> RebuiltRig:
        return replace(self, joints=(*self.joints, *more), holders={**self.holders, **(holders or {})})

    def hung(self, parents: Mapping[str, str | None]) -> RebuiltRig:
        """With other parents, the order mended."""
        joints = {j.name: replace(j, parent=parents.get(j.name, j.parent)) for j in self.joints}
        order: dict[str, Joint] = {}

        def put(joint: Joint) -> None:
            if joint.name not in order:
                if joint.parent is not None:
                    put(joints[joint.parent])
                order[joint.name] = joint

        for joint in joints.values():
            put(joint)
        return replace(self, joints=tuple(order.values()))

    def renamed(self, name: Callable[[str], str]) -> RebuiltRig:
        return replace(
            self,
            joints=tuple(
                replace(j, name=name(j.name), parent=None if j.parent is None else name(j.parent)) for j in self.joints
            ),
            holders={role: name(holder) for role, holder in self.holders.items()},
            parts={material: name(holder) for material, holder in self.parts.items()},
        )

    def places(self) -> Array:
        """World positions in T pose `(joints, 3)`."""
        return np.array([self._place(joint) for joint in self.joints])

    def _place(self, joint: Joint) -> Array:
        if joint.place is not None:
            return np.array(joint.place)
        return np.zeros(3) if joint.role is None else self.body.joints_m[INDEX[joint.role]]

    def posed(self, motion: SampleMotion) -> tuple[Array, Array]:
        """World rotations `(frames, joints, 4)` and positions `(frames, joints, 3)` of a clip."""
        where = world_joints(self.body.joints_m, motion.turns, motion.hips_m)
        frames = len(where)
        rotations, positions = np.zeros((frames, len(self.joints), 4)), np.zeros((frames, len(self.joints), 3))
        for number, joint in enumerate(self.joints):
            turn, start, from_place = quat.identity(frames), np.zeros((frames, 3)), np.zeros(3)
            if joint.role is not None:
                turn, start = motion.turns[:, INDEX[joint.role]], where[:, INDEX[joint.role]]
                from_place = self.body.joints_m[INDEX[joint.role]]
            rotations[:, number] = quat.multiply(turn, np.array(joint.axes))
            positions[:, number] = start + quat.rotate(turn, self._place(joint) - from_place)
        return rotations, positions

    def surface(self) -> tuple[Array, Indices]:
        """Positions `(vertices, 3)` in T pose and faces `(faces, 3)`."""
        if self.slab is None:
            return self.body.positions_m, self.body.faces
        corners = np.array([[x, y, z] for x in (-0.2, 0.2) for y in (0.0, 0.02) for z in (-0.2, 0.2)])
        faces = SLAB_FACES + len(self.body.positions_m)
        return np.concatenate([self.body.positions_m, corners + self.slab[1]]), np.concatenate([self.body.faces, faces])

    def weights(self) -> tuple[Indices, Array]:
        """Four holders and weights of each vertex `(vertices, 4)`, numbers of the joints."""
        count = len(self.body.positions_m)
        dense = np.zeros((len(self.surface()[0]), len(self.joints)))
        for role in ROLES:
            dense[:count, self.names.index(self.holders[role])] += self.body.weights[:, INDEX[role]]
        if self.slab is not None:
            dense[count:, self.names.index(self.slab[0])] = 1.0
        for material, holder in self.parts.items():
            chosen = np.unique(self.body.faces[self.body.materials == list(MATERIALS).index(material)])
            dense[chosen] = 0.0
            dense[chosen, self.names.index(holder)] = 1.0
        order = np.argsort(-dense, axis=1, kind="stable")[:, :4]
        values = np.take_along_axis(dense, order, axis=1)
        return order, values / values.sum(axis=1, keepdims=True)


@cache
def plain_rig(shape: BodyShape = STOUT) -> RebuiltRig:
    """The sample body on its own skeleton."""
    joints = tuple(Joint(role, parent, role) for role, parent in PARENTS.items())
    return RebuiltRig(build_body(shape), joints, {role: role for role in ROLES}, {})


def walk_of(shape: BodyShape = STOUT) -> SampleMotion:
    return next(motion for motion in make_clips(shape) if motion.name == "walk")


def rig_bundle(
    rig: RebuiltRig, posed: tuple[Array, Array] | None = None, rate_hz: float = 30.0, name: str = "rebuilt.glb"
) -> FileBundle:
    """The rig as GLB, with a clip where world rotations and positions are given: every joint has both keyed."""
    builder = GltfBuilder()
    names, places = rig.names, rig.places()
    axes = np.array([joint.axes for joint in rig.joints])
    parents = [-1 if joint.parent is None else names.index(joint.parent) for joint in rig.joints]
    armature = builder.node(name="Armature")
    builder.document["scenes"], builder.document["scene"] = [{"nodes": [armature]}], 0
    turns, offsets = _local(parents, axes[None], places[None])
    nodes: list[int] = []
    for number, joint in enumerate(rig.joints):
        above = armature if parents[number] < 0 else nodes[parents[number]]
        fields = {"translation": offsets[0, number].tolist(), "rotation": turns[0, number].tolist()}
        nodes.append(builder.node(above, name=joint.name, **fields))
    listed = [number for number, joint in enumerate(rig.joints) if joint.skinned]
    inverse = np.array([np.linalg.inv(matrix(places[number], axes[number])) for number in listed])
    skin = builder.skin([nodes[number] for number in listed], inverse)
    holders, weights = rig.weights()
    slots = np.array([listed.index(number) if number in listed else 0 for number in range(len(names))])
    attributes = {
        "JOINTS_0": builder.accessor(slots[holders], "VEC4", "u2"),
        "WEIGHTS_0": builder.accessor(weights, "VEC4"),
    }
    surface, triangles = rig.surface()
    faces = builder.accessor(triangles.reshape(-1), "SCALAR", "u4")
    mesh = builder.mesh(surface, indices=faces, attributes=attributes)
    builder.document["scenes"][0]["nodes"].append(builder.node(name="skin", mesh=mesh, skin=skin))
    if posed is not None:
        turns, offsets = _local(parents, *posed)
        times = np.arange(len(turns)) / rate_hz
        channels = [(nodes[j], "rotation", times, turns[:, j]) for j in range(len(names))]
        channels += [(nodes[j], "translation", times, offsets[:, j]) for j in range(len(names))]
        builder.animation(*channels, name="clip")
    return FileBundle(name, builder.glb())


def bvh_bundle(motion: FileBundle, name: str = "rebuilt.bvh") -> FileBundle:
    """A GLB's clip as BVH: no skin, so names and geometry are all there is."""
    scene = read_scene(motion)
    return FileBundle(name, write_bvh(scene.skeleton, scene.load_clip(0, None)))


def result_world(data: bytes, name: str = "result.glb") -> tuple[Scene, Array, Array]:
    """The last clip of a file: scene, world rotations and positions."""
    scene = read_scene(FileBundle(name, data))
    rotations, positions = kinematics.clip_world(scene.skeleton, scene.load_clip(len(scene.clips) - 1, None))
    return scene, rotations, positions


def skinned(scene: Scene, rotations: Array, positions: Array) -> Array:
    """Vertices `(frames, vertices, 3)` of a scene's mesh, by linear blend skinning."""
    mesh = scene.load_mesh()
    assert mesh is not None
    rest_rotations, rest_positions = kinematics.rest_world(scene.skeleton)
    away = quat.multiply(rotations, quat.conjugate(rest_rotations))
    result = np.zeros((len(rotations), *mesh.positions_m.shape))
    for column in range(mesh.joints.shape[1]):
        joints = mesh.joints[:, column]
        moved = quat.rotate(away[:, joints], mesh.positions_m - rest_positions[joints]) + positions[:, joints]
        result += mesh.weights[:, column, None] * moved
    return result


def distances(scene: Scene, positions: Array, pairs: Sequence[tuple[str, str]]) -> Array:
    """Distances `(frames, pairs)` between joints by name."""
    names = list(scene.skeleton.names)
    ends = [(names.index(a), names.index(b)) for a, b in pairs]
    return np.stack([np.linalg.norm(positions[:, a] - positions[:, b], axis=-1) for a, b in ends], axis=1)


def _local(parents: list[int], rotations: Array, positions: Array) -> tuple[Array, Array]:
    turns, offsets = rotations.copy(), positions.copy()
    for joint, parent in enumerate(parents):
        if parent >= 0:
            back = quat.conjugate(rotations[:, parent])
            turns[:, joint] = quat.multiply(back, rotations[:, joint])
            offsets[:, joint] = quat.rotate(back, positions[:, joint] - positions[:, parent])
    return turns, offsets
