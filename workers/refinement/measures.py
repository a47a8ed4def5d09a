"""What a window is judged by: penetration and self-contact of a motion, on a finer surface than most losses look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.geometry.contact_model import SelfContact
from workers.geometry.contact_scores import JOINED, PLACE
from workers.geometry.near_body import near_body
from workers.geometry.nearest import Near
from workers.geometry.posing import pose
from workers.geometry.relations.measure import WantedRelations, wanted_relations
from workers.geometry.self_contact import OWN_SKIN
from workers.geometry.surface import BodySurface
from workers.geometry.transfer_contacts import ContactAnchors
from workers.motion.body_motion import BodyMotion
from workers.motion.intervals import hysteresis
from workers.refinement.touching import SOFT
from workers.skeleton.model import Array, Indices, Mask


@dataclass(frozen=True)
class Measures:
    """What a window is judged by, over its frames; None where the source does not touch itself.

    `penetration` is the loss without its weight, a mean over frames; `contact_error`, in arm radii, and
    `contact_recall` are the report's (`geometry.contact_scores`) on the reduced surface; `relation_error` is the
    report's by other marks than it has (`geometry.relations`), None for bodies that share no limb. `similarity` is an
    encoder's in the views that are optimised, `unseen_similarity` in those that are not (`witness`).
    """

    penetration: float
    deepest_cm: float
    contact_error: float | None
    contact_recall: float | None
    similarity: float | None = None
    relation_error: float | None = None
    unseen_similarity: float | None = None


@dataclass(frozen=True, eq=False)
class WindowMetrics:
    """A surface to measure on, and the source's contacts on it; `anchors` count the clip's frames, `contacts` are those
    that they number.
    """

    surface: BodySurface
    anchors: ContactAnchors
    contacts: tuple[SelfContact, ...]
    source: BodyMotion
    source_surface: BodySurface

    def relations(self, frames: Indices) -> WantedRelations | None:
        """What the source asks of some frames, by marks that nothing else looks at."""
        return wanted_relations(self.source, self.source_surface, self.surface, frames, shift=0.5)

    def measure(
        self, motion: BodyMotion, frames: Indices, start: int = 0, relations: WantedRelations | None = None
    ) -> Measures:
        """Over some frames of a clip, ascending; `motion` is the clip from frame `start` on, `relations` those that are
        asked of these frames.
        """
        surface, radius_m = self.surface, self.surface.arm_radius_m
        places = pose(surface, motion, frames - start)
        near, allowed = near_body(surface, places, surface.limb_vertices, OWN_SKIN.far * radius_m)
        depths = np.maximum(-near.distance_m - allowed, 0.0) / radius_m
        soft = np.where(depths < SOFT, depths**2 / (2.0 * SOFT), depths - 0.5 * SOFT)
        anchors = self.anchors.at(frames)
        missed = anchors.distance_missed(places, radius_m)
        held = self._held(anchors, near, missed, len(frames))
        return Measures(
            float(soft @ surface.areas_m2[near.vertex]) / radius_m**2 / len(frames),
            100.0 * radius_m * float(depths.max(initial=0.0)),
            float(missed.mean()) if len(missed) else None,
            float(held.mean()) if len(held) else None,
            relation_error=None if relations is None else float(relations.errors(motion, start).by_frame.mean()),
        )

    def _held(self, anchors: ContactAnchors, close: Near, missed: Array, frames: int) -> Mask:
        """Whether each contact of each frame is held: its parts touch, some pair where it belongs."""
        surface, at, distances_m = self.surface, close.frame, close.distance_m
        a, b = surface.parts[close.vertex], surface.outer_face_parts[close.face]
        near, far = (limit * self.surface.arm_radius_m for limit in (OWN_SKIN.near, OWN_SKIN.far))
        result = [np.zeros(0, dtype=np.bool_)]
        for number in np.unique(anchors.contact):
            contact = self.contacts[number]
            meant = (a == contact.part_a) & JOINED[b, contact.part_b]
            closest, nearest = np.full(frames, np.inf), np.full(frames, np.inf)
            np.minimum.at(closest, at[meant], distances_m[meant])
            rows = anchors.contact == number
            np.minimum.at(nearest, anchors.frame[rows], missed[rows])
            touching = hysteresis(closest < near, closest < far)
            result.append((touching & (nearest < PLACE))[np.unique(anchors.frame[rows])])
        return np.concatenate(result)
