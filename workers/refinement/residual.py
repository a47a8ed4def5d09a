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

import numpy as np
import torch
from torch import Tensor

from workers.contract.roles import SIDES
from workers.motion.body_motion import BodyMotion
from workers.retargeting.feet.legs import carried, find_legs
from workers.skeleton import quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Indices
from workers.skeleton.quat_torch import from_rotation_vector, multiply, rotate

FRAMES_AT_ONCE = 256

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
class Base:
    """Some frames of the base motion as tensors: `rotations` `(frames, joints, 4)`, `positions_m` `(..., 3)`, world."""

    rotations: Tensor
    positions_m: Tensor

    def around_hips(self, hips: int) -> Base:
        """The same with the hips at the origin: far from it single precision is coarse."""
        return Base(self.rotations, self.positions_m - self.positions_m[:, [hips]])


def base_of(motion: BodyMotion, frames: Indices, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Base:
    """The motion's frames as they are."""
    return Base(
        torch.as_tensor(motion.rotations[frames], dtype=dtype, device=device),
        torch.as_tensor(motion.positions_m[frames], dtype=dtype, device=device),
    )


def move(freedom: DegreesOfFreedom, base: Base, residual: Tensor) -> tuple[Tensor, Tensor]:
    """World rotations `(frames, joints, 4)` and positions `(frames, joints, 3)` of the base with a residual
    `(frames, values)`; differentiable in it.
    """
    frames = len(residual)
    turns = [residual.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(frames, 4)]
    shifts = [residual.new_zeros(frames, 3)]
    rest = torch.as_tensor(freedom.body.rest_rotations, dtype=residual.dtype, device=residual.device)
    facing = torch.as_tensor(freedom.body.facing, dtype=residual.dtype, device=residual.device)
    for part in freedom.parts:
        own = residual[:, part.first : part.first + part.values]
        pivot = base.positions_m[:, part.pivot]
        if part.hinge is not None:
            line = base.positions_m[:, part.hinge] - pivot
            vector = own * line / line.norm(dim=-1, keepdim=True).clamp(min=1e-9)
        else:
            axes = facing.expand(frames, 4)
            if part.frame_joint >= 0:
                away = base.rotations[:, part.frame_joint]
                axes = multiply(multiply(away, conjugate(rest[part.frame_joint])), axes)
            vector = rotate(axes, own)
        turn = from_rotation_vector(vector)
        shift = pivot - rotate(turn, pivot)
        above = turns[part.above]
        turns.append(multiply(above, turn))
        shifts.append(rotate(above, shift) + shifts[part.above])
    number = torch.as_tensor(freedom.part_of, device=residual.device)
    turned = torch.stack(turns, dim=1).index_select(1, number)
    shifted = torch.stack(shifts, dim=1).index_select(1, number)
    return multiply(turned, base.rotations), rotate(turned, base.positions_m) + shifted


def moved_motion(freedom: DegreesOfFreedom, motion: BodyMotion, residual: Array) -> BodyMotion:
    """The motion with a residual `(frames, values)`; frames where it is zero stay bit for bit, and so does a motion
    that has no other.
    """
    changed = np.flatnonzero(residual.any(axis=1))
    if not len(changed):
        return motion
    rotations, positions = motion.rotations.copy(), motion.positions_m.copy()
    for start in range(0, len(changed), FRAMES_AT_ONCE):
        frames = changed[start : start + FRAMES_AT_ONCE]
        with torch.no_grad():
            turned, placed = move(freedom, base_of(motion, frames, torch.float64), torch.as_tensor(residual[frames]))
        rotations[frames], positions[frames] = quat.normalize(turned.numpy()), placed.numpy()
    return replace(motion, rotations=rotations, positions_m=positions)


def conjugate(rotation: Tensor) -> Tensor:
    """Inverse of unit quaternions `(..., 4)`."""
    return rotation * rotation.new_tensor([-1.0, -1.0, -1.0, 1.0])
