"""The stages of a job in their order: what users see of its progress. Each appears once, and none comes back.

Of several clips, each passes through mapping, retargeting and refining in turn: what is told is the furthest stage that
any has reached, with the share of the whole job that is done.
"""

from __future__ import annotations

from collections.abc import Callable

STAGES = ("validating", "loading", "mapping", "retargeting", "refining", "scoring", "drawing", "exporting")
OnStage = Callable[[str, float], None]


def in_order(on_stage: OnStage) -> OnStage:
    """`on_stage(stage, fraction)` that never hears of a stage or a fraction before one that it has heard of."""
    furthest, done = 0, 0.0

    def tell(stage: str, fraction: float) -> None:
        nonlocal furthest, done
        furthest, done = max(furthest, STAGES.index(stage)), max(done, fraction)
        on_stage(STAGES[furthest], done)

    return tell
