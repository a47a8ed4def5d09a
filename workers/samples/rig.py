"""RigStyle: the ways to export one body. Rest pose, arm twist, bone axes, units, up axis, names, extra twist joints.

The surface and the joints are the same in every style: the T pose is posed by its own skin into the wanted rest pose
and bound there again. A vertex that hangs on one joint then moves identically in every style; one that is shared
between joints which the rest pose turned against each other differs a little, as it must with linear blend skinning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from workers.contract.roles import ARM, FINGERS, SIDES, finger_roles
from workers.samples.body import SampleBody
from workers.samples.shape import INDEX, PARENT_INDICES, ROLES
from workers.skeleton import quat
from workers.skeleton.model import Array

X, Y, Z = np.eye(3)
REST_ARM_DOWN_DEG = {"T": 0.0, "A": 45.0, "N": 78.0}
TWIST_PARENTS = tuple(f"{side}{part}" for side in SIDES for part in ("UpperArm", "LowerArm"))
MIXAMO_PARTS = {
    "hips": "Hips", "spine": "Spine", "chest": "Spine1", "upperChest": "Spine2", "neck": "Neck", "head": "Head",
    "Shoulder": "Shoulder", "UpperArm": "Arm", "LowerArm": "ForeArm", "Hand": "Hand",
    "UpperLeg": "UpLeg", "LowerLeg": "Leg", "Foot": "Foot", "Toes": "ToeBase", "Little": "Pinky",
}  # fmt: skip


@dataclass(frozen=True)
class RigStyle:
    """How a body is exported. `rest_pose` turns the arms down; `arm_twist_deg` turns each whole arm about its own axis.

    `bone_axes`: `world` leaves every joint's axes parallel to the world in T pose, `bone_y` and `bone_x` point that
    axis along the bone. `unit` cm is an armature node with scale 0.01, `up_axis` Z one with a quarter turn; the data
    below it is in centimetres and Z up. `names`: VRM roles, Mixamo's, `upper_arm.L` style, or bare numbers.
    """

    rest_pose: Literal["T", "A", "N"] = "T"
    arm_twist_deg: float = 0.0
    bone_axes: Literal["world", "bone_y", "bone_x"] = "world"
    unit: Literal["m", "cm"] = "m"
    up_axis: Literal["Y", "Z"] = "Y"
    names: Literal["roles", "mixamo", "suffixed", "numbered"] = "roles"
    twist_joints: bool = False


@dataclass(frozen=True, eq=False)
class Rig:
    """A body in one style, in world metres: the rest pose with its surface, ready to be written.

    `takes` are the ROLES that the joints turn with, -1 for a joint that stays; `hips` is the joint that travels.
    `frames` are the joints' own axes in T pose as world rotations `(joints, 4)`; `turns` the rest pose's world
    rotations away from T; `joints_m` its positions.
    """

    body: SampleBody
    style: RigStyle
    names: tuple[str, ...]
    parents: tuple[int, ...]
    takes: tuple[int, ...]
    hips: int
    frames: Array
    turns: Array
    joints_m: Array
    positions_m: Array
    normals: Array
    weights: Array

    def of_all_joints(self, turns: Array) -> Array:
        """Turns of ROLES `(..., 52, 4)` for all joints `(..., joints, 4)`."""
        return with_still(turns)[..., list(self.takes), :]


def with_still(turns: Array) -> Array:
    """Turns of ROLES `(..., 52, 4)` and behind them, at -1, no turn."""
    return np.concatenate([turns, quat.identity(*turns.shape[:-2], 1)], axis=-2)


def world_joints(t_joints_m: Array, turns: Array, hips_m: Array) -> Array:
    """Positions `(..., joints, 3)` for world rotations away from T `(..., 52, 4)` and hips at `(..., 3)`."""
    place = np.empty((*turns.shape[:-1], 3))
    for joint, parent in enumerate(PARENT_INDICES):
        if parent < 0:
            place[..., joint, :] = hips_m
        else:
            bone = t_joints_m[joint] - t_joints_m[parent]
            place[..., joint, :] = place[..., parent, :] + quat.rotate(turns[..., parent, :], bone)
    return place


def arm_roles(side: str) -> tuple[str, ...]:
    """Upper arm and all that hangs on it."""
    fingers = (role for finger in FINGERS for role in finger_roles(side, finger))
    return (*(f"{side}{part}" for part in ARM[1:]), *fingers)


def rest_turns(style: RigStyle) -> Array:
    """World rotations away from T of the rest pose, `(52, 4)`."""
    turns = quat.identity(len(ROLES))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        down = quat.from_axis_angle(Z, -sign * np.radians(REST_ARM_DOWN_DEG[style.rest_pose]))
        twist = quat.from_axis_angle(X, np.radians(style.arm_twist_deg))
        for role in arm_roles(side):
            turns[INDEX[role]] = quat.multiply(down, twist)
    return turns


def bone_frames(body: SampleBody, axes: str) -> Array:
    """World orientation of each joint's own axes in T pose, `(52, 4)`; a leaf takes its parent's direction."""
    onward = {"hips": "spine", "upperChest": "neck", **{f"{s}Hand": f"{s}MiddleProximal" for s in SIDES}}
    to = {INDEX[role]: INDEX[child] for role, child in onward.items()}
    return frames_along(body.joints_m, PARENT_INDICES, to, axes)


def frames_along(joints_m: Array, parents: Sequence[int], onward: Mapping[int, int], axes: str) -> Array:
    """Axes `(joints, 4)` of joints at `(joints, 3)`, parents first, along the bones to the joints `onward`, else to
    their first child, else as their parent's.
    """
    if axes == "world":
        return quat.identity(len(joints_m))
    directions = np.zeros((len(joints_m), 3))
    for joint, parent in enumerate(parents):
        children = [child for child, its_parent in enumerate(parents) if its_parent == joint]
        child = onward.get(joint, children[0] if children else None)
        bone = np.zeros(3) if child is None else joints_m[child] - joints_m[joint]
        if np.linalg.norm(bone) > 1e-6:
            directions[joint] = quat.unit(bone)
        else:
            directions[joint] = directions[parent] if parent >= 0 else Y
    # Some direction across the bone: forward where the bone is not forward itself, else up.
    across = np.where((np.abs(directions @ Z) < 0.8)[:, None], Z, Y)
    along_x = quat.frame(directions, across)
    if axes == "bone_x":
        return along_x
    return quat.multiply(along_x, quat.from_axis_angle(Z, -0.5 * np.pi))


def joint_name(role: str, names: str) -> str:
    """A role's name in a naming style."""
    side = next((side for side in SIDES if role.startswith(side)), "")
    part = role[len(side) :]
    if names == "roles":
        return role
    if names == "numbered":
        return f"joint_{INDEX[role]:02d}"
    finger = next((finger for finger in FINGERS if part.startswith(finger)), None)
    if names == "mixamo":
        if finger is not None:
            digit = finger_roles(side, finger).index(role) + 1
            return f"mixamorig:{side.title()}Hand{MIXAMO_PARTS.get(finger, finger)}{digit}"
        return f"mixamorig:{side.title()}{MIXAMO_PARTS[part]}"
    words = "".join("_" + letter.lower() if letter.isupper() else letter for letter in part).lstrip("_")
    return f"{words}.{side[0].upper()}" if side else words


def build_rig(body: SampleBody, style: RigStyle) -> Rig:
    """The body exported in a style."""
    frames, turns, weights = bone_frames(body, style.bone_axes), rest_turns(style), body.weights
    joints = world_joints(body.joints_m, turns, body.joints_m[INDEX["hips"]])
    names = [joint_name(role, style.names) for role in ROLES]
    parents, takes = list(PARENT_INDICES), list(range(len(ROLES)))
    positions = body.skinned(turns, joints)
    blended = np.einsum("vj,jab->vab", weights, quat.to_matrix(turns))
    normals = quat.unit(np.einsum("vab,vb->va", blended, body.normals))
    if style.twist_joints:
        for role in TWIST_PARENTS:
            joint = INDEX[role]
            child = PARENT_INDICES.index(joint)
            # Half of the segment hangs on the twist joint, blended around its place in T pose: of the lower arm the
            # half that rolls with the hand, of the upper arm the one that stays with the shoulder.
            share = (body.positions_m - body.joints_m[joint]) @ quat.unit(body.joints_m[child] - body.joints_m[joint])
            share = np.clip(4.0 * (share / np.linalg.norm(body.joints_m[child] - body.joints_m[joint]) - 0.4), 0.0, 1.0)
            moved = weights[:, joint] * (1.0 - share if role.endswith("UpperArm") else share)
            weights = np.column_stack([weights, moved])
            weights[:, joint] -= moved
            parents.append(joint)
            takes.append(joint)
            names.append(
                f"joint_{len(names):02d}" if style.names == "numbered" else joint_name(role, style.names) + "Twist"
            )
            joints = np.concatenate([joints, [0.5 * (joints[joint] + joints[child])]])
            frames, turns = np.concatenate([frames, [frames[joint]]]), np.concatenate([turns, [turns[joint]]])
    return Rig(
        body, style, tuple(names), tuple(parents), tuple(takes), 0, frames, turns, joints, positions, normals, weights
    )
