"""Which of the source's contacts must be reached, which the base makes already, and which this body cannot make.

A limb that merely lies on something, a forearm on a belly or a shin on a thigh, and does so about where the source has
it, stays where it lies: a place a little farther along is none that it must be lifted off for. So does one that touches
the same part where its place is out of reach. Such a contact is the base's own, with the places where it touches; what
enters the body comes to its surface there. Hands mean a place, and go to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from workers.geometry.contact_model import Places, SelfContact, SelfContacts
from workers.geometry.contact_scores import JOINED, PLACE
from workers.geometry.posing import pose
from workers.geometry.self_contact import find_self_contacts
from workers.geometry.surface import BodySurface
from workers.geometry.transfer_contacts import carry
from workers.motion.body_motion import BodyMotion
from workers.motion.intervals import runs
from workers.refinement.reachable import HANDS, OutOfReach, looked_frames, nearest_in_frames, within_reach
from workers.skeleton.model import Mask

LEAST_S = 0.3  # what is left of a contact beside one that rests, if it is no longer than that, is its coming or going


@dataclass(frozen=True, eq=False)
class SortedContacts:
    """Places to be `reached`, contacts of the base that `rest`, and what is `out_of_reach`."""

    reached: tuple[SelfContact, ...]
    rest: tuple[SelfContact, ...]
    out_of_reach: tuple[OutOfReach, ...]


def sort_contacts(wanted: SelfContacts, base: BodyMotion, surface: BodySurface) -> SortedContacts:
    """`wanted` are the source's contacts, `surface` is the body's that `base` moves."""
    frames = wanted.frames
    lying = [contact for contact in wanted.contacts if _lies(contact)]
    made = [contact for contact in find_self_contacts(base, surface).contacts if _lies(contact)] if lying else []
    touching = [contact for contact in lying if any(_same(contact, other) for other in made)]
    placed = [contact for contact in touching if _is_placed(contact, base, surface)]
    rest, left = _split(frames, placed, made, base.rate_hz)
    others = tuple(contact for contact in wanted.contacts if contact not in placed)
    reached, far = within_reach(SelfContacts(frames, (*others, *left)), surface, base)
    more, alone = _split(frames, [item.contact for item in far if _lies(item.contact)], made, base.rate_hz)
    beyond = [item for item in far if not _lies(item.contact) or item.contact in alone]
    return SortedContacts(reached.contacts, _once(frames, [*rest, *more]), tuple(beyond))


def _lies(contact: SelfContact) -> bool:
    return not np.isin([contact.part_a, contact.part_b], HANDS).any()


def _same(wanted: SelfContact, made: SelfContact) -> bool:
    meets = made.start < wanted.stop and wanted.start < made.stop
    return meets and made.part_a == wanted.part_a and bool(JOINED[made.part_b, wanted.part_b])


def _is_placed(contact: SelfContact, base: BodyMotion, surface: BodySurface) -> bool:
    """Whether the base has it where the report would count it as kept, in most of some frames."""
    frames = looked_frames(contact)
    anchors = carry(SelfContacts(base.frames, (contact,)), surface, base.rate_hz, frames)
    if not len(anchors):
        return False
    missed = anchors.distance_missed(pose(surface, base, frames), surface.arm_radius_m)
    return bool(np.median(nearest_in_frames(anchors.frame, missed, len(frames))) < PLACE)


def _split(
    frames: int, wanted: Sequence[SelfContact], made: Sequence[SelfContact], rate_hz: float
) -> tuple[list[SelfContact], list[SelfContact]]:
    """What of `made` lies where contacts are wanted, and what is left of those."""
    rest: list[SelfContact] = []
    left: list[SelfContact] = []
    for contact in wanted:
        own = [other for other in made if _same(contact, other)]
        covered = np.zeros(frames, dtype=np.bool_)
        for other in own:
            covered[other.start : other.stop] = True
            rest += _pieces(other, _span(frames, contact))
        if not own:
            left.append(contact)
            continue
        least = max(1, round(LEAST_S * rate_hz))
        left += [piece for piece in _pieces(contact, ~covered) if piece.stop - piece.start > least]
    return rest, left


def _span(frames: int, contact: SelfContact) -> Mask:
    mask = np.zeros(frames, dtype=np.bool_)
    mask[contact.start : contact.stop] = True
    return mask


def _pieces(contact: SelfContact, wanted: Mask) -> Iterator[SelfContact]:
    """The contact in the frames of a mask `(frames,)`, a piece for each run of them."""
    for start, stop in runs(_span(len(wanted), contact) & wanted):
        part = slice(int(start) - contact.start, int(stop) - contact.start)
        b = Places(*(values[part] for values in vars(contact.b).values()))
        yield replace(contact, start=int(start), stop=int(stop), b=b, gap=contact.gap[part])


def _once(frames: int, contacts: list[SelfContact]) -> tuple[SelfContact, ...]:
    """No frame of a pair of parts twice: several contacts of the source may ask for one of the base."""
    seen: dict[tuple[int, int], Mask] = {}
    kept: list[SelfContact] = []
    for contact in contacts:
        mask = seen.setdefault((contact.part_a, contact.part_b), np.zeros(frames, dtype=np.bool_))
        kept += _pieces(contact, ~mask)
        mask[contact.start : contact.stop] = True
    return tuple(kept)
