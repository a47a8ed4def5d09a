"""Guessing the unit of length that a BVH does not say. The guess carries its figures.

The unit is judged by stature along the bones (see `body_plan`), which no pose can change: the candidate that brings
it nearest to a grown person's, on a log scale, wins; unusual units pay a penalty so that children and small
stylised bodies in metres or centimetres stay what they are. The up axis is `workers.formats.up_axis`'s.
"""

from __future__ import annotations

import math

from workers.contract.axes import UpAxis
from workers.formats.body_plan import BodyPlan
from workers.skeleton.model import Units

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


def make_units(unit: str, factor: float, up: UpAxis, reasons: tuple[str, str]) -> Units:
    return Units(factor=factor, unit=unit, up_axis=up, guessed=True, reason="; ".join(reasons))
