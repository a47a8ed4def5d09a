"""Motions that touch: a clip in which a hand is brought to some place of its own body for a while, and leaves again.

Recorded clips seldom touch themselves, and a network that has seen five ways to rest a hand on a hip knows no more.
Here the arm of a real clip is bent (two bones, law of cosines) so that its palm lies on a place drawn on its own body:
trunk, head, thighs, the other arm. What the elbow does is the clip's own where it bends, else out, down and back.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.parts import HEAD, TORSO, part_index
from workers.geometry.posing import pose
from workers.geometry.prepared import surfaces_of
from workers.geometry.relations.features import PointRows, read_rows
from workers.geometry.relations.marks import all_marks
from workers.geometry.relations.points import PROBES, RelationPoints, relation_points
from workers.motion.body_motion import BodyMotion
from workers.motion.smoothing import smoothstep
from workers.preparation.prepare import PreparedMotion
from workers.retargeting.feet.ik import solve_two_bone
from workers.skeleton import kinematics, quat
from workers.skeleton.body import FORWARD, LEFT, UP
from workers.skeleton.model import Array

COMES_S = 0.4  # before the touch; as long after it
HOLDS_S = (0.4, 1.6)
REACH = 0.93  # of the arm: farther places are not drawn
WHERE = {"torso": 0.5, "head": 0.2, "UpperLeg": 0.15, "arm": 0.15}
MOST_TURN_RAD = 1.2  # of the wrist
ROUNDS = 3  # the hand turns about the wrist, which moves with the hand


def with_touch(source: PreparedMotion, random: np.random.Generator) -> PreparedMotion | None:
    """The motion with one touch of one hand, sometimes of both; None where the body has no such arm or nothing is in
    reach.
    """
    sides = [SIDES[int(random.integers(2))]] if random.random() < 0.6 else list(SIDES)
    motion = source.motion
    same = random.random() < 0.7  # both hands at once and alike
    state = random.bit_generator.state
    for side in sides:
        if same and side != sides[0]:
            random.bit_generator.state = state
        moved = _touch(source, motion, side, random)
        if moved is None:
            return None
        motion = moved
    return replace(source, motion=motion)


def _touch(source: PreparedMotion, motion: BodyMotion, side: str, random: np.random.Generator) -> BodyMotion | None:
    body = motion.body
    roles = tuple(side + part for part in ("UpperArm", "LowerArm", "Hand"))
    points = relation_points(surfaces_of(source).light)
    palm = _palm(points, side)
    if not body.has(*roles) or palm is None:
        return None
    shoulder, elbow, wrist = (body.mapping.roles[role].joint for role in roles)
    share, holds_s, middle = random.random(3)
    part = _part(points, side, random.random(), random)
    pick = random.random()
    rows = read_rows(points, pose(points.surface, motion))
    when = _when(motion, float(middle), HOLDS_S[0] + float(holds_s) * (HOLDS_S[1] - HOLDS_S[0]))
    arm_m = float(
        np.linalg.norm(body.rest_positions_m[elbow] - body.rest_positions_m[shoulder])
        + np.linalg.norm(body.rest_positions_m[wrist] - body.rest_positions_m[elbow])
    )
    hips = motion.positions_m[:, [body.hips]]
    centre = int(np.argmax(when))
    mark = _mark(
        points, rows, part, motion.positions_m[centre, shoulder] - hips[centre, 0], REACH * arm_m, float(pick), centre
    )
    if mark is None:
        return None
    place = rows.place[:, mark] * points.scale_m + hips[:, 0]
    normal = rows.normal[:, mark]
    over = points.own_radius_m[palm] + 0.1 * points.scale_m * share
    offset = rows.asked[:, palm] * points.scale_m + hips[:, 0] - motion.positions_m[:, wrist]
    outward = LEFT if side == "left" else -LEFT
    aside = quat.rotate(body.facing, 0.7 * outward - 0.5 * UP - 0.5 * FORWARD)
    hips_turn = quat.multiply(motion.rotations[:, body.hips], quat.conjugate(body.rest_rotations[body.hips]))
    start, bend, end = (motion.positions_m[:, joint] for joint in (shoulder, elbow, wrist))
    upper = lower = hand = quat.identity(motion.frames)
    for _ in range(ROUNDS):
        target = place + over * normal - quat.rotate(hand, offset)
        hinge = np.cross(quat.rotate(hips_turn, aside), quat.unit(target - start))
        upper, lower = solve_two_bone(start, bend, end, target, hinge)
        facing = _at_most(quat.between(quat.rotate(lower, rows.palm[:, palm]), -normal), MOST_TURN_RAD)
        hand = quat.multiply(facing, lower)
    return _bent(motion, (shoulder, elbow, wrist), (upper, lower, hand), when)


def _bent(
    motion: BodyMotion, joints: tuple[int, int, int], turns: tuple[Array, Array, Array], when: Array
) -> BodyMotion:
    """The arm with a share `when` `(frames,)` of world turns of its two bones and its hand."""
    skeleton = motion.body.skeleton
    rotations, positions = motion.rotations.copy(), motion.positions_m.copy()
    old, pivot = motion.positions_m, motion.positions_m[:, joints[0]]
    for number, (joint, turn) in enumerate(zip(joints, turns, strict=True)):
        share = quat.slerp(quat.identity(len(when)), turn, when)[:, None]
        below = kinematics.subtree(skeleton, joint)
        rotations[:, below] = quat.multiply(share, motion.rotations[:, below])
        positions[:, below] = pivot[:, None] + quat.rotate(share, old[:, below] - old[:, [joint]])
        if number + 1 < len(joints):
            pivot = positions[:, joints[number + 1]].copy()
    return replace(motion, rotations=quat.normalize(rotations), positions_m=positions)


def _when(motion: BodyMotion, middle: float, holds_s: float) -> Array:
    """How much of the touch each frame has `(frames,)`: 1 while it holds, coming and going in `COMES_S`."""
    times = np.arange(motion.frames) / motion.rate_hz
    centre = times[-1] * (0.25 + 0.5 * middle)
    weight: Array = smoothstep(1.0 - np.maximum(np.abs(times - centre) - 0.5 * holds_s, 0.0) / COMES_S)
    return weight


def _part(points: RelationPoints, side: str, draw: float, random: np.random.Generator) -> int:
    other = "right" if side == "left" else "left"
    kinds = {
        "torso": TORSO, "head": HEAD,
        "UpperLeg": part_index((side if random.random() < 0.8 else other) + "UpperLeg"),
        "arm": part_index(other + ("LowerArm", "Hand", "UpperArm")[int(random.integers(3))]),
    }  # fmt: skip
    for kind, share in WHERE.items():
        if draw < share:
            return kinds[kind]
        draw -= share
    return TORSO


def _mark(
    points: RelationPoints, rows: PointRows, part: int, shoulder_m: Array, reach_m: float, pick: float, frame: int
) -> int | None:
    """A mark of the part within reach of the shoulder, by its number; those that face away behind the back are left
    out.
    """
    of_part = all_marks().part[points.marks] == part
    places = rows.place[frame] * points.scale_m
    near = np.linalg.norm(places - shoulder_m, axis=-1)
    # A palm lies on what faces the shoulder's front, not on the far side of the trunk.
    ahead = quat.rotate(points.surface.body.facing, FORWARD)
    fits = np.flatnonzero(of_part & (near < reach_m) & (near > 0.25 * reach_m) & (rows.normal[frame] @ ahead > -0.4))
    return int(fits[int(pick * len(fits))]) if len(fits) else None


def _palm(points: RelationPoints, side: str) -> int | None:
    """Column of the hand's probe."""
    columns = [column for column, probe in enumerate(points.probes) if PROBES[probe][0] == f"{side}Hand"]
    return columns[0] if columns else None


def _at_most(turns: Array, most_rad: float) -> Array:
    angle = quat.angle(turns)
    return quat.slerp(quat.identity(len(turns)), turns, np.minimum(1.0, most_rad / np.maximum(angle, 1e-9)))
