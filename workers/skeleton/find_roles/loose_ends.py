"""Loose ends: feet and hands that hang outside their limb, such as the target of a baked leg IK that carries the foot.

Taken only in mirrored pairs, near where the limb ends: by name, and feet of nameless rigs where they go on from the
shin as feet do. Toes are looked for below feet found so; what hangs below loose hands is left to `fingers`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from workers.contract.roles import SIDES
from workers.skeleton.find_roles.limbs import Evidence
from workers.skeleton.find_roles.shape import Shape
from workers.skeleton.model import Array

NEAR = 0.35  # in body heights, from the end of the limb
SHIN = (0.55, 1.6)  # knee to ankle in lengths of the thigh
STRAIGHT = 0.7  # cosine between thigh and shin in the pose looked at
SAME_PLACE = 0.01  # in body heights
ALIKE = 0.15  # difference between the sides' shins


def find_loose_ends(shape: Shape, evidence: Evidence, roles: Mapping[str, int]) -> dict[str, int]:
    """Role -> joint for feet, hands and toes that `roles` lacks."""
    result: dict[str, int] = {}
    for part, limb in (("Foot", "LowerLeg"), ("Hand", "LowerArm")):
        sides = [side for side in SIDES if side + part not in roles and side + limb in roles]
        if len(sides) < len(SIDES):
            continue
        found = _by_name(shape, evidence, roles, part, limb)
        if not found and part == "Foot":
            found = _feet_by_place(shape, evidence, roles)
        result |= found
    if "leftFoot" in result:
        result |= _toes(shape, evidence, {**roles, **result})
    return result


def _by_name(shape: Shape, evidence: Evidence, roles: Mapping[str, int], part: str, limb: str) -> dict[str, int]:
    taken = set(roles.values())
    found = {}
    for side in SIDES:
        end = _limb_end(shape, roles, side, limb)
        options = [
            j
            for j, reading in enumerate(evidence.readings)
            if reading.score(part) > 0.6 and reading.side == side and evidence.auxiliary[j] < 0.5 and j not in taken
        ]
        if options:
            near = min(options, key=lambda j: float(np.linalg.norm(shape.positions_m[j] - end)))
            if float(np.linalg.norm(shape.positions_m[near] - end)) < NEAR * shape.height_m:
                found[side + part] = near
    return found if len(found) == len(SIDES) else {}


def _feet_by_place(shape: Shape, evidence: Evidence, roles: Mapping[str, int]) -> dict[str, int]:
    """A mirrored pair of nameless joints outside the body that go on from the knees as ankles do."""
    body = {j for joint in roles.values() for j in (joint, *shape.skeleton.ancestors(joint))}
    inside = {j for side in SIDES for j in shape.subtree(roles[f"{side}UpperLeg"])}
    options: dict[str, list[tuple[float, int]]] = {}
    for side in SIDES:
        hip, knee = (shape.positions_m[roles[side + part]] for part in ("UpperLeg", "LowerLeg"))
        thigh = knee - hip
        for joint, reading in enumerate(evidence.readings):
            if not shape.usable[joint] or joint in body or joint in inside or reading.parts:
                continue
            shin = shape.positions_m[joint] - knee
            length, whole = float(np.linalg.norm(shin)), float(np.linalg.norm(thigh))
            if whole > 0.0 and SHIN[0] < length / whole < SHIN[1] and shin @ thigh > STRAIGHT * length * whole:
                options.setdefault(side, []).append((length, joint))
    pairs = [
        (shape.depth[left] + shape.depth[right], abs(a - b), left, right)
        for a, left in options.get("left", [])
        for b, right in options.get("right", [])
        if left != right and abs(a - b) < ALIKE * max(a, b) and shape.depth[left] == shape.depth[right]
    ]
    if not pairs:
        return {}
    _, _, left, right = min(pairs)
    return {"leftFoot": _last_there(shape, left), "rightFoot": _last_there(shape, right)}


def _last_there(shape: Shape, joint: int) -> int:
    """The joint, or the last of those in its place below it: the first ones are controls."""
    while True:
        below = [j for j in shape.skeleton.children[joint] if shape.usable[j]]
        there = [j for j in below if shape.length_m[j] < SAME_PLACE * shape.height_m]
        if len(there) != 1:
            return joint
        joint = there[0]


def _toes(shape: Shape, evidence: Evidence, roles: Mapping[str, int]) -> dict[str, int]:
    """Toes below loose feet: by name, or the only joint that follows where none says what it is."""
    found = {}
    for side in SIDES:
        if side + "Toes" in roles:
            continue
        below = [j for j in shape.subtree(roles[f"{side}Foot"])[1:] if shape.usable[j] and evidence.auxiliary[j] < 0.5]
        named = [
            j for j in below if evidence.readings[j].score("Toes") > 0.5 and evidence.readings[j].side in (None, side)
        ]
        children = [j for j in below if shape.skeleton.parents[j] == roles[f"{side}Foot"]]
        if named:
            found[f"{side}Toes"] = named[0]
        elif len(children) == 1 and not evidence.readings[children[0]].parts:
            found[f"{side}Toes"] = children[0]
    return found if len(found) == len(SIDES) else {}


def _limb_end(shape: Shape, roles: Mapping[str, int], side: str, limb: str) -> Array:
    """Where a limb's lower bone ends: at the last joint below it, else as far on as its upper bone is long."""
    joint, upper = roles[side + limb], roles.get(side + limb.replace("Lower", "Upper"))
    last = max(shape.subtree(joint), key=lambda j: shape.arc_m[j])
    if last == joint and upper is not None:
        return np.asarray(2.0 * shape.positions_m[joint] - shape.positions_m[upper])
    return np.asarray(shape.positions_m[last])
