"""How far each twist joint of a body turns with its limb.

A lower arm (shin) stays with its elbow while the hand rolls: a twist joint at share s of the bone takes s of the
hand's roll against it. An upper arm (thigh) rolls with its elbow while the shoulder stays: a twist joint at share s
takes back 1 - s of the roll against the shoulder. A joint whose skin lies on the wrong side of the limb's own (outside
of it on the upper bone, inside on the lower one) would wring what it should smooth, so it stays with the limb.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from workers.skeleton import quat
from workers.skeleton.find_roles.twists import BONES, chain_name
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Array, Mesh, Skeleton

UPPER_PARTS = ("UpperArm", "UpperLeg")
# A limb joint that carries less than this share of its bone's skin has left it to the twist joints.
LITTLE_SKIN = 0.02


@dataclass(frozen=True, eq=False)
class TwistJoint:
    """`joint` turns about `axis` by `share` (-1 to 1) of the roll of `role`'s bone, from where that bone carries it."""

    joint: int
    role: str
    axis: Array  # (3,) unit, in the rest pose's world
    share: float


def measure_twists(
    skeleton: Skeleton, mapping: HumanoidMapping, positions_m: Array, mesh: Mesh | None
) -> tuple[TwistJoint, ...]:
    """Twist joints of a mapped body, each after the joints above it. `positions_m` `(joints, 3)` and `mesh` in rest."""
    found = []
    for role, tip_role in BONES:
        chain = mapping.chains.get(chain_name(role), ())
        upper, tip = mapping.joint(role), mapping.joint(tip_role)
        if not chain or upper is None or tip is None:
            continue
        bone = positions_m[tip] - positions_m[upper]
        share = bone / float(bone @ bone)
        above = {tip, *skeleton.ancestors(tip)}
        line = [joint for joint in (upper, *chain, tip) if joint in above]
        skin = _skin_places(upper, chain, line, positions_m, share, mesh)
        is_upper = role.endswith(UPPER_PARTS)
        for joint in chain:
            outside = upper in skin and joint in skin and skin[joint] > skin[upper]
            if upper in skin and joint in skin and outside == is_upper:
                continue
            place = float(np.clip((positions_m[joint] - positions_m[upper]) @ share, 0.0, 1.0))
            # A joint in line turns about what it carries, which then stays in its place.
            end = line[line.index(joint) + 1] if joint in line else tip
            start = joint if joint in line else upper
            axis = quat.unit(positions_m[end] - positions_m[start])
            found.append(TwistJoint(joint, role, axis, place - 1.0 if is_upper else place))
    return tuple(sorted(found, key=lambda twist: twist.joint))


def _skin_places(
    upper: int, chain: tuple[int, ...], line: list[int], positions_m: Array, share: Array, mesh: Mesh | None
) -> Mapping[int, float]:
    """Where along the bone the skin of the limb joint and of its twist joints lies, as a share, by its centre.

    `share` `(3,)` measures places along the bone: 0 at the joint, 1 at its tip.
    A joint without skin is absent. Without a mesh, joints in line cover what lies between them; of others is nothing
    known.
    """
    if mesh is None:
        middles = {joint: positions_m[[joint, after]].mean(axis=0) for joint, after in pairwise(line)}
        return {joint: float((middle - positions_m[upper]) @ share) for joint, middle in middles.items()}
    along = np.clip((mesh.positions_m - positions_m[upper]) @ share, 0.0, 1.0)
    joints, weights = mesh.joints.ravel(), mesh.weights
    amounts = np.bincount(joints, weights.ravel(), len(positions_m))
    moments = np.bincount(joints, (weights * along[:, None]).ravel(), len(positions_m))
    least = LITTLE_SKIN * float(amounts[[upper, *chain]].sum())
    return {joint: float(moments[joint] / amounts[joint]) for joint in (upper, *chain) if amounts[joint] > least}
