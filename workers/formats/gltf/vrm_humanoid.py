"""The humanoid map of a VRM file: which node its author declared to be which bone.

VRM 1.0 keeps it in `extensions.VRMC_vrm.humanoid.humanBones.{bone}.node`, VRM 0.x in
`extensions.VRM.humanoid.humanBones[{bone, node}]`, and a VRM animation (VRMA) as VRM 1.0 does, in
`extensions.VRMC_vrm_animation`; where a file holds both, the newer one counts. The bone names are
our roles but for the thumb of VRM 0.x, which calls the metacarpal proximal and the proximal bone intermediate
(https://github.com/vrm-c/vrm-specification).

The map is taken whole or not at all: one that breaks the specification (types, ranges, a node or bone named twice, a
required bone that is missing) or the tree itself (a lower arm that does not hang below its upper arm, legs and arms
that disagree on which side is left) is left aside with a notice, and the roles are found as in any other file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np

from workers.contract.errors import ParseFailed
from workers.contract.roles import ALL_ROLES, FACE, FINGERS, SIDES, SPINE, finger_roles
from workers.formats.gltf.fields import Json, child, index, objects, text
from workers.skeleton.kinematics import rest_world
from workers.skeleton.model import Notice, Skeleton

VRM_ANIMATION = "VRMC_vrm_animation"
# Bones that both versions of the specification require.
REQUIRED_BONES = (
    "hips", "spine", "head",
    *(f"{side}{part}" for side in SIDES for part in (
        "UpperLeg", "LowerLeg", "Foot", "UpperArm", "LowerArm", "Hand",
    )),
)  # fmt: skip
VRM0_THUMBS = {
    f"{side}Thumb{old}": f"{side}Thumb{new}"
    for side in SIDES
    for old, new in (("Proximal", "Metacarpal"), ("Intermediate", "Proximal"), ("Distal", "Distal"))
}


def declared_roles(
    document: Json, position_of: Mapping[int, int], skeleton: Skeleton
) -> tuple[dict[str, int], tuple[Notice, ...]]:
    """Role -> joint of the skeleton as the file declares it, empty for a file that is no VRM or whose map is broken.

    `document` is the glTF JSON, `position_of` takes a node index to a joint. Never raises: the notice tells what is
    wrong with a map that was left aside, and which of its bones are no humanoid bones.
    """
    try:
        bones = _declared_bones(document)
        if bones is None:
            return {}, ()
        unknown = sorted(bones.keys() - set(ALL_ROLES))
        roles = _joints({role: bones[role] for role in ALL_ROLES if role in bones}, document, position_of)
        _check_tree(roles, skeleton)
    except ParseFailed as error:
        what = error.detail.split("; the file")[0][:300]
        message = f"the file's VRM humanoid map is not used: {what}; roles were found from names and shape: check them"
        return {}, (Notice("vrm-map-ignored", message),)
    notices = []
    if unknown:
        listed = ", ".join(repr(name[:40]) for name in unknown[:5])
        text = f"the file's VRM map names bones that VRM does not have: {listed}"
        notices.append(Notice("vrm-bone-unknown", text))
    face = face_nodes(document)
    if face:
        text = f"expressions and gaze of the VRM animation ({len(face)} tracks) are not carried over, its bones are"
        notices.append(Notice("expressions-left-out", text))
    return roles, tuple(notices)


def is_animation(document: Json) -> bool:
    """Whether the glTF is a VRM animation (VRMA): bones and their motion, without a body."""
    extensions = document.get("extensions")
    return isinstance(extensions, dict) and VRM_ANIMATION in extensions and "VRMC_vrm" not in extensions


def face_nodes(document: Json) -> frozenset[int]:
    """The nodes of a VRM animation whose places stand for the weight of an expression or what the eyes look at."""
    if not is_animation(document):
        return frozenset()
    extension = document["extensions"][VRM_ANIMATION]
    if not isinstance(extension, dict):
        return frozenset()
    expressions = extension.get("expressions")
    groups = [expressions.get(kind) for kind in ("preset", "custom")] if isinstance(expressions, dict) else []
    entries = [
        extension.get("lookAt"),
        *(item for group in groups if isinstance(group, dict) for item in group.values()),
    ]
    nodes = [entry.get("node") for entry in entries if isinstance(entry, dict)]
    return frozenset(node for node in nodes if type(node) is int)


def _declared_bones(document: Json) -> dict[str, tuple[Json, str]] | None:
    """Bone -> the object that holds its `node`, and where that is; None where there is no VRM extension."""
    extensions = document.get("extensions")
    if not isinstance(extensions, dict):
        return None
    newer = next((name for name in ("VRMC_vrm", VRM_ANIMATION) if name in extensions), None)
    if newer is not None:
        where = f"/extensions/{newer}/humanoid"
        bones = child(_humanoid(extensions, newer), "humanBones", where)
        known = [bone for bone in bones if bone in ALL_ROLES]
        found = {bone: (child(bones, bone, f"{where}/humanBones"), f"{where}/humanBones/{bone}") for bone in known}
        return found | {bone: ({}, "") for bone in bones if bone not in found}
    if "VRM" in extensions:
        return _vrm0_bones(_humanoid(extensions, "VRM"))
    return None


def _humanoid(extensions: Json, name: str) -> Json:
    return child(child(extensions, name, "/extensions"), "humanoid", f"/extensions/{name}")


def _vrm0_bones(humanoid: Json) -> dict[str, tuple[Json, str]]:
    found: dict[str, tuple[Json, str]] = {}
    for number, entry in enumerate(objects(humanoid, "humanBones", "/extensions/VRM/humanoid")):
        where = f"/extensions/VRM/humanoid/humanBones/{number}"
        bone = text(entry, "bone", where)
        if bone is None:
            raise ParseFailed(f"{where}/bone is missing")
        if entry.get("node") == -1:  # how some exporters write a bone that the character lacks
            continue
        bone = VRM0_THUMBS.get(bone, bone)
        if bone in found:
            raise ParseFailed(f"{where}: the bone {bone[:40]!r} is declared twice")
        found[bone] = (entry, where)
    return found


def _joints(bones: Mapping[str, tuple[Json, str]], document: Json, position_of: Mapping[int, int]) -> dict[str, int]:
    missing = [bone for bone in REQUIRED_BONES if bone not in bones]
    if missing:
        raise ParseFailed(f"it lacks {', '.join(missing)}")
    count = len(objects(document, "nodes"))
    owner: dict[int, str] = {}
    for role, (entry, where) in bones.items():
        node = index(entry, "node", count, where)
        if node in owner:
            raise ParseFailed(f"node {node} is both {owner[node]} and {role}")
        if node not in position_of:
            raise ParseFailed(f"node {node} of {role} is not part of the scene")
        owner[node] = role
    return {role: position_of[node] for node, role in owner.items()}


def _check_tree(roles: Mapping[str, int], skeleton: Skeleton) -> None:
    """Every bone hangs below the next declared one towards the hips, and left is left for arms and legs alike."""
    for chain in _chains():
        present = [role for role in chain if role in roles]
        for upper, lower in pairwise(present):
            if roles[upper] not in skeleton.ancestors(roles[lower]):
                raise ParseFailed(f"{lower} does not hang below {upper}")
    positions = rest_world(skeleton)[1]
    legs, arms = (
        positions[roles[f"left{part}"]] - positions[roles[f"right{part}"]] for part in ("UpperLeg", "UpperArm")
    )
    if float(np.dot(legs, arms)) < 0.0:
        raise ParseFailed("left and right are swapped between its arms and its legs")


def _chains() -> Iterator[tuple[str, ...]]:
    yield SPINE
    trunk = SPINE[:4]
    for side in SIDES:
        arm = tuple(f"{side}{part}" for part in ("Shoulder", "UpperArm", "LowerArm", "Hand"))
        yield (*trunk, *arm)
        yield ("hips", *(f"{side}{part}" for part in ("UpperLeg", "LowerLeg", "Foot", "Toes")))
        for finger in FINGERS:
            yield (arm[-1], *finger_roles(side, finger))
    for role in FACE:
        yield ("head", role)
