"""SelfContacts: where and when a body touches itself, said in parts and places on them, so that it fits any body.

Frames count from the first of the motion; intervals are half open. Places are those of `part_frames`, with the distance
from the part's axis in typical radii of the part. Finding them is left to `self_contact`, using them to
`transfer_contacts`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from workers.geometry.parts import PARTS
from workers.skeleton.model import Array, Indices, Mask


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
        return touching_masks(self.frames, ((c.part_a, c.part_b, c.start, c.stop) for c in self.contacts))


@dataclass(frozen=True, eq=False)
class ContactSpans:
    """When which parts touch in a motion of `frames` frames: arrays `(contacts,)`, as in `SelfContact`."""

    frames: int
    part_a: Indices
    part_b: Indices
    start: Indices
    stop: Indices

    def __len__(self) -> int:
        return len(self.start)

    def touching(self) -> dict[tuple[int, int], Mask]:
        """Pair of parts -> mask `(frames,)` of the frames in which they touch."""
        return touching_masks(self.frames, zip(self.part_a, self.part_b, self.start, self.stop, strict=True))


def touching_masks(frames: int, spans: Iterable[tuple[int, int, int, int]]) -> dict[tuple[int, int], Mask]:
    """Pair of parts -> mask `(frames,)` of the frames that its spans `(part a, part b, start, stop)` cover."""
    result: dict[tuple[int, int], Mask] = {}
    for part_a, part_b, start, stop in spans:
        mask = result.setdefault((int(part_a), int(part_b)), np.zeros(frames, dtype=np.bool_))
        mask[start:stop] = True
    return result
