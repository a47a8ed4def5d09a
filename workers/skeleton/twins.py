"""Twins: joints that stand where joints of the mapped body stand, beside them in the tree, and hold the skin.

Modelling tools make them follow by a constraint that no file keeps (MMD's D bones, the DEF, ORG and MCH bones of
Rigify, the skeleton of a garment). In the same place alone is no twin: a helper of the shoulder stands where the upper
arm does and must not swing with it. The chain below or above agrees too, or the name says the same part, or the joint
of the body has left its skin to the other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from workers.contract.roles import SIDES
from workers.skeleton.find_roles.names import NameReader
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Array, Mask, Skeleton

SAME_PLACE = 0.012  # of the leg's length
APART = 4.0  # times that: two links of a chain that agree stand at least so far from each other
SAME_PART = 0.5  # of a name's score


def find_twins(
    skeleton: Skeleton,
    mapping: HumanoidMapping,
    positions_m: Array,
    leg_m: float,
    own: Mask,
    candidates: Mask,
    holders: Mask | None,
) -> dict[int, int]:
    """Twin -> the joint of the body that it stands with, upper joints first.

    `own` are the joints that the body moves by itself, `candidates` those that may follow one, both `(joints,)`.
    `holders` hold skin, None where no skin is known.
    """
    near = SAME_PLACE * leg_m
    above = [set(skeleton.ancestors(joint)) for joint in range(len(skeleton))]
    bodies = np.flatnonzero(own)
    pairs: list[tuple[int, int, float]] = []
    for joint in map(int, np.flatnonzero(candidates)):
        distances = np.linalg.norm(positions_m[bodies] - positions_m[joint], axis=1)
        pairs += [
            (joint, int(bodies[place]), float(distances[place]))
            for place in np.flatnonzero(distances <= near)
            if int(bodies[place]) not in above[joint]
        ]
    bare = _bare(skeleton, own, holders)
    names = _Names(skeleton, mapping)

    def agrees(pair: tuple[int, int, float]) -> bool:
        joint, body, _ = pair
        for other, other_body, _ in pairs:
            in_line = other in above[joint] and other_body in above[body]
            in_line |= joint in above[other] and body in above[other_body]
            if in_line and np.linalg.norm(positions_m[other] - positions_m[joint]) > APART * near:
                return True
        return False

    best: dict[int, tuple[tuple[int, float], int]] = {}
    for pair in pairs:
        joint, body, distance = pair
        said = names.same_part(joint, body)
        chained = agrees(pair)
        if not (said or chained or (bare[body] and not names.is_helper(joint))):
            continue
        rank = (-2 * chained - said, distance)
        if joint not in best or rank < best[joint][0]:
            best[joint] = (rank, body)
    return _without_repeats(skeleton, {joint: body for joint, (_, body) in sorted(best.items())})


def _without_repeats(skeleton: Skeleton, twins: Mapping[int, int]) -> dict[int, int]:
    """Without joints that the twin above them carries to the same place anyway."""
    return {
        joint: body
        for joint, body in twins.items()
        if next((twins[up] for up in skeleton.ancestors(joint) if up in twins), -1) != body
    }


def _bare(skeleton: Skeleton, own: Mask, holders: Mask | None) -> Mask:
    """Joints of the body without any skin on them or on what they carry along, `(joints,)`."""
    if holders is None:
        return np.zeros(len(skeleton), dtype=np.bool_)
    holds = holders.copy()
    for joint in range(len(skeleton) - 1, -1, -1):
        parent = int(skeleton.parents[joint])
        if parent >= 0 and holds[joint] and not own[joint]:
            holds[parent] = True
    return np.asarray(own & ~holds)


class _Names:
    """What names say of twins: the same part on the same side."""

    def __init__(self, skeleton: Skeleton, mapping: HumanoidMapping) -> None:
        self.readings = NameReader(skeleton.names).readings
        self.roles = {match.joint: role for role, match in mapping.roles.items()}

    def is_helper(self, joint: int) -> bool:
        return self.readings[joint].twist or self.readings[joint].auxiliary > 0.9

    def same_part(self, joint: int, body: int) -> bool:
        reading, role = self.readings[joint], self.roles.get(body)
        if role is None or reading.twist:
            return False
        side = next((side for side in SIDES if role.startswith(side)), None)
        part = role[len(side) :] if side is not None else role
        return reading.side == side and reading.score(part) > SAME_PART and reading.auxiliary < SAME_PART
