"""One window: Adam over its free knots until the loss stops falling, or steps or time run out.

Deterministic: no sampling, no noise; only a deadline in seconds depends on the machine, and the result says whether it
was the deadline that ended it. `on_step` is called before every step and between long pieces of one; whatever it raises
ends it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.optim.adam import adam

from workers.refinement.losses import Loss
from workers.refinement.smooth_steps import SmoothSteps

LAST_RATE = 0.02  # share of it that is left at last, along a cosine: a step of a millimetre or two at the hands
BETAS = (0.8, 0.98)  # short memories, for some tens of steps
COSTLIER = 3.0  # times the slowest step so far: a step at which the losses change may look at more
STILL = 0.001  # a loss that falls by less than this share in so many steps has converged
STILL_STEPS = 12  # more than lie between two looks at what is near what

StoppedBy = Literal["converged", "steps", "seconds"]


@dataclass(frozen=True, eq=False)
class Optimised:
    """`knots` `(knots, values)` in usual ranges; `losses` of every step; `earlier` are the knots when these changed."""

    knots: Tensor
    losses: tuple[float, ...]
    stopped_by: StoppedBy
    earlier: tuple[Tensor, ...] = ()


def optimise(
    steps: SmoothSteps,
    losses: Sequence[Loss],
    deadline_s: float,
    on_step: Callable[[float], None],
    most_steps: int,
    rate: float,
    changes_at: Sequence[int] = (),
) -> Optimised:
    """Minimise the sum of the losses over the free knots.

    `deadline_s` is on `time.monotonic`; a step that the slowest so far would carry beyond it is not begun. `on_step`
    gets the share of the steps done. `rate` is the size of the first step, in usual ranges. At the steps `changes_at`
    the losses change: what Adam remembers of the old ones is dropped at the first of them, where much changes, and
    whether they stand still is asked only after the last.
    """
    variables = steps.zeros().requires_grad_()
    knots = steps.start
    update = _Adam(variables)
    history: list[float] = []
    earlier: list[Tensor] = []
    slowest = 0.0
    for step in range(most_steps):
        on_step(step / most_steps)
        begin = time.monotonic()
        if begin + slowest * (COSTLIER if step in changes_at else 1.0) > deadline_s:
            return Optimised(knots, tuple(history), "seconds", tuple(earlier))
        now = rate * (LAST_RATE + (0.5 - 0.5 * LAST_RATE) * (1.0 + np.cos(np.pi * step / most_steps)))
        if step in changes_at:
            if not earlier:
                update = _Adam(variables)
            earlier.append(knots)
        variables.grad = None
        share = step / most_steps
        leaf = knots.detach().requires_grad_()
        history.append(sum(loss.backward(leaf, step, partial(on_step, share)) for loss in losses))
        steps.knots(variables).backward(leaf.grad)  # type: ignore[no-untyped-call]
        update.step(now)
        knots = steps.knots(variables.detach())
        slowest = max(slowest, time.monotonic() - begin)
        if len(history) >= max(changes_at, default=0) + 2 * STILL_STEPS and _stands_still(history):
            return Optimised(knots, tuple(history), "converged", tuple(earlier))
    return Optimised(knots, tuple(history), "steps", tuple(earlier))


class _Adam:
    """torch's own update without its class, whose first instance imports the compiler: 2 s in every new process."""

    def __init__(self, variables: Tensor) -> None:
        self.variables, self.steps = variables, torch.zeros(())
        self.means, self.squares = torch.zeros_like(variables), torch.zeros_like(variables)

    def step(self, rate: float) -> None:
        assert self.variables.grad is not None
        with torch.no_grad():
            adam(
                [self.variables], [self.variables.grad], [self.means], [self.squares], [], [self.steps],
                foreach=False, amsgrad=False, beta1=BETAS[0], beta2=BETAS[1], lr=rate, weight_decay=0.0, eps=1e-8,
                maximize=False,
            )  # fmt: skip


def _stands_still(history: Sequence[float]) -> bool:
    """Whether the mean of the last steps is hardly below the mean before: single steps go up and down."""
    before, after = (float(np.mean(history[a:b])) for a, b in ((-2 * STILL_STEPS, -STILL_STEPS), (-STILL_STEPS, None)))
    return before - after < STILL * abs(before)
