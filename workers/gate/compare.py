"""What differs between a row's result and the accepted one, and whether that is a loss. Pure.

    lost     it fails where it did not, is judged worse, moves otherwise, or looks otherwise
    better   it works where it failed, or is judged better, and nothing is lost
    changed  something differs that is no loss by itself: words, warnings
    same     nothing that counts
    new      nothing was accepted for it
    gone     it was accepted and is not in the library any more

A value of the verdict is a loss where it gets worse by more than a share of the step between its limits. A verdict that
gets worse because a value crosses its limit by less than `ON_THE_EDGE` of that step is told, and is no loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from workers.gate.motion_changes import Change, motion_changes
from workers.gate.motion_signature import unpack_motion
from workers.gate.outcome import ClipOutcome, RowOutcome, Value
from workers.gate.picture_signature import difference, unpack_pictures
from workers.gate.tolerances import Tolerances
from workers.scores.verdict import SEVERITY

Status = Literal["lost", "gone", "new", "better", "changed", "same"]
LOSSES: tuple[Status, ...] = ("lost", "gone")
RANK: Mapping[str, int] = {"lost": 0, "gone": 1, "new": 2, "better": 3, "changed": 4, "same": 5}
ON_THE_EDGE = 0.1


@dataclass(frozen=True)
class Judgement:
    """One row judged. `changes` are those that are told, the greatest first; `notes` are no losses by themselves."""

    row: str
    status: Status
    now: RowOutcome | None
    before: RowOutcome | None
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_loss(self) -> bool:
        return self.status in LOSSES

    @property
    def amount(self) -> float:
        """The greatest change, in shares of what may differ."""
        return max((change.amount for change in self.changes), default=0.0)

    @property
    def verdict(self) -> str:
        """As it is now; the code of an error."""
        return "-" if self.now is None else verdict_of(self.now)


def judge_rows(
    now: Sequence[RowOutcome], accepted: Mapping[str, RowOutcome], limits: Tolerances, whole: bool = True
) -> list[Judgement]:
    """All rows, the worst first. Where `now` is not the whole library, what it lacks is not gone."""
    judged = [judge_row(outcome, accepted.get(outcome.row), limits) for outcome in now]
    if whole:
        names = {outcome.row for outcome in now}
        judged += [Judgement(name, "gone", None, kept) for name, kept in accepted.items() if name not in names]
    return sorted(judged, key=lambda item: (RANK[item.status], -_severity(item), -item.amount, item.row))


def judge_row(now: RowOutcome, before: RowOutcome | None, limits: Tolerances) -> Judgement:
    """One row beside what was accepted for it. Raises ValueError for a damaged baseline."""
    if before is None:
        return Judgement(now.row, "new", now, None)
    if now.error is not None or before.error is not None:
        return _with_errors(now, before)
    changes = [*_clips(now, before), *(change for pair in _paired(now, before) for change in _clip(*pair, limits))]
    notes = [note for pair in _paired(now, before) for note in _notes(*pair)]
    added = sorted(set(now.warnings) - set(before.warnings))
    notes += [f"warnings that were not there: {', '.join(added)}"] if added else []
    worse, better = _verdict_steps(now, before)
    losses = any(change.is_loss for change in changes)
    told = tuple(sorted((change for change in changes if change.is_loss), key=lambda change: -change.amount))
    edge = worse and not losses
    if edge:
        notes.append(f"verdict {verdict_of(now)}, not {verdict_of(before)}, by a value at its limit")
    status: Status = "lost" if losses else "better" if better else "changed" if notes else "same"
    return Judgement(now.row, status, now, before, told, tuple(notes))


def verdict_of(outcome: RowOutcome) -> str:
    """The worst of its clips, or its error."""
    if outcome.error is not None:
        return outcome.error
    return max((clip.verdict for clip in outcome.clips), key=SEVERITY.__getitem__)


def _with_errors(now: RowOutcome, before: RowOutcome) -> Judgement:
    if now.error is None:
        return Judgement(now.row, "better", now, before, notes=(f"works where it ended with {before.error}",))
    if now.error == before.error:
        return Judgement(now.row, "same", now, before)
    before_text = "worked before" if before.error is None else f"ended with {before.error} before"
    return Judgement(
        now.row, "lost", now, before, (Change("error", 99.0, f"{now.error}: {now.detail}; {before_text}"),)
    )


def _clips(now: RowOutcome, before: RowOutcome) -> Iterator[Change]:
    if [clip.clip for clip in now.clips] != [clip.clip for clip in before.clips]:
        names = ", ".join(clip.clip for clip in now.clips)
        yield Change("clips", 50.0, f"holds other clips: {names}"[:200])


def _paired(now: RowOutcome, before: RowOutcome) -> Iterator[tuple[ClipOutcome, ClipOutcome]]:
    named = {clip.clip: clip for clip in before.clips}
    return ((clip, named[clip.clip]) for clip in now.clips if clip.clip in named)


def _clip(now: ClipOutcome, before: ClipOutcome, limits: Tolerances) -> Iterator[Change]:
    yield from motion_changes(unpack_motion(before.motion), unpack_motion(now.motion), limits)
    for name, kept in before.values.items():
        if name in now.values:
            yield from _value(name, now.values[name], kept, limits)
    if now.similarity is not None and before.similarity is not None:
        less = before.similarity - now.similarity
        text = f"semantic similarity {now.similarity:.2f}, was {before.similarity:.2f}"
        yield Change("similarity", less / max(limits.similarity, 1e-9), text)
    unmeasured = [name for name in now.decided_by if name not in now.values]
    if unmeasured and SEVERITY[now.verdict] > SEVERITY[before.verdict]:
        yield Change("unmeasured", 2.0, f"{now.verdict}, not {before.verdict}: no value for {', '.join(unmeasured)}")
    yield from _pictures(now, before, limits)


def _value(name: str, now: Value, before: Value, limits: Tolerances) -> Iterator[Change]:
    sign = 1.0 if now.worse == "above" else -1.0
    steps = sign * (now.value - before.value) / before.gap
    text = f"{name} {now.value:.4g}, was {before.value:.4g}"
    yield Change(name, steps / max(limits.score, 1e-9), text)
    crossed = SEVERITY.get(now.outcome, 0) > SEVERITY.get(before.outcome, 0)
    if crossed and steps > ON_THE_EDGE:
        yield Change(f"{name} verdict", 1.0 + steps, f"{text}: {now.outcome}, not {before.outcome}")


def _pictures(now: ClipOutcome, before: ClipOutcome, limits: Tolerances) -> Iterator[Change]:
    """The worst of the pictures that show the same moments."""
    if now.pictures is None or before.pictures is None or now.pictures.side != before.pictures.side:
        return
    kept, made = unpack_pictures(before.pictures), unpack_pictures(now.pictures)
    period_s = 0.5 / now.motion.rate_hz
    worst: tuple[float, float] | None = None
    for number, time_s in enumerate(now.pictures.times_s):
        nearest = int(np.argmin([abs(time_s - other) for other in before.pictures.times_s]))
        if abs(before.pictures.times_s[nearest] - time_s) <= period_s:
            worst = max(worst or (0.0, time_s), (difference(kept[nearest], made[number]), time_s))
    if worst is not None:
        text = f"the picture at {worst[1]:.2f} s differs by {worst[0]:.0%}"
        yield Change("picture", worst[0] / max(limits.picture, 1e-9), text)


def _notes(now: ClipOutcome, before: ClipOutcome) -> Iterator[str]:
    said = [words for words in now.words if words not in before.words]
    if said:
        yield f"says what it did not: {'; '.join(said)}"[:300]
    unmeasured = sorted(set(before.values) - set(now.values))
    if unmeasured:
        yield f"no longer measured: {', '.join(unmeasured)}"


def _verdict_steps(now: RowOutcome, before: RowOutcome) -> tuple[bool, bool]:
    """Whether the verdict is worse, and whether it is better."""
    steps = SEVERITY[verdict_of(now)] - SEVERITY[verdict_of(before)]
    return steps > 0, steps < 0


def _severity(item: Judgement) -> int:
    """Of what is there now: an error is worse than any verdict."""
    if item.now is None or item.now.error is not None:
        return 3
    return SEVERITY[item.verdict]
