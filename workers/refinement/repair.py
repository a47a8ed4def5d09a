"""What a change broke is worked on again with more weight on what keeps it: better than a smaller share of the change.

A guard or a score that is broken names the weight that holds it. Where none does (feet cannot slide) nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

REPAIRS = 2
FIRMER = 4.0  # times the weight, at each repair

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


def firmer(weights: Mapping[str, float], broken: Iterable[str]) -> dict[str, float] | None:
    """The weights with those of what was broken raised; None where that changes nothing, as with a weight of zero."""
    held = {HELD_BY[name] for name in broken if name in HELD_BY}
    raised = {name: value * (FIRMER if name in held else 1.0) for name, value in weights.items()}
    return raised if raised != dict(weights) else None
