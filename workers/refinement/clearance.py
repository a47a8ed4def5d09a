"""How far limbs keep from surfaces, by frame and part.

A few millimetres make up for what the reduced surface leaves out and for the frames between. Where the source touches,
only a little is kept, or the hand would not reach its contact; where there is nothing to correct none is, or arms that
rest beside the body would be pushed aside.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from workers.geometry.contact_model import SelfContact
from workers.geometry.contact_scores import JOINED
from workers.geometry.parts import BODY, GROUP_OF
from workers.skeleton.model import Array, Indices, Mask

TOUCHING = 0.4  # share of the room that is kept where the source touches


@dataclass(frozen=True, eq=False)
class Clearance:
    """Of some frames: how near each group is to being corrected `(frames, GROUPS)`, and which parts touch
    `(frames, PARTS, PARTS)`.
    """

    nearness: Array
    touching: Mask

    def shares(self, frame: Indices, part_a: Indices, part_b: Indices) -> Array:
        """Share of the full room that pairs of parts keep, each in a frame, `(n,)`, 0 to 1."""
        near = np.maximum(self.nearness[frame, GROUP_OF[part_a]], self.nearness[frame, GROUP_OF[part_b]])
        result: Array = near * np.where(self.touching[frame, part_a, part_b], TOUCHING, 1.0)
        return result


def clearance_at(frames: Indices, nearness: Array, contacts: Iterable[SelfContact]) -> Clearance:
    """`nearness` `(frames of the clip, GROUPS)`. The trunk's own says nothing: the other arm may be what is near it."""
    near = nearness[frames].copy()
    near[:, BODY] = 0.0
    touching = np.zeros((len(frames), *JOINED.shape), dtype=np.bool_)
    for contact in contacts:
        rows = (frames >= contact.start) & (frames < contact.stop)
        meant = np.outer(JOINED[contact.part_a], JOINED[contact.part_b])
        touching[rows] |= meant | meant.T
    return Clearance(near, touching)
