"""The body as a whole: which two limbs are legs, which are arms, where they meet, and which side is which.

Pairs of limbs that mirror each other are scored by name, bone lengths and symmetry; every leg pair is combined with
every arm pair and the best total wins. The hips are the lowest common ancestor of legs and spine. Names decide the
side; where they are silent the facing does, read off toes, eyes, knees and elbows. Spine, head and fingers are left
to `trunk` and `fingers`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.skeleton.find_roles.limbs import ARM, IMPOSSIBLE, LEG, Evidence, LimbValues, bone_fit, limb_values
from workers.skeleton.find_roles.shape import Shape
from workers.skeleton.model import Array

CANDIDATES = 20  # limb starts looked at on each side
PAIRS = 160  # limb pairs scored in full
SURE_FACING = 0.25
PELVIS = 0.12  # in body heights: a pelvis stands no further above the joint that carries the legs
PELVIS_NAME = 0.6
NAMED_SIDE = 1.0  # margin of the side scores above which names have decided


@dataclass(frozen=True)
class LimbPair:
    """Two mirrored limbs: start joints, where they meet, score, and how much better than with sides swapped."""

    left: int
    right: int
    meet: int
    score: float
    side_margin: float
    symmetry: float


@dataclass(frozen=True)
class BodyHypothesis:
    """The chosen hypothesis: `margin` its lead over the next different one, `facing` 0-1 how sure unnamed sides are."""

    hips: int
    legs: LimbPair
    arms: LimbPair
    roles: dict[str, int]
    margin: float
    score: float
    facing: float


def find_body(shape: Shape, evidence: Evidence) -> BodyHypothesis | None:
    """The best body in the tree, or None where no two pairs of limbs can be found."""
    arm = limb_values(shape, evidence, ARM, "left"), limb_values(shape, evidence, ARM, "right")
    leg = limb_values(shape, evidence, LEG, "left"), limb_values(shape, evidence, LEG, "right")
    arms, legs = limb_pairs(shape, evidence, *arm), limb_pairs(shape, evidence, *leg)
    subtrees = {pair: set(shape.subtree(pair.left)) | set(shape.subtree(pair.right)) for pair in (*arms, *legs)}
    heads: dict[LimbPair, float] = {}
    best: list[tuple[float, int, LimbPair, LimbPair]] = []
    for arm_pair in arms:
        heads[arm_pair] = _head_score(shape, evidence, arm_pair, subtrees[arm_pair])
        for leg_pair in legs:
            if {arm_pair.left, arm_pair.right, arm_pair.meet} & subtrees[leg_pair]:
                continue
            if {leg_pair.left, leg_pair.right} & subtrees[arm_pair]:
                continue
            hips, trunk = _trunk_score(shape, evidence, leg_pair, arm_pair)
            if hips < 0:
                continue
            total = leg_pair.score + arm_pair.score + heads[arm_pair] + trunk
            best.append((total + _pose_score(shape, leg_pair, arm_pair, leg, arm), hips, leg_pair, arm_pair))
    if not best:
        return None
    best.sort(key=lambda item: -item[0])
    score, hips, leg_pair, arm_pair = best[0]
    taken = {leg_pair.left, leg_pair.right, arm_pair.left, arm_pair.right}
    others = [item[0] for item in best if {item[2].left, item[2].right, item[3].left, item[3].right} != taken]
    margin = score - others[0] if others else 3.0
    return _decide_sides(shape, BodyHypothesis(hips, leg_pair, arm_pair, {}, margin, score, 1.0), leg, arm)


def sides_contradict(shape: Shape, evidence: Evidence, body: BodyHypothesis, surface_m: Array) -> bool:
    """Whether toes, knees, elbows and face show that the body faces away from where its named sides have it face.

    `surface_m` `(joints, 3)` is the middle of the surface that each joint holds: feet without toes lead there.
    """
    arm = limb_values(shape, evidence, ARM, "left"), limb_values(shape, evidence, ARM, "right")
    leg = limb_values(shape, evidence, LEG, "left"), limb_values(shape, evidence, LEG, "right")
    across = _across(shape, body.legs, leg)
    if body.legs.side_margin < NAMED_SIDE:
        if body.arms.side_margin < NAMED_SIDE:
            return False
        across = _across(shape, body.arms, arm)
    leftward, sure = _facing(shape, body, leg, arm, surface_m)
    return sure > SURE_FACING and float(across @ leftward) < 0.0


def pelvis_above(shape: Shape, evidence: Evidence, body: BodyHypothesis) -> int:
    """The hips: the body's own or, where that joint is named as spine, one just above that is named as pelvis.

    3ds Max hangs the thighs below the first joint of the spine, which it turns against the pelvis above; then the
    pelvis is the one that turns as pelvises do. Something of the spine must be left between it and the arms.
    """
    readings, hips = evidence.readings, body.hips
    if "hips" in evidence.bonus or hips == body.arms.meet or body.legs.meet != hips:
        return hips
    own = readings[hips].score("hips")
    if own > 0.5 or max(readings[hips].score(part) for part in ("spine", "chest")) <= own:
        return hips
    for joint in shape.skeleton.ancestors(hips):
        if shape.arc_m[hips] - shape.arc_m[joint] > PELVIS * shape.height_m or not shape.usable[joint]:
            break
        if readings[joint].score("hips") > max(own, PELVIS_NAME) and evidence.auxiliary[joint] < 0.5:
            return joint
    return hips


def limb_pairs(shape: Shape, evidence: Evidence, left: LimbValues, right: LimbValues) -> list[LimbPair]:
    """Mirrored pairs, best first; at most five for each joint where they meet."""
    values = left.start(), right.start()
    chosen = {
        int(j) for value in values for j in np.argsort(-value, kind="stable")[:CANDIDATES] if value[j] > IMPOSSIBLE / 2
    }
    joints = sorted(chosen)
    rough = []
    for index, a in enumerate(joints):
        for b in joints[index + 1 :]:
            if shape.is_above(a, b):
                continue
            straight, swapped = float(values[0][a] + values[1][b]), float(values[0][b] + values[1][a])
            rough.append((max(straight, swapped), straight - swapped, a, b))
    rough.sort(key=lambda item: -item[0])
    pairs: list[LimbPair] = []
    for value, side, a, b in rough[:PAIRS]:
        x, y = (a, b) if side >= 0 else (b, a)
        meet = shape.common_ancestor(x, y)
        if meet < 0:
            continue
        parents = shape.skeleton.parents
        steps = evidence.skip[parents[x]] + evidence.skip[parents[y]] - 2 * evidence.skip[meet]
        mirror = _mirror_score(shape, evidence, left.chain(x), right.chain(y))
        pairs.append(LimbPair(x, y, meet, value - float(steps) + mirror, abs(side), mirror))
    pairs.sort(key=lambda pair: -pair.score)
    seen: dict[int, int] = {}
    kept = []
    for pair in pairs:
        seen[pair.meet] = seen.get(pair.meet, 0) + 1
        if seen[pair.meet] <= 5:
            kept.append(pair)
    return kept[:30]


def _mirror_score(shape: Shape, evidence: Evidence, left: dict[str, int], right: dict[str, int]) -> float:
    """Equal chains, equal bone lengths, equal reaches and equal names but for the side: up to 1."""
    a, b = list(left.values()), list(right.values())
    score = -0.5 * abs(len(a) - len(b))
    lengths = [
        (shape.arc_m[p1] - shape.arc_m[p0], shape.arc_m[q1] - shape.arc_m[q0])
        for p0, p1, q0, q1 in zip(a, a[1:], b, b[1:], strict=False)
    ]
    lengths.append((shape.reach_m[a[0]], shape.reach_m[b[0]]))
    floor = 0.01 * shape.height_m
    off = [min(1.0, abs(float(np.log((p + floor) / (q + floor))))) for p, q in lengths]
    score += 0.5 - 2.0 * sum(off) / len(off)
    stems = [(evidence.readings[p].stem, evidence.readings[q].stem) for p, q in zip(a, b, strict=False)]
    score += 0.5 * sum(p == q and p != "" for p, q in stems) / max(len(stems), 1)
    counts = shape.count[a[0]], shape.count[b[0]]
    return float(score - 0.3 * abs(np.log(counts[0] / counts[1])))


def _head_score(shape: Shape, evidence: Evidence, arms: LimbPair, limbs: set[int]) -> float:
    """How well a head sits at the joint where the arms meet; absent heads cost."""
    region = [j for j in shape.subtree(arms.meet)[1:] if j not in limbs and shape.usable[j]]
    if not region:
        return -0.6
    scores = [1.5 * evidence.readings[j].score("head") - 1.6 * evidence.auxiliary[j] for j in region]
    return 0.3 + max(0.0, float(max(scores)))


def _trunk_score(shape: Shape, evidence: Evidence, legs: LimbPair, arms: LimbPair) -> tuple[int, float]:
    """The hips joint of a hypothesis and the score of hips and spine; -1 where legs and arms are not in one tree.

    The legs may meet below where the arms do, in a pelvis that hangs from the torso: what travels is the joint that
    carries both, for the torso would stay behind its own pelvis.
    """
    carrier = hips = shape.common_ancestor(legs.meet, arms.meet)
    if hips < 0:
        return -1, 0.0
    score = 0.0
    if hips == arms.meet:  # rooted at the chest, or no spine at all
        score -= 0.8 if legs.meet == arms.meet else 4.0
        hips = legs.meet
    upper = [] if hips == arms.meet else [j for j in shape.path(hips, arms.meet) if j != hips]
    score -= 0.1 * len(shape.path(hips, legs.meet)) if hips != legs.meet else 0.0
    readings = evidence.readings
    score += 1.5 * max(readings[hips].score("hips"), 0.5 * readings[legs.meet].score("hips")) - evidence.auxiliary[hips]
    if hips == legs.meet or shape.is_above(hips, legs.meet):
        known = [
            max(readings[j].score(part) for part in ("spine", "chest", "neck")) - evidence.auxiliary[j] for j in upper
        ]
        score += sum(known) / len(known) if known else 0.0
        score -= 0.1 * max(0, len(upper) - 5)
    if upper:
        length = shape.arc_m[arms.meet] - shape.arc_m[hips]
        score += float(bone_fit(np.asarray(length / shape.height_m), 0.28))
    if "hips" in evidence.bonus:
        score += max(evidence.bonus["hips"][[hips, carrier]])
    return carrier, float(score)


def _pose_score(
    shape: Shape, legs: LimbPair, arms: LimbPair, leg: tuple[LimbValues, LimbValues], arm: tuple[LimbValues, LimbValues]
) -> float:
    """Legs lead away from the arms, and the two hip joints lie along the line of the shoulders."""
    p = shape.positions_m
    shoulders = p[arm[0].anchor(arms.left)], p[arm[1].anchor(arms.right)]
    hips = p[leg[0].anchor(legs.left)], p[leg[1].anchor(legs.right)]
    up = shoulders[0] + shoulders[1] - hips[0] - hips[1]
    tips = list(leg[0].chain(legs.left).values())[-1], list(leg[1].chain(legs.right).values())[-1]
    down = p[tips[0]] + p[tips[1]] - hips[0] - hips[1]
    across = _cosine(shoulders[0] - shoulders[1], hips[0] - hips[1])
    named = legs.side_margin > NAMED_SIDE and arms.side_margin > NAMED_SIDE
    return -0.8 * _cosine(up, down) + 0.3 * (across if named else abs(across))


def _cosine(a: Array, b: Array) -> float:
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 1e-12 else 0.0


def _decide_sides(
    shape: Shape, body: BodyHypothesis, leg: tuple[LimbValues, LimbValues], arm: tuple[LimbValues, LimbValues]
) -> BodyHypothesis:
    """Keep the sides that names give; order unnamed pairs along the lateral axis of the named ones or of the facing."""
    across = {"legs": _across(shape, body.legs, leg), "arms": _across(shape, body.arms, arm)}
    pairs = {"legs": body.legs, "arms": body.arms}
    named = {key: pair for key, pair in pairs.items() if pair.side_margin >= NAMED_SIDE}
    facing = 1.0
    if named:
        leftward = sum((across[key] for key in named), np.zeros(3))
    else:
        leftward, facing = _facing(shape, body, leg, arm)
    roles: dict[str, int] = {}
    for key, limbs in (("legs", leg), ("arms", arm)):
        pair = pairs[key]
        swap = key not in named and float(across[key] @ leftward) < 0
        for joint, limb in zip((pair.right, pair.left) if swap else (pair.left, pair.right), limbs, strict=True):
            roles |= limb.chain(joint)
    return BodyHypothesis(body.hips, body.legs, body.arms, roles, body.margin, body.score, facing)


def _across(shape: Shape, pair: LimbPair, limbs: tuple[LimbValues, LimbValues]) -> Array:
    """From the right limb of a pair to the left one, at the joints that swing them."""
    p = shape.positions_m
    return np.asarray(p[limbs[0].anchor(pair.left)] - p[limbs[1].anchor(pair.right)])


def _facing(
    shape: Shape,
    body: BodyHypothesis,
    leg: tuple[LimbValues, LimbValues],
    arm: tuple[LimbValues, LimbValues],
    surface_m: Array | None = None,
) -> tuple[Array, float]:
    """The character's left from its toes, knees, elbows and face, and how strongly these agree (0-1).

    up x forward = left. Each cue is a vector in body heights that points forward, with a weight.
    """
    p = shape.positions_m
    up = p[body.arms.left] + p[body.arms.right] - p[body.legs.left] - p[body.legs.right]
    up = up / max(float(np.linalg.norm(up)), 1e-12)
    hips, shoulders = _across(shape, body.legs, leg), _across(shape, body.arms, arm)
    across = hips + (shoulders if hips @ shoulders >= 0 else -shoulders)
    forward = np.cross(across, up)
    forward = forward / max(float(np.linalg.norm(forward)), 1e-12)
    cues: list[tuple[float, float]] = []  # (forwardness in heights if left and right are as given, weight)
    for limb, joint in ((leg[0], body.legs.left), (leg[1], body.legs.right)):
        chain = list(limb.chain(joint).values())
        if len(chain) > 2:
            below = shape.subtree(chain[2])[1:]
            if below:
                far = max(below, key=lambda j: shape.arc_m[j])
                cues.append((float((p[far] - p[chain[2]]) @ forward), 6.0))
            elif surface_m is not None:
                cues.append((float((surface_m[chain[2]] - p[chain[2]]) @ forward), 6.0))
            cues.append((_bend(p[chain[0]], p[chain[1]], p[chain[2]], forward), 3.0))
    for limb, joint in ((arm[0], body.arms.left), (arm[1], body.arms.right)):
        chain = list(limb.chain(joint).values())[-3:]
        if len(chain) == 3:
            cues.append((-_bend(p[chain[0]], p[chain[1]], p[chain[2]], forward), 2.0))
    arms = set(shape.subtree(body.arms.left)) | set(shape.subtree(body.arms.right))
    face = [j for j in shape.subtree(body.arms.meet)[1:] if j not in arms]
    if len(face) > 2:  # eyes, jaw and nose lie in front of the neck
        cues.append((float((p[face].mean(axis=0) - p[face[0]]) @ forward), 3.0))
    total = sum(cue * weight for cue, weight in cues) / shape.height_m
    size = sum(abs(cue) * weight for cue, weight in cues) / shape.height_m
    sure = min(1.0, abs(total) / 0.25) * (abs(total) / size if size > 1e-9 else 0.0)
    return (across if total >= 0 else -across), float(sure)


def _bend(start: Array, middle: Array, end: Array, forward: Array) -> float:
    """How far the middle joint lies in front of the line from start to end."""
    line = end - start
    t = float((middle - start) @ line) / max(float(line @ line), 1e-12)
    return float((middle - start - t * line) @ forward)
