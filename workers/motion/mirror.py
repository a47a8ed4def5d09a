"""A motion with left and right exchanged, by the symmetry of the body that moves.

Each joint turns away from the symmetrical rest pose as its partner did, seen in the mirror; so neither bone axes nor
a crooked rest pose matter, and doing it twice gives back the motion. Joints without a partner keep their turn against
their parent. What is not of the body stays where it is. Bones keep their lengths: where the sides differ in length,
hands and feet come as near as turns bring them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workers.contract.roles import mirror
from workers.motion.body_motion import BodyMotion, from_rotations, hip_centre
from workers.motion.contacts import FootContacts
from workers.skeleton import kinematics, quat
from workers.skeleton.body import FOOT_ROLES
from workers.skeleton.model import Array
from workers.skeleton.symmetry import NO_PARTNER, Symmetry, find_symmetry


def mirror_motion(motion: BodyMotion) -> BodyMotion:
    """The mirrored motion of a body whose bones keep their lengths, mirrored across the plane in which it rests.

    The joint that carries the travel, if another than the hips, is left to `root_motion.place_travel`.
    """
    body, symmetry = motion.body, find_symmetry(motion.body)
    rotations = _rotations(motion, symmetry)
    rest = body.rest_rotations[body.hips]
    offset = symmetry.point_m - body.rest_positions_m[body.hips]  # from the hips joint to the middle of the hips

    def middle(turned: Array) -> Array:
        return quat.rotate(quat.multiply(turned, quat.conjugate(rest)), offset)

    place = motion.positions_m[:, body.hips] + middle(motion.rotations[:, body.hips])
    hips = symmetry.place(place) - middle(rotations[:, body.hips])
    return from_rotations(body, motion, rotations, hips)


def mirror_seen(motion: BodyMotion) -> BodyMotion:
    """The mirror image of a motion as it was seen: every place is that of the partner in the mirror, whatever the bones
    then measure. For a source, whose joints may move freely.
    """
    symmetry = find_symmetry(motion.body)
    carried = mirror_motion(motion)
    moved = symmetry.moved
    positions = carried.positions_m + (symmetry.place(hip_centre(motion)) - hip_centre(carried))[:, None]
    positions[:, moved] = symmetry.place(motion.positions_m[:, symmetry.partner[moved]])
    return replace(motion, rotations=carried.rotations, positions_m=positions)


def mirror_contacts(contacts: FootContacts, motion: BodyMotion) -> FootContacts:
    """Foot contacts of `mirror_seen(motion)`, those of `motion` given."""
    across = [FOOT_ROLES.index(mirror(role)) for role in FOOT_ROLES]
    velocity = find_symmetry(motion.body).direction(contacts.ground_velocity_m_s)
    return FootContacts(contacts.planted[:, across], contacts.ground_m[:, across], velocity)


def _rotations(motion: BodyMotion, symmetry: Symmetry) -> Array:
    """Mirrored world rotations `(frames, joints, 4)`."""
    body, moved = motion.body, symmetry.moved
    reference = quat.multiply(symmetry.straightening, body.rest_rotations)
    away = quat.multiply(motion.rotations, quat.conjugate(reference))
    local = kinematics.local_rotations(body.skeleton, motion.rotations)
    result = motion.rotations.copy()
    result[:, moved] = quat.multiply(symmetry.turn(away[:, symmetry.partner[moved]]), reference[moved])
    for joint in np.flatnonzero(symmetry.partner == NO_PARTNER):
        parent = int(body.skeleton.parents[joint])
        if parent >= 0:
            result[:, joint] = quat.multiply(result[:, parent], local[:, joint])
    return result
