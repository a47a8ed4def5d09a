"""Every weight of the refinement in one table, each with where it comes from.

All losses are integrals over time (seconds) of dimensionless amounts, so weights depend neither on frame rate nor on
the clip's length or the body's size. "Tuned" means: chosen on the project's own sample clips and bodies and on draws 0
to 2 of `retarget evaluate refine`, never on the pairs that are reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Weight:
    """`unit` says what an amount of 1 is."""

    value: float
    unit: str
    source: str


WEIGHTS: Mapping[str, Weight] = MappingProxyType(
    {
        "penetration": Weight(
            60.0,
            "one square arm radius of skin, one arm radius deep",
            "SMT weighs it 1000 against 10 for arm rotations (arXiv 2312.01964, stage 2); tuned within that ratio",
        ),
        "contact": Weight(
            600.0,
            "a contact one arm radius from where it belongs",
            "as much as firm penetration: with a third, bodies with short arms lost their contacts; tuned",
        ),
        "semantics": Weight(
            400.0,
            "the paper's consistency loss over the keyframes of a window, of the mean square of the embeddings",
            "tuned, after geometry: with twice as much it gains on keyframes and loses between them",
        ),
        "prior": Weight(1.0, "a joint turned by its usual range (STIFFNESS_RAD)", "the unit of all others"),
        "prior_inactive": Weight(
            30.0, "the same where nothing is to be corrected", "keeps arms within 3 degrees there; tuned"
        ),
        "smoothness": Weight(
            3.0,
            "a joint turned by its usual range with a jerk of one such range per knot spacing cubed",
            "jerk may grow by a tenth at most; tuned",
        ),
        "leash": Weight(
            60.0, "a joint one arm radius beyond its leash", "as firm penetration: the leash itself is a bound"
        ),
        "limits": Weight(5.0, "a joint 0.1 rad beyond its limit", "a guard: must beat the prior"),
    }
)

# Usual range of a turn away from the base in radians: one standard deviation of the prior. Arms carry the correction;
# the trunk and the head give way a little; legs swivel where knees or hands meet.
STIFFNESS_RAD: Mapping[str, float] = MappingProxyType(
    {
        "spine": 0.03,
        "chest": 0.03,
        "upperChest": 0.03,
        "neck": 0.03,
        "head": 0.05,
        "Shoulder": 0.06,
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
    """The usual range of a residual's value by its name (`Freedom.names`)."""
    if name in STIFFNESS_RAD:
        return STIFFNESS_RAD[name]
    return STIFFNESS_RAD[name.removeprefix("left").removeprefix("right")]


def weight_values(off: frozenset[str] = frozenset()) -> dict[str, float]:
    """The table's numbers, those named in `off` zero (ablations)."""
    return {name: 0.0 if name in off else weight.value for name, weight in WEIGHTS.items()}
