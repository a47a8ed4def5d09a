"""Bodies with twist joints, and motions that turn chosen roles of them, for the tests of roll."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.motion.body_motion import BodyMotion, from_rotations
from workers.preparation.prepare import PreparedCharacter, prepare_character
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT
from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body, measure_body
from workers.skeleton.find_roles.find import find_roles
from workers.skeleton.model import Array, Skeleton
from workers.skeleton.twist_joints import TwistJoint

X, Y, Z = np.eye(3)
STYLES = [
    RigStyle(twist_joints=True),
    RigStyle(rest_pose="A", bone_axes="bone_y", unit="cm", up_axis="Z", names="mixamo", twist_joints=True),
    RigStyle(rest_pose="N", arm_twist_deg=90.0, names="numbered", twist_joints=True),
]
RATE_HZ = 30.0


@cache
def character(style: RigStyle) -> PreparedCharacter:
    return prepare_character(read_scene(FileBundle("target.glb", make_character(STOUT, style))), {})


def moved(body: Body, turns: dict[str, Array]) -> BodyMotion:
    """The rest pose with some roles turned away from it, in the world `(frames, 4)`; what hangs below them follows."""
    frames = max(len(turn) for turn in turns.values())
    rotations = np.tile(body.rest_rotations, (frames, 1, 1))
    driven = np.zeros(len(body.skeleton), dtype=bool)
    for role, turn in turns.items():
        joint = body.mapping.roles[role].joint
        rotations[:, joint] = quat.multiply(turn, body.rest_rotations[joint])
        driven[joint] = True
    driven[body.hips] = True
    rotations = kinematics.follow_rest(body.skeleton, rotations, driven)
    like = BodyMotion(body, "made", RATE_HZ, 0.0, rotations, np.zeros((frames, 0, 3)))
    return from_rotations(body, like, rotations, np.tile(body.rest_positions_m[body.hips], (frames, 1)))


def bone_axis(body: Body, role: str, tip: str) -> Array:
    ends = body.rest_positions_m[[body.mapping.roles[r].joint for r in (role, tip)]]
    return quat.unit(ends[1] - ends[0])


def about(axis: Array, degrees: ArrayLike) -> Array:
    return quat.from_axis_angle(axis, np.radians(np.asarray(degrees, dtype=np.float64)))


def own_turn(motion: BodyMotion, twist: TwistJoint) -> Array:
    """Turn `(frames, 4)` of a twist joint against its limb, away from rest."""
    body = motion.body
    limb = body.mapping.roles[twist.role].joint
    away = [
        quat.multiply(motion.rotations[:, joint], quat.conjugate(body.rest_rotations[joint]))
        for joint in (limb, twist.joint)
    ]
    return quat.multiply(quat.conjugate(away[0]), away[1])


def twist_of(body: Body, role: str) -> TwistJoint:
    (twist,) = [twist for twist in body.twists if twist.role == role]
    return twist


def with_twists(places: dict[str, tuple[str, list[float]]]) -> Body:
    """The plain sample with twist joints beside its bones: role -> next role, shares of the bone. No mesh is known."""
    plain = character(RigStyle()).body
    skeleton = plain.skeleton
    names, parents, offsets = list(skeleton.names), skeleton.parents.tolist(), skeleton.rest_offsets_m.tolist()
    for role, (tip, shares) in places.items():
        ends = [plain.mapping.roles[r].joint for r in (role, tip)]
        bone = plain.rest_positions_m[ends[1]] - plain.rest_positions_m[ends[0]]
        for number, share in enumerate(shares):
            names.append(f"{role}Twist{number + 1}")
            parents.append(ends[0])
            offsets.append(quat.rotate(quat.conjugate(plain.rest_rotations[ends[0]]), share * bone).tolist())
    more = len(names) - len(skeleton)
    rotations = np.concatenate([skeleton.rest_rotations, quat.identity(more)])
    made = Skeleton(
        tuple(names), np.array(parents), np.arange(len(names)), np.array(offsets), rotations, np.array(offsets),
        rotations, np.append(skeleton.deforming, np.ones(more, dtype=bool)), np.ones(len(names)),
        np.append(skeleton.end_site, np.zeros(more, dtype=bool)),
    )  # fmt: skip
    return measure_body(made, find_roles(made), None)


def arm_along(body: Body, path: list[tuple[float, float, float]]) -> Array:
    """Turns `(frames, 4)` of a left arm that goes through these directions, turning on by the shortest way."""
    aims = [quat.unit(np.array(point)) for point in path]
    parts = [
        quat.rotate(quat.slerp(quat.identity(25), quat.between(a, b)[None], np.linspace(0.0, 1.0, 25)), a)
        for a, b in pairwise(aims)
    ]
    turns = [quat.between(bone_axis(body, "leftUpperArm", "leftLowerArm"), aims[0])]
    for before, after in pairwise(np.concatenate(parts)):
        turns.append(quat.multiply(quat.between(before, after), turns[-1]))
    return np.array(turns)
