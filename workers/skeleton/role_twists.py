"""Twist joints: helpers between the joints of a limb that share its roll, so that the skin does not wring.

Two layouts occur: joints beside the limb's next joint, or beside one another (`lowerarm_twist_01`, `ForearmTwist01`),
and joints in line, which carry it (upper arm, its twist joint, lower arm). A twist joint is told by a name that says
so and a place near its bone; in line, or where the name says nothing, a place on the bone's axis is enough. Control,
corrective and prop joints are marked by their names and left alone. How far each one turns is left to `twist_joints`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from workers.skeleton.model import Array, Skeleton
from workers.skeleton.role_words import NameReading
from workers.skeleton.roles import SIDES

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
        for joint in [*inline, *_beside(skeleton, readings, upper, mapped, set(inline))]:
            offset = positions_m[joint] - positions_m[upper]
            place = float(offset @ bone) / length**2
            aside = float(np.linalg.norm(offset - place * bone)) / length
            if skeleton.deforming[joint] and _fits(readings[joint], joint in inline, place, aside):
                found[joint] = place
        if found:
            result[chain_name(role)] = tuple(sorted(found, key=lambda joint: (found[joint], joint)))
    return result


def _between(skeleton: Skeleton, upper: int, tip: int) -> list[int]:
    """Joints strictly between two of one line; none where `upper` is not above `tip`."""
    above = skeleton.ancestors(tip)
    return above[: above.index(upper)][::-1] if upper in above else []


def _beside(
    skeleton: Skeleton, readings: Sequence[NameReading], upper: int, mapped: set[int], inline: set[int]
) -> list[int]:
    """Joints that move rigidly with a bone, without a limb below: its children, and those of further twist joints."""
    found = []
    queue = [upper, *inline]
    while queue:
        for child in skeleton.children[queue.pop()]:
            if child in inline or child in mapped or skeleton.end_site[child] or _holds(skeleton, child, mapped):
                continue
            found.append(child)
            if readings[child].twist:
                queue.append(child)
    return found


def _holds(skeleton: Skeleton, joint: int, mapped: set[int]) -> bool:
    below = [joint]
    for item in below:
        if item in mapped:
            return True
        below.extend(skeleton.children[item])
    return False


def _fits(reading: NameReading, inline: bool, place: float, aside: float) -> bool:
    if reading.twist:
        return aside < NAMED_BAND and -ENDS < place < 1.0 + ENDS
    if reading.auxiliary > 0.5 or aside > PLAIN_BAND or not ENDS < place < 1.0 - ENDS:
        return False
    return inline or not reading.parts
