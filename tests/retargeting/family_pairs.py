"""Characters of one family: the same joints and joint axes on bodies of other proportions, bound and resting apart.

In a tool a skin is bound in one pose and the file is saved in another. `family_member` makes such a file: `bind` is
the pose in which the skin is bound, `nodes` the one in which the nodes stand, both as turns away from T `(52, 4)`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workers.contract.roles import FINGERS, finger_roles
from workers.formats.gltf.container import join_container, split_container
from workers.formats.limits import DEFAULT_LIMITS
from workers.samples.body import build_body
from workers.samples.glb import rig_to_glb
from workers.samples.poses import SampleMotion
from workers.samples.rig import Rig, RigStyle, arm_roles, bone_frames, joint_name, world_joints
from workers.samples.shape import INDEX, PARENT_INDICES, ROLES, BodyShape
from workers.skeleton import quat
from workers.skeleton.model import Array

X, Y, Z = np.eye(3)
T_POSE = quat.identity(len(ROLES))


@dataclass(frozen=True)
class Stand:
    """A standing pose as angles in degrees away from T, alike on both sides: arms down and forward, elbows bent
    forward, hands bent down and rolled, fingers curled, legs apart, feet turned out.
    """

    arm_down: float = 0.0
    arm_forward: float = 0.0
    elbow: float = 0.0
    hand_down: float = 0.0
    hand_roll: float = 0.0
    curl: float = 0.0
    legs_apart: float = 0.0
    feet_out: float = 0.0

    def turns(self) -> Array:
        """World turns away from T `(52, 4)`."""
        turns = quat.identity(len(ROLES))
        for side, sign in (("left", 1.0), ("right", -1.0)):
            arm = quat.multiply(_about(Y, -sign * self.arm_forward), _about(Z, -sign * self.arm_down))
            lower = quat.multiply(arm, _about(Y, -sign * self.elbow))
            hand = quat.multiply(lower, quat.multiply(_about(X, self.hand_roll), _about(Z, -sign * self.hand_down)))
            for role in arm_roles(side):
                turns[INDEX[role]] = hand
            turns[INDEX[f"{side}UpperArm"]], turns[INDEX[f"{side}LowerArm"]] = arm, lower
            for finger in FINGERS[1:]:
                for number, role in enumerate(finger_roles(side, finger)):
                    turns[INDEX[role]] = quat.multiply(hand, _about(Z, -sign * self.curl * (number + 1)))
            leg = _about(Z, sign * self.legs_apart)
            foot = _about(Y, sign * self.feet_out)
            for part, turn in (("UpperLeg", leg), ("LowerLeg", leg), ("Foot", foot), ("Toes", foot)):
                turns[INDEX[f"{side}{part}"]] = turn
        return turns


def _about(axis: Array, degrees: float) -> Array:
    return quat.from_axis_angle(axis, np.radians(degrees))


def family_member(
    shape: BodyShape,
    bind: Array,
    nodes: Array,
    motions: Sequence[SampleMotion] = (),
    style: RigStyle | None = None,
    frames: Array | None = None,
) -> bytes:
    """GLB of a body with its joint axes `frames` (world rotations in T `(52, 4)`, by default the style's)."""
    return _nodes_posed(
        rig_to_glb(_rig(shape, bind, style or RigStyle(), frames), motions), shape, nodes, style, frames
    )


def _rig(shape: BodyShape, bind: Array, style: RigStyle, frames: Array | None) -> Rig:
    body = build_body(shape)
    axes = bone_frames(body, style.bone_axes) if frames is None else frames
    joints = world_joints(body.joints_m, bind, body.joints_m[INDEX["hips"]])
    blended = np.einsum("vj,jab->vab", body.weights, quat.to_matrix(bind))
    return Rig(
        body,
        style,
        tuple(joint_name(role, style.names) for role in ROLES),
        PARENT_INDICES,
        tuple(range(len(ROLES))),
        0,
        axes,
        bind,
        joints,
        body.skinned(bind, joints),
        quat.unit(np.einsum("vab,vb->va", blended, body.normals)),
        body.weights,
    )


def _nodes_posed(data: bytes, shape: BodyShape, nodes: Array, style: RigStyle | None, frames: Array | None) -> bytes:
    """The file with its joints' nodes in another pose; their translations hold in any."""
    axes = bone_frames(build_body(shape), (style or RigStyle()).bone_axes) if frames is None else frames
    container = split_container(data, "made.glb", DEFAULT_LIMITS)
    document = json.loads(json.dumps(container.json))
    world = quat.multiply(nodes, axes)
    for joint, parent in enumerate(PARENT_INDICES):
        back = quat.conjugate(world[parent]) if parent >= 0 else quat.IDENTITY
        rotation = quat.normalize(quat.multiply(back, world[joint]))
        document["nodes"][1 + joint]["rotation"] = np.clip(rotation, -1.0, 1.0).tolist()
    assert container.binary is not None
    return join_container(document, container.binary)


def shared_frames(shape: BodyShape) -> Array:
    """Axes along the bones of one body, to be given to all bodies of a family, `(52, 4)`."""
    return bone_frames(build_body(shape), "bone_y")


# Deep A poses that differ by 10 to 20 degrees in every limb.
BIND_A = Stand(40.0, 5.0, 12.0, 5.0, 15.0, 10.0, 3.0, 5.0).turns()
BIND_B = Stand(57.0, 12.0, 25.0, -8.0, -5.0, 22.0, 8.0, 14.0).turns()
