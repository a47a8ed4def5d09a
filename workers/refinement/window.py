"""One window: worked on, judged, and where a bound was broken worked on again with what keeps it weighing more.

Geometry comes first: hands leave the body and find their contacts, judged by that alone. Where an encoder is asked, it
then moves what geometry leaves open, elbows above all, and must lose none of it: an encoder that has never seen a hand
lie on a wide belly must not talk it back inside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from workers.motion.body_motion import BodyMotion
from workers.refinement.accept import SHALLOW_CM, SHARES, WindowOutcome, judge_window
from workers.refinement.clearance import clearance_at
from workers.refinement.gauss_newton import Equations, Solved, solve
from workers.refinement.guards import broken_guards, span_of
from workers.refinement.losses import Scope, raise_weights, weighted_losses
from workers.refinement.measures import Measures
from workers.refinement.meeting import GivenAway, give_back, meeting_of
from workers.refinement.problem import SPACING_S, ClipProblem
from workers.refinement.rounds import GEOMETRY, REPAIR, SEEN, RoundPlan
from workers.refinement.semantic import SemanticObjective
from workers.retargeting.ranges import smoothness_factor
from workers.skeleton.model import Array, Indices, Mask

SAMPLED_HZ, LEAST_FRAMES = 15.0, 45  # frames that the losses look at: a second, and in a window of any length
JUDGED_FRAMES = 12  # of a window, about: on the finer surface they take as long as some rounds
REPAIRS = 2
OF_CONTACTS = {"contact_error", "contact_recall"}  # scores that giving limbs back may mend
GIVEN_BACK = 3  # times that what gives contacts away is given back: without it another pair may
GEOMETRY_SHARE = 0.4  # of a window's time, where an encoder is asked after it
TOLD_SHARE = 0.6  # of the progress that is left, for each pass

OnStep = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Attempt:
    """A change that was tried: the clip's knots with a `share` of it, and what came of that. `broken` are guards
    and scores with how many times their limit they have, `left` is what remains of the errors (`accept.Judgement`);
    what is `given_away` may be all that is wrong with it.
    """

    knots: Array
    share: float
    taken: bool
    reason: str
    broken: Mapping[str, float]
    left: float
    after: Measures | None
    given_away: GivenAway | None = None

    @property
    def is_clean(self) -> bool:
        """Whether it is taken and nothing is visibly deep."""
        return self.taken and self.after is not None and self.after.deepest_cm <= SHALLOW_CM

    def rank(self) -> float:
        """The less the better: what is left of the errors, and above all what can be seen of the depth, which counts by
        the amount, so that a hair's breadth decides nothing.
        """
        deepest_cm = self.after.deepest_cm if self.after is not None else np.inf
        return self.left + max(0.0, deepest_cm / SHALLOW_CM - 1.0)


@dataclass(frozen=True, eq=False)
class Eyes:
    """One clip before one encoder: in the views that are optimised, and in others that only judge."""

    objective: SemanticObjective
    witness: SemanticObjective


class Window:
    """One window of a clip. `knots` are the whole clip's and stay as they are until a change is taken."""

    def __init__(
        self,
        problem: ClipProblem,
        eyes: Eyes | None,
        weights: Mapping[str, float],
        cut: Mask,
        free: Mask,
        knots: Array,
        on_step: OnStep,
    ) -> None:
        self.problem, self.eyes, self.weights, self.knots, self.on_step = (
            problem,
            eyes,
            dict(weights),
            knots,
            on_step,
        )
        self.free = free & cut[:, None]
        self.changed = problem.spline.frames_of(cut) & (problem.envelope > 0.0).any(axis=1)
        self.span = span_of(self.changed, ~problem.activity.frames)
        rate_hz = problem.base.rate_hz
        most_hz = max(SAMPLED_HZ, LEAST_FRAMES * rate_hz / np.count_nonzero(self.changed))
        self.frames, self.step_s = sampled_frames(self.changed, rate_hz, most_hz)
        touching = np.isin(np.arange(problem.base.frames), problem.anchors.frame)
        self.judged = _judged(self.frames, self.changed, touching)
        self.relations = problem.window_metrics.relations(self.judged)
        self.meeting = meeting_of(problem.asked, self.span.cut(problem.base), self.span.start, problem.base.frames)
        self.told = 0.0

    def work(self, seconds: float) -> WindowOutcome:
        """Change `knots` for the better, or not at all, within about `seconds`."""
        begin = time.monotonic()
        self.on_step(0.0)
        before = self._measure(self.problem.part(self.knots, self.span))
        self.attempt_s = time.monotonic() - begin  # what it takes to judge one
        if self.eyes is not None:
            before = self._seen(before, self.knots)
        looked_s = time.monotonic() - begin
        outcome = _begun(self.changed, self.problem.base.rate_hz, before)
        # What is found must still be measured: a step that leaves no time for that is of no use.
        if seconds < 4.0 * looked_s:
            return replace(outcome, reason="no time was left for it", stopped_by="seconds")
        until = begin + seconds
        if before.similarity is None:
            return self._improve(outcome, until, None).timed(begin)
        first_until = begin + looked_s + GEOMETRY_SHARE * (seconds - looked_s)
        blind = replace(outcome, before=_unseen(before))
        first = self._improve(blind, first_until, None)
        current = before
        if first.accepted and first.after is not None:
            current = self._seen(first.after, self.knots)
        self.attempt_s = looked_s
        objective = None if self.eyes is None else self.eyes.objective
        # Relations may be lost once, not by each pass again.
        begun = replace(current, relation_error=before.relation_error)
        then = self._improve(replace(blind, before=begun), until, objective)
        return first.followed_by(then, before, current).timed(begin)

    def _improve(self, outcome: WindowOutcome, until: float, objective: SemanticObjective | None) -> WindowOutcome:
        """Solve, with `objective` or without, and take the best of what keeps every bound."""
        rounds_until = until - 2.0 * self.attempt_s
        start, plan = self.knots, GEOMETRY if objective is None else SEEN
        found: list[Array] = []
        kept: list[Attempt] = []
        for repair in range(1 + REPAIRS):
            solved = self._solve(start, REPAIR if repair else plan, rounds_until, objective)
            found.append(solved.knots)
            outcome = outcome.worked(len(solved.losses), solved.stopped_by)
            attempt = self._attempt(solved.knots, 1.0, outcome.before)
            kept.append(self._given_back(attempt, outcome.before, until))
            if attempt.taken or kept[-1].is_clean:
                return self._take(kept, outcome)
            outcome = outcome.refused(attempt.reason, attempt.after)
            raised = raise_weights(self.weights, attempt.broken)
            if raised is None or solved.stopped_by == "seconds" or time.monotonic() > rounds_until:
                break
            self.weights, start = raised, solved.knots  # for good: a later pass needs them as well
        if any(attempt.taken for attempt in kept):
            return self._take(kept, outcome)
        for share in SHARES:
            attempts = self._attempts(found, share, outcome.before, until)
            if any(attempt.taken for attempt in attempts):
                return self._take(attempts, outcome)
        return outcome

    def _attempts(self, found: Sequence[Array], share: float, before: Measures, until: float) -> list[Attempt]:
        """A share of each change, up to one that leaves nothing to see, as far as the time allows."""
        attempts: list[Attempt] = []
        for knots in found:
            if time.monotonic() + self.attempt_s > until or any(attempt.is_clean for attempt in attempts):
                break
            attempt = self._attempt(self.knots + share * (knots - self.knots), share, before)
            attempts.append(self._given_back(attempt, before, until))
        return attempts

    def _given_back(self, attempt: Attempt, before: Measures, until: float) -> Attempt:
        """The attempt, or what is left of it that gives no contacts away."""
        problem = self.problem
        for _ in range(GIVEN_BACK):
            if attempt.given_away is None or time.monotonic() + self.attempt_s > until:
                break
            knots = give_back(
                attempt.knots, self.knots, attempt.given_away, problem.spline, problem.freedom, problem.base.rate_hz
            )
            attempt = self._attempt(knots, attempt.share, before)
        return attempt

    def _solve(self, start: Array, plan: RoundPlan, until: float, objective: SemanticObjective | None) -> Solved:
        told, self.told = self.told, self.told + TOLD_SHARE * (1.0 - self.told)
        problem, frames = self.problem, self.frames
        if objective is not None:
            keys = objective.seen.keyframes
            frames = np.union1d(frames, keys[self.changed[keys]])
        smoother = np.array([smoothness_factor(name) for name in problem.freedom.names])
        equations = Equations(
            self.free,
            problem.curve(frames),
            self.step_s,
            self.weights["smoothness"] * smoother,
            problem.spline.period is not None,
            plan.damping * SPACING_S,
        )
        room = clearance_at(frames, problem.activity.nearness, problem.contacts.contacts)
        scope = Scope(problem, frames, self.step_s, self.changed, room, objective)
        return solve(
            start,
            equations,
            list(weighted_losses(scope, self.weights, plan)),
            lambda values: problem.posed(frames, values),
            plan.rounds,
            plan.fine_at,
            until,
            lambda share: self.on_step(told + share * (self.told - told)),
        )

    def _attempt(self, knots: Array, share: float, before: Measures) -> Attempt:
        self.on_step(self.told)
        problem, span = self.problem, self.span
        refined = problem.part(knots, span)
        guards = list(broken_guards(problem.base, refined, problem.source, problem.result_ground, problem.limits, span))
        if guards:  # no need to measure
            reason = "; ".join(str(item) for item in guards)
            return Attempt(knots, share, False, reason, {item.guard: item.times for item in guards}, np.inf, None)
        after = self._measure(refined)
        judgement = judge_window(_unseen(before), after)
        if before.similarity is not None and not judgement.worse:  # asking the encoder is expensive
            after = self._seen(after, knots)
            judgement = judge_window(before, after)
        away = self.meeting.given_away(refined) if self.meeting is not None and judgement.worse <= OF_CONTACTS else None
        broken = dict.fromkeys(judgement.worse if away is None else {*judgement.worse, "contacts_held"}, 1.0)
        reason = judgement.reason if away is None else str(away)
        return Attempt(knots, share, judgement.taken and away is None, reason, broken, judgement.left, after, away)

    def _take(self, attempts: Sequence[Attempt], outcome: WindowOutcome) -> WindowOutcome:
        """The best of those that may be taken."""
        best = min((attempt for attempt in attempts if attempt.taken), key=Attempt.rank)
        assert best.after is not None
        self.knots = best.knots
        return outcome.taken(best.after, best.share, best.reason)

    def _measure(self, refined: BodyMotion) -> Measures:
        """Of the stretch alone."""
        return self.problem.window_metrics.measure(refined, self.judged, self.span.start, self.relations)

    def _seen(self, measures: Measures, knots: Array) -> Measures:
        """With what the encoder says, in the views that are optimised and in those that are not."""
        problem = self.problem
        assert self.eyes is not None
        residual = problem.residual(knots, self.changed)
        similarity, unseen = (
            eye.similarity(problem.freedom, residual, self.changed, lambda: self.on_step(self.told))
            for eye in (self.eyes.objective, self.eyes.witness)
        )
        return replace(measures, similarity=similarity, unseen_similarity=unseen)


def _unseen(measures: Measures) -> Measures:
    """Without what an encoder says."""
    return replace(measures, similarity=None, unseen_similarity=None)


def _judged(frames: Indices, changed: Mask, touching: Mask) -> Indices:
    """Some of the changed frames that the losses do not look at, where there are any, and as many of those in which the
    source touches itself, which may be few.
    """
    others = np.setdiff1d(np.flatnonzero(changed), frames)
    if not len(others):
        others = frames
    parts = [some[:: max(1, len(some) // JUDGED_FRAMES)] for some in (others, others[touching[others]])]
    return np.unique(np.concatenate(parts))


def _begun(changed: Mask, rate_hz: float, before: Measures) -> WindowOutcome:
    frames = np.flatnonzero(changed)
    first, last = int(frames[0]), int(frames[-1])
    return WindowOutcome(first / rate_hz, last / rate_hz, (first, last), before)


def sampled_frames(wanted: Mask, rate_hz: float, most_hz: float) -> tuple[Indices, float]:
    """Some of the frames of a mask `(frames,)`, evenly and no denser than `most_hz`, and the seconds between them."""
    stride = max(1, round(rate_hz / most_hz))
    frames = np.flatnonzero(wanted)
    return frames[frames % stride == 0] if len(frames) > stride else frames, stride / rate_hz
