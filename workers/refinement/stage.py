"""The part of a job that refines: one time budget and one encoder for all its clips. The first clip imports torch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from workers.contract.options import JobOptions
from workers.preparation.prepare import PreparedCharacter
from workers.refinement.budget import budget_s, check_refinement
from workers.semantics.choice import BUILT_IN

if TYPE_CHECKING:
    from workers.retargeting.clip import RetargetedClip

OnStep = Callable[[float], None]


class RefiningStage:
    """Made at the start of a job, so that what is missing is told before anything runs."""

    def __init__(self, options: JobOptions) -> None:
        """Raises ModelUnavailable, InvalidOptions (`outcome.check_refinement`)."""
        self.options = options
        self.is_on = options.refine != "none"
        self._left_s = 0.0
        if self.is_on:
            check_refinement(options)
            self._left_s = budget_s(options)

    def refine(
        self, retargeted: RetargetedClip, target: PreparedCharacter, clips_left: int, on_step: OnStep
    ) -> RetargetedClip:
        """The clip refined, within its share of the time that is left. Raises what `on_step` raises."""
        from workers.refinement.refine import refine_clip
        from workers.semantics.loaded import open_encoder

        begin = time.monotonic()
        on_step(0.0)
        loaded = open_encoder(self.options.encoder or BUILT_IN) if self.options.refine == "semantic" else None
        spent_s = time.monotonic() - begin
        own_s = max(0.0, self._left_s - spent_s) / clips_left
        refined = refine_clip(retargeted, target, self.options, on_step, budget_s=own_s, loaded=loaded)
        self._left_s -= time.monotonic() - begin
        return refined
