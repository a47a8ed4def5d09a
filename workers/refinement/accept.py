"""Never worse: a window's change is taken only if what was measured improves and every guard holds.

A change is tried whole, then in ever smaller shares: one of them may keep a guard that the whole one breaks. What is
measured lies on other frames than the loss saw, where there are others. Nothing that was measured may get worse by
more than a little, and something must get better. What an encoder gains counts where it also gains in views that were
not optimised; it may lose in none, whatever else gains.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from workers.refinement.measures import Measures

SHARES = (0.9, 0.8, 0.7, 0.6, 0.5, 0.35, 0.2)
BETTER = 0.05  # share by which an error must fall to be better
WORSE = 0.02  # share by which another may rise meanwhile
# Changes of errors by less than these, in arm radii, are no gain and no loss.
SLIGHT_PENETRATION, SLIGHT_CONTACT = 0.01, 0.02
SLIGHT_RECALL = 0.02
SHALLOW_CM = 0.5  # a depth that nobody sees
SLIGHT_SIMILARITY = 5e-4
TOLD = {"unseen_similarity": "similarity in views that were not optimised"}
# By which the relations to the own body may be farther from the source's, whole or as a share: no limb leaves a body
# without that. What raised it by 0.2 was seen to be worse than arms in a robe, what raised it by 0.04 was not.
SLIGHT_RELATIONS, WORSE_RELATIONS = 0.05, 0.05


@dataclass(frozen=True)
class Judgement:
    """Whether a change is `taken`, in words what it gained or why not, which scores got `worse`, and how much of the
    errors it `left`: the sum of their shares, by which the best of several is chosen.
    """

    taken: bool
    reason: str
    worse: frozenset[str]
    left: float


@dataclass(frozen=True)
class WindowOutcome:
    """What became of one window, seconds from the clip's first frame.

    `reason` says what was gained or why the base stays; `share` is how much of the change was taken.
    `left_out` says why what an encoder asked for on top was not.
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
    left_out: str = ""

    def worked(self, steps: int, stopped_by: str) -> WindowOutcome:
        return replace(self, steps=self.steps + steps, stopped_by=stopped_by)

    def taken(self, after: Measures, share: float, reason: str) -> WindowOutcome:
        return replace(self, after=after, accepted=True, share=share, reason=reason)

    def refused(self, reason: str, after: Measures | None = None) -> WindowOutcome:
        """What is refused first says why: later tries are smaller."""
        return replace(self, after=self.after or after, reason=self.reason or reason)

    def followed_by(self, later: WindowOutcome, before: Measures, current: Measures) -> WindowOutcome:
        """With what a second pass did on top, which began at `current`; the whole from `before` on."""
        stayed = current if self.accepted else later.after or self.after
        after = later.after if later.accepted else stayed
        accepted = self.accepted or later.accepted
        refused = [part.reason for part in (self, later) if part.reason != NO_GAIN]
        left_out = "" if later.accepted or not self.accepted or later.reason == NO_GAIN else later.reason
        return replace(
            self,
            before=before,
            after=after,
            accepted=accepted,
            share=max(self.share, later.share),
            reason=describe_changes(changes(before, after)) if accepted and after else "; ".join(refused) or NO_GAIN,
            steps=self.steps + later.steps,
            stopped_by=later.stopped_by,
            left_out=left_out,
        )

    def timed(self, begin: float) -> WindowOutcome:
        """`begin` is on `time.monotonic`."""
        return replace(self, seconds=time.monotonic() - begin)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Change:
    """One score before and after: whether that is `better` or `worse` by more than a little, and what it has `left` of
    its error.
    """

    name: str
    was: float
    now: float
    better: bool
    worse: bool
    left: float

    def __str__(self) -> str:
        return f"{TOLD.get(self.name, self.name.replace('_', ' '))} {self.was:.4g} to {self.now:.4g}"


def changes(before: Measures, after: Measures) -> list[Change]:
    """What was measured both times."""
    found = []
    for name, was, now, slight in (
        ("penetration", before.penetration, after.penetration, SLIGHT_PENETRATION),
        ("contact_error", before.contact_error, after.contact_error, SLIGHT_CONTACT),
    ):
        if was is not None and now is not None:
            better, worse = now < was - max(BETTER * was, slight), now > was + max(WORSE * was, slight)
            if name == "contact_error" and after.contact_recall == 0.0:
                better = False  # half of the way to a touch is neither the touch nor the pose
            found.append(Change(name, was, now, better, worse, now / max(was, slight)))
    unseen = _risen("unseen_similarity", before.unseen_similarity, after.unseen_similarity, SLIGHT_SIMILARITY)
    for name, was, now, slight in (
        ("contact_recall", before.contact_recall, after.contact_recall, SLIGHT_RECALL),
        ("similarity", before.similarity, after.similarity, SLIGHT_SIMILARITY),
    ):
        change = _risen(name, was, now, slight)
        if change is not None and name == "similarity" and unseen is not None and not unseen.better:
            change = replace(change, better=False)  # an encoder that is optimised proves nothing
        found += [] if change is None else [change]
    if unseen is not None:  # a guard and no gain of its own
        found.append(replace(unseen, better=False, left=0.0))
    was, now = before.relation_error, after.relation_error
    if was is not None and now is not None:  # a guard and no gain: refinement is not for this
        farther = now > was + max(SLIGHT_RELATIONS, WORSE_RELATIONS * was)
        found.append(Change("relation_error", was, now, False, farther, 0.0))
    return found


def _risen(name: str, was: float | None, now: float | None, slight: float) -> Change | None:
    """A score of which more is better, if it was measured both times."""
    if was is None or now is None:
        return None
    return Change(name, was, now, now > was + slight, now < was - slight, was - now)


def describe_changes(found: Sequence[Change]) -> str:
    """In words, what moved by more than a little."""
    return "; ".join(str(change) for change in found if change.better or change.worse) or NO_GAIN


def judge_window(before: Measures, after: Measures) -> Judgement:
    """Whether a change is taken that keeps all guards."""
    found = changes(before, after)
    worse = [change for change in found if change.worse]
    left = sum(change.left for change in found) + after.deepest_cm / max(before.deepest_cm, SHALLOW_CM)
    taken = not worse and any(change.better for change in found)
    reason = describe_changes(worse or found)
    fooled = _fooled(before, after)
    if not taken and fooled:
        reason = "; ".join([*map(str, worse), fooled] if worse else [fooled])
    return Judgement(taken, reason, frozenset(change.name for change in worse), left)


def _fooled(before: Measures, after: Measures) -> str:
    """In words, that an encoder gained where it was optimised and nowhere else; empty where it did not."""
    seen = _risen("similarity", before.similarity, after.similarity, SLIGHT_SIMILARITY)
    unseen = _risen("unseen_similarity", before.unseen_similarity, after.unseen_similarity, SLIGHT_SIMILARITY)
    if seen is None or unseen is None or not seen.better or unseen.better:
        return ""
    return f"{seen} in the views that were optimised, but {unseen.was:.4g} to {unseen.now:.4g} in those that were not"


NO_GAIN = "nothing measured got better"
