"""Repair: where a change breaks a guard, the window is optimised again with more weight on the loss that keeps it. That
is better than taking a smaller share of the change.

A guard or a score that is broken names the weight that holds it. Where none does (feet cannot slide) nothing is raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REPAIRS = 3
# Times the weight, at each repair: the square of by how much a limit was passed, within these.
FIRMER = 4.0, 64.0

HELD_BY: Mapping[str, str] = MappingProxyType(
    {
        "jerk": "smoothness",
        "arm jerk": "smoothness",
        "leg jerk": "smoothness",
        "idle arms, degrees": "prior_inactive",
        "joint limits, %": "limits",
        "penetration": "penetration",
        "contact error": "contact",
        "contact recall": "contact",
        "similarity": "semantics",
    }
)


def raise_weights(weights: Mapping[str, float], broken: Mapping[str, float]) -> dict[str, float] | None:
    """The weights with those of what was `broken` raised, each by how many times its limit it has; None where that
    changes nothing, as with a weight of zero.
    """
    raised = dict(weights)
    least, most = FIRMER
    for name, times in broken.items():
        if name in HELD_BY:
            held = HELD_BY[name]
            raised[held] = max(raised[held], weights[held] * min(max(times**2, least), most))
    return raised if raised != dict(weights) else None
