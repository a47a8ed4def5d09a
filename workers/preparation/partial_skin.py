"""Motions whose skin covers part of the body: a head, an upper body, gloves.

Joints that no skin holds count as joints where the skin's own make no body. Their rest is where their nodes stand
relative to the skin's joints; it is then judged as that of a file without a skin. A surface that leaves out a whole
limb, the trunk or the head is none to measure or to draw a body by: measures come from the joints and pictures show a
generated body, with a warning. Characters keep their surface, whatever it covers: it is what their users see.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workers.contract.roles import ARM, LEG, REQUIRED_ROLES, SIDES
from workers.skeleton import kinematics, quat
from workers.skeleton.find_roles.find import find_roles
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Indices, Mask, Mesh, Notice, Scene, Skeleton

# Parts of the body, each by its roles; one is covered where the joints of these roles, or any below them, hold skin.
REGIONS: dict[str, tuple[str, ...]] = {
    "head": ("neck", "head"),
    "trunk": ("hips", "spine", "chest", "upperChest"),
    **{f"{side} arm": tuple(side + part for part in ARM[1:]) for side in SIDES},
    **{f"{side} leg": tuple(side + part for part in LEG) for side in SIDES},
}
# A region is covered from this sum of weights on: fewer are strays of the next one's seam.
COVERED = 8.0


def with_unskinned_joints(scene: Scene) -> Scene:
    """The scene with the animated nodes beside its skins as joints too, where those of the skins make no body."""
    animated = scene.extras.get("animated")
    if scene.rest_kind != "bind" or animated is None or not np.any(animated & ~scene.skeleton.deforming):
        return scene
    skinned = scene.skeleton.deforming
    roles = find_roles(scene.skeleton, declared=scene.extras.get("declared_roles")).roles
    if all(role in roles and skinned[roles[role].joint] for role in REQUIRED_ROLES):
        return scene
    skeleton = replace(scene.skeleton, deforming=skinned | animated)
    extras = {**scene.extras, "mixed_rest": True}
    return replace(scene, skeleton=_hung_on_skin(skeleton, skinned), rest_kind="node", extras=extras)


def without_partial_surface(scene: Scene, mapping: HumanoidMapping) -> Scene:
    """The scene without its surface, where that leaves out a part of the mapped body; else with it loaded."""
    if scene.meshes == 0 or (scene.rest_kind != "bind" and scene.extras.get("mixed_rest") is not True):
        return scene
    mesh = scene.load_mesh()
    missing = [] if mesh is None else uncovered_regions(scene.skeleton, mapping, mesh)
    if not missing:
        return replace(scene, load_mesh=lambda: mesh)
    text = (
        f"the motion's mesh leaves out {', '.join(missing)}: its body is measured by its joints and shown as a "
        "generated one; send the whole character as source_character where there is one"
    )
    return replace(scene, load_mesh=lambda: None, notices=(*scene.notices, Notice("surface-partial", text)))


def uncovered_regions(skeleton: Skeleton, mapping: HumanoidMapping, mesh: Mesh) -> list[str]:
    """The parts of a mapped body that hold no surface, in the order of `REGIONS`."""
    used = np.unique(mesh.faces)
    weight = np.bincount(mesh.joints[used].ravel(), mesh.weights[used].ravel(), minlength=len(skeleton))
    region = _regions(skeleton, mapping)
    found = set(region[region >= 0].tolist())
    return [name for n, name in enumerate(REGIONS) if n in found and weight[region == n].sum() < COVERED]


def _regions(skeleton: Skeleton, mapping: HumanoidMapping) -> Indices:
    """The region of each joint, that of the nearest role at it or above, -1 where there is none `(joints,)`."""
    own = {
        mapping.roles[role].joint: number
        for number, roles in enumerate(REGIONS.values())
        for role in roles
        if role in mapping.roles
    }
    return kinematics.nearest_above(skeleton, own, -1)


def _hung_on_skin(skeleton: Skeleton, skinned: Mask) -> Skeleton:
    """The rest pose in which what no skin holds stands to the largest tree of skinned joints as its nodes do."""
    rotations, offsets = skeleton.rest_rotations.copy(), skeleton.rest_offsets_m.copy()
    tops = [
        int(joint)
        for joint in np.flatnonzero(skinned)
        if not any(skinned[above] for above in skeleton.ancestors(int(joint)))
    ]
    sizes = [int(skinned[kinematics.subtree(skeleton, top)].sum()) for top in tops]
    anchor = tops[int(np.argmax(sizes))]
    loose = np.array([*tops, *np.flatnonzero(~skinned)], dtype=np.int64)
    turns, places = kinematics.rest_world(skeleton)
    rotations[loose], offsets[loose] = skeleton.node_rotations[loose], skeleton.node_offsets_m[loose]
    moved_turns, moved_places = kinematics.rest_world(skeleton.with_rest(rotations, offsets))
    root = [anchor, *skeleton.ancestors(anchor)][-1]
    turn = quat.multiply(turns[anchor], quat.conjugate(moved_turns[anchor]))
    rotations[root] = quat.multiply(turn, rotations[root])
    offsets[root] = quat.rotate(turn, moved_places[root] - moved_places[anchor]) + places[anchor]
    return skeleton.with_rest(rotations, offsets)
