"""What meets stays met: a pair of parts that touches as the source asks in the base touches after refinement too.

Judged pair by pair and frame by frame, as the report counts (`held`). A window that gives contacts away is worked on
again; what it still gives away is given back: there the limbs concerned stay as the base has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workers.geometry.parts import GROUP_OF, GROUPS
from workers.motion.body_motion import BodyMotion
from workers.refinement.activity import MARGIN_S, value_groups
from workers.refinement.held import AskedContacts, Held
from workers.refinement.spline import Spline
from workers.retargeting.residual import DegreesOfFreedom
from workers.skeleton.model import Array, Indices, Mask

# Share of a pair's frames that may go, or one frame of a few: a contact begins or ends a little later.
SLIGHT, FEW = 0.05, 4
WIDENED_S = 0.5 * MARGIN_S  # before and after what was lost


@dataclass(frozen=True, eq=False)
class GivenAway:
    """What a change loses: `frames` of pairs of the `held` ones, at the rate of the search, and when on which limbs,
    `limbs` `(frames of the clip, GROUPS)`.
    """

    frames: int
    held: int
    limbs: Mask

    def __str__(self) -> str:
        return f"contacts that hold without it are given away, {self.frames} of {self.held} frames"


@dataclass(frozen=True, eq=False)
class Meeting:
    """What the base holds in a stretch of a clip, from frame `first` on."""

    asked: AskedContacts
    first: int
    clip_frames: int
    before: Held

    def given_away(self, refined: BodyMotion) -> GivenAway | None:
        """What the stretch loses as `refined`; None for nothing that counts."""
        after = self.asked.held(refined, self.first)
        assert after is not None
        lost = self.before.lost(after)
        count = len(self.asked.carried)
        held = np.bincount(self.before.asked[self.before.touching, 0], minlength=count)
        gone = np.bincount(self.before.asked[lost, 0], minlength=count)
        pairs = self._pairs()
        by_pair = [np.bincount(pairs, weights=values, minlength=count) for values in (held, gone)]
        slight = np.where(by_pair[0] < FEW, 0.0, np.maximum(SLIGHT * by_pair[0], 1.0))
        counts = (by_pair[1] > slight)[pairs]
        if not counts.any():
            return None
        stride, limbs = self.asked.stride, np.zeros((self.clip_frames, len(GROUPS)), dtype=np.bool_)
        for number, frame in self.before.asked[lost]:
            if counts[number]:
                contact = self.asked.carried[number]
                limbs[frame * stride : (frame + 1) * stride, GROUP_OF[[contact.part_a, contact.part_b]]] = True
        return GivenAway(int(gone[counts].sum()), int(held.sum()), limbs)

    def _pairs(self) -> Indices:
        """The same number for contacts of the same pair of parts, by contact."""
        parts = np.array([[contact.part_a, contact.part_b] for contact in self.asked.carried])
        return np.asarray(np.unique(parts, axis=0, return_inverse=True)[1]).reshape(-1)


def meeting_of(asked: AskedContacts | None, base: BodyMotion, first: int, clip_frames: int) -> Meeting | None:
    """`base` is the stretch alone; None where it holds nothing."""
    before = asked.held(base, first) if asked is not None else None
    if asked is None or before is None or not before.touching.any():
        return None
    return Meeting(asked, first, clip_frames, before)


def give_back(
    knots: Array, base: Array, given_away: GivenAway, spline: Spline, freedom: DegreesOfFreedom, rate_hz: float
) -> Array:
    """The knots `(knots, values)`, those of the limbs that gave contacts away as in `base`, a little around it too."""
    result, groups = knots.copy(), value_groups(freedom)
    wide = round(WIDENED_S * rate_hz)
    for group in np.flatnonzero(given_away.limbs.any(axis=0)):
        frames = np.convolve(given_away.limbs[:, group], np.ones(2 * wide + 1), mode="same") > 0.5
        chosen = np.ix_(spline.knots_of(frames), groups == group)
        result[chosen] = base[chosen]
    return result


def contacts_held(asked: AskedContacts | None, base: BodyMotion, refined: BodyMotion) -> Mapping[str, Any] | None:
    """For reports: frames of pairs that are asked and held before and after, by the pair's name; None for none."""
    before, after = (asked.held(motion) if asked is not None else None for motion in (base, refined))
    if asked is None or before is None or after is None:
        return None
    told: dict[str, dict[str, int]] = {}
    lost = before.lost(after)
    for number, contact in enumerate(asked.carried):
        rows = before.asked[:, 0] == number
        entry = told.setdefault(contact.name, {"asked": 0, "before": 0, "after": 0, "lost": 0})
        for key, mask in (("asked", rows), ("before", before.kept), ("after", after.kept), ("lost", lost)):
            entry[key] += int(np.count_nonzero(rows & mask))
    return told
