"""A standard as a rig: its joints in a body of our own proportions, in its usual rest pose, axes, unit and up axis.

Every joint that is no role moves with the nearest role above it; roles that a standard lacks leave their skin to the
nearest one above. So one clip means the same on all of them, and where their limbs point is known exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources
from itertools import pairwise

import numpy as np

from workers.lab.standards.convention import Convention, read_convention
from workers.lab.standards.places import place_joints
from workers.samples.body import SampleBody, build_body
from workers.samples.clips import make_clips
from workers.samples.glb import rig_to_glb
from workers.samples.poses import SampleMotion
from workers.samples.rig import Rig, RigStyle, frames_along, rest_turns, with_still
from workers.samples.shape import INDEX, PARENTS, ROLES, TALL, BodyShape
from workers.skeleton import quat
from workers.skeleton.model import Array

# Rest pose, axes along bones, unit and up axis as the standard's files usually have them.
STYLES: dict[str, RigStyle] = {
    "mixamo": RigStyle(bone_axes="bone_y", unit="cm"),
    "unreal4": RigStyle(rest_pose="A", bone_axes="bone_x", unit="cm", up_axis="Z"),
    "unreal5": RigStyle(rest_pose="A", bone_axes="bone_x", unit="cm", up_axis="Z"),
    "unity": RigStyle(),
    "vroid": RigStyle(),
    "rigify_def": RigStyle(rest_pose="A", bone_axes="bone_y"),
    "auto_rig_pro": RigStyle(rest_pose="A", bone_axes="bone_y", up_axis="Z"),
    "character_creator": RigStyle(rest_pose="A", bone_axes="bone_y", unit="cm"),
    "daz_genesis8": RigStyle(rest_pose="A", unit="cm"),
    "biped": RigStyle(bone_axes="bone_x", unit="cm", up_axis="Z"),
    "human_ik": RigStyle(unit="cm"),
    "makehuman": RigStyle(rest_pose="A", bone_axes="bone_y"),
    "smpl": RigStyle(),
    "smpl_x": RigStyle(),
    "rokoko": RigStyle(bone_axes="bone_y", unit="cm"),
    "xsens": RigStyle(unit="cm"),
    "perception_neuron": RigStyle(unit="cm"),
    "optitrack": RigStyle(),
    "mmd": RigStyle(rest_pose="A"),
    "roblox_r15": RigStyle(rest_pose="N"),
    "ready_player_me": RigStyle(bone_axes="bone_y"),
    "quaternius_men": RigStyle(bone_axes="bone_y", up_axis="Z"),
}
CLIPS = ("walk", "reach_overhead")


@dataclass(frozen=True, eq=False)
class Standard:
    """A convention with a body of its own."""

    convention: Convention
    rig: Rig

    @property
    def name(self) -> str:
        return self.convention.name

    @cached_property
    def motions(self) -> tuple[SampleMotion, ...]:
        """What this body does in CLIPS: feet stand where its own legs reach."""
        return tuple(clip for clip in make_clips(self.rig.body.shape) if clip.name in CLIPS)

    @cached_property
    def glb(self) -> bytes:
        """The character, its clips in it."""
        return rig_to_glb(self.rig, self.motions)

    def positions(self, motion: SampleMotion) -> Array:
        """Where all joints are in a clip `(frames, joints, 3)`, without reading any file."""
        return posed(self.rig, _t_joints(self.convention, self.rig.body), motion)


def standards() -> list[Standard]:
    folder = resources.files("workers.lab.standards") / "names"
    found = [read_convention(folder / f"{name}.json") for name in STYLES]
    return [make_standard(convention, number) for number, convention in enumerate(found)]


def make_standard(convention: Convention, number: int) -> Standard:
    """`number` chooses the proportions."""
    body = build_body(proportions(convention.name, number))
    style, role_of = STYLES[convention.name], convention.role_of
    joints, parents = _t_joints(convention, body), convention.parents
    takes: list[int] = []
    for joint, parent in enumerate(parents):
        role = role_of.get(joint)
        above = takes[parent] if parent >= 0 else -1
        takes.append(above if role is None else INDEX.get(role, INDEX["head"]))
    hips = convention.joints.index(convention.roles["hips"])
    turns = with_still(rest_turns(style))[takes]
    weights = _weights(convention, body)
    t_rig = Rig(
        body, style, convention.joints, parents, tuple(takes), hips,
        frames_along(joints, parents, _onward(convention), style.bone_axes), turns, joints,
        body.positions_m, body.normals, weights,
    )  # fmt: skip
    rest = SampleMotion("rest", 1.0, rest_turns(style)[None], joints[None, hips])
    placed = posed(t_rig, joints, rest)[0]
    moved = np.zeros_like(body.positions_m)
    for joint in map(int, np.flatnonzero(weights.any(axis=0))):
        local = quat.rotate(turns[joint], body.positions_m - joints[joint]) + placed[joint]
        moved += weights[:, joint, None] * local
    blended = np.einsum("vj,jab->vab", weights, quat.to_matrix(turns))
    normals = quat.unit(np.einsum("vab,vb->va", blended, body.normals))
    return Standard(convention, replace(t_rig, joints_m=placed, positions_m=moved, normals=normals))


def posed(rig: Rig, t_joints_m: Array, motion: SampleMotion) -> Array:
    """World positions of all joints `(frames, joints, 3)` of a rig that stands at `t_joints_m` in T pose."""
    turns = rig.of_all_joints(motion.turns)
    places = np.empty((*turns.shape[:-1], 3))
    for joint, parent in enumerate(rig.parents):
        if joint == rig.hips:
            places[:, joint] = motion.hips_m
        elif parent < 0:
            places[:, joint] = t_joints_m[joint]
        else:
            places[:, joint] = places[:, parent] + quat.rotate(turns[:, parent], t_joints_m[joint] - t_joints_m[parent])
    return places


def proportions(name: str, number: int) -> BodyShape:
    """A body of its own, the same in each run: a child's size to a tall one's, short and long limbs."""
    chance = np.random.default_rng(number)
    size, arms, legs, wide, head = chance.uniform((0.6, 0.88, 0.94, 0.9, 0.95), (1.1, 1.1, 1.03, 1.15, 1.25))

    def scaled(first: float, second: float, by: float = 1.0) -> tuple[float, float]:
        return size * by * first, size * by * second

    shape = TALL
    return replace(
        shape,
        name=name,
        height_m=size * shape.height_m,
        head_height_m=size * head * shape.head_height_m,
        head_width_m=size * head * shape.head_width_m,
        neck_length_m=size * shape.neck_length_m,
        neck_radius_m=size * shape.neck_radius_m,
        hip_height_m=size * legs * shape.hip_height_m,
        hip_spacing_m=size * wide * shape.hip_spacing_m,
        shoulder_spacing_m=size * wide * shape.shoulder_spacing_m,
        arm_length_m=size * arms * shape.arm_length_m,
        hand_length_m=size * shape.hand_length_m,
        foot_length_m=size * shape.foot_length_m,
        ankle_height_m=size * shape.ankle_height_m,
        chest_m=scaled(*shape.chest_m, by=wide),
        waist_m=scaled(*shape.waist_m, by=wide),
        pelvis_m=scaled(*shape.pelvis_m, by=wide),
        arm_radius_m=scaled(*shape.arm_radius_m),
        leg_radius_m=scaled(*shape.leg_radius_m),
    )


def _t_joints(convention: Convention, body: SampleBody) -> Array:
    places = {role: body.joints_m[INDEX[role]] for role in ROLES}
    unit = body.shape.head_height_m
    for side, sign in (("left", 1.0), ("right", -1.0)):
        places[f"{side}Eye"] = places["head"] + unit * np.array([sign * 0.13, 0.35, 0.36])
    places["jaw"] = places["head"] + unit * np.array([0.0, 0.1, 0.15])
    return place_joints(convention, places)


def _weights(convention: Convention, body: SampleBody) -> Array:
    """Weights `(vertices, joints)`: a role's skin on its joint, else on that of the nearest role above."""
    weights = np.zeros((len(body.positions_m), len(convention.joints)))
    for role in ROLES:
        holder: str | None = role
        while holder is not None and holder not in convention.roles:
            holder = PARENTS[holder]
        name = convention.roles[holder or "hips"]
        weights[:, convention.joints.index(name)] += body.weights[:, INDEX[role]]
    return weights


def _onward(convention: Convention) -> dict[int, int]:
    """Joint -> the joint that its bone leads to, where that is not its first child."""
    joint_of = {role: convention.joints.index(name) for role, name in convention.roles.items()}
    chains: Sequence[Sequence[str]] = (
        ("hips", "spine", "chest", "upperChest", "neck", "head"),
        *(
            tuple(f"{side}{part}" for part in parts)
            for side in ("left", "right")
            for parts in (
                ("Shoulder", "UpperArm", "LowerArm", "Hand", "MiddleProximal"),
                ("UpperLeg", "LowerLeg", "Foot", "Toes"),
            )
        ),
    )
    onward: dict[int, int] = {}
    for chain in chains:
        present = [joint_of[role] for role in chain if role in joint_of]
        onward |= dict(pairwise(present))
    return onward
