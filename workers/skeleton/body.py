"""Body: a mapped skeleton with the measures that retargeting, contacts and scores share.

Measured once per skeleton from its rest pose (see `Skeleton`) and, where there is one, its mesh. The *canonical* space
is the body's own: Y up, facing +Z; `facing` turns canonical directions into the rest pose's world. Lengths along bones
do not depend on the pose, so `leg_length_m` and, without a mesh, `height_m` are sums of bone lengths.
Which pose counts as rest is left to `workers.skeleton.rest.rest_pose`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from workers.contract.roles import SIDES
from workers.skeleton import kinematics, quat
from workers.skeleton.finger_chains import Finger, find_finger_chains
from workers.skeleton.followers import Followers, find_followers, own_joints
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Array, Indices, Mask, Mesh, Skeleton
from workers.skeleton.seat import Seat, seat_of_joints, seat_of_mesh
from workers.skeleton.soles import FOOT_ROLES as FOOT_ROLES
from workers.skeleton.soles import Soles, soles_from_joints, soles_from_mesh
from workers.skeleton.twist_joints import TwistJoint, measure_twists

UP: Array = np.array([0.0, 1.0, 0.0])
FORWARD: Array = np.array([0.0, 0.0, 1.0])
LEFT: Array = np.array([1.0, 0.0, 0.0])

# Where only joints are known: the crown is above the head joint by about this share of the stature below it (adult
# averages, Winter 2009, "Biomechanics and Motor Control of Human Movement", fig. 4.1: head and neck are 0.182).
CROWN_OVER_HEAD_JOINT = 0.13
# A hips joint this share of the leg below the upper legs is no pelvis but a root on the floor.
LOW_HIPS = 0.5


@dataclass(frozen=True, eq=False)
class Body:
    """A skeleton that is known to be a body. `joint(role)` is None for a role the rig lacks."""

    skeleton: Skeleton
    mapping: HumanoidMapping
    rest_rotations: Array  # (joints, 4) world rotations of the rest pose
    rest_positions_m: Array  # (joints, 3) world
    facing: Array  # (4,) turn about Y from canonical to the rest pose's heading
    height_m: float
    leg_length_m: float  # upper leg to ankle along the bones, mean of both sides
    floor_m: float  # world height of the soles in the rest pose
    sole_drop_m: Mapping[str, float]  # foot role -> height of that joint above its own sole when the foot is flat
    sole_tilt: Mapping[str, Array]  # foot role -> turn `(4,)` that lays the sole level, where it does not rest so
    attachments: Mapping[int, int]  # joint that hangs outside its limb -> the limb joint that carries it in a body
    twists: tuple[TwistJoint, ...]
    fingers: Mapping[str, Finger]  # such as leftIndex
    seat: Seat  # what it sits and lies on
    followers: Followers = field(default_factory=Followers)  # skinned joints without a role that go along with one

    def joint(self, role: str) -> int | None:
        return self.mapping.joint(role)

    def has(self, *roles: str) -> bool:
        return all(self.mapping.joint(role) is not None for role in roles)

    @property
    def hips(self) -> int:
        return self.mapping.roles["hips"].joint

    @cached_property
    def own(self) -> Mask:
        """Joints `(joints,)` that roles and chains move."""
        return own_joints(self.skeleton, self.mapping)

    def carries_legs(self, joint: int) -> bool:
        """True where a leg hangs below the joint, as on a first spine joint that is part of the pelvis."""
        legs = [self.mapping.roles[f"{side}UpperLeg"].joint for side in SIDES]
        return any(joint in self.skeleton.ancestors(leg) for leg in legs)

    @cached_property
    def carriers(self) -> Indices:
        """What each joint moves with when nothing turns it `(joints,)`: its parent, or what it is attached to or
        follows; -1 for roots, and for hips below a joint that follows them.
        """
        result = self.skeleton.parents.copy()
        for joint, carrier in (*self.attachments.items(), *self.followers.leaders.items()):
            result[joint] = carrier
        if set(self.skeleton.ancestors(self.hips)) & set(self.followers.leaders):
            result[self.hips] = -1
        return result

    @property
    def hips_height_m(self) -> float:
        """Height of the pelvis point over the soles in the rest pose."""
        return float((self.rest_positions_m[self.hips] + self.pelvis_offset_m)[1] - self.floor_m)

    @property
    def pelvis_offset_m(self) -> Array:
        """From the hips joint to the pelvis in the rest pose's world, `(3,)`.

        Zero but for rigs whose legs and spine meet in a joint that stands on the floor: there the pelvis is the middle
        between the upper leg joints.
        """
        legs = [self.mapping.roles[f"{side}UpperLeg"].joint for side in SIDES]
        offset = self.rest_positions_m[legs].mean(axis=0) - self.rest_positions_m[self.hips]
        on_floor = offset[1] > LOW_HIPS * self.leg_length_m
        return offset if on_floor else np.zeros(3)


def measure_body(skeleton: Skeleton, mapping: HumanoidMapping, mesh: Mesh | None) -> Body:
    """Measure a mapped skeleton; `mesh` is its surface in the rest pose, None for a skeleton without one.

    The mapping must hold `workers.contract.roles.REQUIRED_ROLES`.
    """
    rotations, positions = kinematics.rest_world(skeleton)
    leg = leg_length(mapping, positions)
    facing = rest_facing(mapping, positions)
    followers = find_followers(skeleton, mapping, positions, leg, mesh)
    if mesh is not None and len(mesh.positions_m):
        mesh = followers.led(mesh, len(skeleton))
        soles = soles_from_mesh(mesh, mapping, positions, facing)
        # A foot that moves no vertex, as in a character that is all in one piece of armour, still has joints.
        soles = replace(soles, drop_m={**soles_from_joints(mapping, positions, leg).drop_m, **soles.drop_m})
        height = float(np.ptp(mesh.positions_m[:, 1]))
        seat = seat_of_mesh(mesh, mapping, rotations, positions, height)
    else:
        soles = soles_from_joints(mapping, positions, leg)
        height = _stature(mapping, positions, leg, soles)
        seat = seat_of_joints(mapping, positions, height)
    return Body(
        skeleton, mapping, rotations, positions, facing, height, leg,
        soles.floor_m, soles.drop_m, soles.tilt, find_attachments(skeleton, mapping),
        measure_twists(skeleton, mapping, positions, mesh), find_finger_chains(skeleton, mapping, mesh), seat,
        followers,
    )  # fmt: skip


def leg_length(mapping: HumanoidMapping, positions: Array) -> float:
    """Hip joint to ankle along the bones in metres, mean of the sides; to the knee twice where there is no foot."""
    lengths = []
    for side in SIDES:
        upper, lower = mapping.joint(f"{side}UpperLeg"), mapping.joint(f"{side}LowerLeg")
        foot = mapping.joint(f"{side}Foot")
        if upper is None or lower is None:
            continue
        thigh = float(np.linalg.norm(positions[lower] - positions[upper]))
        shin = float(np.linalg.norm(positions[foot] - positions[lower])) if foot is not None else thigh
        lengths.append(thigh + shin)
    return float(np.mean(lengths))


def rest_facing(mapping: HumanoidMapping, positions: Array) -> Array:
    """Heading of a pose: the turn about Y that takes +Z to where the body faces, from its left-right axis."""
    lateral = np.zeros(3)
    for part in ("UpperLeg", "UpperArm", "Shoulder"):
        left, right = mapping.joint(f"left{part}"), mapping.joint(f"right{part}")
        if left is not None and right is not None:
            lateral += quat.unit(positions[left] - positions[right])
    return heading(lateral)


def heading(lateral: Array) -> Array:
    """Turn about Y `(..., 4)` that takes +X to the ground-plane part of `lateral` `(..., 3)` (right to left)."""
    angle = np.arctan2(-lateral[..., 2], lateral[..., 0])
    return quat.from_axis_angle(UP, angle)


# A limb's joint and the joint that must carry it.
CARRIERS = tuple(
    (f"{side}{part}", f"{side}{carrier}")
    for side in SIDES
    for part, carrier in (
        ("LowerLeg", "UpperLeg"), ("Foot", "LowerLeg"), ("Toes", "Foot"),
        ("LowerArm", "UpperArm"), ("Hand", "LowerArm"),
    )
)  # fmt: skip


def find_attachments(skeleton: Skeleton, mapping: HumanoidMapping) -> dict[int, int]:
    """Limb joints that do not hang below their limb: rigs with baked IK keep feet under the root, and move them by
    translation.
    """
    result = {}
    for role, carrier_role in CARRIERS:
        joint, carrier = mapping.joint(role), mapping.joint(carrier_role)
        if joint is not None and carrier is not None and carrier not in skeleton.ancestors(joint):
            result[joint] = carrier
    return result


def _stature(mapping: HumanoidMapping, positions: Array, leg: float, soles: Soles) -> float:
    """Sole to crown along the bones: ankle height + leg + hips to head, plus the crown above the head joint."""
    chain = [
        joint
        for role in ("hips", "spine", "chest", "upperChest", "neck", "head")
        if (joint := mapping.joint(role)) is not None
    ]
    trunk = float(np.sum(np.linalg.norm(np.diff(positions[chain], axis=0), axis=-1))) if len(chain) > 1 else 0.6 * leg
    ankle = float(np.mean([drop for role, drop in soles.drop_m.items() if role.endswith("Foot")] or [0.0]))
    return (ankle + leg + trunk) * (1.0 + CROWN_OVER_HEAD_JOINT)
