"""How far each value of the residual usually goes, and how much more smoothly than an arm's it must move."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# Usual range of a turn away from the base in radians: one standard deviation. Arms carry the correction; the trunk and
# the head give way a little; legs swivel where knees or hands meet.
STIFFNESS_RAD: Mapping[str, float] = MappingProxyType(
    {
        "spine": 0.03,
        "chest": 0.03,
        "upperChest": 0.03,
        "neck": 0.03,
        "head": 0.05,
        "Shoulder": 0.02,  # a shrug is seen before anything else
        "UpperArm": 0.25,
        "LowerArm": 0.25,
        "Hand": 0.25,
        "Swivel": 0.10,
    }
)

# The trunk carries everything above it, and legs are looked at by the ground: both must move more smoothly than arms.
SMOOTHER: Mapping[str, float] = MappingProxyType(
    {"spine": 20.0, "chest": 20.0, "upperChest": 20.0, "neck": 5.0, "head": 5.0, "Swivel": 50.0}
)


def smoothness_factor(name: str) -> float:
    """By how much the smoothness of a residual's value counts more than that of an arm's."""
    return SMOOTHER.get(name.removeprefix("left").removeprefix("right"), 1.0)


def stiffness_rad(name: str) -> float:
    """The usual range of a residual's value by its name (`DegreesOfFreedom.names`)."""
    if name in STIFFNESS_RAD:
        return STIFFNESS_RAD[name]
    return STIFFNESS_RAD[name.removeprefix("left").removeprefix("right")]
