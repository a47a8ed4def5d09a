"""One window: Adam over its free knots until it stands still, or steps or time run out.

Deterministic: no sampling, no noise; only a deadline in seconds depends on the machine, and the result says when it was
that which ended it. `on_step` is called before every step and between long pieces of one; whatever it raises ends it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from workers.refinement.losses import Loss
from workers.skeleton.model import Mask

STEPS = 60
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
    start: Tensor,
    free: Mask,
    losses: Sequence[Loss],
    deadline_s: float,
    on_step: Callable[[float], None],
    most_steps: int = STEPS,
) -> Optimised:
    """Minimise the sum of the losses over the knots' `free` values `(knots, values)`, the others held.

    `deadline_s` is on `time.monotonic`; a step that the slowest so far would carry beyond it is not begun. `on_step`
    gets the share of the steps done.
    """
    knots = start.clone().requires_grad_()
    kept = torch.as_tensor(free, device=start.device)
    adam = torch.optim.Adam([knots], lr=RATE, betas=BETAS)
    history: list[float] = []
    slowest = 0.0
    for step in range(most_steps):
        on_step(step / most_steps)
        begin = time.monotonic()
        if begin + slowest > deadline_s:
            return Optimised(knots.detach(), tuple(history), "seconds")
        for group in adam.param_groups:
            group["lr"] = RATE * (0.1 + 0.45 * (1.0 + np.cos(np.pi * step / most_steps)))
        adam.zero_grad()
        share = step / most_steps
        history.append(sum(loss.backward(knots, step, lambda: on_step(share)) for loss in losses))  # noqa: B023
        assert knots.grad is not None
        knots.grad *= kept
        adam.step()
        slowest = max(slowest, time.monotonic() - begin)
        if len(history) > 2 * STILL_STEPS and _stands_still(history):
            return Optimised(knots.detach(), tuple(history), "converged")
    return Optimised(knots.detach(), tuple(history), "steps")


def _stands_still(history: Sequence[float]) -> bool:
    """Whether the mean of the last steps is hardly below the mean before: single steps go up and down."""
    before, after = (float(np.mean(history[a:b])) for a, b in ((-2 * STILL_STEPS, -STILL_STEPS), (-STILL_STEPS, None)))
    return before - after < STILL * abs(before)
