"""Which of the source's contacts a motion holds, counted as the report counts them.

What refinement optimises and what its windows are judged by look at some frames and at places of their own; the report
asks when two parts touch at all (`find_contact_spans`). A change may please the first and lose the second, so what must
not be lost is asked in the report's own words. What is done about it is `meeting`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

from workers.geometry.contact_model import ContactSpans, SelfContact, SelfContacts
from workers.geometry.contact_scores import contact_scores
from workers.geometry.posing import pose
from workers.geometry.self_contact import find_contact_spans
from workers.geometry.source_contacts import source_contacts
from workers.geometry.surface import BodySurface
from workers.geometry.transfer_contacts import ContactAnchors, carried_frames, carry
from workers.motion.body_motion import BodyMotion
from workers.scores.surface_measures import search_stride, thinned
from workers.skeleton.model import Indices, Mask


@dataclass(frozen=True, eq=False)
class Held:
    """Of contacts that are asked, `asked` `(n, 2)` by number and frame at the rate of the search: whether their parts
    are `touching` `(n,)`, and whether that is where they should, `kept` `(n,)`.
    """

    asked: Indices
    touching: Mask
    kept: Mask

    def lost(self, after: Held) -> Mask:
        """What this holds and `after`, of the same contacts, does not `(n,)`."""
        lost: Mask = (self.touching & ~after.touching) | (self.kept & ~after.kept)
        return lost


@dataclass(frozen=True, eq=False)
class AskedContacts:
    """The source's contacts on one body, every `stride`-th frame of the clip; `frames` are those in which any is."""

    contacts: SelfContacts
    carried: tuple[SelfContact, ...]  # as `Held.asked` numbers them
    surface: BodySurface
    anchors: ContactAnchors  # counted by the frames of the search
    frames: Indices
    stride: int

    def held(self, motion: BodyMotion, first: int = 0) -> Held | None:
        """Of a motion of the clip's frames from `first` on; None where nothing is asked of them."""
        begin = -(-first // self.stride)
        skip = begin * self.stride - first
        slow = thinned(motion.some(slice(skip, None)), self.stride)
        frames = self.frames[(self.frames >= begin) & (self.frames < begin + slow.frames)]
        if not len(frames):
            return None
        found = find_contact_spans(slow, self.surface)
        made = ContactSpans(
            self.contacts.frames, found.part_a, found.part_b, found.start + begin, found.stop + begin
        )  # on the clip's axis
        posed, radius_m = pose(self.surface, slow, frames - begin), self.surface.arm_radius_m
        told = contact_scores(self.contacts, made, self.anchors.at(frames), posed, frames, radius_m, slow.rate_hz)
        return Held(told.asked, told.touching, told.kept)


def asked_contacts(source: BodyMotion, source_surface: BodySurface, surface: BodySurface) -> AskedContacts | None:
    """What the report will ask of a clip; None where the source does not touch itself with parts that the body has."""
    stride = search_stride(source)
    thin = thinned(source, stride)
    contacts = source_contacts(thin, source_surface)
    frames = carried_frames(contacts, surface)
    if not len(frames):
        return None
    anchors = carry(contacts, surface, thin.rate_hz)
    return AskedContacts(contacts, anchors.carried(contacts), surface, anchors, frames, stride)
