"""How sure a role is, why, and what else the joint might have been.

A confidence joins two independent pieces of evidence, the name and the place in the body, as 1 - (1 - a)(1 - b). A name
that says another part caps it below one half; a side that neither names nor the pose decide halves it.
"""

from __future__ import annotations

from collections.abc import Mapping

from workers.contract.roles import SIDES, mirror
from workers.skeleton.find_roles.limbs import Evidence
from workers.skeleton.find_roles.names import NameReader, NameReading
from workers.skeleton.find_roles.shape import Shape
from workers.skeleton.find_roles.trunk import Trunk
from workers.skeleton.find_roles.whole_body import BodyHypothesis
from workers.skeleton.mapping import HumanoidMapping, RoleMatch
from workers.skeleton.model import Skeleton

MAX_BY_PLACE = 0.75  # geometry alone is never surer than this
PARTS = {"upperChest": ("chest", "spine"), "chest": ("chest", "spine"), "spine": ("spine", "chest")}


def role_side(role: str) -> str | None:
    return next((side for side in SIDES if role.startswith(side)), None)


def name_score(reading: NameReading, role: str) -> float:
    """0-1: what the name says for this role; another side's mark says nothing for it."""
    side = role_side(role)
    if reading.side is not None and reading.side != side:
        return 0.0
    part = role[len(side) :] if side else role
    return max(reading.score(name) for name in PARTS.get(part, (part,)))


def body_match(
    shape: Shape,
    evidence: Evidence,
    body: BodyHypothesis,
    role: str,
    joint: int,
    loose: bool,
    others: tuple[tuple[int, float], ...],
) -> RoleMatch:
    """Confidence and reason of one role of the body."""
    reading = evidence.readings[joint]
    side = role_side(role)
    said = name_score(reading, role) * (1.0 - evidence.auxiliary[joint])
    limbs = body.arms if any(word in role for word in ("Arm", "Hand", "Shoulder")) else body.legs
    place = min(MAX_BY_PLACE, 0.4 + 0.15 * min(body.margin, 2.0) + 0.1 * max(0.0, limbs.symmetry))
    confidence = 1.0 - (1.0 - 0.93 * said) * (1.0 - place)
    reasons = [f"name {shape.skeleton.names[joint]!r}"] if said > 0.3 else []
    if loose:
        confidence = min(confidence, 0.6)
        reasons.append("stands outside the limb, at its end")
    elif said <= 0.3 and reading.parts and max(reading.parts.values()) > 0.6:
        confidence = min(confidence, 0.45)
        reasons.append(f"place in the body, though its name {shape.skeleton.names[joint]!r} says otherwise")
    else:
        is_above = role == "hips" and joint != body.hips
        reasons.append("the pelvis just above the joint that carries legs and spine" if is_above else _place(role))
    if role == "hips":
        below = (j for j in shape.skeleton.children[joint] if evidence.readings[j].score("hips") > max(said, 0.6))
        reasons += [f"above {shape.skeleton.names[j]!r}, which carries only part of them" for j in below]
    if role.endswith("Toes") and _toes(shape, evidence, joint) > 2:
        confidence = min(confidence, 0.6)
        reasons.append("one of several toes")
    if _rivals(shape, evidence, role, joint, said):
        confidence = min(confidence, 0.7)
        reasons.append("others beside it have as good a name")
    if side and reading.side is None:
        confidence *= 0.5 + 0.5 * body.facing
        reasons.append(f"{side} side from the pose")
    return RoleMatch(
        joint, float(confidence), "; ".join(reasons), tuple((j, min(score, float(confidence))) for j, score in others)
    )


def _rivals(shape: Shape, evidence: Evidence, role: str, joint: int, said: float) -> bool:
    """True where a sibling's name says the same as this joint's."""
    parent = int(shape.skeleton.parents[joint])
    siblings = shape.skeleton.children[parent] if parent >= 0 else ()
    return said > 0.3 and any(
        name_score(evidence.readings[j], role) * (1.0 - evidence.auxiliary[j]) >= said for j in siblings if j != joint
    )


def _toes(shape: Shape, evidence: Evidence, joint: int) -> int:
    """How many chains with toe names hang where this one does."""
    foot = int(shape.skeleton.parents[joint])
    while foot >= 0 and evidence.readings[foot].score("Foot") <= 0.5:
        foot = int(shape.skeleton.parents[foot])
    children = shape.skeleton.children[foot] if foot >= 0 else ()
    return sum(any(evidence.readings[j].score("Toes") > 0.2 for j in shape.subtree(child)) for child in children)


def _place(role: str) -> str:
    side = role_side(role)
    if role == "hips":
        return "lowest joint that carries both legs and the spine"
    if side is None:
        return "in the line from hips to head" if role != "jaw" else "below the head"
    if role.endswith("Eye"):
        return "below the head"
    return f"mirror of {mirror(role)}"


def alternatives(
    shape: Shape, evidence: Evidence, roles: Mapping[str, int], trunk: Trunk, role: str
) -> tuple[tuple[int, float], ...]:
    """Runners-up with scores: joints whose names fit, and the neighbours in the chain."""
    joint = roles[role]
    parent = int(shape.skeleton.parents[joint])
    near = {parent, *shape.skeleton.children[joint], *trunk.alternatives.get(role, ())}
    scores: dict[int, float] = {}
    for other, reading in enumerate(evidence.readings):
        if other == joint or not shape.usable[other] or not (reading.parts or other in near):
            continue
        score = 0.7 * name_score(reading, role) * (1.0 - evidence.auxiliary[other])
        score += 0.2 if other in near else 0.0
        if score > 0.15:
            scores[other] = score
    best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:3]
    return tuple((other, float(score)) for other, score in best)


# Where a limb's joint hangs: without a telling name, what hangs there is a candidate.
ABOVE = {
    "UpperArm": ("Shoulder", "upperChest", "chest", "spine"), "LowerArm": ("UpperArm",), "Hand": ("LowerArm",),
    "UpperLeg": ("hips",), "LowerLeg": ("UpperLeg",), "Foot": ("LowerLeg",), "Toes": ("Foot",),
}  # fmt: skip


def candidates(skeleton: Skeleton, mapping: HumanoidMapping, roles: list[str]) -> dict[str, list[str]]:
    """Joint names that might play missing roles, best first; joints without a role only.

    First those whose names fit, then what hangs below the limb's part above.
    """
    readings = NameReader(skeleton.names).readings
    used = {match.joint for match in mapping.roles.values()}
    free = [j for j in range(len(skeleton)) if j not in used and not skeleton.end_site[j]]
    result = {}
    for role in roles:
        ranked = sorted(
            ((name_score(readings[j], role) * (1.0 - readings[j].auxiliary), j) for j in free),
            key=lambda item: -item[0],
        )
        named = [j for score, j in ranked if score > 0.2]
        below = [j for j in _below_the_part_above(skeleton, mapping, role) if j in free and j not in named]
        result[role] = [skeleton.label(j) for j in (*named, *below)[:5]]
    return result


def _below_the_part_above(skeleton: Skeleton, mapping: HumanoidMapping, role: str) -> tuple[int, ...]:
    side = role_side(role) or ""
    for part in ABOVE.get(role.removeprefix(side), ()):
        joint = mapping.joint(part if part[0].islower() else side + part)
        if joint is not None:
            return skeleton.children[joint]
    return ()
