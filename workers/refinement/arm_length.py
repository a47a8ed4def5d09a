"""How far an arm reaches: from the shoulder to what touches, with the arm straight."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.contact_model import SelfContacts
from workers.geometry.parts import ARM_GROUPS, GROUP_OF, PARTS
from workers.geometry.posing import pose
from workers.geometry.surface import BodySurface
from workers.geometry.transfer_contacts import ContactAnchors, carry
from workers.motion.body_motion import BodyMotion
from workers.skeleton.body import Body
from workers.skeleton.model import Indices, Mask


@dataclass(frozen=True)
class Arm:
    """Shoulder, elbow and wrist joints, and the one that carries what touches."""

    joints: tuple[int, int, int]
    carrier: int

    def length_m(self, surface: BodySurface, anchors: ContactAnchors) -> float:
        """From the shoulder to what touches, with the arm straight."""
        rest = surface.body.rest_positions_m
        points = np.einsum("ncd,nc->nd", surface.mesh.positions_m[anchors.a_corners], anchors.a_shares)
        chain = [*self.joints[: self.joints.index(self.carrier) + 1]]
        bones = sum(float(np.linalg.norm(rest[b] - rest[a])) for a, b in pairwise(chain))
        return bones + float(np.median(np.linalg.norm(points - rest[self.carrier], axis=1)))


def find_arm(body: Body, part: int) -> Arm | None:
    """The arm whose hand or forearm a part is."""
    side = next((side for side in SIDES if PARTS[part].startswith(side)), None)
    if side is None or GROUP_OF[part] not in ARM_GROUPS:
        return None
    joints = [body.joint(side + role) for role in ("UpperArm", "LowerArm", "Hand")]
    if any(joint is None for joint in joints):
        return None
    shoulder, elbow, wrist = (int(joint) for joint in joints if joint is not None)
    return Arm((shoulder, elbow, wrist), wrist if PARTS[part].endswith("Hand") else elbow)


def in_arm_length(contacts: SelfContacts, surface: BodySurface, motion: BodyMotion, asked: Indices) -> Mask:
    """Of contacts on this body, `asked` `(n, 2)` by number and frame, those `(n,)` whose place lies within the arm's
    own length of its shoulder. Arms meet anywhere between, and other limbs bring no length: these count as reachable.
    """
    result = np.ones(len(asked), dtype=np.bool_)
    frames = np.unique(asked[:, 1])
    anchors = carry(contacts, surface, motion.rate_hz, frames)
    if not len(anchors):
        return result
    posed = pose(surface, motion, frames)
    places = np.einsum("ncd,nc->nd", posed[anchors.frame[:, None], anchors.b_corners], anchors.b_shares)
    for number, contact in enumerate(anchors.carried(contacts)):
        arm = find_arm(motion.body, contact.part_a)
        if arm is None or GROUP_OF[contact.part_b] in ARM_GROUPS:
            continue
        one = SelfContacts(contacts.frames, (contact,))
        length_m = arm.length_m(surface, carry(one, surface, motion.rate_hz, np.array([contact.start])))
        rows = np.flatnonzero(anchors.contact == number)
        shoulder = motion.positions_m[frames[anchors.frame[rows]], arm.joints[0]]
        away = np.full(len(frames), np.inf)
        np.minimum.at(away, anchors.frame[rows], np.linalg.norm(places[rows] - shoulder, axis=1))
        own = np.flatnonzero(asked[:, 0] == number)
        result[own] = away[np.searchsorted(frames, asked[own, 1])] <= length_m
    return result
