"""Rigs for the role tests: joint-name trees with true roles, stood up as a body, shuffled, or stripped of names."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import numpy as np

from workers.contract.roles import FINGERS, finger_roles, mirror
from workers.lab.standards.convention import Convention, read_convention
from workers.lab.standards.places import place_joints
from workers.skeleton import quat
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Array, Skeleton

FOLDER = Path(__file__).parent / "conventions"

LEFT = {
    "leftShoulder": (0.04, 1.42, 0.0), "leftUpperArm": (0.17, 1.44, 0.0), "leftLowerArm": (0.44, 1.44, -0.02),
    "leftHand": (0.70, 1.44, 0.0), "leftUpperLeg": (0.09, 0.94, 0.0), "leftLowerLeg": (0.09, 0.52, 0.02),
    "leftFoot": (0.09, 0.08, -0.02), "leftToes": (0.09, 0.02, 0.11), "leftEye": (0.03, 1.66, 0.09),
}  # fmt: skip
MIDDLE = {
    "hips": (0.0, 1.0, 0.0), "spine": (0.0, 1.10, 0.0), "chest": (0.0, 1.22, 0.0), "upperChest": (0.0, 1.34, 0.0),
    "neck": (0.0, 1.48, 0.0), "head": (0.0, 1.58, 0.02), "jaw": (0.0, 1.57, 0.07),
}  # fmt: skip
for number, finger in enumerate(FINGERS):
    for step, role in enumerate(finger_roles("left", finger)):
        base = (0.73, 1.42, 0.04) if finger == "Thumb" else (0.79, 1.44, 0.045 - 0.025 * number)
        reach = (0.02, -0.01, 0.025) if finger == "Thumb" else (0.035, 0.0, 0.0)
        LEFT[role] = tuple(b + step * r for b, r in zip(base, reach, strict=True))  # type: ignore[assignment]
PLACES = MIDDLE | LEFT | {mirror(role): (-x, y, z) for role, (x, y, z) in LEFT.items()}


def conventions() -> list[Convention]:
    """Those of the standards' study and those that only tests know."""
    found = [*(resources.files("workers.lab.standards") / "names").iterdir(), *FOLDER.iterdir()]
    return sorted((read_convention(path) for path in found), key=lambda convention: convention.name)


def make_skeleton(names: tuple[str, ...], parents: tuple[int, ...], positions_m: Array) -> Skeleton:
    """A skeleton whose rest pose has no rotations and stands at the given positions."""
    count = len(names)
    above = np.asarray(parents, dtype=np.int64)
    offsets = positions_m - np.where((above >= 0)[:, None], positions_m[above], 0.0)
    rotations = quat.identity(count)
    return Skeleton(
        names, above, np.arange(count, dtype=np.int64), offsets, rotations, offsets, rotations,
        np.ones(count, dtype=np.bool_), np.ones(count), np.zeros(count, dtype=np.bool_),
    )  # fmt: skip


def stand_up(convention: Convention) -> Skeleton:
    """Mapped joints at the places of an adult in T pose."""
    return make_skeleton(convention.joints, convention.parents, place_joints(convention, PLACES))


def shuffled_without_names(skeleton: Skeleton, seed: int) -> Skeleton:
    """The same tree in another topological order, every name replaced; `file_indices` tell the old joints."""
    generator = random.Random(seed)
    open_joints = [j for j in range(len(skeleton)) if skeleton.parents[j] < 0]
    order: list[int] = []
    while open_joints:
        joint = open_joints.pop(generator.randrange(len(open_joints)))
        order.append(joint)
        open_joints += skeleton.children[joint]
    place = {joint: index for index, joint in enumerate(order)}
    names = tuple("" if skeleton.end_site[j] else f"joint_{index}" for index, j in enumerate(order))
    parents = np.array([place[int(skeleton.parents[j])] if skeleton.parents[j] >= 0 else -1 for j in order])
    o = np.array(order)
    return Skeleton(
        names, parents, o, skeleton.node_offsets_m[o], skeleton.node_rotations[o], skeleton.rest_offsets_m[o],
        skeleton.rest_rotations[o], skeleton.deforming[o], skeleton.translation_scale[o], skeleton.end_site[o],
    )  # fmt: skip


def turned(skeleton: Skeleton, rotation: Array) -> Skeleton:
    """The rest pose turned about the origin by a world rotation."""
    roots = skeleton.parents < 0
    rotations, offsets = skeleton.rest_rotations.copy(), skeleton.rest_offsets_m.copy()
    rotations[roots] = quat.multiply(rotation, rotations[roots])
    offsets[roots] = quat.rotate(np.broadcast_to(rotation, (int(roots.sum()), 4)), offsets[roots])
    return replace(skeleton, rest_rotations=rotations, rest_offsets_m=offsets)


@dataclass
class Score:
    present: int = 0
    right: int = 0
    swapped: int = 0
    sure_and_wrong: int = 0
    misses: tuple[str, ...] = ()


def score(
    names: tuple[str, ...], mapping: HumanoidMapping, roles: dict[str, str], either: dict[str, list[str]]
) -> Score:
    """Compare by joint name. Roles found but not in the truth count as wrong unless `either` allows them."""
    result = Score(present=len(roles))
    misses = []
    for role, name in roles.items():
        match = mapping.roles.get(role)
        found = None if match is None else names[match.joint]
        if found == name or found in either.get(role, ()):
            result.right += 1
            continue
        misses.append(f"{role}: {found} instead of {name}" + (f" ({match.confidence:.2f})" if match else ""))
        result.swapped += found is not None and found == roles.get(mirror(role)) and mirror(role) != role
        result.sure_and_wrong += match is not None and match.confidence >= 0.8
    for role, match in mapping.roles.items():
        if role not in roles and names[match.joint] not in either.get(role, ()):
            misses.append(f"{role}: {names[match.joint]} where there is none ({match.confidence:.2f})")
            result.sure_and_wrong += match.confidence >= 0.8
    result.misses = tuple(misses)
    return result
