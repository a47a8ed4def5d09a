"""Twins: joints that stand where joints of the mapped body stand, beside them in the tree, and hold the skin.

Modelling tools make them follow by a constraint that no file keeps (MMD's D bones, the DEF, ORG and MCH bones of
Rigify, the skeleton of a garment). In the same place alone is no twin: a helper of the shoulder stands where the upper
arm does and must not swing with it. The chain below or above agrees too, or the name says the same part, or the joint
of the body has left its skin to the other. A garment's skeleton may stand a little off: there the name is needed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from workers.contract.roles import SIDES
from workers.skeleton.find_roles.names import NameReader
from workers.skeleton.kinematics import subtree
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Array, Mask, Skeleton
from workers.skeleton.skin_hold import below

SAME_PLACE = 0.012  # of the leg's length
NAMED_PLACE = 0.1  # of the leg: so near stands a joint of another armature that has the same name
APART = 4.0  # times the first: two links of a chain that agree stand at least so far from each other
FURTHEST = 32  # steps between two links of a chain that agree
MOST_THERE = 8  # joints of the body looked at in one place
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
    near, wide = SAME_PLACE * leg_m, NAMED_PLACE * leg_m
    names = _Names(skeleton, mapping)
    inside = below(skeleton, own)
    lines = {joint: [joint, *skeleton.ancestors(joint)] for joint in map(int, np.flatnonzero(own))}
    bodies = np.array(sorted(lines), dtype=np.int64)
    under = {joint: set(subtree(skeleton, joint).tolist()) for joint in lines}
    pairs: dict[int, dict[int, float]] = {}  # joint -> joints of the body in its place, and how far off they are
    for joint in map(int, np.flatnonzero(candidates)):
        distances = np.linalg.norm(positions_m[bodies] - positions_m[joint], axis=1)
        order = np.argsort(distances, kind="stable")[:MOST_THERE]
        found = {
            int(bodies[k]): float(distances[k])
            for k in order
            if distances[k] <= (near if inside[joint] else wide) and joint not in under[int(bodies[k])]
        }
        found = {body: away for body, away in found.items() if away <= near or names.same_part(joint, body)}
        if found:
            pairs[joint] = found
    chained = _chained(skeleton, pairs, lines, positions_m, APART * near)
    bare = _bare(skeleton, own, holders)
    best: dict[int, int] = {}
    for joint, found in pairs.items():
        ranks = {}
        for body, distance in found.items():
            said, in_chain = names.same_part(joint, body), (joint, body) in chained
            if said or in_chain or (bare[body] and not names.is_helper(joint)):
                ranks[body] = (-2 * in_chain - said, distance)
        if ranks:
            best[joint] = min(ranks, key=lambda body: ranks[body])
    return _without_repeats(skeleton, best)


def _chained(
    skeleton: Skeleton,
    pairs: Mapping[int, Mapping[int, float]],
    lines: Mapping[int, list[int]],
    positions_m: Array,
    apart_m: float,
) -> set[tuple[int, int]]:
    """Pairs (joint, joint of the body) that another pair further along both chains agrees with."""
    result: set[tuple[int, int]] = set()
    for joint, found in pairs.items():
        upper = joint
        for _ in range(FURTHEST):
            upper = int(skeleton.parents[upper])
            if upper < 0:
                break
            if upper not in pairs or np.linalg.norm(positions_m[upper] - positions_m[joint]) <= apart_m:
                continue
            for body in found:
                for upper_body in pairs[upper]:
                    if upper_body in lines[body][1:]:
                        result |= {(joint, body), (upper, upper_body)}
    return result


def _without_repeats(skeleton: Skeleton, twins: Mapping[int, int]) -> dict[int, int]:
    """Without joints that the twin above them carries to the same place anyway."""
    carried: dict[int, int] = {}  # joint -> what the nearest twin that is it or above it stands with
    result = {}
    for joint, parent in enumerate(skeleton.parents):
        above = carried.get(int(parent), -1)
        carried[joint] = twins.get(joint, above)
        if joint in twins and twins[joint] != above:
            result[joint] = twins[joint]
    return result


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
        reading, other, role = self.readings[joint], self.readings[body], self.roles.get(body)
        if reading.twist or reading.auxiliary >= SAME_PART:
            return False
        if reading.stem and reading.stem == other.stem and reading.side == other.side:
            return True
        if role is None:
            return False
        side = next((side for side in SIDES if role.startswith(side)), None)
        part = role[len(side) :] if side is not None else role
        return reading.side == side and reading.score(part) > SAME_PART
