"""Rest alignment: the constant turn that brings each target limb from its own rest pose into the source's.

For a joint with source rest rotation S, target rest rotation T and source world rotation W(f), the transfer is `W(f)
S^-1 A T`: A turns the target's limb, as it rests, to where the source's limb rests. Arms, hands and fingers are
aligned by direction, parent first, so that each joint adds only the least turn its own bone needs; the roll of the
whole arm then follows the palm, which joint positions do fix (finger fan, else thumb). Legs are aligned too, but a
few degrees between two straight legs are anatomy (hip and ankle widths), not pose, and stay; so for the fingers of
two flat hands. Hips, spine, neck, head, clavicles and feet are not aligned by direction (ankle-to-toe or neck-to-
head direction is anatomy): there A is the identity, but for a foot whose sole does not lie flat at rest.

Two rigs of one family (`workers.retargeting.family`) are aligned in the pose that they share: joints that agree there
are copied, as they differ by anatomy alone, and limbs that do not are aligned from there.

All turns are in the target's world.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np

from workers.contract.roles import FINGERS, SIDES, finger_roles
from workers.retargeting.family import CommonPose, PosedRig, find_common_pose
from workers.skeleton import quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Notice

# Two rest poses whose legs (fingers) differ by less than the first angle stand alike; beyond the second it is pose.
LEG_BAND_DEG = (2.5, 6.0)
FINGER_BAND_DEG = (8.0, 20.0)
# A palm is known when its fingers fan out by at least this share of the hand's length.
MIN_FAN = 0.15
PAIRS_KEPT = 8


@dataclass(frozen=True, eq=False)
class RestAlignment:
    """`turns`: role -> `(4,)`; a role that is absent has the identity. `notices` tell what had to be guessed.

    `joint_turns` are those of the target's joints in trunk chains, which are no limbs: there for one family only.
    """

    turns: dict[str, Array]
    notices: tuple[Notice, ...]
    joint_turns: dict[int, Array] = field(default_factory=dict)

    def of_joints(self, joints: list[int]) -> Array:
        """Turns `(joints, 4)` of target joints in trunk chains."""
        return np.array([self.joint_turns.get(joint, quat.IDENTITY) for joint in joints]).reshape(-1, 4)


@lru_cache(maxsize=PAIRS_KEPT)
def align(source: Body, target: Body) -> RestAlignment:
    """Alignment of two rigs whose rest poses nobody stated: of one family in the pose that they share, else at rest.
    The same object for the same two: scores ask for it again.
    """
    common = find_common_pose(source, target)
    return align_rest(source, target) if common is None else align_family(source, target, common)


def align_rest(source: Body, target: Body) -> RestAlignment:
    """Alignment turns of every limb role that the target has and the source drives."""
    turn = quat.multiply(target.facing, quat.conjugate(source.facing))
    turns: dict[str, Array] = {}
    notices: list[Notice] = []
    for side in SIDES:
        notices += _align_arm(source, target, turn, side, turns)
        _align_leg(source, target, turn, side, turns)
    for role in source.sole_tilt.keys() | target.sole_tilt.keys():
        own = quat.multiply(quat.multiply(turn, source.sole_tilt.get(role, quat.IDENTITY)), quat.conjugate(turn))
        turns[role] = quat.multiply(quat.conjugate(own), target.sole_tilt.get(role, quat.IDENTITY))
    return RestAlignment(turns, tuple(notices))


def align_family(source: Body, target: Body, common: CommonPose) -> RestAlignment:
    """Alignment turns of two rigs of one family, which stand alike in `common`.

    There a joint that agrees moves with the joint above it, and a limb that does not is aligned as between any two
    rigs. What follows takes the turns from that pose to the rest poses, from which all motion is counted:
    `A = D A' T' T^-1`, with D the source's turn from the common pose to its rest (in the target's world), A' the turn
    in the common pose and T' the target there.
    """
    turn = quat.multiply(target.facing, quat.conjugate(source.facing))
    aligned = align_rest(_in_pose(source, common.source), _in_pose(target, common.target))
    roles = {match.joint: role for role, match in target.mapping.roles.items()}
    turns, joint_turns = dict(aligned.turns), {}
    in_common: dict[int, Array] = {}  # turns in the common pose, of the joints so far
    for ours, theirs in sorted(common.pairs, key=lambda pair: pair[1]):  # parents first
        role = roles.get(theirs)
        above = next((in_common[up] for up in target.skeleton.ancestors(theirs) if up in in_common), quat.IDENTITY)
        own = quat.IDENTITY if role is None else aligned.turns.get(role, quat.IDENTITY)
        here = in_common[theirs] = above if theirs in common.same else own
        if role in source.sole_tilt.keys() | target.sole_tilt.keys() and theirs not in common.same:
            continue  # soles are known in the rest pose alone
        away = quat.multiply(source.rest_rotations[ours], quat.conjugate(common.source.rotations[ours]))
        away = quat.multiply(quat.multiply(turn, away), quat.conjugate(turn))
        back = quat.multiply(common.target.rotations[theirs], quat.conjugate(target.rest_rotations[theirs]))
        whole = quat.multiply(quat.multiply(away, here), back)
        joint_turns[theirs] = whole
        if role is not None:
            turns[role] = whole
    notices = tuple(notice for notice in aligned.notices if target.joint(notice.joint or "") not in common.same)
    return RestAlignment(turns, (*notices, *common.notices), joint_turns)


def _in_pose(body: Body, posed: PosedRig) -> Body:
    """The body as if it rested in another pose; its soles are known in its own alone and keep theirs."""
    return replace(body, rest_rotations=posed.rotations, rest_positions_m=posed.positions_m)


def _align_arm(source: Body, target: Body, turn: Array, side: str, turns: dict[str, Array]) -> list[Notice]:
    upper, lower, hand = (f"{side}{part}" for part in ("UpperArm", "LowerArm", "Hand"))
    current = quat.IDENTITY
    for role, tip in ((upper, lower), (lower, hand)):
        current = _swing(source, target, turn, role, tip, current)
        turns[role] = current
    if not (source.has(hand) and target.has(hand)):
        return []
    source_reach, target_reach = _finger_reach(source, target, side)
    if source_reach is not None and target_reach is not None:
        reached = quat.rotate(turn, source_reach)
        swung = quat.multiply(quat.between(quat.rotate(current, target_reach), reached), current)
        current = _pose_part(current, swung, FINGER_BAND_DEG)
    else:
        reached = quat.rotate(turn, _direction(source, lower, hand))
    turns[hand] = current
    notices = []
    palms = _palm_axes(source, target, side)
    if palms is None:
        notices.append(
            Notice(
                "roll-guessed",
                f"no fingers fix the roll of the {side} arm; least twist between the rest poses is used",
                hand,
            )
        )
    else:
        roll = _roll_about(reached, quat.rotate(current, palms[1]), quat.rotate(turn, palms[0]))
        for role, axis in ((upper, _direction(source, upper, lower)), (lower, _direction(source, lower, hand))):
            turns[role] = quat.multiply(quat.from_axis_angle(quat.rotate(turn, axis), roll), turns[role])
        turns[hand] = quat.multiply(quat.from_axis_angle(reached, roll), turns[hand])
    for finger in FINGERS:
        chain = finger_roles(side, finger)
        current = turns[hand]
        for role, tip in pairwise(chain):
            current = _pose_part(current, _swing(source, target, turn, role, tip, current), FINGER_BAND_DEG)
            if source.has(role) and target.has(role):
                turns[role] = current
        if source.has(chain[-1]) and target.has(chain[-1]):
            turns[chain[-1]] = current
    return notices


def _align_leg(source: Body, target: Body, turn: Array, side: str, turns: dict[str, Array]) -> None:
    """Thigh and shin; the shin needs an ankle on both sides."""
    current = quat.IDENTITY
    for role, tip in ((f"{side}UpperLeg", f"{side}LowerLeg"), (f"{side}LowerLeg", f"{side}Foot")):
        current = _pose_part(current, _swing(source, target, turn, role, tip, current), LEG_BAND_DEG)
        turns[role] = current


def _pose_part(current: Array, swung: Array, band_deg: tuple[float, float]) -> Array:
    """`current` with as much of the further turn to `swung` as is pose and not anatomy: none below the band, all
    above it.
    """
    full = quat.multiply(swung, quat.conjugate(current))
    low, high = band_deg
    weight = _smooth_step((float(np.degrees(quat.angle(full))) - low) / (high - low))
    return quat.multiply(quat.slerp(quat.IDENTITY, full, weight), current)


def _swing(source: Body, target: Body, turn: Array, role: str, tip: str, current: Array) -> Array:
    """`current`, then the least turn that brings the target's bone role-tip onto the source's; unchanged where a rig
    lacks it.
    """
    if not (source.has(role, tip) and target.has(role, tip)):
        return current
    wanted = quat.rotate(turn, _direction(source, role, tip))
    here = quat.rotate(current, _direction(target, role, tip))
    return quat.multiply(quat.between(here, wanted), current)


def _direction(body: Body, role: str, tip: str) -> Array:
    """Unit direction of a bone in the rest pose's world."""
    start, end = body.mapping.roles[role].joint, body.mapping.roles[tip].joint
    return quat.unit(body.rest_positions_m[end] - body.rest_positions_m[start])


def _shared_knuckles(source: Body, target: Body, side: str) -> list[str]:
    """First joints of the fingers that both rigs have, index to little."""
    roles = [finger_roles(side, finger)[0] for finger in FINGERS[1:]]
    return [role for role in roles if source.has(role) and target.has(role)]


def _finger_reach(source: Body, target: Body, side: str) -> tuple[Array | None, Array | None]:
    """Direction from the wrist to the middle of the knuckles that both rigs have."""
    knuckles = _shared_knuckles(source, target, side)
    if not knuckles:
        return None, None
    reaches = []
    for body in (source, target):
        wrist = body.rest_positions_m[body.mapping.roles[f"{side}Hand"].joint]
        middle = np.mean([body.rest_positions_m[body.mapping.roles[role].joint] for role in knuckles], axis=0)
        reaches.append(quat.unit(middle - wrist))
    return reaches[0], reaches[1]


def _palm_axes(source: Body, target: Body, side: str) -> tuple[Array, Array] | None:
    """Thumb-side axis across the palm at rest, (source, target): from the finger fan where both rigs show one, else
    the thumb.
    """
    knuckles = _shared_knuckles(source, target, side)
    if len(knuckles) >= 2:
        across = [_between_joints(body, knuckles[-1], knuckles[0]) for body in (source, target)]
        lengths = [np.linalg.norm(_between_joints(body, f"{side}Hand", knuckles[0])) for body in (source, target)]
        if all(np.linalg.norm(axis) > MIN_FAN * length for axis, length in zip(across, lengths, strict=True)):
            return across[0], across[1]
    thumb = next(
        (role for role in finger_roles(side, "Thumb")[1:] if source.has(role) and target.has(role)),
        f"{side}ThumbMetacarpal",
    )
    if source.has(thumb) and target.has(thumb):
        return _between_joints(source, f"{side}Hand", thumb), _between_joints(target, f"{side}Hand", thumb)
    return None


def _between_joints(body: Body, start: str, end: str) -> Array:
    roles = body.mapping.roles
    across: Array = body.rest_positions_m[roles[end].joint] - body.rest_positions_m[roles[start].joint]
    return across


def _roll_about(axis: Array, start: Array, end: Array) -> float:
    """Signed angle about unit `axis` from the part of `start` across it to the part of `end` across it, radians."""
    start = start - axis * (axis @ start)
    end = end - axis * (axis @ end)
    return float(np.arctan2(axis @ np.cross(start, end), start @ end))


def _smooth_step(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return x * x * (3.0 - 2.0 * x)
