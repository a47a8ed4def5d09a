"""Stance: does a pose look like a body standing in T, A or N pose?

Works on joint positions alone (world metres, Y up), so it serves rest poses and frames of a motion alike. All measures
are angles between limb directions; none depends on scale or heading.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.contract.roles import SIDES
from workers.skeleton import quat
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Array, Mask

# A calibration pose: legs and trunk near upright, arms straight, level to hanging at the sides.
TRUNK_TILT_DEG = 20.0
LEG_TILT_DEG = 25.0
ELBOW_BEND_DEG = 20.0
ARM_OUT_OF_PLANE_DEG = 25.0
T_OR_A_ARM_FROM_DOWN_DEG = (25.0, 105.0)
SIDES_DIFFER_DEG = 15.0
# Looser: a pose that a rest pose may well be (bent elbows, a wide or a narrow stand).
PLAUSIBLE_TILT_DEG = 35.0
PLAUSIBLE_ELBOW_DEG = 60.0


@dataclass(frozen=True, eq=False)
class Stance:
    """Angles in degrees, each `(frames,)`."""

    trunk_tilt: Array  # hips-to-head from upright
    leg_tilt: Array  # the worst of four leg bones from straight down
    elbow_bend: Array  # the worse elbow
    arm_from_down: Array  # mean of both upper arms from straight down
    arm_out_of_plane: Array  # the worse arm out of the body's left-right plane
    arms_differ: Array  # difference of both upper arms' angles from down

    @property
    def t_or_a(self) -> Mask:
        low, high = T_OR_A_ARM_FROM_DOWN_DEG
        result: Mask = (
            (self.trunk_tilt < TRUNK_TILT_DEG)
            & (self.leg_tilt < LEG_TILT_DEG)
            & (self.elbow_bend < ELBOW_BEND_DEG)
            & (self.arm_out_of_plane < ARM_OUT_OF_PLANE_DEG)
            & (self.arms_differ < SIDES_DIFFER_DEG)
            & (self.arm_from_down > low)
            & (self.arm_from_down < high)
        )
        return result

    @property
    def plausible(self) -> Mask:
        result: Mask = (
            (self.trunk_tilt < PLAUSIBLE_TILT_DEG)
            & (self.leg_tilt < PLAUSIBLE_TILT_DEG)
            & (self.elbow_bend < PLAUSIBLE_ELBOW_DEG)
            & (self.arms_differ < 2.0 * SIDES_DIFFER_DEG)
        )
        return result

    @property
    def misfit(self) -> Array:
        """How far from a calibration pose, degrees; the frame with the least is the best candidate."""
        worst: Array = self.trunk_tilt + self.leg_tilt + self.elbow_bend + self.arm_out_of_plane + self.arms_differ
        return worst


def measure_stance(mapping: HumanoidMapping, positions: Array) -> Stance:
    """`positions` `(frames, joints, 3)`; the mapping must hold the required roles."""

    def joint(role: str) -> Array:
        result: Array = positions[:, mapping.roles[role].joint]
        return result

    hips = joint("hips")
    shoulders = 0.5 * (joint("leftUpperArm") + joint("rightUpperArm"))
    top = joint("head") if "head" in mapping.roles else shoulders
    lateral = quat.unit(joint("leftUpperLeg") - joint("rightUpperLeg") + joint("leftUpperArm") - joint("rightUpperArm"))
    lateral[:, 1] = 0.0
    forward = np.cross(quat.unit(lateral), [0.0, 1.0, 0.0])
    legs, elbows, downs, planes = [], [], [], []
    for side in SIDES:
        upper_leg, lower_leg = joint(f"{side}UpperLeg"), joint(f"{side}LowerLeg")
        legs.append(_from_down(lower_leg - upper_leg))
        if f"{side}Foot" in mapping.roles:
            legs.append(_from_down(joint(f"{side}Foot") - lower_leg))
        upper_arm = quat.unit(joint(f"{side}LowerArm") - joint(f"{side}UpperArm"))
        downs.append(_from_down(upper_arm))
        planes.append(np.degrees(np.arcsin(np.clip(np.abs(np.sum(upper_arm * forward, axis=-1)), 0.0, 1.0))))
        if f"{side}Hand" in mapping.roles:
            lower_arm = quat.unit(joint(f"{side}Hand") - joint(f"{side}LowerArm"))
            elbows.append(np.degrees(np.arccos(np.clip(np.sum(upper_arm * lower_arm, axis=-1), -1.0, 1.0))))
    return Stance(
        trunk_tilt=_from_down(hips - top),
        leg_tilt=np.max(legs, axis=0),
        elbow_bend=np.max(elbows, axis=0) if elbows else np.zeros(len(positions)),
        arm_from_down=np.mean(downs, axis=0),
        arm_out_of_plane=np.max(planes, axis=0),
        arms_differ=np.abs(downs[0] - downs[1]),
    )


def _from_down(direction: Array) -> Array:
    """Angle of `(frames, 3)` from straight down, degrees."""
    angle: Array = np.degrees(np.arccos(np.clip(-quat.unit(direction)[:, 1], -1.0, 1.0)))
    return angle
