"""Marks: the same places on every body's surface, and how alike two of them are.

A mark is a share along a part's axis and an angle around it (`workers.geometry.part_frames`). How alike places are is
asked on one body of plain tubes, so that it does not depend on either of the bodies that are compared: a Gaussian
kernel of the distance there. `EMBEDDING` has that kernel as its scalar product, so that the distance of two weighted
means of its rows is a distance between spread-out places (kernel mean embedding, Smola et al. 2007): about their
distance over `SPREAD` where they are near to each other, and never more than the root of 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.part_frames import PartFrame
from workers.geometry.parts import HEAD, TORSO, part_index
from workers.skeleton.model import Array, Indices

SPREAD = 0.08  # of the plain body's height: places this far apart are as good as different ones
LEAST_SHARE = 0.02  # of the largest eigenvalue: what is less of the kernel is left out
# Shares along each part, the number of angles around it.
ALONG: dict[str, tuple[tuple[float, ...], int]] = {
    "torso": ((-0.08, 0.06, 0.20, 0.34, 0.48, 0.62, 0.76, 0.90), 12),
    "head": ((0.15, 0.40, 0.65, 0.90), 8),
    "UpperArm": ((0.35, 0.60, 0.85), 6),
    "LowerArm": ((0.15, 0.45, 0.75), 6),
    "Hand": ((0.20, 0.50, 0.80), 6),
    "UpperLeg": ((0.25, 0.45, 0.65, 0.85), 8),
    "LowerLeg": ((0.10, 0.35, 0.60, 0.85), 6),
    "Foot": ((0.15, 0.50, 0.85), 6),
}
# The plain body, 1 high, in T pose, facing +Z: origin, axis, angle 0, length and radius of each part's tube.
X, Y, Z = np.eye(3)
TRUNK_TUBES = {
    "torso": ((0.0, 0.52, 0.0), Y, Z, 0.30, 0.085),
    "head": ((0.0, 0.85, 0.01), Y, Z, 0.15, 0.06),
}
LEFT_TUBES = {
    "UpperArm": ((0.11, 0.80, 0.0), X, Z, 0.17, 0.027),
    "LowerArm": ((0.28, 0.80, 0.0), X, Z, 0.15, 0.022),
    "Hand": ((0.43, 0.80, 0.0), X, Y, 0.10, 0.018),
    "UpperLeg": ((0.06, 0.51, 0.0), -Y, Z, 0.24, 0.048),
    "LowerLeg": ((0.06, 0.27, 0.0), -Y, Z, 0.23, 0.032),
    "Foot": ((0.06, 0.02, -0.03), Z, Y, 0.15, 0.022),
}


@dataclass(frozen=True, eq=False)
class Marks:
    """`part`, `along`, `around` `(marks,)`, and `embedding` `(marks, dimensions)`."""

    part: Indices
    along: Array
    around: Array
    embedding: Array

    def __len__(self) -> int:
        return len(self.part)


@lru_cache(maxsize=4)
def all_marks(shift: float = 0.0) -> Marks:
    """Marks of all parts; `shift` moves them by that share of their spacing, around as along."""
    parts, alongs, arounds, places = [], [], [], []
    for part, frame, radius, (shares, angles) in _tubes():
        step = shares[1] - shares[0]
        along = np.repeat(np.array(shares) + shift * (step if step < 0.2 else 0.5 * step), angles)
        around = np.tile(2.0 * np.pi * (np.arange(angles) + shift) / angles, len(shares))
        parts.append(np.full(len(along), part))
        alongs.append(along)
        arounds.append(around)
        places.append(frame.place(along, around, np.full(len(along), radius)))
    kernel = _kernel(np.concatenate(places))
    values, vectors = np.linalg.eigh(kernel)
    kept = values > LEAST_SHARE * values[-1]
    embedding = vectors[:, kept] * np.sqrt(values[kept])
    return Marks(np.concatenate(parts), np.concatenate(alongs), np.concatenate(arounds), embedding)


def _kernel(places: Array) -> Array:
    apart = places[:, None] - places[None]
    kernel: Array = np.exp(-0.5 * (apart**2).sum(axis=-1) / SPREAD**2)
    return kernel


def _tubes() -> list[tuple[int, PartFrame, float, tuple[tuple[float, ...], int]]]:
    tubes = []
    for name, (origin, axis, zero, length, radius) in TRUNK_TUBES.items():
        part = TORSO if name == "torso" else HEAD
        tubes.append((part, PartFrame(np.array(origin), axis, zero, length), radius, ALONG[name]))
    for side in SIDES:
        sign = np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
        for name, (origin, axis, zero, length, radius) in LEFT_TUBES.items():
            frame = PartFrame(sign * np.array(origin), sign * axis, zero, length)
            tubes.append((part_index(side + name), frame, radius, ALONG[name]))
    return tubes
