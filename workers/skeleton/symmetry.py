"""Symmetry: which joint of a body is the mirror image of which, and across which plane.

Partners come from roles and the chains beside them, the plane and what is straight from the rest pose: no name of a
side and no bone axis is looked at, so rigs whose axes are not mirrored need no care. Where a rig does not rest
symmetrically, such as with one arm lower than the other, `straightening` turns each bone to halfway between itself and
the mirror image of its partner; a turn away from *that* pose means the same on both sides. Roll that the sides do not
share at rest cannot be seen in directions and stays. Mirroring a motion is left to `workers.motion.mirror`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from workers.contract.roles import ARM, FINGERS, LEG, SIDES, SPINE, finger_roles, mirror, side_roles
from workers.skeleton import quat
from workers.skeleton.body import LEFT, Body
from workers.skeleton.model import Array, Indices

NO_PARTNER = -1


@dataclass(frozen=True, eq=False)
class Symmetry:
    """The mirror of a body at rest.

    `partner` `(joints,)` is the joint on the other side, the joint itself in the middle of the body, `NO_PARTNER` for
    joints that are not the body's own or that only one side has. `straightening` `(joints, 4)` are world turns from the
    rest pose to one that is symmetrical. The plane goes through `point_m` with the unit `normal`, both `(3,)`.
    """

    partner: Indices
    straightening: Array
    normal: Array
    point_m: Array

    @property
    def moved(self) -> Indices:
        """Joints that have a partner."""
        return np.flatnonzero(self.partner != NO_PARTNER)

    def turn(self, rotations: Array) -> Array:
        """Mirror images of rotations `(..., 4)`: the axis, being axial, keeps its part along the normal."""
        axis = rotations[..., :3]
        mirrored = 2.0 * (axis @ self.normal)[..., None] * self.normal - axis
        return np.concatenate([mirrored, rotations[..., 3:]], axis=-1)

    def direction(self, vectors: Array) -> Array:
        """Mirror images of directions `(..., 3)`."""
        return np.asarray(vectors - 2.0 * (vectors @ self.normal)[..., None] * self.normal)

    def place(self, points_m: Array) -> Array:
        """Mirror images of points `(..., 3)`."""
        return self.direction(points_m - self.point_m) + self.point_m


def find_symmetry(body: Body) -> Symmetry:
    """The symmetry of a body in its rest pose."""
    normal = quat.rotate(body.facing, LEFT)
    legs = [body.mapping.roles[f"{side}UpperLeg"].joint for side in SIDES]
    partner = _partners(body)
    point = body.rest_positions_m[legs].mean(axis=0)
    plain = Symmetry(partner, quat.identity(len(partner)), normal, point)
    return Symmetry(partner, _straightening(body, plain), normal, point)


def one_sided(body: Body, symmetry: Symmetry) -> tuple[str, ...]:
    """Roles that only one side of the body has, which a mirrored motion cannot hand over."""
    return tuple(
        role for role, match in body.mapping.roles.items() if symmetry.partner[match.joint] == NO_PARTNER
    )  # fmt: skip


def _partners(body: Body) -> Indices:
    partner = np.full(len(body.skeleton), NO_PARTNER, dtype=np.int64)
    for role, match in body.mapping.roles.items():
        other = body.joint(mirror(role))
        if other is not None:
            partner[match.joint] = other
    for name, chain in body.mapping.chains.items():
        across = body.mapping.chains.get(mirror(name), ())
        if len(across) == len(chain):
            for joint, other in zip(chain, across, strict=True):
                if partner[joint] == NO_PARTNER:
                    partner[joint] = other
    for joint in body.skeleton.ancestors(body.hips):  # what carries the whole body
        partner[joint] = joint
    return partner


def _straightening(body: Body, symmetry: Symmetry) -> Array:
    """Turn of each joint; those without a bone of their own that both sides share turn as what carries them."""
    turns: dict[int, Array] = {}
    for joint, (tip, other, other_tip) in _bones(body).items():
        own = quat.unit(body.rest_positions_m[tip] - body.rest_positions_m[joint])
        image = symmetry.direction(quat.unit(body.rest_positions_m[other_tip] - body.rest_positions_m[other]))
        if own @ image > 0.0:  # bones that point apart have no middle
            turns[joint] = quat.between(own, quat.unit(own + image))
    turns.setdefault(body.hips, quat.identity())
    result = quat.identity(len(body.skeleton))
    known = np.zeros(len(body.skeleton), dtype=np.bool_)
    for joint in range(len(body.skeleton)):
        path, carrier = [joint], joint
        while carrier >= 0 and not known[carrier] and carrier not in turns:
            carrier = int(body.carriers[carrier])
            path.append(carrier)
        turn = quat.identity() if carrier < 0 else turns.get(carrier, result[carrier])
        for reached in path:
            if reached >= 0:
                result[reached], known[reached] = turns.get(reached, turn), True
    return result


def _bones(body: Body) -> dict[int, tuple[int, int, int]]:
    """Joint -> (where its bone ends, its partner, where that one's bone ends), for bones that both sides have."""
    lines = [SPINE[1:], *(side_roles(side, part) for side in SIDES for part in (ARM, LEG))]
    lines += [finger_roles(side, finger) for side in SIDES for finger in FINGERS]
    bones = {}
    for line in lines:
        present = [role for role in line if body.has(role, mirror(role))]
        for role, tip in pairwise(present):
            joints = [body.mapping.roles[name].joint for name in (role, tip, mirror(role), mirror(tip))]
            bones[joints[0]] = (joints[1], joints[2], joints[3])
    return bones
