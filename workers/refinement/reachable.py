"""Which of the source's self-contacts this body can make, where, with limbs that move no farther than their leash.

A place that lies farther from the shoulder than the arm is long is moved to the nearest place on the same part that
does not (after SPACE, SIGGRAPH 2026, arXiv 2605.19355: on bodies of other proportions a place that can be reached says
more than one that cannot). Where the places of a contact then still lie farther apart than the limbs that would have to
meet may go, the source's touch is none that this body has (an arm against a giant beard, a hand on a hat). Such
contacts are told and left alone; half of the way to one is neither the touch nor the pose.

Hands go to what they touch, but not far through the air: a hand that lies on its own wide trunk or head in the source
hangs beside a slimmer one. Forearms, shins and feet mostly touch because something is in their
way, and often that is the source's own shape: a large head, a beard, a robe that leaves no room. Where a slimmer body
has air there instead, several arms thick, nothing was meant. Where such a part lies inside, it is no such case.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.contact_model import Places, SelfContact, SelfContacts
from workers.geometry.parts import ARM_GROUPS, BODY, GROUP_OF, part_index
from workers.geometry.posing import pose
from workers.geometry.self_contact import places_of
from workers.geometry.surface import BodySurface
from workers.geometry.transfer_contacts import ContactAnchors, carry
from workers.motion.body_motion import BodyMotion
from workers.refinement.arm_length import find_arm
from workers.refinement.leash import REACH
from workers.skeleton.model import Array, Indices

LOOKED = 5  # frames of each contact
# Between parts that are no hands, in arm radii and as a share of the height, whichever is less: more air than that was
# another shape's touch. Forearms that were chased to such places stood out by 0.15 of the height and were wrong; what
# folded arms and forearms on thighs leave open on our bodies stays below half of it.
AIR_RADII, AIR = 3.0, 0.08
AIR_OF_HANDS = 0.07  # of the height, for each limb that can come
HANDS: Indices = np.array([part_index(f"{side}Hand") for side in SIDES])
STRETCH = 0.97  # of an arm's length, up to which it reaches without being drawn straight


@dataclass(frozen=True, eq=False)
class OutOfReach:
    """A contact that the body cannot make, and how far its places are apart."""

    contact: SelfContact
    apart_m: float


def within_reach(
    contacts: SelfContacts, surface: BodySurface, base: BodyMotion
) -> tuple[SelfContacts, tuple[OutOfReach, ...]]:
    """The contacts that `base`, moving the body of `surface`, may come to make, and the others.

    What is farther than an arm's length is moved to where it is not. By the median over some frames of the nearest
    pair of places; one limb bridges `REACH` of the height, two of them twice that, and parts that are no hands no more
    air than `AIR_RADII` and `AIR`.
    """
    contacts = SelfContacts(contacts.frames, tuple(_moved(contact, surface, base) for contact in contacts.contacts))
    spans = [looked_frames(contact) for contact in contacts.contacts]
    frames = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *spans]))
    anchors = carry(contacts, surface, base.rate_hz, frames)
    if not len(anchors):
        return contacts, ()
    posed = pose(surface, base, frames)
    missed = anchors.missed_m(posed)
    offset, normal = anchors.offsets_m(posed)
    over = np.einsum("nd,nd->n", offset, normal)
    aside = np.linalg.norm(offset - over[:, None] * normal, axis=1)
    gaps = _gaps_m(anchors, posed, surface)
    most_air_m = min(AIR_RADII * surface.arm_radius_m, AIR * base.body.height_m)
    carried, far = anchors.carried(contacts), []
    for number, contact in enumerate(carried):
        rows, own = anchors.contact == number, np.isin(frames, looked_frames(contact))
        radius_m = float(surface.radius_m[contact.part_b])
        inside = (over < 0.0) & (over > -2.0 * radius_m) & (aside < radius_m)
        apart_m, air_m = (
            float(np.median(nearest_in_frames(anchors.frame[rows], values[rows], len(frames))[own]))
            for values in (missed, np.where(inside, 0.0, missed))
        )
        limbs = int(np.count_nonzero(GROUP_OF[[contact.part_a, contact.part_b]] != BODY))
        by_shape = air_m > most_air_m
        if np.isin([contact.part_a, contact.part_b], HANDS).any():
            gap_m = float(np.median(nearest_in_frames(anchors.frame[rows], gaps[rows], len(frames))[own]))
            by_shape = gap_m > max(limbs, 1) * AIR_OF_HANDS * base.body.height_m
        if by_shape or apart_m > max(limbs, 1) * REACH * base.body.height_m:
            far.append(OutOfReach(contact, apart_m))
    left = {id(item.contact) for item in far}
    kept = tuple(contact for contact in contacts.contacts if id(contact) not in left)
    return SelfContacts(contacts.frames, kept), tuple(far)


def way_m(contact: SelfContact, surface: BodySurface, base: BodyMotion) -> float:
    """How far the nearest places of a contact are apart in `base`, at the most of some frames."""
    frames = looked_frames(contact)
    anchors = carry(SelfContacts(base.frames, (contact,)), surface, base.rate_hz, frames)
    if not len(anchors):
        return 0.0
    nearest = nearest_in_frames(anchors.frame, anchors.missed_m(pose(surface, base, frames)), len(frames))
    return float(nearest[np.isfinite(nearest)].max(initial=0.0))


def _gaps_m(anchors: ContactAnchors, posed: Array, surface: BodySurface) -> Array:
    """How far the first point of each pair `(n,)` is from the nearest vertex of the part that the second is on."""
    points = np.einsum("ncd,nc->nd", posed[anchors.frame[:, None], anchors.a_corners], anchors.a_shares)
    parts = surface.parts[anchors.b_corners[:, 0]]
    result = np.zeros(len(anchors))
    for frame, part in np.unique(np.stack([anchors.frame, parts], axis=1), axis=0):
        rows = (anchors.frame == frame) & (parts == part)
        away = points[rows][:, None] - posed[frame][surface.parts == part][None]
        result[rows] = np.linalg.norm(away, axis=-1).min(axis=1)
    return result


def nearest_in_frames(frame: Indices, values: Array, frames: int) -> Array:
    """The least of values in each frame `(frames,)`."""
    result = np.full(frames, np.inf)
    np.minimum.at(result, frame, values)
    return result


def _moved(contact: SelfContact, surface: BodySurface, base: BodyMotion) -> SelfContact:
    """The contact at its own place on the other part, or where that is out of the arm's length at the nearest that is
    not; as it is where there is none, or both parts are arms, which meet anywhere between.
    """
    arm = find_arm(base.body, contact.part_a)
    if arm is None or GROUP_OF[contact.part_b] in ARM_GROUPS or contact.part_b not in surface.frames:
        return contact
    frames = looked_frames(contact)
    anchors = carry(SelfContacts(base.frames, (contact,)), surface, base.rate_hz, frames)
    if not len(anchors):
        return contact
    shoulder, length_m = base.positions_m[frames, arm.joints[0]], arm.length_m(surface, anchors)
    posed = pose(surface, base, frames)
    places = np.einsum("ncd,nc->nd", posed[anchors.frame[:, None], anchors.b_corners], anchors.b_shares)
    if np.median(np.linalg.norm(places - shoulder[anchors.frame], axis=1)) <= length_m:
        return contact
    faces = surface.outer_faces[surface.outer_face_parts == contact.part_b]
    middle = len(frames) // 2
    centres = posed[middle][faces].mean(axis=1)
    reached = np.flatnonzero(np.linalg.norm(centres - shoulder[middle], axis=1) <= STRETCH * length_m)
    if not len(reached):
        return contact
    wanted = places[anchors.frame == middle].mean(axis=0)
    face = faces[reached[np.linalg.norm(centres[reached] - wanted, axis=1).argmin()]]
    place = places_of(surface, contact.part_b, surface.mesh.positions_m[face].mean(axis=0)[None])
    there = Places(*(np.broadcast_to(values, contact.gap.shape).copy() for values in vars(place).values()))
    return replace(contact, b=there)


def looked_frames(contact: SelfContact) -> Indices:
    """Some frames of a contact, evenly, its first and last among them."""
    count = min(LOOKED, contact.stop - contact.start)
    return np.unique(np.linspace(contact.start, contact.stop - 1, count).round().astype(np.int64))
