"""What is kept of a motion to tell another from it: a few kilobytes whatever its length.

At up to `TIMES` times, spread evenly over the clip: where the joints of the roles are beside the hips and where the
hips are over the floor, in shares of the body's height; how hips, head, hands and feet are turned; which feet are
planted. In the motion's own world, so that a changed heading or place shows. Arrays are kept as whole numbers of a
ten-thousandth of the height, packed (`packed`).
"""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from workers.contract.roles import HAND_ROLES, LIMB_ROLES, SPINE
from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import find_contacts
from workers.skeleton.body import FOOT_ROLES
from workers.skeleton.model import Array, Mask

TIMES = 48
STEP = 1e-4  # of the height, and of a quaternion's component
PLACED = (*SPINE[1:], *LIMB_ROLES, *(role for role in HAND_ROLES if role.endswith("Distal")))
TURNED = ("hips", "head", "leftHand", "rightHand", "leftFoot", "rightFoot")


class PackedMotion(BaseModel):
    """A signature as JSON. `places` `(times, placed, 3)`, `hips` `(times, 3)`, `turns` `(times, turned, 4)` and
    `planted` `(times, 4)` are packed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    frames: int
    rate_hz: float
    height_m: float
    placed: tuple[str, ...]
    turned: tuple[str, ...]
    places: str
    hips: str
    turns: str
    planted: str


@dataclass(frozen=True, eq=False)
class MotionSignature:
    """`PackedMotion` unpacked; lengths are shares of the height."""

    frames: int
    rate_hz: float
    height_m: float
    placed: tuple[str, ...]
    turned: tuple[str, ...]
    places: Array
    hips: Array
    turns: Array
    planted: Mask

    @property
    def duration_s(self) -> float:
        return max(self.frames - 1, 0) / self.rate_hz


def sign_motion(motion: BodyMotion) -> PackedMotion:
    """The signature of a motion of a mapped body."""
    body = motion.body
    chosen = np.unique(np.round(np.linspace(0, motion.frames - 1, min(TIMES, motion.frames))).astype(np.int64))
    placed = tuple(role for role in PLACED if body.has(role))
    turned = tuple(role for role in TURNED if body.has(role))
    joints = [body.mapping.roles[role].joint for role in placed]
    turning = [body.mapping.roles[role].joint for role in turned]
    hips = motion.positions_m[chosen, body.hips]
    places = (motion.positions_m[chosen][:, joints] - hips[:, None]) / body.height_m
    turns = motion.rotations[chosen][:, turning]
    planted = find_contacts(motion).planted[chosen]
    return PackedMotion(
        frames=motion.frames,
        rate_hz=float(motion.rate_hz),
        height_m=float(body.height_m),
        placed=placed,
        turned=turned,
        places=packed(places / STEP, np.int32),
        hips=packed((hips - [0.0, body.floor_m, 0.0]) / body.height_m / STEP, np.int32),
        turns=packed(turns / STEP, np.int16),
        planted=packed(planted, np.uint8),
    )


def unpack_motion(kept: PackedMotion) -> MotionSignature:
    """Raises ValueError where it was damaged."""
    places = unpacked(kept.places, np.int32).reshape(-1, len(kept.placed), 3)
    turns = unpacked(kept.turns, np.int16).reshape(len(places), len(kept.turned), 4)
    hips = unpacked(kept.hips, np.int32).reshape(len(places), 3)
    planted = unpacked(kept.planted, np.uint8).reshape(len(places), len(FOOT_ROLES))
    return MotionSignature(
        kept.frames, kept.rate_hz, kept.height_m, kept.placed, kept.turned,
        places * STEP, hips * STEP, turns * STEP, planted > 0,
    )  # fmt: skip


def packed(values: Array | Mask, kind: type[np.integer]) -> str:
    """Rounded, within the range of `kind`, little endian, deflated, as text."""
    limits = np.iinfo(kind)
    whole = np.clip(np.round(values.astype(np.float64)), limits.min, limits.max).astype(
        np.dtype(kind).newbyteorder("<")
    )
    return base64.b64encode(zlib.compress(whole.tobytes(), 9)).decode()


def unpacked(text: str, kind: type[np.integer]) -> Array:
    """The flat values. Raises ValueError."""
    try:
        data = zlib.decompress(base64.b64decode(text, validate=True))
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"a packed array is damaged: {error}") from None
    return np.frombuffer(data, np.dtype(kind).newbyteorder("<")).astype(np.float64)
