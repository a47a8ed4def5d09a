"""What is worked on when: how many rounds a pass has, when penetration becomes firm, and when the finer surface is
looked at.

At first penetration weighs little, so that hands can reach their contacts; then it weighs fully (is *firm*), and they
leave the body. With full weight from the start they would never get there. The last rounds look at a finer surface.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class RoundPlan:
    """`firm_at` and `fine_at` count rounds. `damping` holds knots where they are, against losses that are far from
    squares of something linear.
    """

    rounds: int
    firm_at: int
    fine_at: int
    damping: float = 0.0


GEOMETRY = RoundPlan(10, 2, 5)
SEEN = RoundPlan(8, 0, 4, 20.0)  # an encoder's, after geometry
REPAIR = RoundPlan(3, 0, 1)

SOFT = 0.1  # share of the weight of penetration, before it is firm
Schedule = Callable[[RoundPlan, int], float]  # the share of a weight in a round


def always(plan: RoundPlan, number: int) -> float:
    """The same in all rounds."""
    return 1.0


def until_fine(plan: RoundPlan, number: int) -> float:
    """Softly, then firmly, until the finer surface takes over."""
    return SOFT if number < plan.firm_at else 1.0 if number < plan.fine_at else 0.0


def when_fine(plan: RoundPlan, number: int) -> float:
    """On the finer surface alone."""
    return 1.0 if number >= plan.fine_at else 0.0
