"""Spine, neck, head and face, once legs, arms and hips are known.

Spine roles are placed on the chain by number and arc length: one joint is `spine`, two are `spine` and `chest`, of more
the first, the middle and the last play `spine`, `chest` and `upperChest`. Names move the border between spine and neck
and pick out head, jaw and eyes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from workers.skeleton.find_roles.limbs import Evidence
from workers.skeleton.find_roles.shape import Shape

BELOW_SHOULDERS = 0.8  # of the shoulders' way up from the hips: necks begin above it


@dataclass
class Trunk:
    """Roles of the middle of the body and its chains, base first."""

    roles: dict[str, int] = field(default_factory=dict)
    chains: dict[str, tuple[int, ...]] = field(default_factory=dict)
    alternatives: dict[str, list[int]] = field(default_factory=dict)


def find_trunk(
    shape: Shape, evidence: Evidence, hips: int, meet: int, legs_meet: int, limbs: set[int], starts: tuple[int, ...]
) -> Trunk:
    """Place the trunk roles.

    `meet` is where the arms part, `legs_meet` where the legs do, `limbs` every joint in an arm or leg, `starts` their
    bases.
    """
    trunk = Trunk({"hips": hips})
    if hips != legs_meet and shape.is_above(hips, legs_meet):
        trunk.chains["pelvis"] = tuple(shape.path(hips, legs_meet))
    spine = [j for j in shape.path(hips, meet) if j != hips] if hips != meet else []
    # A joint that carries the legs too is part of the pelvis, whatever its name: bending there would bend the legs.
    spine = [j for j in spine if j not in trunk.chains.get("pelvis", ())] or spine
    head_line = _head_line(shape, evidence, meet, limbs, starts)
    if not head_line and spine:  # the head hangs lower than the arms
        for joint in spine[-2::-1]:
            head_line = _head_line(shape, evidence, joint, limbs | set(shape.path(joint, meet)), starts)
            if head_line:
                break
    spine, neck, head = _split(evidence, spine, head_line)
    if not spine:
        spine = _below_shoulders(shape, hips, [*neck, head], starts[2:])
        neck = neck[len(spine) :]
    _place_spine(shape, evidence, spine, trunk)
    if neck:
        trunk.roles["neck"] = neck[0]
        trunk.chains["neck"] = tuple(neck)
        trunk.alternatives["neck"] = neck[1:]
    if head >= 0:
        trunk.roles["head"] = head
        trunk.alternatives["head"] = [j for j in neck[::-1] if j != trunk.roles.get("neck")]
        _place_face(shape, evidence, head, trunk)
    return trunk


def _head_line(shape: Shape, evidence: Evidence, base: int, limbs: set[int], starts: tuple[int, ...]) -> list[int]:
    """Joints from above `base` to the head: to the best name if one says head, else along the main branch."""
    arm_branches = {joint for start in starts if shape.is_above(base, start) for joint in shape.path(base, start)}
    region = [j for j in shape.subtree(base)[1:] if j not in limbs and j not in arm_branches and shape.usable[j]]
    plausible = [j for j in region if evidence.auxiliary[j] < 0.9]
    if not plausible:
        return []
    named = {j: evidence.readings[j].score("head") - 0.6 * evidence.auxiliary[j] for j in plausible}
    best = max(plausible, key=lambda j: (named[j], -int(shape.depth[j])))
    if named[best] > 0.4:
        return [j for j in shape.path(base, best) if evidence.auxiliary[j] < 0.9 or j == best]
    inside = {j for j in plausible if shape.skeleton.deforming[j]} or set(plausible)
    line: list[int] = []
    joint = base
    while True:
        children = [j for j in shape.skeleton.children[joint] if j in inside]
        if not children or (line and len(children) > 1):
            break
        neck = evidence.readings
        joint = max(children, key=lambda j: (neck[j].score("neck"), _upness(shape, base, j), shape.count[j]))
        line.append(joint)
    while len(line) > 1 and shape.length_m[line[-1]] < 0.01 * shape.height_m:
        line.pop()  # a mount of the face in the same place
    tops = [k for k in range(2, len(line)) if shape.length_m[line[k]] > 1.25 * shape.length_m[line[k - 1]]]
    return line[: tops[0]] if tops else line  # a long bone after the neck ends at the top of the head


def _upness(shape: Shape, base: int, joint: int) -> float:
    """How far a branch leads on in the direction that the spine comes from, 0 where that is unknown."""
    parent = int(shape.skeleton.parents[base])
    while parent >= 0 and shape.arc_m[base] - shape.arc_m[parent] < 0.05 * shape.height_m:
        parent = int(shape.skeleton.parents[parent])
    if parent < 0:
        return 0.0
    p = shape.positions_m
    tip = max(shape.subtree(joint), key=lambda j: shape.arc_m[j])
    return round(float((p[tip] - p[base]) @ (p[base] - p[parent])), 9)


def _split(evidence: Evidence, spine: list[int], line: list[int]) -> tuple[list[int], list[int], int]:
    """Move joints between spine and neck where names ask for it; the last of the line is the head."""
    readings = evidence.readings

    def leans(joint: int, to: str, away: tuple[str, ...]) -> bool:
        return readings[joint].score(to) > max(readings[joint].score(part) for part in away)

    while len(spine) > 1 and leans(spine[-1], "neck", ("spine", "chest")):
        line = [spine[-1], *line]
        spine = spine[:-1]
    ends_named = any(max(readings[j].score("neck"), readings[j].score("head")) > 0.4 for j in line)
    while ends_named and len(line) > 1 and any(leans(line[0], to, ("neck", "head")) for to in ("spine", "chest")):
        spine = [*spine, line[0]]
        line = line[1:]
    return (spine, line[:-1], line[-1]) if line else (spine, [], -1)


def _below_shoulders(shape: Shape, hips: int, line: list[int], arms: tuple[int, ...]) -> list[int]:
    """Joints of the line to the head that begin well below the shoulders: a trunk beside which arms hang, none of whose
    joints carries them. The head, which is the last, is never one.
    """
    p = shape.positions_m
    rise = p[line[-1]] - p[hips]
    shoulders = float(np.mean([(p[arm] - p[hips]) @ rise for arm in arms]))
    below = [(p[joint] - p[hips]) @ rise < BELOW_SHOULDERS * shoulders for joint in line[:-1]]
    return line[: below.index(False)] if False in below else line[:-1]


def _place_spine(shape: Shape, evidence: Evidence, spine: list[int], trunk: Trunk) -> None:
    if not spine:
        return
    trunk.chains["spine"] = tuple(spine)
    readings = evidence.readings
    pelvic = {j for j in spine if readings[j].score("hips") > 0.6 and readings[j].score("spine") < 0.5}
    body = [j for j in spine if evidence.auxiliary[j] < 0.9 and j not in pelvic] or spine
    if len(body) <= 3:
        picked = body
    else:
        first, last = body[0], body[-1]
        half = 0.5 * (shape.arc_m[first] + shape.arc_m[last])
        picked = [first, min(body[1:-1], key=lambda j: (abs(shape.arc_m[j] - half), j)), last]
    for role, joint in zip(("spine", "chest", "upperChest"), picked, strict=False):
        trunk.roles[role] = joint
        trunk.alternatives[role] = [j for j in spine if j != joint]


def _place_face(shape: Shape, evidence: Evidence, head: int, trunk: Trunk) -> None:
    """Jaw and eyes by name only: shapes of faces differ too much to guess."""
    below = [j for j in shape.subtree(head)[1:] if shape.usable[j] and evidence.auxiliary[j] < 0.9]
    for role, part, side in (("jaw", "jaw", None), ("leftEye", "Eye", "left"), ("rightEye", "Eye", "right")):
        found = [j for j in below if evidence.readings[j].score(part) > 0.4 and evidence.readings[j].side == side]
        if not found:
            continue
        worth = {j: evidence.readings[j].score(part) - 0.6 * evidence.auxiliary[j] for j in found}
        chosen = max(found, key=lambda j: worth[j])
        for child in shape.skeleton.children[chosen]:  # of two joints with one name the first is a mount
            if (
                worth.get(child, 0.0) >= worth[chosen]
                and evidence.readings[child].stem == evidence.readings[chosen].stem
            ):
                chosen = child
        trunk.roles[role] = chosen
