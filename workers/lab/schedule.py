"""How fast a network learns along its training, as a share of its learning rate."""

from __future__ import annotations

import math


def schedule(progress: float, warm_up: float) -> float:
    """Linear rise, then half a cosine down to a hundredth."""
    if progress < warm_up:
        return 0.01 + 0.99 * progress / warm_up
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))
