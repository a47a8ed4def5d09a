"""Guessing the up axis of a file that does not say: from where trunk and legs point, in motion and in the zero pose,
and from the axis along which the body stands on the ground. Every guess carries its figures.

An axis may point down (`-Y`: camera space, as pose estimators write). A body whose zero pose stands along an axis and
whose motion stands head down along the same axis is either such a file or somebody on his hands; `UpEvidence.sign`
tells them apart by the ground, and where there is none by the arms, which reach beyond the head of whoever stands on
them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.contract.axes import UpAxis
from workers.formats.body_plan import BodyPlan
from workers.skeleton import quat
from workers.skeleton.model import Array

AXES: tuple[UpAxis, ...] = ("X", "Y", "Z")
DOWN_AXES: tuple[UpAxis, ...] = ("-X", "-Y", "-Z")
UPRIGHT_WEIGHT, ZERO_WEIGHT, GROUND_WEIGHT = 1.0, 0.8, 0.3
AXIS_PRIOR = np.array([0.0, 0.15, 0.05])  # most files are Y up, then Z
DOWN_PRIOR = np.array([-0.9, -0.3, -0.9])  # few hang upside down; one that lies along another axis is far more likely
GROUND_TOLERANCE = 0.1  # of stature
CLOSE_CALL = 0.25  # scores nearer than this are no clear decision
STRONG = 0.5  # of a direction of length 1: it points along an axis
MOST_FRAMES = 0.75
OVERHEAD = 0.25  # of an arm's direction along the body: it reaches beyond the head
GROUND_SAYS = 0.5
UPRIGHT_ZERO = 0.8


@dataclass(frozen=True)
class UpEvidence:
    """Per axis X, Y, Z: how upright the body stands in the motion and in the zero pose (-1 to 1); how well it stands on
    the ground where the axis is up, and where it points down (0 to 1).

    `trunk_down` is the share of frames in which the trunk points down the axis, `head_down` in which trunk and legs
    both do, 0 where the body has not both; `arms` how far the arms reach
    beyond the head (1) or towards the feet (-1), None without arms.
    """

    motion: Array
    zero: Array
    ground: Array
    ground_down: Array
    trunk_down: Array
    head_down: Array
    arms: float | None

    def scores(self) -> Array:
        """`(2, 3)`: of the axes, and of the axes that point down.

        Where motion and zero pose stand along one line but in opposite directions, both count for the line.
        """
        clarity = float(np.linalg.norm(self.motion))  # a body that folds or tumbles says little
        motion, zero = clarity * UPRIGHT_WEIGHT * self.motion, ZERO_WEIGHT * self.zero
        contrary = self.is_contrary()
        up = np.where(contrary, np.abs(motion) + np.abs(zero), motion + zero) + GROUND_WEIGHT * self.ground
        down = np.where(contrary, np.abs(motion) + np.abs(zero), -motion - zero) + GROUND_WEIGHT * self.ground_down
        return np.stack([up + AXIS_PRIOR, down + DOWN_PRIOR])

    def is_contrary(self) -> Array:
        """Axes along which the motion clearly stands opposite to the zero pose, `(3,)`."""
        apart = self.motion * self.zero < 0.0
        return np.asarray(apart & (np.abs(self.motion) > STRONG) & (np.abs(self.zero) > STRONG))

    def sign(self, axis: int) -> tuple[int, bool]:
        """1 where an axis is up though the body stands head down along it, -1 where the axis itself points down; and
        whether the evidence for that is clear.
        """
        if self.motion[axis] > 0.0:
            return 1, bool(self.ground[axis] >= self.ground_down[axis])
        on_ground = self.ground[axis] > GROUND_SAYS, self.ground_down[axis] > GROUND_SAYS
        if on_ground == (False, True) and self.trunk_down[axis] >= MOST_FRAMES:
            return -1, True  # whoever stood on his hands would have them two metres below the ground
        on_hands = self.arms is None or self.arms > OVERHEAD
        if self.head_down[axis] >= MOST_FRAMES and not on_hands:
            return -1, False
        return 1, bool(on_hands and on_ground[0])


def gather_evidence(plan: BodyPlan, positions: Array, zero: Array, lowest: Array, highest: Array) -> UpEvidence:
    """Evidence from sampled frames `(frames, nodes, 3)` and the zero pose `(nodes, 3)`, in the file's axes.

    `lowest` and `highest` are the extremes of the body along each axis in whichever meaning of its positions brings
    them nearer to 0, `(3,)`.
    """
    parts = _body_parts(plan, positions)
    trunk_down = head_down = np.zeros(3)
    if len(parts) == 2:
        legs, trunk = (part < -STRONG for part in parts)
        trunk_down, head_down = trunk.mean(axis=0), (legs & trunk).mean(axis=0)
    return UpEvidence(
        motion=uprightness(plan, positions),
        zero=zero_pose_evidence(plan, zero),
        ground=ground_evidence(lowest, plan.stature),
        ground_down=ground_evidence(highest, plan.stature),
        trunk_down=np.asarray(trunk_down),
        head_down=np.asarray(head_down),
        arms=_arms_overhead(plan, positions, parts),
    )


def uprightness(plan: BodyPlan, positions: Array) -> Array:
    """Mean direction in which the body stands up over frames, `(3,)`, of length 0 to 1, from `(frames, nodes, 3)`.

    The mean of two unit vectors: feet to hips and hips to shoulders. Without limbs it is zero: no evidence.
    """
    parts = _body_parts(plan, positions)
    return np.asarray(np.mean(parts, axis=(0, 1))) if parts else np.zeros(3)


def zero_pose_evidence(plan: BodyPlan, positions: Array) -> Array:
    """Like `uprightness` for the zero pose `(nodes, 3)`, but nothing where legs and trunk disagree: then it is no pose.

    Some exporters align bone frames with the bones, so that all-zero channels fold the body.
    """
    direction = uprightness(plan, positions[None])
    plausible = np.linalg.norm(direction) > 0.85 and np.abs(direction).max() > UPRIGHT_ZERO
    return direction if plausible else np.zeros(3)


def ground_evidence(extreme: Array, stature: float) -> Array:
    """1 for axes along which the body's extreme in the motion, `(3,)` in file units, is at zero, else towards 0."""
    return np.asarray(np.exp(-((extreme / max(GROUND_TOLERANCE * stature, 1e-12)) ** 2).clip(max=700.0)))


@dataclass(frozen=True)
class UpGuess:
    """`is_close`: another axis is nearly as likely; `either_way`: only `UpEvidence.sign` says which end of it is up."""

    axis: UpAxis
    reason: str
    is_close: bool
    either_way: bool


def guess_up_axis(evidence: UpEvidence) -> UpGuess:
    """The up axis. Which end of it is up is left to `UpEvidence.sign` where motion and zero pose disagree, or where the
    body is head down and no zero pose bears that out.
    """
    scores = evidence.scores()
    lines = scores.max(axis=0)
    axis = int(np.argmax(lines))
    best, second = np.sort(lines)[::-1][:2]
    sign, is_clear = 1 if scores[0, axis] >= scores[1, axis] else -1, True
    either_way = bool(evidence.is_contrary()[axis] or (sign < 0 and evidence.zero[axis] > -STRONG))
    if either_way:
        sign, is_clear = evidence.sign(axis)
    name = AXES[axis] if sign > 0 else DOWN_AXES[axis]

    def shown(values: Array) -> str:
        return "/".join(f"{value:.2f}" for value in values)

    reason = f"{name} up: upright along X/Y/Z {shown(evidence.motion)} in the motion, {shown(evidence.zero)}"
    reason += f" in the zero pose, on the ground {shown(evidence.ground if sign > 0 else evidence.ground_down)}"
    return UpGuess(name, reason, bool(best - second < CLOSE_CALL) or not is_clear, either_way)


def up_direction(axis: UpAxis) -> Array:
    """The axis as a unit vector of the file, `(3,)`."""
    return np.asarray(np.eye(3)["XYZ".index(axis[-1])] * (-1.0 if axis.startswith("-") else 1.0))


def to_y_up(axis: UpAxis) -> Array:
    """The turn that takes an axis of the file to +Y: none, about X for Z, about Z for X.

    -Y is turned about X, as from camera axes (Y down, Z away) to Y up: who faces the camera faces +Z.
    """
    if axis == "-Y":
        return np.array([1.0, 0.0, 0.0, 0.0])
    return quat.between(up_direction(axis), np.array([0.0, 1.0, 0.0]))


def _body_parts(plan: BodyPlan, positions: Array) -> list[Array]:
    """Unit vectors `(frames, 3)`: feet to hips and hips to shoulders, as far as the plan has them."""
    parts = []
    if plan.legs:
        feet = positions[:, [limb.tip for limb in plan.legs]].mean(axis=1)
        parts.append(quat.unit(positions[:, plan.hips] - feet))
    if plan.shoulders >= 0:
        parts.append(quat.unit(positions[:, plan.shoulders] - positions[:, plan.hips]))
    return parts


def _arms_overhead(plan: BodyPlan, positions: Array, parts: list[Array]) -> float | None:
    """Mean of how the arms point along the body, 1 beyond the head and -1 towards the feet."""
    if not plan.arms or not parts:
        return None
    up = quat.unit(np.mean(parts, axis=0))
    reach = [quat.unit(positions[:, limb.tip] - positions[:, limb.start]) for limb in plan.arms]
    return float(np.mean([np.einsum("fi,fi->f", arm, up) for arm in reach]))
