"""Never worse: a window's change is taken only if what was measured improves and every guard holds.

A change is tried whole, then in ever smaller shares: one of them may keep a guard that the whole one breaks. What is
measured lies on other frames than the loss saw, where there are others. Nothing that was measured may get worse by
more than a little, and something must get better.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from workers.refinement.body_terms import Measures

SHARES = (1.0, 0.85, 0.7, 0.5, 0.25)
BETTER = 0.05  # share by which an error must fall to be better
WORSE = 0.02  # share by which another may rise meanwhile
# Changes of errors by less than these, in arm radii, are no gain and no loss.
SLIGHT_PENETRATION, SLIGHT_CONTACT = 1e-3, 0.05
SLIGHT_SIMILARITY = 5e-4


@dataclass(frozen=True)
class WindowOutcome:
    """What became of one window, seconds from the clip's first frame.

    `reason` says what was gained or why the base stays; `share` is how much of the change was taken.
    """

    start_s: float
    end_s: float
    frames: tuple[int, int]
    before: Measures
    after: Measures | None = None
    accepted: bool = False
    share: float = 0.0
    reason: str = ""
    steps: int = 0
    stopped_by: str = ""
    seconds: float = 0.0

    def worked(self, steps: int, stopped_by: str) -> WindowOutcome:
        return replace(self, steps=steps, stopped_by=stopped_by)

    def taken(self, after: Measures, share: float, reason: str, seconds: float) -> WindowOutcome:
        return replace(self, after=after, accepted=True, share=share, reason=reason, seconds=seconds)

    def refused(
        self, reason: str, stopped_by: str, seconds: float = 0.0, after: Measures | None = None
    ) -> WindowOutcome:
        return replace(self, after=after, reason=reason, stopped_by=stopped_by, seconds=seconds)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def judge_window(before: Measures, after: Measures) -> tuple[bool, str]:
    """Whether a change is taken that keeps all guards, and in words what it gained or why not."""
    better, worse = [], []
    for name, was, now, slight in (
        ("penetration", before.penetration, after.penetration, SLIGHT_PENETRATION),
        ("contact error", before.contact_error, after.contact_error, SLIGHT_CONTACT),
    ):
        if was is None or now is None:
            continue
        if now < was - max(BETTER * was, slight):
            better.append(f"{name} {was:.4g} to {now:.4g}")
        elif now > was + max(WORSE * was, slight):
            worse.append(f"{name} {was:.4g} to {now:.4g}")
    if before.similarity is not None and after.similarity is not None:
        change = f"similarity {before.similarity:.4f} to {after.similarity:.4f}"
        if after.similarity > before.similarity + SLIGHT_SIMILARITY:
            better.append(change)
        elif after.similarity < before.similarity - SLIGHT_SIMILARITY:
            worse.append(change)
    if worse:
        return False, "; ".join(worse)
    return (True, "; ".join(better)) if better else (False, NO_GAIN)


NO_GAIN = "nothing measured got better"
