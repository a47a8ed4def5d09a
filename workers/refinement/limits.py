"""Joint limits in torch: elbows stay hinges, and the limits that a definition gives hold.

An elbow bends about one axis of the upper arm. Rigs differ in where that axis is, so it is taken from the clip itself:
the mean direction about which the base bends the elbow. The residual may bend it more or less, and roll the forearm,
but not swing it sideways or past straight, where the base does not. The measure of given limits is
`workers.scores.joint_limits`; this is its differentiable twin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.contract.definitions import JointLimits
from workers.contract.roles import SIDES
from workers.motion.body_motion import BodyMotion
from workers.refinement.losses import Posed
from workers.refinement.residual import FREE_ROLES, conjugate
from workers.scores.joint_limits import Limits, bone_axis
from workers.scores.pose_scores import ELBOW_DEG
from workers.skeleton import quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Indices
from workers.skeleton.quat_torch import multiply, rotate

MIN_BEND = 0.1  # mean sine of the elbow's angle below which a clip does not show where its hinge is
UNIT_RAD = 0.1  # what counts as one
STRAIGHT_RAD = 0.05  # how far past straight an elbow may go
BENT_COSINE = float(np.cos(np.radians(ELBOW_DEG)))


@dataclass(frozen=True, eq=False)
class Elbow:
    """`axis` `(3,)` in the upper arm joint's own axes. Of the base: how far off the hinge its forearm is, `sideways`
    `(frames,)`, and the sine of its `bend` `(frames,)`.
    """

    upper: int
    lower: int
    hand: int
    axis: Array
    sideways: Array
    bend: Array


def find_elbows(motion: BodyMotion) -> list[Elbow]:
    """The elbows whose hinge the motion shows."""
    body, found = motion.body, []
    for side in SIDES:
        joints = [body.joint(f"{side}{part}") for part in ("UpperArm", "LowerArm", "Hand")]
        if any(joint is None for joint in joints):
            continue
        upper, lower, hand = (int(joint) for joint in joints if joint is not None)
        places = motion.positions_m
        arm, forearm = (quat.unit(places[:, b] - places[:, a]) for a, b in ((upper, lower), (lower, hand)))
        away = quat.conjugate(motion.rotations[:, upper])
        bent = quat.rotate(away, np.cross(arm, forearm))
        mean = bent.mean(axis=0)
        if np.linalg.norm(mean) < MIN_BEND:
            continue
        axis = quat.unit(mean)
        found.append(Elbow(upper, lower, hand, axis, quat.rotate(away, forearm) @ axis, bent @ axis))
    return found


@dataclass(frozen=True, eq=False)
class ElbowHinges:
    """How far elbows leave their hinge, in `UNIT_RAD`, squared: sideways, past straight, beyond what flesh allows."""

    elbows: Sequence[Elbow]
    frames: Indices  # of the motion, that are looked at

    def renew(self, posed: Posed, afresh: bool) -> None:
        """Nothing to find."""

    def loss(self, posed: Posed) -> Tensor:
        total = posed.positions_m.new_zeros(len(posed.positions_m))
        for elbow in self.elbows:
            places = posed.positions_m
            arm = _unit(places[:, elbow.lower] - places[:, elbow.upper])
            forearm = _unit(places[:, elbow.hand] - places[:, elbow.lower])
            axis = rotate(posed.rotations[:, elbow.upper], posed.positions_m.new_tensor(elbow.axis[None]))
            base = posed.positions_m.new_tensor(elbow.sideways[self.frames])
            sideways = (forearm * axis).sum(-1) - base
            bend = (torch.linalg.cross(arm, forearm) * axis).sum(-1)
            straightest = np.minimum(elbow.bend[self.frames], -STRAIGHT_RAD)
            past = torch.relu(bend.new_tensor(straightest) - bend)
            closed = torch.relu(BENT_COSINE - (arm * forearm).sum(-1))
            total = total + (sideways**2 + past**2 + closed**2) / UNIT_RAD**2
        return total


@dataclass(frozen=True, eq=False)
class GivenLimits:
    """How far joints are beyond the limits of a definition, in `UNIT_RAD`, squared."""

    body: Body
    limits: Limits

    def renew(self, posed: Posed, afresh: bool) -> None:
        """Nothing to find."""

    def loss(self, posed: Posed) -> Tensor:
        total = posed.positions_m.new_zeros(len(posed.positions_m))
        for role in FREE_ROLES:
            joint = self.body.joint(role)
            if role in self.limits and joint is not None:
                total = total + self._excess(posed, joint, self.limits[role])
        return total

    def _excess(self, posed: Posed, joint: int, limits: JointLimits) -> Tensor:
        turn = self._turn(posed.rotations, joint)
        sine = turn[:, :3].norm(dim=-1).clamp(min=1e-6)
        vector = turn[:, :3] * (2.0 * torch.atan2(sine, turn[:, 3]) / sine)[:, None]
        along = turn[:, :3] @ turn.new_tensor(bone_axis(self.body, joint))
        twist = 2.0 * torch.atan2(along, turn[:, 3])
        # Away from 0, where the root has no gradient, and from 1, where the arc cosine has none.
        cosine = torch.sqrt((along**2 + turn[:, 3] ** 2).clamp(1e-6, 1.0 - 1e-6))
        measured = (vector[:, 0], limits.x), (vector[:, 1], limits.y), (vector[:, 2], limits.z), (twist, limits.twist)
        bounds = [(values, given) for values, given in measured if given is not None]
        if limits.swing is not None:
            bounds.append((2.0 * torch.acos(cosine), (-360.0, limits.swing)))
        total = turn.new_zeros(len(turn))
        for values, (least, most) in bounds:
            beyond = torch.relu(np.radians(least) - values) + torch.relu(values - np.radians(most))
            total = total + (beyond / UNIT_RAD) ** 2
        return total

    def _turn(self, rotations: Tensor, joint: int) -> Tensor:
        """As `joint_limits` has it: away from rest, relative to the parent, in the joint's own axes."""
        rest, parent = self.body.rest_rotations, int(self.body.skeleton.parents[joint])
        local, own = rotations[:, joint], rest[joint]
        if parent >= 0:
            local = multiply(conjugate(rotations[:, parent]), local)
            own = quat.multiply(quat.conjugate(rest[parent]), own)
        turn = multiply(rotations.new_tensor(quat.conjugate(own)), local)
        return torch.where(turn[:, 3:] < 0.0, -turn, turn)


def _unit(vectors: Tensor) -> Tensor:
    unit: Tensor = vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=1e-9)
    return unit
