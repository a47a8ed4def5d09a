"""What the source's self-contacts ask of each limb: how far, which way, and the turn of each joint that leads there.

The contacts are those that scores and refinement ask for (`geometry.source_contacts`), carried to this body. Of two
limbs that touch each other each goes half of the way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.parts import BODY, GROUP_OF, part_index
from workers.geometry.posing import pose
from workers.geometry.surface import BodySurface
from workers.geometry.transfer_contacts import ContactAnchors
from workers.motion.body_motion import BodyMotion
from workers.retargeting.network.nodes import NODES, NUMBER
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices

# For each node of a limb the parts whose contacts its turn moves.
CARRIES: dict[int, tuple[int, ...]] = {
    NUMBER[side + node]: tuple(part_index(side + part) for part in parts)
    for side in SIDES
    for node, parts in (
        ("Shoulder", ("UpperArm", "LowerArm", "Hand")),
        ("UpperArm", ("UpperArm", "LowerArm", "Hand")),
        ("LowerArm", ("LowerArm", "Hand")),
        ("Hand", ("Hand",)),
        ("UpperLeg", ("UpperLeg", "LowerLeg", "Foot")),
        ("LowerLeg", ("LowerLeg", "Foot")),
        ("Foot", ("Foot",)),
    )
}
GROUPS_OF_LIMBS = (1, 2, 3, 4)  # in the order of `features.CHAINS`


@dataclass(frozen=True, eq=False)
class ContactWays:
    """`turns` `(frames, nodes, 3)` radians in the axes of the node above, `touches` `(frames, limbs)` how much each
    limb is asked to touch, 0 to 1, `missed` `(frames, limbs)` how far it is from there in forearm radii.
    """

    turns: Array
    touches: Array
    missed: Array


def contact_ways(
    anchors: ContactAnchors, surface: BodySurface, motion: BodyMotion, frames: Indices, places_m: Array, axes: Array
) -> ContactWays:
    """`anchors` count `frames`; `places_m` `(frames, nodes, 3)` are the joints from the hips and `axes`
    `(frames, nodes, 4)` the world axes of the node above each.
    """
    turns = np.zeros((len(frames), len(NODES), 3))
    touches, missed = np.zeros((len(frames), 4)), np.zeros((len(frames), 4))
    if not len(anchors):
        return ContactWays(turns, touches, missed)
    used, corners = np.unique(np.concatenate([anchors.a_corners, anchors.b_corners]), return_inverse=True)
    corners = corners.reshape(2, -1, 3)
    posed = pose(surface, motion, frames, used)
    posed -= motion.positions_m[frames][:, [motion.body.hips]]
    faces = [posed[anchors.frame[:, None], corners[side]] for side in range(2)]
    point_a, point_b = (
        np.einsum("ncd,nc->nd", face, shares)
        for face, shares in zip(faces, (anchors.a_shares, anchors.b_shares), strict=True)
    )
    normal = np.cross(faces[1][:, 1] - faces[1][:, 0], faces[1][:, 2] - faces[1][:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-20)
    error = point_a - point_b - anchors.gap_m[:, None] * normal
    parts = [surface.parts[corner[:, 0]] for corner in (anchors.a_corners, anchors.b_corners)]
    limbs = [GROUP_OF[part] > BODY for part in parts]
    half = np.where(limbs[0] & limbs[1], 0.5, 1.0)[:, None]
    total = np.zeros((len(frames), len(NODES)))
    size = np.linalg.norm(error, axis=-1) / surface.arm_radius_m
    for part, point, way in ((parts[0], point_a, -error * half), (parts[1], point_b, error * half)):
        _add_turns(anchors, part, point, way, places_m, axes, surface.arm_radius_m, turns, total)
        for column, group in enumerate(GROUPS_OF_LIMBS):
            mine = GROUP_OF[part] == group
            np.add.at(touches[:, column], anchors.frame[mine], anchors.weight[mine])
            np.add.at(missed[:, column], anchors.frame[mine], (anchors.weight * size)[mine])
    turns /= np.maximum(total, 1e-9)[..., None]
    # A contact that fades in or out asks for less.
    turns *= np.minimum(total, 1.0)[..., None]
    missed /= np.maximum(touches, 1e-9)
    return ContactWays(turns, np.minimum(touches, 1.0), missed)


def _add_turns(
    anchors: ContactAnchors,
    part: Indices,
    point: Array,
    way: Array,
    places_m: Array,
    axes: Array,
    radius_m: float,
    turns: Array,
    total: Array,
) -> None:
    """Add each anchor's turns to those of the nodes that move it, in place."""
    for node, carried in CARRIES.items():
        mine = np.flatnonzero(np.isin(part, carried))
        if not len(mine):
            continue
        frame, weight = anchors.frame[mine], anchors.weight[mine]
        lever = point[mine] - places_m[frame, node]
        turn = np.cross(lever, way[mine]) / ((lever**2).sum(-1, keepdims=True) + radius_m**2)
        turn = quat.rotate(quat.conjugate(axes[frame, node]), turn)
        np.add.at(turns[:, node], frame, weight[:, None] * turn)
        np.add.at(total[:, node], frame, weight)
