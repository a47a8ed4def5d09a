"""SelfContacts: where and when a body touches itself, said in parts and places on them, so that it fits any body.

Frames count from the first of the motion; intervals are half open. Places are those of `part_frames`, with the distance
from the part's axis in typical radii of the part. Finding them is left to `self_contact`, using them to
`transfer_contacts`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.geometry.parts import PARTS
from workers.skeleton.model import Array, Mask


@dataclass(frozen=True, eq=False)
class Places:
    """Points on one part, arrays of one shape: share along its axis, angle around it, distance from it in radii."""

    along: Array
    around: Array
    radii: Array


@dataclass(frozen=True, eq=False)
class SelfContact:
    """Part `a` touches part `b` from frame `start` to `stop` with `k` of its points.

    `a` holds places `(k,)` that stay on `a`; `b` the closest places on the other part `(frames, k)`, frame by frame, as
    a contact may slide. From there the point of `a` lies `gap` `(frames, k)` arm radii away along the outward normal of
    `b`, 0 where it is inside.
    """

    part_a: int
    part_b: int
    start: int
    stop: int
    a: Places
    b: Places
    gap: Array

    @property
    def name(self) -> str:
        return f"{PARTS[self.part_a]}-{PARTS[self.part_b]}"


@dataclass(frozen=True, eq=False)
class SelfContacts:
    """All self-contacts of one motion of `frames` frames."""

    frames: int
    contacts: tuple[SelfContact, ...]

    def __len__(self) -> int:
        return len(self.contacts)

    def touching(self) -> dict[tuple[int, int], Mask]:
        """Pair of parts -> mask `(frames,)` of the frames in which they touch."""
        result: dict[tuple[int, int], Mask] = {}
        for contact in self.contacts:
            mask = result.setdefault((contact.part_a, contact.part_b), np.zeros(self.frames, dtype=np.bool_))
            mask[contact.start : contact.stop] = True
        return result
