"""Motions made wrong on purpose, by known amounts: what the eye must learn to see and is measured on.

Every damage takes a motion, the body that it moves (with its surface), and a random generator, and returns a `Damaged`,
or None where the motion does not allow it (no such limb, no hand near the body). The same generator state gives the
same damage. Turns are rigid: bones keep their lengths and everything below a turned joint moves along.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from workers.contract.roles import SIDES, mirror
from workers.lab.eye.data.bodies import PosableBody
from workers.lab.eye.data.describe import TARGETS, ContactProbe, directions
from workers.motion.body_motion import BodyMotion, from_rotations
from workers.rendering.moving_body import motion_facing
from workers.retargeting.feet.ik import solve_two_bone
from workers.skeleton import kinematics, quat
from workers.skeleton.body import FORWARD, LEFT, UP, Body
from workers.skeleton.model import Array, Indices

DamageKind = Literal["limb", "contact_opened", "hand_inside", "mirrored"]
KINDS: tuple[DamageKind, ...] = ("limb", "contact_opened", "hand_inside", "mirrored")

# Joints that are turned, and the role that their limb points to; the trunk and the head point up.
TURNED_ROLES = {
    **{
        f"{side}{start}": f"{side}{end}"
        for side in SIDES
        for start, end in (
            ("UpperArm", "LowerArm"), ("LowerArm", "Hand"), ("UpperLeg", "LowerLeg"), ("LowerLeg", "Foot"),
        )
    },
    "spine": None, "head": None,
}  # fmt: skip
DEGREES = (5.0, 40.0)
CENTIMETRES = (3.0, 10.0)
STATURE_M = 1.75  # of the body that centimetres are meant on
NEAR = 0.03  # in body heights: a hand within this of a part touches it, or all but
SLACK = 0.25  # by which share a gap may miss the wanted one: surfaces are curved and arms end
SYMMETRIC_DEG = 20.0  # a pose whose limbs all stay within this when mirrored has no sides to swap


@dataclass(frozen=True, eq=False)
class Damaged:
    """`size`: degrees of a turned limb; centimetres by which a hand's gap changed, at a stature of 1.75 m; mean degrees
    by which limbs point elsewhere, for mirrored sides. `part`: role of the turned joint or hand, else "body".
    """

    kind: DamageKind
    size: float
    part: str
    motion: BodyMotion


def turn_limb(
    motion: BodyMotion,
    posable: PosableBody,
    random: np.random.Generator,
    degrees: float | None = None,
    role: str | None = None,
) -> Damaged | None:
    """One limb turned by `degrees` (5 to 40 by default) about a random axis at right angles to it, in all frames.

    The axis is fixed in the limb, so the same generator state turns another body of the family alike. `role` is one of
    `TURNED_ROLES`, by chance where None.
    """
    body = motion.body
    choice = random.random()
    degrees = float(random.uniform(*DEGREES)) if degrees is None else degrees
    sideways = float(random.uniform(0.0, 2.0 * np.pi))
    if role is None:
        there = [name for name in TURNED_ROLES if body.joint(name) is not None]
        role = there[int(choice * len(there))]
    joint = body.joint(role)
    if joint is None:
        return None
    end = TURNED_ROLES[role]
    tip = body.joint(end) if end is not None else None
    if end is not None and tip is None:
        return None
    way = UP if tip is None else quat.unit(body.rest_positions_m[tip] - body.rest_positions_m[joint])
    # At right angles to the limb, counted from the body's own left, which rigs of a family share.
    aside = quat.unit(np.cross(way, quat.rotate(body.facing, LEFT + 0.1 * FORWARD)))
    axis = np.cos(sideways) * aside + np.sin(sideways) * np.cross(way, aside)
    away = quat.multiply(motion.rotations[:, joint], quat.conjugate(body.rest_rotations[joint]))
    turn = quat.from_axis_angle(quat.rotate(away, axis), np.radians(degrees))
    return Damaged("limb", degrees, role, turned_below(motion, joint, turn))


def open_contact(
    motion: BodyMotion, posable: PosableBody, random: np.random.Generator, centimetres: float | None = None
) -> Damaged | None:
    """A hand near head, trunk, thighs or the other hand moved away by `centimetres` (3 to 10 by default), in the frames
    in which it is near. None where no hand is, or where the arm does not reach.
    """
    wanted = float(random.uniform(*CENTIMETRES)) if centimetres is None else centimetres
    return _move_hand(motion, posable, random, "contact_opened", wanted)


def push_inside(
    motion: BodyMotion, posable: PosableBody, random: np.random.Generator, centimetres: float | None = None
) -> Damaged | None:
    """A hand near head, trunk, thighs or the other hand moved into it by `centimetres` (3 to 10 by default)."""
    wanted = float(random.uniform(*CENTIMETRES)) if centimetres is None else centimetres
    return _move_hand(motion, posable, random, "hand_inside", -wanted)


def mirror_sides(motion: BodyMotion, posable: PosableBody, random: np.random.Generator | None = None) -> Damaged | None:
    """Left and right swapped (`mirrored`). None where the pose is the same on both sides."""
    swapped = mirrored(motion)
    before, after = directions(motion, quat.IDENTITY), directions(swapped, quat.IDENTITY)
    angles = np.degrees(np.arccos(np.clip((before * after).sum(axis=-1), -1.0, 1.0)))
    if np.nanmax(angles) < SYMMETRIC_DEG:
        return None
    return Damaged("mirrored", float(np.nanmean(angles)), "body", swapped)


def turned_below(motion: BodyMotion, joint: int, turn: Array) -> BodyMotion:
    """World turns `(frames, 4)` of a joint and everything that moves with it, about the joint."""
    moved = carried_by(motion.body, joint)
    rotations, positions = motion.rotations.copy(), motion.positions_m.copy()
    rotations[:, moved] = quat.multiply(turn[:, None], rotations[:, moved])
    pivot = positions[:, joint, None]
    positions[:, moved] = pivot + quat.rotate(turn[:, None], positions[:, moved] - pivot)
    return BodyMotion(motion.body, motion.name, motion.rate_hz, motion.start_s, rotations, positions)


def carried_by(body: Body, joint: int) -> Indices:
    """The joint, all joints below it, and those that hang elsewhere but follow one of these (`Body.attachments`,
    `Body.followers`).
    """
    inside = set(kinematics.subtree(body.skeleton, joint).tolist())
    while True:
        elsewhere = {**body.attachments, **body.followers.leaders}
        more = {other for other, carrier in elsewhere.items() if carrier in inside and other not in inside}
        if not more:
            return np.array(sorted(inside))
        for other in more:
            inside.update(kinematics.subtree(body.skeleton, other).tolist())


def mirrored(motion: BodyMotion) -> BodyMotion:
    """The motion with left and right swapped, at the plane through the hips' first place that parts the body's sides
    where the clip faces on average. Mirrored twice it is the motion itself.

    Joints are paired by role, else by where they rest; one without a partner keeps its turn against its parent.
    """
    body, skeleton = motion.body, motion.body.skeleton
    partner = _partners(body)
    normal = quat.rotate(motion_facing(motion), LEFT)
    rest_normal = quat.rotate(body.facing, LEFT)
    away = quat.multiply(motion.rotations, quat.conjugate(body.rest_rotations))
    local = kinematics.local_rotations(skeleton, motion.rotations)
    # A turn away from rest, seen in a mirror: rest and world are mirrored at planes of their own.
    between = quat.between(rest_normal, normal)
    seen = _mirror_turns(quat.multiply(away, between * quat.CONJUGATE), normal)
    seen = quat.multiply(seen, between)
    rotations = np.empty_like(motion.rotations)
    for level in skeleton.levels:
        for joint in level.tolist():
            other, parent = partner[joint], int(skeleton.parents[joint])
            if other >= 0:
                rotations[:, joint] = quat.multiply(seen[:, other], body.rest_rotations[joint])
            elif parent >= 0:
                rotations[:, joint] = quat.multiply(rotations[:, parent], local[:, joint])
            else:
                rotations[:, joint] = local[:, joint]
    path = motion.positions_m[:, body.hips]
    path = path - 2.0 * ((path - path[0]) @ normal)[:, None] * normal
    return from_rotations(body, motion, rotations, path)


def _mirror_turns(turns: Array, normal: Array) -> Array:
    """Turns as a mirror with this normal shows them: axes are reflected, and angles run the other way."""
    vector = turns[..., :3]
    flipped = 2.0 * (vector @ normal)[..., None] * normal - vector
    return np.concatenate([flipped, turns[..., 3:]], axis=-1)


def _partners(body: Body) -> list[int]:
    """For each joint the one on the other side, itself in the middle, -1 where there is none."""
    count = len(body.skeleton)
    roles = {match.joint: role for role, match in body.mapping.roles.items()}
    canonical = quat.rotate(quat.conjugate(body.facing), body.rest_positions_m - body.rest_positions_m[body.hips])
    apart = np.linalg.norm(canonical[:, None] - canonical[None] * [-1.0, 1.0, 1.0], axis=-1)
    by_place = [int(np.argmin(row)) if row.min() < 0.02 * body.height_m else -1 for row in apart]
    result = []
    for joint in range(count):
        if joint in roles:
            other = body.joint(mirror(roles[joint]))
            result.append(-1 if other is None else other)
        else:
            other = by_place[joint]
            mutual = other >= 0 and other not in roles and by_place[other] == joint
            result.append(other if mutual else -1)
    return result


def _move_hand(
    motion: BodyMotion, posable: PosableBody, random: np.random.Generator, kind: DamageKind, centimetres: float
) -> Damaged | None:
    """Of the hands that touch something, the first by chance whose gap can be changed by that much."""
    touching = touches(motion, posable)
    unit = posable.body.height_m / STATURE_M / 100.0
    for number in random.permutation(len(touching)):
        side, part = touching[number]
        moved, change = change_gap(motion, posable, side, part, centimetres * unit)
        if abs(change - centimetres * unit) <= SLACK * abs(centimetres) * unit:
            return Damaged(kind, abs(change) / unit, f"{side}Hand", moved)
    return None


def touches(motion: BodyMotion, posable: PosableBody, near: float = NEAR) -> list[tuple[str, str]]:
    """Side of the hand and part, where a hand comes within `near` body heights of a part in any frame."""
    probe = probe_of(posable)
    pairs = [(side, part) for side in SIDES for part in (*TARGETS, f"{mirror(side)} hand")]
    found = {pair: probe.nearest(motion, *pair) for pair in pairs}
    limit = near * posable.body.height_m
    return [pair for pair, nearest in found.items() if nearest is not None and nearest.gap_m.min() < limit]


def change_gap(
    motion: BodyMotion, posable: PosableBody, side: str, part: str, wanted_m: float
) -> tuple[BodyMotion, float]:
    """A hand's gap to a part made larger by `wanted_m`, smaller where negative, as far as the arm goes; and by how much
    it changed where the hand was nearest. The change fades out over the frames in which the hand leaves.
    """
    probe, near = probe_of(posable), NEAR * posable.body.height_m
    found = probe.nearest(motion, side, part)
    if found is None:
        return motion, 0.0
    closest = int(np.argmin(found.gap_m))
    share = np.clip(2.0 - (found.gap_m - found.gap_m[closest]) / near, 0.0, 1.0)
    moved, change, reach = motion, 0.0, wanted_m
    for _ in range(4):  # surfaces are curved: correct the way by what it brought
        moved = reach_to(motion, side, found.outward * (reach * share)[:, None])
        after = probe.nearest(moved, side, part)
        if after is None:
            return motion, 0.0
        change = float(after.gap_m[closest] - found.gap_m[closest])
        if abs(change - wanted_m) < 0.02 * abs(wanted_m):
            break
        reach += wanted_m - change
    return moved, change


def reach_to(motion: BodyMotion, side: str, shift_m: Array) -> BodyMotion:
    """The hand moved by `shift_m` `(frames, 3)`, shoulder and hand direction kept; as it was without an arm."""
    body = motion.body
    joints = [body.joint(f"{side}{part}") for part in ("UpperArm", "LowerArm", "Hand")]
    if any(joint is None for joint in joints):
        return motion
    upper, lower, hand = (int(joint) for joint in joints if joint is not None)
    shoulder, elbow, wrist = (motion.positions_m[:, joint] for joint in (upper, lower, hand))
    hinge = quat.rotate(motion.rotations[:, lower], [1.0, 0.0, 0.0])
    first, second = solve_two_bone(shoulder, elbow, wrist, wrist + shift_m, hinge)
    result = turned_below(motion, upper, first)
    result = turned_below(result, lower, quat.multiply(second, quat.conjugate(first)))
    return turned_below(result, hand, quat.conjugate(second))


@lru_cache(maxsize=64)
def probe_of(posable: PosableBody) -> ContactProbe:
    return ContactProbe(posable)
