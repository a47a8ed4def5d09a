"""The residual: what refinement may change of a motion, and how the joints move with it.

Its values at a frame are a rotation vector for each free joint, applied on top of the base motion, and a swivel for
each leg. Nothing else changes: joints without a share of their own (fingers, props, clothes) are carried rigidly, twist
joints follow afterwards (`retargeting.twist`).

A rotation vector is in radians, in the canonical axes of the body (left, up, forward) as the joint's parent has turned
them away from rest: it means the same on every rig, and a constant one swings along with the body.

Feet are not asked to stay, they cannot move: a leg may only swivel about the line from hip joint to ankle, where the
knee goes aside and the foot keeps its place and its turn. So planted feet slide exactly as much as before. For the same
reason there is no offset of the root: it would move both sides of every contact alike, and slide the feet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from workers.contract.roles import SIDES
from workers.motion.body_motion import BodyMotion
from workers.retargeting.feet.legs import carried, find_legs
from workers.skeleton import quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Indices, Mask

# Parents first.
FREE_ROLES = (
    "spine", "chest", "upperChest", "neck", "head",
    *(f"{side}{part}" for side in SIDES for part in ("Shoulder", "UpperArm", "LowerArm", "Hand")),
)  # fmt: skip
SWIVEL = "Swivel"  # after a side: the name of a leg's variable


@dataclass(frozen=True, eq=False)
class Part:
    """Joints that move as one: what they hang on, where they turn, and which of the residual's values turn them.

    `hinge` is None for a free joint, which three values turn in the axes of `frame_joint`; for a leg it is the ankle,
    and one value swivels about the line from `pivot` to it.
    """

    name: str
    above: int  # number of the part that carries this one
    pivot: int
    frame_joint: int  # -1: the world
    hinge: int | None
    first: int  # of its values
    values: int


@dataclass(frozen=True, eq=False)
class DegreesOfFreedom:
    """What of one body may change. Part 0 does not; `part_of` `(joints,)`."""

    body: Body
    parts: tuple[Part, ...]
    part_of: Indices

    @property
    def values(self) -> int:
        """How many numbers a frame of the residual has."""
        return sum(part.values for part in self.parts)

    @property
    def value_part(self) -> Indices:
        """The number of the part that each value turns, `(values,)`."""
        return np.repeat(np.arange(1, len(self.parts) + 1), [part.values for part in self.parts])

    @cached_property
    def carries(self) -> Mask:
        """`(parts + 1, parts + 1)`: whether a part (row) moves with another (column): that part or one above it."""
        result = np.eye(len(self.parts) + 1, dtype=np.bool_)
        for number, part in enumerate(self.parts, start=1):
            result[number] |= result[part.above]
        return result

    @property
    def names(self) -> tuple[str, ...]:
        """The role or swivel that each value belongs to, `(values,)`."""
        return tuple(part.name for part in self.parts for _ in range(part.values))


def find_freedom(body: Body, held: frozenset[int] = frozenset()) -> DegreesOfFreedom:
    """`held` are joints that must not be keyed."""
    part_of = np.zeros(len(body.skeleton), dtype=np.int64)
    parts: list[Part] = []
    first = 0
    for role in FREE_ROLES:
        joint = body.joint(role)
        if joint is None or joint in held or body.carries_legs(joint):
            continue
        parent = int(body.carriers[joint])
        parts.append(Part(role, int(part_of[joint]), joint, parent, None, first, 3))
        part_of[carried(body, joint)] = len(parts)
        first += 3
    for leg in find_legs(body)[0]:
        if held & {leg.upper, leg.lower, leg.foot}:
            continue
        parts.append(Part(leg.side + SWIVEL, int(part_of[leg.upper]), leg.upper, -1, leg.foot, first, 1))
        part_of[np.concatenate([leg.thigh, leg.shin])] = len(parts)
        first += 1
    return DegreesOfFreedom(body, tuple(parts), part_of)


@dataclass(frozen=True, eq=False)
class Moved:
    """A body with a residual at some frames: world `rotations` `(frames, joints, 4)` and `positions_m` `(frames,
    joints, 3)`; and for what a little more of the residual does, `pivots_m` `(frames, parts + 1, 3)` and the `axes`
    `(frames, values, 3)` about which each part turns per unit of each value.
    """

    rotations: Array
    positions_m: Array
    pivots_m: Array
    axes: Array


def move(freedom: DegreesOfFreedom, rotations: Array, positions_m: Array, residual: Array) -> Moved:
    """World rotations `(frames, joints, 4)` and positions `(frames, joints, 3)` of a base with a residual `(frames,
    values)`.
    """
    frames, body = len(residual), freedom.body
    turns = [np.broadcast_to(quat.identity(), (frames, 4))]
    shifts = [np.zeros((frames, 3))]
    pivots, axes = np.zeros((frames, len(freedom.parts) + 1, 3)), np.zeros((frames, freedom.values, 3))
    for number, part in enumerate(freedom.parts, start=1):
        own = residual[:, part.first : part.first + part.values]
        pivot, above = positions_m[:, part.pivot], turns[part.above]
        units = value_axes(body, part, rotations, positions_m)
        vector = np.einsum("fv,fvd->fd", own, units)
        turn = quat.from_rotation_vector(vector)
        shift = pivot - quat.rotate(turn, pivot)
        turns.append(quat.multiply(above, turn))
        shifts.append(quat.rotate(above, shift) + shifts[part.above])
        pivots[:, number] = quat.rotate(above, pivot) + shifts[part.above]
        axes[:, part.first : part.first + part.values] = quat.rotate(above[:, None], _rates(vector, units))
    turned = np.stack(turns, axis=1)[:, freedom.part_of]
    shifted = np.stack(shifts, axis=1)[:, freedom.part_of]
    return Moved(quat.multiply(turned, rotations), quat.rotate(turned, positions_m) + shifted, pivots, axes)


def value_axes(body: Body, part: Part, rotations: Array, positions_m: Array) -> Array:
    """World axes `(frames, values, 3)` of a part's values in the base `rotations` and `positions_m` of all joints."""
    if part.hinge is not None:
        return quat.unit(positions_m[:, [part.hinge]] - positions_m[:, [part.pivot]])
    axes = np.broadcast_to(body.facing, (len(rotations), 4))
    if part.frame_joint >= 0:
        away = quat.multiply(rotations[:, part.frame_joint], quat.conjugate(body.rest_rotations[part.frame_joint]))
        axes = quat.multiply(away, axes)
    return quat.rotate(axes[:, None], np.eye(3))


def _rates(vector: Array, units: Array) -> Array:
    """How fast a turn by a rotation vector `(frames, 3)` turns as the vector grows along `units` `(frames, n, 3)`: the
    left Jacobian of the exponential map (Chirikjian 2011).
    """
    vector = vector[:, None]
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    small = angle < 1e-4
    safe = np.where(small, 1.0, angle)
    first = np.where(small, 0.5, (1.0 - np.cos(safe)) / safe**2)
    second = np.where(small, 1.0 / 6.0, (safe - np.sin(safe)) / safe**3)
    once = np.cross(vector, units)
    rates: Array = units + first * once + second * np.cross(vector, once)
    return rates


def moved_motion(freedom: DegreesOfFreedom, motion: BodyMotion, residual: Array) -> BodyMotion:
    """The motion with a residual `(frames, values)`; frames where it is zero stay bit for bit, and so does a motion
    that has no other.
    """
    changed = np.flatnonzero(residual.any(axis=1))
    if not len(changed):
        return motion
    rotations, positions = motion.rotations.copy(), motion.positions_m.copy()
    moved = move(freedom, rotations[changed], positions[changed], residual[changed])
    rotations[changed], positions[changed] = quat.normalize(moved.rotations), moved.positions_m
    return replace(motion, rotations=rotations, positions_m=positions)
