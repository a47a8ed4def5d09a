"""Which of the source's self-contacts this body can make, with limbs that move no farther than their leash.

The places of a contact are looked for on the base: where they lie farther apart than the limbs that would have to meet
may go, the source's touch is none that this body has (an arm against a giant beard, a hand on a hat). Such contacts are
told and left alone; half of the way to one is neither the touch nor the pose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.geometry.contact_model import SelfContact, SelfContacts
from workers.geometry.parts import BODY, GROUP_OF
from workers.geometry.posing import pose
from workers.geometry.surface import BodySurface
from workers.geometry.transfer_contacts import carry
from workers.motion.body_motion import BodyMotion
from workers.refinement.leash import REACH

LOOKED = 5  # frames of each contact


@dataclass(frozen=True, eq=False)
class OutOfReach:
    """A contact that the body cannot make, and how far its places are apart."""

    contact: SelfContact
    apart_m: float


def within_reach(
    contacts: SelfContacts, surface: BodySurface, base: BodyMotion
) -> tuple[SelfContacts, tuple[OutOfReach, ...]]:
    """The contacts that `base`, moving the body of `surface`, may come to make, and the others.

    By the median over some frames of the nearest pair of places. One limb bridges `REACH` of the height, two of them
    twice that.
    """
    spans = [_looked(contact) for contact in contacts.contacts]
    frames = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *spans]))
    anchors = carry(contacts, surface, base.rate_hz, frames)
    if not len(anchors):
        return contacts, ()
    missed = anchors.missed_m(pose(surface, base, frames))
    carried, far = anchors.carried(contacts), []
    for number, contact in enumerate(carried):
        nearest = np.full(len(frames), np.inf)
        rows = anchors.contact == number
        np.minimum.at(nearest, anchors.frame[rows], missed[rows])
        apart = float(np.median(nearest[np.isin(frames, _looked(contact))]))
        limbs = int(np.count_nonzero(GROUP_OF[[contact.part_a, contact.part_b]] != BODY))
        if apart > max(limbs, 1) * REACH * base.body.height_m:
            far.append(OutOfReach(contact, apart))
    left = {id(item.contact) for item in far}
    kept = tuple(contact for contact in contacts.contacts if id(contact) not in left)
    return SelfContacts(contacts.frames, kept), tuple(far)


def _looked(contact: SelfContact) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    count = min(LOOKED, contact.stop - contact.start)
    return np.unique(np.linspace(contact.start, contact.stop - 1, count).round().astype(np.int64))
