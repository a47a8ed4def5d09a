"""What is worked on when: how many steps a round has, how long they are, and when penetration becomes firm.

At first penetration weighs little, so that hands can reach their contacts; then it weighs fully (is *firm*), and they
leave the body. With full weight from the start they would never get there. The last steps look at a finer surface.
Later rounds of a window start near the end of this plan, with penetration firm.
"""

from __future__ import annotations

from dataclasses import dataclass

from workers.refinement.body_terms import FinePenetration, Penetration
from workers.refinement.losses import PoseTerm, Schedule

FIRM = 10.0  # times the weight of penetration, once it is firm


@dataclass(frozen=True)
class RoundPlan:
    """`rate` is the size of the first step, in usual ranges of a joint; `firm_at` and `fine_at` count steps, and every
    `renew_every` what is near what is found again everywhere.
    """

    steps: int
    rate: float
    firm_at: int
    fine_at: int
    renew_every: int = 12

    @property
    def changes_at(self) -> list[int]:
        """Steps other than the first at which the losses change."""
        return [step for step in (self.firm_at, self.fine_at) if step]

    def schedule(self, weight: float, term: PoseTerm) -> Schedule:
        """The term's weight at each step."""
        firm = FIRM * weight
        if isinstance(term, FinePenetration):
            return lambda step: firm if step >= self.fine_at else 0.0
        if isinstance(term, Penetration):
            return lambda step: weight if step < self.firm_at else firm if step < self.fine_at else 0.0
        return lambda step: weight


GEOMETRY = RoundPlan(100, 0.25, 30, 56, 14)
SEEN = RoundPlan(100, 0.2, 0, 56, 24)  # an encoder's, after geometry
REPAIR = RoundPlan(40, 0.1, 0, 0, 20)
