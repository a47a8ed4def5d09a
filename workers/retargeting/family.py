"""Two rigs of one family: the same joints with the same axes on bodies of other proportions.

A family is made from one template: its rigs have the same names, and in one pose the local rotations of their joints
are the same to a hair. There local rotations mean the same on both, as their author intends, and what is left between
the two rest poses (a wider stand, a thicker arm, other palms) is anatomy: nothing may be aligned.

That pose need not be the bind pose. Skins are bound wherever their modeller had the body, and files rest in mid-dance;
so every file has two candidates, the rest pose (bind pose of a skin) and the pose of its nodes, and of the four
combinations the one in which most joints agree is taken. Equal rotations alone prove nothing where all of them are
zero (BVH) or frames lie along the bones: limbs must also lie alike in their joints' frames. Rigs that agree in names
only, with other joint axes or rolls, have no such pose and are aligned by their limbs (`alignment`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body, rest_facing
from workers.skeleton.find_roles.twists import BONES
from workers.skeleton.model import Array, Notice

Pose = Literal["rest", "nodes"]
POSES: tuple[Pose, ...] = ("rest", "nodes")
# The same rotation: what exporters round, and what a foot or a hand of another shape changes in a frame laid along it.
SAME_DEG = 3.0
# A limb lies alike in both frames: other widths of hips and shoulders tilt limbs by less.
SAME_LIMB_DEG = 15.0
# Of the roles that both rigs have: the same names, and the same rotation in the common pose.
MIN_SAME_NAMES = 0.9
MIN_SAME_ROTATIONS = 0.75


@dataclass(frozen=True, eq=False)
class PosedRig:
    """World rotations `(joints, 4)` and positions `(joints, 3)` in metres of one pose of a rig."""

    rotations: Array
    positions_m: Array


@dataclass(frozen=True, eq=False)
class CommonPose:
    """The pose that both rigs share: which one it is in each file, and how they stand in it, facing alike.

    `pairs` are (source joint, target joint) of one name and meaning; `same` are the target joints among them whose
    local rotations agree. The poses are those of the target's world, turned to where its rest pose faces.
    """

    source_pose: Pose
    target_pose: Pose
    source: PosedRig
    target: PosedRig
    pairs: tuple[tuple[int, int], ...]
    same: frozenset[int]

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What must be said where the common pose is not both files' rest pose."""
        if self.source_pose == self.target_pose == "rest":
            return ()
        where = {"rest": "rest pose", "nodes": "nodes"}
        message = (
            f"both rigs are of one family: {len(self.same)} of {len(self.pairs)} joints stand alike in the motion's "
            f"{where[self.source_pose]} and the character's {where[self.target_pose]}; this pose relates them"
        )
        return (Notice("family-pose", message),)


def find_common_pose(source: Body, target: Body) -> CommonPose | None:
    """The pose in which two rigs of one family agree; None for rigs of different families."""
    pairs = _named_pairs(source, target)
    if pairs is None or not _limbs_alike(source, target):
        return None
    ours, theirs = (np.array(side) for side in zip(*pairs, strict=True))
    source_stands, target_stands = ({pose: _facing_as_rest(body, pose) for pose in POSES} for body in (source, target))
    source_turns = {pose: _relative(source, stand)[ours] for pose, stand in source_stands.items()}
    target_turns = {pose: _relative(target, stand)[theirs] for pose, stand in target_stands.items()}
    agreeing = {
        (one, other): np.degrees(quat.angle_between(source_turns[one], target_turns[other])) < SAME_DEG
        for one, other in product(POSES, POSES)
    }
    # Of equals the first: a bind pose is the better known one.
    source_pose, target_pose = max(agreeing, key=lambda poses: float(agreeing[poses].mean()))
    same = agreeing[source_pose, target_pose]
    if same.mean() < MIN_SAME_ROTATIONS:
        return None
    return CommonPose(
        source_pose,
        target_pose,
        source_stands[source_pose],
        target_stands[target_pose],
        pairs,
        frozenset(int(joint) for joint in theirs[same]),
    )


def _named_pairs(source: Body, target: Body) -> tuple[tuple[int, int], ...] | None:
    """Joints of one role or chain place and one name; None where too many of them are named differently."""
    shared = [role for role in target.mapping.roles if role in source.mapping.roles]
    pairs = {(source.mapping.roles[role].joint, target.mapping.roles[role].joint) for role in shared}
    for name in ("pelvis", "spine", "neck"):
        chains = source.mapping.chains.get(name, ()), target.mapping.chains.get(name, ())
        if len(chains[0]) == len(chains[1]):
            pairs.update(zip(*chains, strict=True))
    named = {(ours, theirs) for ours, theirs in pairs if _plain(source, ours) == _plain(target, theirs)}
    return tuple(sorted(named)) if len(named) >= MIN_SAME_NAMES * len(pairs) else None


def _plain(body: Body, joint: int) -> str:
    """A joint's name without the namespace that a tool puts before it."""
    return body.skeleton.names[joint].rsplit(":", 1)[-1]


def _limbs_alike(source: Body, target: Body) -> bool:
    """True where each limb bone that both have lies alike in its joint's own axes; no pose has a say in that."""
    for base, tip in BONES:
        if not (source.has(base, tip) and target.has(base, tip)):
            continue
        directions = [_bone_in_frame(body, base, tip) for body in (source, target)]
        if float(directions[0] @ directions[1]) < np.cos(np.radians(SAME_LIMB_DEG)):
            return False
    return True


def _bone_in_frame(body: Body, base: str, tip: str) -> Array:
    joints = [body.mapping.roles[role].joint for role in (base, tip)]
    bone = body.rest_positions_m[joints[1]] - body.rest_positions_m[joints[0]]
    return quat.unit(quat.rotate(quat.conjugate(body.rest_rotations[joints[0]]), bone))


def _posed(body: Body, pose: Pose) -> PosedRig:
    if pose == "rest":
        return PosedRig(body.rest_rotations, body.rest_positions_m)
    skeleton = body.skeleton
    world = kinematics.world_rotations(skeleton, skeleton.node_rotations)
    return PosedRig(world, kinematics.world_positions(skeleton, world, skeleton.node_offsets_m))


def _facing_as_rest(body: Body, pose: Pose) -> PosedRig:
    """A pose of a rig, turned about Y to where its rest pose faces."""
    posed = _posed(body, pose)
    if pose == "rest":
        return posed
    turn = quat.multiply(body.facing, quat.conjugate(rest_facing(body.mapping, posed.positions_m)))
    return PosedRig(quat.multiply(turn, posed.rotations), quat.rotate(turn, posed.positions_m))


def _relative(body: Body, posed: PosedRig) -> Array:
    """Rotations `(joints, 4)` that two rigs of a family share: local ones, of the hips against where the body faces.

    What stands above the hips (armature, groups) is the exporter's business.
    """
    relative = kinematics.local_rotations(body.skeleton, posed.rotations)
    relative[body.hips] = quat.multiply(quat.conjugate(body.facing), posed.rotations[body.hips])
    return relative
