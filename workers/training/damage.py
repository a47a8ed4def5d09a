"""Motions made wrong on purpose, by known amounts: what the eye must learn to see and is measured on.

Every function takes a motion and a random generator and returns a `Damaged`, or None where the motion does not allow
it (no such limb, no contact to open). The same generator state gives the same damage. Rotations are rigid: bones keep
their lengths and everything below a turned joint moves along.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from workers.retargeting.motion import BodyMotion

DamageKind = Literal["limb", "contact_opened", "hand_inside", "mirrored"]


@dataclass(frozen=True, eq=False)
class Damaged:
    """`size` is in degrees for a limb, in centimetres at a stature of 1.75 m for hands, 0 for mirrored sides."""

    kind: DamageKind
    size: float
    part: str  # role of the turned joint or hand; "body" where sides are swapped
    motion: BodyMotion


Damage = Callable[[BodyMotion, np.random.Generator], Damaged | None]


def turn_limb(
    motion: BodyMotion, random: np.random.Generator, degrees: float | None = None, role: str | None = None
) -> Damaged | None:
    """One limb turned by `degrees` (5 to 40 by default) about a random axis at right angles to it, in all frames."""
    raise NotImplementedError


def open_contact(motion: BodyMotion, random: np.random.Generator, centimetres: float | None = None) -> Damaged | None:
    """A hand near head, trunk, thigh or the other hand moved away from it by `centimetres` (3 to 10 by default)."""
    raise NotImplementedError


def push_inside(motion: BodyMotion, random: np.random.Generator, centimetres: float | None = None) -> Damaged | None:
    """A hand near head, trunk or thigh moved into it by `centimetres` (3 to 10 by default)."""
    raise NotImplementedError


def mirror_sides(motion: BodyMotion, random: np.random.Generator | None = None) -> Damaged | None:
    """Left and right swapped: the pose mirrored at the body's own middle plane; twice is the motion itself."""
    raise NotImplementedError
