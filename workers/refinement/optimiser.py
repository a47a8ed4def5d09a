"""One window: Adam over its free knots until it stands still, or steps or time run out.

Deterministic: no sampling, no noise; only a deadline in seconds depends on the machine, and the result says when it was
that which ended it. `on_step` is called before every step and between long pieces of one; whatever it raises ends it.
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

from workers.refinement.losses import Loss
from workers.refinement.smooth_steps import SmoothSteps

STEPS = 48
RATE = 0.25  # first step in usual ranges of a joint; falls to a tenth along a cosine
BETAS = (0.8, 0.98)  # short memories, for some tens of steps
STILL = 0.003  # a loss that falls by less than this share in so many steps has converged
STILL_STEPS = 8

StoppedBy = Literal["converged", "steps", "seconds"]


@dataclass(frozen=True, eq=False)
class Optimised:
    """`knots` `(knots, values)` in usual ranges; `losses` of every step."""

    knots: Tensor
    losses: tuple[float, ...]
    stopped_by: StoppedBy


def optimise(
    steps: SmoothSteps,
    losses: Sequence[Loss],
    deadline_s: float,
    on_step: Callable[[float], None],
    most_steps: int = STEPS,
    settled_from: int = 0,
) -> Optimised:
    """Minimise the sum of the losses over the free knots.

    `deadline_s` is on `time.monotonic`; a step that the slowest so far would carry beyond it is not begun. `on_step`
    gets the share of the steps done. The losses keep their weights from step `settled_from` on: whether they stand
    still is not asked before.
    """
    variables = steps.zeros().requires_grad_()
    knots = steps.start
    adam = torch.optim.Adam([variables], lr=RATE, betas=BETAS)
    history: list[float] = []
    slowest = 0.0
    for step in range(most_steps):
        on_step(step / most_steps)
        begin = time.monotonic()
        if begin + slowest > deadline_s:
            return Optimised(knots, tuple(history), "seconds")
        for group in adam.param_groups:
            group["lr"] = RATE * (0.1 + 0.45 * (1.0 + np.cos(np.pi * step / most_steps)))
        adam.zero_grad()
        share = step / most_steps
        leaf = knots.detach().requires_grad_()
        history.append(sum(loss.backward(leaf, step, partial(on_step, share)) for loss in losses))
        steps.knots(variables).backward(leaf.grad)  # type: ignore[no-untyped-call]
        adam.step()
        knots = steps.knots(variables.detach())
        slowest = max(slowest, time.monotonic() - begin)
        if len(history) > settled_from + 2 * STILL_STEPS and _stands_still(history):
            return Optimised(knots, tuple(history), "converged")
    return Optimised(knots, tuple(history), "steps")


def _stands_still(history: Sequence[float]) -> bool:
    """Whether the mean of the last steps is hardly below the mean before: single steps go up and down."""
    before, after = (float(np.mean(history[a:b])) for a, b in ((-2 * STILL_STEPS, -STILL_STEPS), (-STILL_STEPS, None)))
    return before - after < STILL * abs(before)
