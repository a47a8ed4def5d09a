"""What keeps a body as it is: its places, what its hands face, its joints' turns, and the leash.

Places come first. A limb that must leave the body should leave it by as little as it can, whatever turns that takes: so
what is weighed is how far elbows, hands, knees and head go, and turns of joints only decide between ways alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.refinement.leash import Leash
from workers.refinement.rows import OnPiece, Posed, Rows, joined, vector_rows
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices

FACING_RAD = 0.25  # a turn of the hand that counts as one


@dataclass(frozen=True, eq=False)
class Places:
    """How far joints are from where the base has them, in arm radii. A limb that has a contact to reach must go: `kept`
    `(frames of the clip, GROUPS)` is what then is left of that, 0 to 1.
    """

    leash: Leash
    kept: Array
    arm_radius_m: float

    def rows(self, posed: Posed, number: int, on_piece: OnPiece) -> Rows | None:
        found = []
        for group, joints in self.leash.joints:
            kept = self.kept[posed.frames, group]
            for joint in joints:
                away = posed.moved.positions_m[:, joint] - posed.base.positions_m[:, joint]
                speeds = posed.levers.of_joint(int(joint)) / self.arm_radius_m
                found.append(vector_rows(len(away), away / self.arm_radius_m, speeds, kept[:, None]))
        return joined(found) if found else None


@dataclass(frozen=True, eq=False)
class Facing:
    """How far hands are turned in the world, in units of `FACING_RAD`: a palm goes on facing what it faced."""

    joints: Indices

    def rows(self, posed: Posed, number: int, on_piece: OnPiece) -> Rows | None:
        found = []
        for joint in self.joints:
            turn = quat.multiply(posed.moved.rotations[:, joint], quat.conjugate(posed.base.rotations[:, joint]))
            turn = np.where(turn[:, 3:] < 0.0, -turn, turn)
            sine = np.linalg.norm(turn[:, :3], axis=1, keepdims=True)
            scale = np.where(sine > 1e-9, 2.0 * np.arctan2(sine, turn[:, 3:]) / np.maximum(sine, 1e-9), 2.0)
            vector = scale * turn[:, :3]
            speeds = posed.levers.of_turn(int(joint)) / FACING_RAD
            found.append(vector_rows(len(vector), vector / FACING_RAD, speeds, np.ones(1)))
        return joined(found) if found else None


@dataclass(frozen=True, eq=False)
class Turns:
    """How far the residual turns joints, in their usual ranges `(values,)`."""

    ranges_rad: Array

    def rows(self, posed: Posed, number: int, on_piece: OnPiece) -> Rows | None:
        errors = posed.values_rad / self.ranges_rad
        jacobian = np.broadcast_to(np.diag(1.0 / self.ranges_rad), (len(errors), *(len(self.ranges_rad),) * 2))
        return vector_rows(len(errors), errors, jacobian, np.ones(1))


@dataclass(frozen=True, eq=False)
class WithinLeash:
    """How far joints are beyond their bounds, in arm radii. The leash itself is a bound; that a way within it is looked
    for is this loss's.
    """

    leash: Leash
    arm_radius_m: float

    def rows(self, posed: Posed, number: int, on_piece: OnPiece) -> Rows | None:
        found = []
        for group, joints in self.leash.joints:
            for joint in joints:
                bounds = self.leash.bound_m(posed.frames, group, int(joint))
                away = posed.moved.positions_m[:, joint] - posed.base.positions_m[:, joint]
                far = np.linalg.norm(away, axis=1)
                frames = np.flatnonzero(far > bounds)
                if len(frames):
                    unit = away[frames] / far[frames, None]
                    speeds = np.einsum("fd,fdv->fv", unit, posed.levers.of_joint(int(joint))[frames])
                    beyond = (far - bounds)[frames] / self.arm_radius_m
                    found.append(Rows(frames, beyond, speeds / self.arm_radius_m, np.ones(len(frames))))
        return joined(found) if found else None
