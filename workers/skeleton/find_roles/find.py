"""Finding the humanoid roles of any rig: names, tree shape and symmetry weighed together over the whole tree.

The steps, each a module beside: `names` and `shape` gather evidence, `limbs` finds the best arm and leg below every
joint, `whole_body` chooses among them, then come `trunk`, `fingers` and `twists`; `confidence` says how sure a role is.

The file's own map and the user's overrides enter the search as strong evidence, so that one correction also moves the
roles around it, and are then taken as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from workers.contract.errors import MappingIncomplete, NoSkeleton
from workers.contract.options import JointChoice
from workers.contract.roles import ALL_ROLES, HAND_ROLES, REQUIRED_ROLES, SIDES, SPINE
from workers.skeleton.find_roles.confidence import alternatives, body_match, candidates
from workers.skeleton.find_roles.fingers import find_fingers
from workers.skeleton.find_roles.limbs import Evidence, gather_evidence
from workers.skeleton.find_roles.loose_ends import find_loose_ends
from workers.skeleton.find_roles.mirror import SEEN_IN_A_MIRROR, sides_swapped, swap_names, swap_roles
from workers.skeleton.find_roles.names import Lexicon, NameReader, NameReading
from workers.skeleton.find_roles.overrides import resolve_overrides
from workers.skeleton.find_roles.shape import Shape, measure_shape
from workers.skeleton.find_roles.trunk import find_trunk
from workers.skeleton.find_roles.twists import find_twists
from workers.skeleton.find_roles.whole_body import BodyHypothesis, find_body, pelvis_above, sides_contradict
from workers.skeleton.mapping import HumanoidMapping, RoleMatch
from workers.skeleton.model import Array, Notice, Skeleton

MIN_JOINTS = 5  # a hips and four limbs; less is no humanoid
VRM_MAP = "the file's VRM map"
FIXED = 6.0  # evidence of a declared or overridden joint, above anything a name says


def find_roles(
    skeleton: Skeleton,
    *,
    positions_m: Array | None = None,
    declared: Mapping[str, int] | None = None,
    declared_by: str = VRM_MAP,
    override: Mapping[str, JointChoice] | None = None,
    lexicon: Lexicon | None = None,
    mirrored_surface_m: Array | None = None,
) -> HumanoidMapping:
    """Roles, chains and unmapped joints of a skeleton.

    `positions_m` is `(joints, 3)` of one plausible pose, default the rest pose; only directions that names leave open
    depend on it. `declared` is the file's own map, role -> joint index in the skeleton, and `declared_by` what it is,
    for the reasons. `override` is the user's: role -> joint name, file index, or None to leave the role unmapped; it
    wins. `lexicon` replaces the word lists.
    `mirrored_surface_m` `(joints, 3)` is given where the file's transforms mirror the body, so that its sides may be
    seen as the other ones: the middle of the surface that each joint holds, its own place where it holds none.
    Roles that are not found are absent: `require_roles` raises. Raises InvalidOptions for a wrong override.
    """
    chosen = resolve_overrides(skeleton, override or {})
    taken = set(chosen.values())
    fixed = {role: joint for role, joint in (declared or {}).items() if role not in chosen and joint not in taken}
    given = fixed | {role: joint for role, joint in chosen.items() if joint is not None}
    readings = NameReader(skeleton.names, lexicon).readings
    helpers = np.array([reading.auxiliary > 0.9 for reading in readings], dtype=np.bool_)
    named = np.array([bool(reading.parts) for reading in readings], dtype=np.bool_)
    joints = skeleton.deforming if skeleton.deforming.any() else np.ones(len(skeleton), dtype=np.bool_)
    shape = measure_shape(skeleton, positions_m, ~skeleton.end_site & (joints | named), helpers | ~joints)
    matches: dict[str, RoleMatch] = {}
    chains: dict[str, tuple[int, ...]] = {}
    notices: tuple[Notice, ...] = ()
    if len(skeleton) >= MIN_JOINTS:
        shape, evidence, body = _best_body(shape, readings, _bonus(len(skeleton), given))
        said = sides_swapped(readings, chosen)
        if (
            mirrored_surface_m is not None
            and body is not None
            and (sides_contradict(shape, evidence, body, mirrored_surface_m) if said is None else said)
        ):
            readings, fixed = swap_names(readings), swap_roles(fixed, chosen)
            given = fixed | {role: joint for role, joint in chosen.items() if joint is not None}
            shape, evidence, body = _best_body(shape, readings, _bonus(len(skeleton), given))
            notices = (SEEN_IN_A_MIRROR,)
        if body is not None:
            matches, chains = _search(shape, evidence, body)
    _apply(matches, chosen, fixed, declared_by)
    _repair_spine(shape, matches, chains, given)
    chains |= find_twists(skeleton, shape.positions_m, readings, {role: match.joint for role, match in matches.items()})
    used = {match.joint for match in matches.values()}
    inside = used | {joint for chain in chains.values() for joint in chain}
    unmapped = tuple(int(j) for j in np.flatnonzero(skeleton.real) if j not in inside)
    ordered = {role: matches[role] for role in ALL_ROLES if role in matches}
    return HumanoidMapping(ordered, {name: chain for name, chain in chains.items() if chain}, unmapped, notices)


def require_roles(mapping: HumanoidMapping, skeleton: Skeleton, where: str) -> None:
    """Raise NoSkeleton or MappingIncomplete where roles that retargeting needs are missing. `where` names the file."""
    missing = [role for role in REQUIRED_ROLES if role not in mapping.roles]
    joints = skeleton.joint_count
    if joints < MIN_JOINTS:
        raise NoSkeleton(f"{where}: {joints} joints are no humanoid skeleton; it takes hips, arms and legs")
    if missing:
        names = candidates(skeleton, mapping, missing)
        hints = "; ".join(f"{role}: {', '.join(found[:3])}" for role, found in names.items() if found)
        raise MappingIncomplete(
            f"{where}: no joint found for {', '.join(missing)}{f' (candidates: {hints})' if hints else ''}; "
            "name them in the mapping override",
            roles=missing,
            candidates=names,
        )


def _bonus(count: int, given: Mapping[str, int]) -> dict[str, Array]:
    result = {}
    for role, joint in given.items():
        result[role] = np.full(count, -FIXED)
        result[role][joint] = FIXED
    return result


def _best_body(
    shape: Shape, readings: tuple[NameReading, ...], bonus: dict[str, Array]
) -> tuple[Shape, Evidence, BodyHypothesis | None]:
    """Search with the size of everything and, where props or controls made that too large, again with the body's."""
    evidence = gather_evidence(shape, readings, bonus)
    body = find_body(shape, evidence)
    if body is None:
        return shape, evidence, None
    outside = np.ones(len(shape.skeleton), dtype=np.bool_)
    outside[shape.subtree(body.hips)] = False
    smaller = replace(shape, doubtful=shape.doubtful | outside)
    if smaller.height_m > 0.9 * shape.height_m:
        return shape, evidence, body
    evidence = gather_evidence(smaller, readings, bonus)
    return smaller, evidence, find_body(smaller, evidence)


def _search(
    shape: Shape, evidence: Evidence, body: BodyHypothesis
) -> tuple[dict[str, RoleMatch], dict[str, tuple[int, ...]]]:
    """All roles of the chosen body with their confidences."""
    hips = pelvis_above(shape, evidence, body)
    starts = (body.legs.left, body.legs.right, body.arms.left, body.arms.right)
    limbs = {joint for start in starts for joint in shape.subtree(start)}
    trunk = find_trunk(shape, evidence, hips, body.arms.meet, body.legs.meet, limbs, starts)
    roles = trunk.roles | body.roles
    loose = find_loose_ends(shape, evidence, roles)
    roles |= loose
    matches = {
        role: body_match(
            shape, evidence, body, role, joint, role in loose, alternatives(shape, evidence, roles, trunk, role)
        )
        for role, joint in roles.items()
    }
    chains = dict(trunk.chains)
    for side in SIDES:
        hand = roles.get(f"{side}Hand")
        if hand is None:
            continue
        fingers = find_fingers(shape, evidence, side, hand)
        taken = set(roles.values())
        for role, joint in fingers.roles.items():
            if joint not in taken:
                wrong_side = evidence.readings[joint].side not in (None, side)
                sure = min(fingers.confidence[role], matches[f"{side}Hand"].confidence) * (0.7 if wrong_side else 1.0)
                doubt = ", though its name says the other side" if wrong_side else ""
                reason = f"by {fingers.reason[role]}{doubt}; below {side}Hand"
                matches[role] = RoleMatch(joint, sure, reason)
        chains |= fingers.chains
    return matches, chains


def _apply(
    matches: dict[str, RoleMatch], chosen: Mapping[str, int | None], fixed: Mapping[str, int], declared_by: str
) -> None:
    """Put declared and overridden roles in place; whatever else sat on their joints goes."""
    given = {joint for joint in (*chosen.values(), *fixed.values()) if joint is not None}
    declared_parts = set(fixed)
    for role in list(matches):
        group = next((g for g in (set(SPINE), set(HAND_ROLES)) if role in g), set())
        if role in chosen or role in fixed or matches[role].joint in given or (declared_parts & group):
            del matches[role]
    for role, joint in fixed.items():
        matches[role] = RoleMatch(joint, 1.0, declared_by)
    for role, choice in chosen.items():
        if choice is not None:
            matches[role] = RoleMatch(choice, 1.0, "given by the mapping override")


def _repair_spine(
    shape: Shape, matches: Mapping[str, RoleMatch], chains: dict[str, tuple[int, ...]], given: Mapping[str, int]
) -> None:
    """After declared or overridden spine roles the chain runs between them."""
    if not set(given) & set(SPINE):
        return
    line = [matches[role].joint for role in SPINE if role in matches]
    hips = matches.get("hips")
    upper = [matches[role].joint for role in ("spine", "chest", "upperChest") if role in matches]
    if hips is None or not upper or any(not shape.is_above(a, b) for a, b in pairwise(line)):
        return
    chains["spine"] = tuple(shape.path(hips.joint, upper[-1]))
    if "neck" in matches and "head" in matches:
        chains["neck"] = tuple(shape.path(upper[-1], matches["head"].joint)[:-1])
