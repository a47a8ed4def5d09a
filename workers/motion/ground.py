"""The floor that a motion stands on: one level, or one height per contact, and the base level they are counted from.

Estimated from the contacts alone; the floor a file claims (its rest soles) is only a prior. What is done with it on the
target is left to `workers.retargeting.feet.foot_lock`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import PLANTED_HEIGHT, FootContacts
from workers.skeleton.model import Array

# Shares of body height. A level this near the rest soles is the rest floor: the rest is noise of the estimate.
SAME_LEVEL = 0.005
# A file whose rest soles stand on its origin plane says where its floor is; only a small offset of the feet from it is
# an error of calibration. A larger one is meant: a jump cut into clips, a climb begun on a ledge.
ORIGIN_FLOOR = 0.02
CALIBRATION_ERROR = 0.08


@dataclass(frozen=True)
class Floor:
    """World heights in the source in metres; all None without a contact.

    `base_m` is the level that comes to lie on the target's own floor; heights over it are kept, scaled.
    """

    kind: Literal["plane", "per_contact", "none"]
    base_m: float | None
    lowest_m: float | None
    highest_m: float | None

    def to_dict(self) -> dict[str, Any]:
        """For the report."""
        return {"kind": self.kind, "base_m": self.base_m, "lowest_m": self.lowest_m, "highest_m": self.highest_m}


def estimate_floor(motion: BodyMotion, contacts: FootContacts) -> Floor:
    """The floor assumed for a motion: a plane if its contacts agree within 3 % of height, else per contact."""
    levels = contacts.ground_m[contacts.planted]
    if not len(levels):
        return Floor("none", None, None, None)
    lowest, highest = (float(level) for level in np.quantile(levels, [0.05, 0.95]))
    if highest - lowest <= PLANTED_HEIGHT * motion.body.height_m:
        return Floor("plane", _base(motion, levels, flat=True), lowest, highest)
    return Floor("per_contact", _base(motion, levels, flat=False), lowest, highest)


def _base(motion: BodyMotion, levels: Array, *, flat: bool) -> float:
    """On a plane its level; over uneven ground the rest floor where a contact is near it, else the lowest contact."""
    height, rest = motion.body.height_m, motion.body.floor_m
    nearest = float(levels[np.argmin(np.abs(levels - rest))])
    level = float(np.median(levels)) if flat else nearest
    if not flat and abs(nearest - rest) > PLANTED_HEIGHT * height:
        level = float(np.quantile(levels, 0.05))
    if abs(level - rest) <= SAME_LEVEL * height:
        return rest
    if abs(rest) <= ORIGIN_FLOOR * height and abs(level - rest) > CALIBRATION_ERROR * height:
        return rest
    return level
