"""The analytic method: rest-aligned transfer of world rotations.

For each role `W_target(f) = D(f) A T`: D is the source's turn away from its rest pose (in the target's world), A the
alignment of the two rest poses (`workers.retargeting.alignment`), T the target's rest rotation. Spine and neck
chains are spread by arc length (`spine`), so are fingers that are not alike (`fingers`). The middle between the hip
joints moves as the source's, scaled by leg length, so that legs of the same shape reach the same ground and strides fit
them; `root_scale` asks for other conventions, such as that of authors who scale the hips joint by its height. Needs no
frame twice and no search: linear in frames and joints. Feet are held on the ground by `foot_lock`, travel is moved by
`root_motion`.
"""

from __future__ import annotations

import numpy as np

from workers.contract.options import RootScale
from workers.contract.roles import SIDES
from workers.motion.body_motion import BodyMotion, from_rotations, hip_centre
from workers.motion.pelvis import pelvis_turns
from workers.retargeting.alignment import RestAlignment
from workers.retargeting.copy_rest import (
    WorldRelation,
    about_roots,
    hips_scale,
    pelvis_path,
    relate,
    rest_deltas,
    shared_roles,
)
from workers.retargeting.fingers import drive_fingers, finger_joints, finger_notices
from workers.retargeting.retargeter import TransferInput, Transferred
from workers.retargeting.spine import part_ends, spread
from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Mask

SPINE_ROLES = ("spine", "chest", "upperChest")


class AnalyticRetargeter:
    """The method `analytic`: `transfer`, and fingers that move as others do where the hands differ."""

    def retarget(self, given: TransferInput) -> Transferred:
        source, target = given.source.motion, given.target.body
        motion = transfer(source, target, given.alignment, given.source_floor_m, given.root_scale)
        return Transferred(motion, tuple(driven_joints(source.body, target)), finger_notices(source.body, target))


def leg_scale(source: Body, target: Body) -> float:
    """How much longer the target's legs are: the scale of its root path."""
    return target.leg_length_m / max(source.leg_length_m, 1e-9)


def travel_scale(source: Body, target: Body, root_scale: RootScale) -> float:
    """Metres that the target travels along the ground for each of the source, as `JobOptions.root_scale` asks."""
    if root_scale == "legs":
        return leg_scale(source, target)
    if root_scale == "hips":
        return hips_scale(source, target)
    return 1.0 if root_scale == "none" else root_scale


def transfer(
    source: BodyMotion,
    target: Body,
    alignment: RestAlignment,
    source_floor_m: float,
    root_scale: RootScale = "legs",
) -> BodyMotion:
    """Retarget without foot contacts. `source_floor_m` is the height of the source motion's own ground."""
    travel = travel_scale(source.body, target, root_scale)
    relation = relate(source.body, target, leg_scale(source.body, target), source_floor_m, travel)
    rotations, driven = _driven_rotations(source, target, alignment, relation.turn)
    rotations = kinematics.follow_rest(target.skeleton, rotations, driven)
    if root_scale == "hips":
        by_height = about_roots(source.body, target, relate(source.body, target, travel, source_floor_m))
        path = pelvis_path(source, by_height, target, rotations)
    else:
        path = _hips_path(source, target, relation, rotations)
    return from_rotations(target, source, rotations, path)


def driven_joints(source: Body, target: Body) -> list[int]:
    """Target joints that the transfer keys."""
    joints = {target.mapping.roles[role].joint for role in shared_roles(source, target)}
    for chain, roles in (("spine", SPINE_ROLES), ("neck", ("neck",))):
        if _chain(source, chain, roles) or chain == "neck":
            joints.update(_chain(target, chain, roles))
    joints.update(finger_joints(source, target))
    return sorted(joints)


def _driven_rotations(source: BodyMotion, target: Body, alignment: RestAlignment, turn: Array) -> tuple[Array, Mask]:
    chained = {*SPINE_ROLES, "neck"}
    roles = [role for role in shared_roles(source.body, target) if role not in chained]
    joints = [target.mapping.roles[role].joint for role in roles]
    deltas = rest_deltas(source, turn, roles)
    pelvis = quat.multiply(quat.multiply(turn, pelvis_turns(source)), quat.conjugate(turn))
    deltas[:, roles.index("hips")] = pelvis
    aligned = np.stack([alignment.turns.get(role, quat.IDENTITY) for role in roles])
    rotations = quat.identity(source.frames, len(target.skeleton))
    rotations[:, joints] = quat.multiply(deltas, quat.multiply(aligned, target.rest_rotations[joints]))
    driven = np.zeros(len(target.skeleton), dtype=bool)
    driven[joints] = True
    _drive_trunk(source, target, alignment, turn, pelvis, rotations, driven)
    drive_fingers(source, target, alignment, turn, rotations, driven)
    return rotations, driven


def _drive_trunk(
    source: BodyMotion,
    target: Body,
    alignment: RestAlignment,
    turn: Array,
    pelvis: Array,
    rotations: Array,
    driven: Mask,
) -> None:
    """Spine and neck, in place; `pelvis` `(frames, 4)` is the turn that they rise from.

    A neck between chest and head follows half of each where the source has none.
    """

    def deltas_of(joints: list[int]) -> Array:
        away = quat.multiply(source.rotations[:, joints], quat.conjugate(source.body.rest_rotations[joints]))
        return quat.multiply(quat.multiply(turn, away), quat.conjugate(turn))

    def put(joints: list[int], deltas: Array) -> None:
        resting = quat.multiply(alignment.of_joints(joints), target.rest_rotations[joints])
        rotations[:, joints] = quat.multiply(deltas, resting)
        driven[joints] = True

    top = pelvis
    source_spine, target_spine = _chain(source.body, "spine", SPINE_ROLES), _chain(target, "spine", SPINE_ROLES)
    if source_spine:
        turns = deltas_of(source_spine)
        if target_spine:
            ends = _ends(source.body, source_spine), _ends(target, target_spine)
            put(target_spine, spread(top, turns, *ends))
            # Mapped as spine by the file or the user: bending there would take the legs along.
            pelvic = [joint for joint in target_spine if target.carries_legs(joint)]
            put(pelvic, np.repeat(top[:, None], len(pelvic), axis=1))
        top = turns[:, -1]
    source_neck, target_neck = _chain(source.body, "neck", ("neck",)), _chain(target, "neck", ("neck",))
    if not target_neck:
        return
    if source_neck:
        put(
            target_neck,
            spread(top, deltas_of(source_neck), _ends(source.body, source_neck), _ends(target, target_neck)),
        )
    elif source.body.has("head"):
        head = deltas_of([source.body.mapping.roles["head"].joint])
        shares = np.arange(1.0, len(target_neck) + 1.0) / (len(target_neck) + 1.0)
        put(target_neck, spread(top, head, np.ones(1), shares))


def _chain(body: Body, name: str, roles: tuple[str, ...]) -> list[int]:
    """Joints of a trunk chain, base first: the mapping's chain where it has one, else the roles'."""
    chain = body.mapping.chains.get(name)
    if chain:
        return list(chain)
    return [joint for role in roles if (joint := body.joint(role)) is not None]


def _ends(body: Body, chain: list[int]) -> Array:
    """Part ends of a chain; its tip is the neck or head above it, else the middle of the shoulders."""
    above = [body.joint(role) for role in ("neck", "head")]
    tip = next((joint for joint in above if joint is not None and joint not in chain), None)
    if tip is not None:
        return part_ends(body.rest_positions_m, chain, body.rest_positions_m[tip])
    shoulders = [body.mapping.roles[f"{side}UpperArm"].joint for side in SIDES]
    return part_ends(body.rest_positions_m, chain, body.rest_positions_m[shoulders].mean(axis=0))


def _hips_path(source: BodyMotion, target: Body, relation: WorldRelation, rotations: Array) -> Array:
    """Path of the target's hips `(frames, 3)` that puts the middle of its hip joints where the source's is, scaled.

    Ankles are not at the same share of the leg above the sole on every rig: the difference in rest is added, upright.
    """
    wanted = relation.points(hip_centre(source))
    offset = _rest_hip_centre(target) - target.rest_positions_m[target.hips]
    hips = target.hips
    local = quat.rotate(quat.conjugate(target.rest_rotations[hips]), offset)
    wanted[:, 1] += _ankle_drop(target) - relation.scale * _ankle_drop(source.body)
    path: Array = wanted - quat.rotate(rotations[:, hips], local)
    return path


def _rest_hip_centre(body: Body) -> Array:
    joints = [body.mapping.roles[f"{side}UpperLeg"].joint for side in SIDES]
    centre: Array = body.rest_positions_m[joints].mean(axis=0)
    return centre


def _ankle_drop(body: Body) -> float:
    """Mean height of the ankles over their soles."""
    drops = [drop for role, drop in body.sole_drop_m.items() if role.endswith("Foot")]
    return float(np.mean(drops)) if drops else 0.0
