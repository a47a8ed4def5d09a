"""Fingers of rigs that do not have the same ones: other counts of joints, fingers missing, mittens.

Where both rigs have a finger with the same joints, roles are copied and nothing here acts. Otherwise:

* Other counts: the turns are spread by arc length from the wrist, as the spine's are (`spine`), so that the finger as a
  whole curls as far: its last joint gets the source's last. Counting from the wrist places a thumb with or without a
  metacarpal right.
* A finger that the source lacks follows the nearest one that it has: a hand that is animated with three fingers, or as
  a mitten, is meant as a whole. The thumb neither lends nor borrows.
* A target's only finger is a mitten and follows the source's middle finger, which speaks for the hand.

A source without fingers leaves the target's at rest; so does a finger that the user left unmapped in the source.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.contract.roles import FINGERS, SIDES
from workers.motion.body_motion import BodyMotion
from workers.retargeting.alignment import RestAlignment
from workers.retargeting.spine import part_ends, spread
from workers.skeleton import quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Mask, Notice

LONG_FINGERS = FINGERS[1:]


@dataclass(frozen=True)
class Follower:
    """A target's finger and the source's finger it follows, with the joints of each that count."""

    side: str
    finger: str
    lender: str
    source_joints: tuple[int, ...]
    target_joints: tuple[int, ...]


def find_followers(source: Body, target: Body) -> list[Follower]:
    """Fingers of the target for which copying roles does not do."""
    result = []
    for side in SIDES:
        if not (source.has(f"{side}Hand") and target.has(f"{side}Hand")):
            continue
        for finger in FINGERS:
            lender = _lender(source, target, side, finger)
            if side + finger not in target.fingers or lender is None:
                continue
            theirs, own = source.fingers[side + lender], target.fingers[side + finger]
            count = max(theirs.least, own.least)
            alike = min(len(theirs.joints), len(own.joints)) >= count
            if lender == finger and alike and theirs.roles == own.roles and count == len(own.roles):
                continue
            counts = (count, count) if alike else (theirs.least, own.least)
            result.append(Follower(side, finger, lender, theirs.joints[: counts[0]], own.joints[: counts[1]]))
    return result


def finger_joints(source: Body, target: Body) -> list[int]:
    """Target joints that `drive_fingers` keys."""
    return [joint for follower in find_followers(source, target) for joint in follower.target_joints]


def drive_fingers(
    source: BodyMotion, target: Body, alignment: RestAlignment, turn: Array, rotations: Array, driven: Mask
) -> None:
    """Put the followers into world `rotations` `(frames, joints, 4)`, in place. `turn` is the change of heading."""
    for follower in find_followers(source.body, target):
        joints, hand = list(follower.target_joints), f"{follower.side}Hand"
        theirs = [source.body.mapping.roles[hand].joint, *follower.source_joints]
        away = quat.multiply(source.rotations[:, theirs], quat.conjugate(source.body.rest_rotations[theirs]))
        turns = quat.multiply(quat.multiply(turn, away), quat.conjugate(turn))
        ends = _ends(source.body, theirs), _ends(target, [target.mapping.roles[hand].joint, *joints])
        deltas = spread(turns[:, 0], turns, *ends)[:, 1:]
        aligned = _alignments(target, alignment, follower)
        rotations[:, joints] = quat.multiply(deltas, quat.multiply(aligned, target.rest_rotations[joints]))
        driven[joints] = True


def finger_notices(source: Body, target: Body) -> tuple[Notice, ...]:
    """Which fingers move as others do, one notice a hand."""
    result = []
    for side in SIDES:
        followed = [
            f"{follower.finger.lower()} follows {follower.lender.lower()}"
            for follower in find_followers(source, target)
            if follower.side == side and follower.finger != follower.lender
        ]
        if followed:
            message = f"the {side} hand has other fingers than the motion's rig: {', '.join(followed)}"
            result.append(Notice("fingers-shared", message))
    return tuple(result)


def _lender(source: Body, target: Body, side: str, finger: str) -> str | None:
    """The source's finger that a target's follows; None where it stays at rest."""
    present = [other for other in LONG_FINGERS if side + other in source.fingers]
    on_source, on_target = source.fingers.keys() | source.mapping.chains.keys(), target.mapping.chains.keys()
    if finger == "Thumb" or not present:
        return finger if side + finger in source.fingers else None
    others = [other for other in LONG_FINGERS if other != finger and side + other in target.fingers.keys() | on_target]
    if not others:
        finger = "Middle"
    elif side + finger in on_source:
        return finger if finger in present else None
    place = LONG_FINGERS.index(finger)
    # Of two that are equally near, the one towards the little finger.
    return min(present, key=lambda other: (abs(LONG_FINGERS.index(other) - place), -LONG_FINGERS.index(other)))


def _ends(body: Body, chain: list[int]) -> Array:
    """Shares of the way from the wrist to the finger's tip at which the hand's and each joint's own part end."""
    positions, below = body.rest_positions_m, body.skeleton.children[chain[-1]]
    tip = 2.0 * positions[chain[-1]] - positions[chain[-2]]
    if below:
        tip = positions[below[0]]
    elif len(chain) == 2:  # the palm's length says nothing of the only phalanx beyond it
        tip = positions[chain[-1]] + 0.5 * (positions[chain[-1]] - positions[chain[-2]])
    return part_ends(positions, chain, tip)


def _alignments(target: Body, alignment: RestAlignment, follower: Follower) -> Array:
    """Rest alignment `(joints, 4)`: of the finger itself, else of the one it follows, else of the joint before."""
    current = alignment.turns.get(f"{follower.side}Hand", quat.IDENTITY)
    own = [target.fingers.get(follower.side + name) for name in (follower.finger, follower.lender)]
    known = [finger.roles for finger in own if finger is not None and finger.roles[0] in alignment.turns]
    result = []
    for number in range(len(follower.target_joints)):
        if known and number < len(known[0]):
            current = alignment.turns.get(known[0][number], current)
        result.append(current)
    return np.stack(result)
