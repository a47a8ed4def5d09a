"""A file with several characters: one of them is taken, and a warning says which and how to choose another.

Characters are trees of joints of which each has all that a body needs. A copy of an armature in the same place, moved
alike, is none: parts of one character may each have their own. Whichever the user names, by the definition's `skin` or
the mapping, is taken; else of a motion the only one that its clip moves; else the one that the search for roles finds
in the whole file. The others then count as what else lies in the file: nothing drives them, and no measure or picture
has them in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from workers.contract.options import JointChoice
from workers.contract.roles import REQUIRED_ROLES
from workers.preparation.apply_definition import only_joints
from workers.skeleton import kinematics, quat
from workers.skeleton.find_roles.find import MIN_JOINTS, find_roles
from workers.skeleton.find_roles.overrides import resolve_overrides
from workers.skeleton.model import Clip, Indices, Mask, Notice, Scene, Skeleton

Override = Mapping[str, JointChoice]
SAME_PLACE = 0.02  # of the body: joints of two copies of one armature
SAME_TURN = 0.02  # radians
MOVES = 1e-3  # change of a quaternion's component, or metres, over a clip


@dataclass(frozen=True, eq=False)
class Character:
    """`hips` is its hips joint, `joints` all its joints `(joints,)`, those beside its tree included."""

    hips: int
    joints: Mask


def one_character(scene: Scene, override: Callable[[], Override], play: Callable[[], Clip] | None) -> Scene:
    """The scene with the joints and surface of one character, and a warning; unchanged where it has no more than one.

    `override` gives the user's roles, `play` the clip that shows how the file's skeletons move, None where none counts.
    Raises InvalidOptions for a wrong override.
    """
    if len(_large_trees(scene.skeleton)) < 2:
        return scene
    clip = None if play is None else play()
    found = find_characters(scene.skeleton, [joints for _, joints in scene.extras.get("skins", ())], clip)
    if len(found) < 2:
        return scene
    chosen, why = _choose(scene.skeleton, found, override(), clip)
    taken = found[chosen]
    notice = Notice("several-characters", _told(scene, found, taken, why), scene.skeleton.names[taken.hips])
    part = only_joints(scene, taken.joints)
    return replace(part, notices=(*part.notices, notice))


def find_characters(skeleton: Skeleton, skins: Sequence[Indices], clip: Clip | None = None) -> list[Character]:
    """The characters of a file in its order; none where there is no second tree that is a body of its own."""
    bodies: list[tuple[int, Indices]] = []
    for joints in _large_trees(skeleton):
        hips = _hips(skeleton, joints)
        if hips >= 0 and not any(_is_copy(skeleton, joints, other, clip) for _, other in bodies):
            bodies.append((hips, joints))
    if len(bodies) < 2:
        return []
    trees = _trees(skeleton)
    owner = {int(joints[0]): number for number, (_, joints) in enumerate(bodies)}
    for joints in trees:
        owner.setdefault(int(joints[0]), _nearest_body(skeleton, joints, [tree for _, tree in bodies], skins))
    masks = np.zeros((len(bodies), len(skeleton)), dtype=np.bool_)
    for joints in trees:
        masks[owner[int(joints[0])], joints] = True
    return [Character(hips, mask) for (hips, _), mask in zip(bodies, masks, strict=True)]


def _large_trees(skeleton: Skeleton) -> list[Indices]:
    """Trees with joints enough for a body: hips, limbs of three, head."""
    return [joints for joints in _trees(skeleton) if len(joints) >= 3 * MIN_JOINTS]


def _trees(skeleton: Skeleton) -> list[Indices]:
    tops = _tops(skeleton)
    return [np.flatnonzero(tops == top) for top in np.unique(tops[skeleton.real])]


def _tops(skeleton: Skeleton) -> Indices:
    """The topmost joint of each joint's tree, -1 for what is no joint `(joints,)`."""
    tops = np.full(len(skeleton), -1, dtype=np.int64)
    for joint, parent in enumerate(skeleton.parents):
        if skeleton.deforming[joint]:
            above = int(tops[parent]) if parent >= 0 else -1
            tops[joint] = above if above >= 0 else joint
        elif parent >= 0:
            tops[joint] = tops[parent]  # what hangs between two joints of a tree does not cut it
    tops[~skeleton.deforming] = -1
    return tops


def _hips(skeleton: Skeleton, joints: Indices) -> int:
    """The hips of a tree that holds a whole body, -1 where it does not."""
    mask = np.zeros(len(skeleton), dtype=np.bool_)
    mask[joints] = True
    roles = find_roles(replace(skeleton, deforming=mask)).roles
    if not all(role in roles and mask[roles[role].joint] for role in REQUIRED_ROLES):
        return -1
    return roles["hips"].joint


def _is_copy(skeleton: Skeleton, one: Indices, other: Indices, clip: Clip | None) -> bool:
    """Whether two trees are copies of one armature in one place, which a clip moves alike."""
    if len(one) != len(other):
        return False
    if clip is not None:
        rotations, places = kinematics.clip_world(skeleton, clip)
        alike = float(quat.angle_between(rotations[:, one], rotations[:, other]).max()) < SAME_TURN
    else:
        places, alike = kinematics.rest_world(skeleton)[1][None], True
    size = max(float(np.ptp(places[0, one], axis=0).max()), 1e-9)
    apart = np.linalg.norm(places[:, one] - places[:, other], axis=-1)
    return alike and bool(np.all(apart < SAME_PLACE * size))


def _nearest_body(skeleton: Skeleton, joints: Indices, bodies: list[Indices], skins: Sequence[Indices]) -> int:
    """The body that a tree beside it belongs to: of one skin with it, or below the nearest common node."""
    above = [int(joints[0]), *skeleton.ancestors(int(joints[0]))]

    def nearness(body: Indices) -> tuple[int, int]:
        together = sum(bool(np.isin(joints, skin).any() and np.isin(body, skin).any()) for skin in skins)
        lines = set(skeleton.ancestors(int(body[0])))
        steps = next((step for step, node in enumerate(above) if node in lines), len(skeleton))
        return together, -steps

    return max(range(len(bodies)), key=lambda number: nearness(bodies[number]))


def _choose(skeleton: Skeleton, found: list[Character], override: Override, clip: Clip | None) -> tuple[int, str]:
    """Which character, and why."""
    named = [joint for joint in resolve_overrides(skeleton, override).values() if joint is not None]
    if named:
        return int(np.argmax([item.joints[named].sum() for item in found])), "the mapping names its joints"
    if clip is not None:
        moved = [number for number, item in enumerate(found) if _moves(clip, item)]
        if len(moved) == 1:
            return moved[0], "the clip moves no other"
    roles = find_roles(skeleton).roles
    hips = roles["hips"].joint if "hips" in roles else -1
    holds = [hips >= 0 and bool(item.joints[hips]) for item in found]
    return (holds.index(True) if any(holds) else 0), "its roles are found best"


def _moves(clip: Clip, character: Character) -> bool:
    joints = np.flatnonzero(character.joints)
    turned = np.ptp(clip.rotations[:, joints], axis=0).max(initial=0.0) > MOVES
    paths = (path for joint, path in clip.translations_m.items() if character.joints[joint])
    return bool(turned) or any(float(np.ptp(path, axis=0).max()) > MOVES for path in paths)


def _told(scene: Scene, found: list[Character], taken: Character, why: str) -> str:
    skeleton = scene.skeleton
    skins: tuple[tuple[str, Indices], ...] = scene.extras.get("skins", ())

    def described(item: Character) -> str:
        own = [number for number, (_, joints) in enumerate(skins) if _is_own(item, joints)]
        skin = f"skin {own[0]} {skins[own[0]][0]!r}, " if own else ""
        return f"{skin}hips {skeleton.label(item.hips)!r} (index {int(skeleton.file_indices[item.hips])})"

    others = "; ".join(described(item) for item in found if item is not taken)
    by_skin = all(any(_is_own(item, joints) for _, joints in skins) for item in found)
    remedy = "the definition's `skin`" if by_skin else "a mapping that gives its hips by index"
    return (
        f"the file holds {len(found)} characters; taken is {described(taken)}, as {why}; the others stay as they are: "
        f"{others}; choose another by {remedy}"
    )


def _is_own(item: Character, joints: Indices) -> bool:
    return bool(np.all(item.joints[joints]))
