"""The network's graph: twenty nodes, one a humanoid role, whatever else a rig has or lacks.

A node that the body lacks is there with a mask of zero, so one network runs on every rig; joint names, order and units
of a file never reach it. Parents here are those of a whole body; where one is missing, the next above it counts.
"""

from __future__ import annotations

import numpy as np

from workers.contract.roles import SIDES
from workers.retargeting.alignment import RestAlignment
from workers.skeleton import quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Indices, Mask

TRUNK = ("hips", "spine", "chest", "upperChest", "neck", "head")
LIMB = ("Shoulder", "UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot")
NODES: tuple[str, ...] = (*TRUNK, *(side + part for side in SIDES for part in LIMB))
NUMBER = {role: number for number, role in enumerate(NODES)}
_ABOVE = {
    "hips": None, "spine": "hips", "chest": "spine", "upperChest": "chest", "neck": "upperChest", "head": "neck",
    "Shoulder": "upperChest", "UpperArm": "Shoulder", "LowerArm": "UpperArm", "Hand": "LowerArm",
    "UpperLeg": "hips", "LowerLeg": "UpperLeg", "Foot": "LowerLeg",
}  # fmt: skip


def _parent(role: str) -> int:
    side = next((side for side in SIDES if role.startswith(side)), "")
    above = _ABOVE[role[len(side) :]]
    if above is None:
        return -1
    return NUMBER[above if above in NUMBER else side + above]


PARENTS: Indices = np.array([_parent(role) for role in NODES])
# The node on the other side; itself for the trunk's.
MIRRORED: Indices = np.array(
    [
        NUMBER[role.replace("left", "right") if role.startswith("left") else role.replace("right", "left")]
        for role in NODES
    ]
)


def node_joints(body: Body) -> Indices:
    """Joint of each node `(nodes,)`, -1 for what the body lacks."""
    joints = [body.joint(role) for role in NODES]
    return np.array([-1 if joint is None else joint for joint in joints], dtype=np.int64)


def node_parents(present: Mask) -> Indices:
    """The next node above each that the body has `(nodes,)`, -1 for the hips."""
    found = PARENTS.copy()
    for number in range(len(NODES)):
        while found[number] >= 0 and not present[found[number]]:
            found[number] = PARENTS[found[number]]
    return found


def rest_turns(body: Body, alignment: RestAlignment | None) -> Array:
    """World rotations `(nodes, 4)` that count as rest: a target's own, aligned with the source's, so that the same turn
    away from them is the same pose on both; what is missing has the identity.
    """
    joints = node_joints(body)
    rest = np.where((joints >= 0)[:, None], body.rest_rotations[joints], quat.IDENTITY)
    if alignment is None:
        return rest
    of_joints = alignment.of_joints([int(joint) for joint in joints])
    turns = [alignment.turns.get(role, of_joints[number]) for number, role in enumerate(NODES)]
    result: Array = quat.multiply(np.stack(turns), rest)
    return result


def node_turns(body: Body, rotations: Array, rest: Array) -> Array:
    """Turn of each node away from `rest` in the body's canonical axes `(frames, nodes, 4)`; `rotations` `(frames,
    joints, 4)` are the world's. What is missing turns as what is above it.
    """
    joints = node_joints(body)
    turns = quat.multiply(rotations[:, joints], quat.conjugate(rest))
    turns = quat.multiply(quat.multiply(quat.conjugate(body.facing), turns), body.facing)
    for number in np.flatnonzero(joints < 0):
        turns[:, number] = turns[:, PARENTS[number]]
    return turns
