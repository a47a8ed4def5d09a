"""Guessing what a BVH does not say: the unit of length and the up axis. Every guess carries its figures.

The unit is judged by stature along the bones (see `body_plan`), which no pose can change: the candidate that brings
it nearest to a grown person's, on a log scale, wins; unusual units pay a penalty so that children and small
stylised bodies in metres or centimetres stay what they are. The up axis is judged by where the trunk and legs point
during the motion and in the zero pose, and by the axis along which the body stands on the ground.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from workers.formats.body_plan import BodyPlan
from workers.skeleton import quat
from workers.skeleton.model import Array, Units

AXES: tuple[Literal["X", "Y", "Z"], ...] = ("X", "Y", "Z")
HUMAN_M = (1.5, 2.1)  # of a grown person; the path along the bones is up to a third longer than the stature
# Unit, metres, penalty in log units. 5.6444 cm is the unit of the CMU database as widely converted (1 / 0.45 inch).
UNITS = (
    ("m", 1.0, 0.0),
    ("cm", 0.01, 0.0),
    ("mm", 0.001, 0.1),
    ("dm", 0.1, 0.15),
    ("cmu (5.644 cm)", 0.0254 / 0.45, 0.25),
    ("inch", 0.0254, 0.35),
    ("foot", 0.3048, 0.35),
)
WORST_COST = 1.25  # beyond (about 0.4 m or 7.3 m) no unit fits: the body is scaled to a person's size
TYPICAL_STATURE_M = 1.7

UPRIGHT_WEIGHT, ZERO_WEIGHT, GROUND_WEIGHT = 1.0, 0.8, 0.3
AXIS_PRIOR = (0.0, 0.15, 0.05)  # most files are Y up, then Z
GROUND_TOLERANCE = 0.1  # of stature


@dataclass(frozen=True)
class UpEvidence:
    """Per axis X, Y, Z: how upright the body stands in the motion and in the zero pose (-1 to 1), and on the ground."""

    motion: Array
    zero: Array
    ground: Array

    def scores(self) -> Array:
        clarity = np.linalg.norm(self.motion)  # a body that folds or tumbles says little
        return (
            clarity * UPRIGHT_WEIGHT * self.motion + ZERO_WEIGHT * self.zero + GROUND_WEIGHT * self.ground + AXIS_PRIOR
        )


def guess_unit(plan: BodyPlan) -> tuple[str, float, str]:
    """Unit name, metres per unit and the reason, from the stature of the plan in file units."""
    if plan.stature <= 1e-9:
        return "cm", 0.01, "every bone has length zero, so centimetres are assumed"
    cost, unit, factor = min(
        (penalty + _distance(plan.stature * metres), unit, metres) for unit, metres, penalty in UNITS
    )
    if cost > WORST_COST:
        factor = TYPICAL_STATURE_M / plan.stature
        return (
            "unknown",
            factor,
            f"no unit makes {plan.stature:.4g} units ({plan.how}) a body; scaled to {TYPICAL_STATURE_M} m",
        )
    return (
        unit,
        factor,
        f"along the bones the body is {plan.stature:.4g} units = {plan.stature * factor:.2f} m long ({plan.how})",
    )


def _distance(stature_m: float) -> float:
    low, high = HUMAN_M
    return max(math.log(low / stature_m), math.log(stature_m / high), 0.0)


def uprightness(plan: BodyPlan, positions: Array) -> Array:
    """Mean direction in which the body stands up over frames, `(3,)`, of length 0 to 1, from `(frames, nodes, 3)`.

    The mean of two unit vectors: feet to hips and hips to shoulders. Without limbs it is zero: no evidence.
    """
    parts = []
    if plan.legs:
        feet = positions[:, [limb.tip for limb in plan.legs]].mean(axis=1)
        parts.append(quat.unit(positions[:, plan.hips] - feet))
    if plan.shoulders >= 0:
        parts.append(quat.unit(positions[:, plan.shoulders] - positions[:, plan.hips]))
    if not parts:
        return np.zeros(3)
    return np.asarray(np.mean(parts, axis=(0, 1)))


def zero_pose_evidence(plan: BodyPlan, positions: Array) -> Array:
    """Like `uprightness` for the zero pose `(nodes, 3)`, but nothing where legs and trunk disagree: then it is no pose.

    Some exporters align bone frames with the bones, so that all-zero channels fold the body.
    """
    direction = uprightness(plan, positions[None])
    plausible = np.linalg.norm(direction) > 0.85 and np.abs(direction).max() > 0.8
    return direction if plausible else np.zeros(3)


def ground_evidence(lowest: Array, stature: float) -> Array:
    """1 for axes along which the lowest point of the motion, `(3,)` in file units, is at zero, else towards 0."""
    return np.asarray(np.exp(-((lowest / max(GROUND_TOLERANCE * stature, 1e-12)) ** 2).clip(max=700.0)))


def guess_up_axis(evidence: UpEvidence) -> tuple[int, str]:
    """Index of the up axis and the reason."""
    scores = evidence.scores()
    up = int(np.argmax(scores))

    def shown(values: Array) -> str:
        return "/".join(f"{value:.2f}" for value in values)

    reason = f"{AXES[up]} up: upright along X/Y/Z {shown(evidence.motion)} in the motion"
    return up, f"{reason}, {shown(evidence.zero)} in the zero pose, on the ground {shown(evidence.ground)}"


def is_close_call(evidence: UpEvidence) -> bool:
    """Whether the second-best axis is nearly as likely as the best."""
    best, second = np.sort(evidence.scores())[::-1][:2]
    return bool(best - second < 0.25)


def to_y_up(up: int) -> Array:
    """The turn that takes axis `up` of the file to +Y: none, about X for Z up, about Z for X up."""
    target = np.array([0.0, 1.0, 0.0])
    return quat.between(np.eye(3)[up], target)


def make_units(unit: str, factor: float, up: int, reasons: tuple[str, str]) -> Units:
    return Units(factor=factor, unit=unit, up_axis=AXES[up], guessed=True, reason="; ".join(reasons))
