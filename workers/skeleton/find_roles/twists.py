"""Twist joints: helpers between the joints of a limb that share its roll, so that the skin does not wring.

Two layouts occur: joints beside the limb's next joint, or beside one another (`lowerarm_twist_01`, `ForearmTwist01`),
and joints in line, which carry it (upper arm, its twist joint, lower arm). A twist joint is told by a name that says
so and a place near its bone; in line, or where the name says nothing, a place on the bone's axis is enough. Control,
corrective and prop joints are marked by their names and left alone. How far each one turns is left to `twist_joints`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from workers.contract.roles import SIDES
from workers.skeleton.find_roles.names import NameReading
from workers.skeleton.model import Array, Skeleton

# Limb bones that roll: upper joint, next joint.
BONES = tuple(
    (f"{side}{upper}", f"{side}{lower}")
    for side in SIDES
    for upper, lower in (
        ("UpperArm", "LowerArm"), ("LowerArm", "Hand"), ("UpperLeg", "LowerLeg"), ("LowerLeg", "Foot"),
    )
)  # fmt: skip
# Distance from the bone's axis and beyond its ends, in bone lengths: for names that say twist, and for others.
NAMED_BAND, PLAIN_BAND = 0.2, 0.03
ENDS = 0.05
MAX_TWISTS = 16  # joints beyond this number on one bone are something else


def chain_name(role: str) -> str:
    """The chain of a bone's twist joints: `leftLowerArm` has `leftLowerArmTwist`."""
    return f"{role}Twist"


def find_twists(
    skeleton: Skeleton, positions_m: Array, readings: Sequence[NameReading], roles: Mapping[str, int]
) -> dict[str, tuple[int, ...]]:
    """Chain name -> twist joints of that bone, nearest to the body first; bones without any are absent.

    `positions_m` `(joints, 3)` is a pose, `roles` role -> joint.
    """
    mapped = set(roles.values())
    limbs = mapped.union(*(skeleton.ancestors(joint) for joint in mapped))
    result = {}
    for role, tip_role in BONES:
        if role not in roles or tip_role not in roles:
            continue
        upper, tip = roles[role], roles[tip_role]
        inline = _between(skeleton, upper, tip)
        if mapped & set(inline):
            continue
        bone = positions_m[tip] - positions_m[upper]
        length = float(np.linalg.norm(bone))
        if length < 1e-9:
            continue
        found = {}
        for joint in [*inline, *_beside(skeleton, readings, upper, limbs, inline)]:
            offset = positions_m[joint] - positions_m[upper]
            place = float(offset @ bone) / length**2
            aside = float(np.linalg.norm(offset - place * bone)) / length
            # A name that says nothing may be anything, but hair and cloth have more than one joint.
            free = joint in inline or not (readings[joint].parts or skeleton.children[joint])
            if skeleton.deforming[joint] and _fits(readings[joint], free, place, aside):
                found[joint] = place
        if 0 < len(found) <= MAX_TWISTS:
            result[chain_name(role)] = tuple(sorted(found, key=lambda joint: (found[joint], joint)))
    return result


def _between(skeleton: Skeleton, upper: int, tip: int) -> list[int]:
    """Joints strictly between two of one line; none where `upper` is not above `tip`."""
    above = skeleton.ancestors(tip)
    return above[: above.index(upper)][::-1] if upper in above else []


def _beside(
    skeleton: Skeleton, readings: Sequence[NameReading], upper: int, limbs: set[int], inline: list[int]
) -> list[int]:
    """Joints that move rigidly with a bone and lead to no limb: its children, and those of further twist joints."""
    found = []
    queue = [upper, *inline]
    while queue:
        for child in skeleton.children[queue.pop()]:
            if child in limbs or child in inline or skeleton.end_site[child]:
                continue
            found.append(child)
            if readings[child].twist:
                queue.append(child)
    return found


def _fits(reading: NameReading, free: bool, place: float, aside: float) -> bool:
    if reading.twist:
        return aside < NAMED_BAND and -ENDS < place < 1.0 + ENDS
    return free and reading.auxiliary <= 0.5 and aside < PLAIN_BAND and ENDS < place < 1.0 - ENDS
