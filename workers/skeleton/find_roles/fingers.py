"""Fingers: chains off the hand, which finger each one is, and which joint of it plays which role.

A finger is a chain that ends in one leaf. Names decide, then numbers ("finger1" .. "finger5" count from the thumb),
then geometry: the thumb stands apart, the others follow in order across the palm. Joints that a finger has beyond its
three roles (metacarpals, mounts, tips) stay in its chain only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from workers.contract.roles import FINGERS, finger_roles
from workers.skeleton.find_roles.limbs import Evidence
from workers.skeleton.find_roles.shape import Shape
from workers.skeleton.model import Array

BESIDE = 0.15  # in body heights: fingers that hang on the lower arm are no further from the hand
MAX_CHAINS = 10  # more chains than this off one hand are no fingers


@dataclass
class Hand:
    """Roles, finger chains and the confidence of each finger of one hand."""

    roles: dict[str, int] = field(default_factory=dict)
    chains: dict[str, tuple[int, ...]] = field(default_factory=dict)
    confidence: dict[str, float] = field(default_factory=dict)
    reason: dict[str, str] = field(default_factory=dict)


def find_fingers(shape: Shape, evidence: Evidence, side: str, hand: int) -> Hand:
    """All fingers of the hand joint; a rig without fingers gives an empty result."""
    result = Hand()
    chains = _finger_chains(shape, evidence, hand)
    if not chains or len(chains) > MAX_CHAINS:
        return result
    fingers, how, sure = _name_fingers(shape, evidence, hand, chains)
    for finger, chain in fingers.items():
        key = side + finger
        result.chains[key] = tuple(chain)
        roles, joints = _finger_roles(side, finger, chain, shape, evidence, hand)
        for role, joint in zip(roles, joints, strict=True):
            result.roles[role] = joint
            result.confidence[role] = sure[finger]
            result.reason[role] = how[finger]
    return result


def _finger_score(evidence: Evidence, joint: int) -> float:
    return max(evidence.readings[joint].score(part) for part in (*FINGERS, "Finger"))


def _finger_chains(shape: Shape, evidence: Evidence, hand: int) -> list[list[int]]:
    """Chains from the palm to each leaf below the hand, or beside it where fingers hang on the lower arm."""
    children = shape.skeleton.children
    inside = shape.subtree(hand)[1:]
    parent = int(shape.skeleton.parents[hand])
    for sibling in children[parent] if parent >= 0 else ():
        branch = shape.subtree(sibling)
        away = float(np.linalg.norm(shape.positions_m[sibling] - shape.positions_m[hand]))
        if sibling == hand or away > BESIDE * shape.height_m:
            continue  # such as the other hand, where both hang below a root
        if any(_finger_score(evidence, j) > 0.4 and evidence.auxiliary[j] < 0.5 for j in branch):
            inside += branch
    body = {j for j in inside if shape.usable[j] and evidence.auxiliary[j] < 0.9}
    leaves = {j: sum(c in body for c in children[j]) == 0 for j in body}
    below: dict[int, int] = {}
    for joint in sorted(body, reverse=True):  # children have larger indices than parents
        below[joint] = 1 if leaves[joint] else sum(below[c] for c in children[joint] if c in body)
    chains = []
    for leaf in sorted(j for j in body if leaves[j]):
        chain = [leaf]
        above = int(shape.skeleton.parents[leaf])
        while above in body and below[above] == 1:
            chain.append(above)
            above = int(shape.skeleton.parents[above])
        chains.append(chain[::-1])
    named = [chain for chain in chains if any(_finger_score(evidence, j) > 0.4 for j in chain)]
    if named:
        return named
    return chains if len(chains) >= 2 else []


def _name_fingers(
    shape: Shape, evidence: Evidence, hand: int, chains: list[list[int]]
) -> tuple[dict[str, list[int]], dict[str, str], dict[str, float]]:
    """Assign chains to fingers: the best total of name scores, order across the palm filling what names leave open."""
    votes = np.array(
        [[max(evidence.readings[j].score(finger) for j in chain) for finger in FINGERS] for chain in chains]
    )
    fingers: dict[str, list[int]] = {}
    how: dict[str, str] = {}
    sure: dict[str, float] = {}
    free = list(range(len(chains)))
    for index in np.argsort(-votes, axis=None, kind="stable"):
        row, column = divmod(int(index), len(FINGERS))
        vote, name = float(votes[row, column]), FINGERS[column]
        if vote > 0.4 and row in free and name not in fingers:
            fingers[name], how[name], sure[name] = chains[row], "name", 0.6 + 0.38 * vote
            free.remove(row)
    if not free or len(free) + len(fingers) > len(FINGERS):
        return fingers, how, sure
    left = [finger for finger in FINGERS if finger not in fingers]
    order, basis = _order(shape, evidence, hand, [chains[i] for i in free], "Thumb" in left, list(fingers.values()))
    names = left if len(order) == len(left) else left[: len(order)]
    if order and not order[0][1] and "Thumb" in names and len(order) < len(left):
        names = left[1 : len(order) + 1]
    for finger, (chain_index, _) in zip(names, order, strict=False):
        fingers[finger] = chains[free[chain_index]]
        how[finger] = basis
        sure[finger] = 0.8 if basis == "finger number" else 0.55
    return fingers, how, sure


def _order(
    shape: Shape, evidence: Evidence, hand: int, chains: list[list[int]], with_thumb: bool, known: list[list[int]]
) -> tuple[list[tuple[int, bool]], str]:
    """Chains from the thumb's side outward, whether each stands apart like a thumb, and what the order rests on."""
    base = shape.positions_m[[chain[0] for chain in chains]]
    tip = shape.positions_m[[chain[-1] for chain in chains]]
    apart = _thumb(shape.positions_m[hand], base, tip) if with_thumb and len(chains) > 1 else -1
    first = [next((j for j in chain if _finger_score(evidence, j) > 0.4), chain[0]) for chain in chains]
    digits = [_digit(evidence.readings[joint].numbers) for joint in first]
    if len(set(digits)) == len(digits) and None not in digits:
        ranked = sorted(range(len(chains)), key=lambda i: (digits[i] is None, digits[i] or 0))
        return [(i, i == apart or (len(chains) == len(FINGERS) and i == ranked[0])) for i in ranked], "finger number"
    if apart < 0 and not known:
        return [(i, False) for i in range(len(chains))], "order in the file"
    others = [i for i in range(len(chains)) if i != apart]
    side = base[apart] if apart >= 0 else shape.positions_m[known[0][0]]
    across = side - base[others].mean(axis=0)
    if len(others) > 1:
        centred = base[others] - base[others].mean(axis=0)
        axis = np.linalg.svd(centred)[2][0]
        across = axis if axis @ across >= 0 else -axis
    ranked = sorted(others, key=lambda i: -float(base[i] @ across))
    head = [(apart, True)] if apart >= 0 else []
    return [*head, *((i, False) for i in ranked)], "position on the hand"


def _digit(numbers: tuple[int, ...]) -> int | None:
    """Which finger a number means: "finger2-1" is 2; "Finger21" (second joint of finger 2) is 2; "Finger2" is 2."""
    if not numbers:
        return None
    return numbers[0] if len(numbers) > 1 or numbers[0] < 10 else numbers[0] // 10


def _thumb(wrist: Array, base: Array, tip: Array) -> int:
    """The chain whose direction differs most from the others and whose base lies nearest the wrist."""
    direction = tip - wrist
    size = np.linalg.norm(direction, axis=1, keepdims=True)
    direction = direction / np.maximum(size, 1e-12)
    likeness = direction @ direction.T
    away = 1.0 - (likeness.sum(axis=1) - np.diag(likeness)) / (len(tip) - 1)
    near = np.linalg.norm(base - wrist, axis=1) / max(float(size.mean()), 1e-12)
    return int(np.argmax(away * 2.0 - near))


def _finger_roles(
    side: str, finger: str, chain: list[int], shape: Shape, evidence: Evidence, hand: int
) -> tuple[list[str], list[int]]:
    """Which joints of one finger play its roles: metacarpals and mounts before, tips after stay out."""
    readings = evidence.readings
    joints = list(chain)
    while len(joints) > 1 and readings[joints[0]].stem and readings[joints[0]].stem == readings[joints[1]].stem:
        joints.pop(0)
    if finger != "Thumb" or len(joints) > 3:
        while len(joints) > 1 and readings[joints[0]].metacarpal and not readings[joints[1]].metacarpal:
            joints.pop(0)
    named = [j for j in joints if _finger_score(evidence, j) > 0.4]
    if len(joints) > 3 and 1 < len(named) <= 3:
        joints = named
    if len(joints) > 3:
        p = shape.positions_m
        to_base = float(np.linalg.norm(p[joints[0]] - p[hand]))
        if finger != "Thumb" and to_base < float(np.linalg.norm(p[joints[1]] - p[joints[0]])):
            joints = joints[1:]
        joints = joints[:3]
    roles = list(finger_roles(side, finger))
    if len(joints) == 2:
        roles = roles[1:] if finger == "Thumb" else roles[:2]
    if len(joints) == 1:
        roles = roles[1:2] if finger == "Thumb" else roles[:1]
    return roles[: len(joints)], joints
