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
import torch
from torch import Tensor

from workers.geometry.contact_loss import contact_pairs
from workers.motion.body_motion import BodyMotion
from workers.refinement.accept import SHALLOW_CM, SHARES, WindowOutcome, judge_window
from workers.refinement.activity import value_groups
from workers.refinement.body_terms import Contact, FinePenetration, Measures, Penetration
from workers.refinement.clearance import clearance_at
from workers.refinement.guards import broken_guards, span_of
from workers.refinement.leash import held_at
from workers.refinement.limits import ElbowHinges, GivenLimits
from workers.refinement.losses import Loss, Pose, PoseTerm, Prior, Smoothness, curve_at, sampled_frames
from workers.refinement.optimiser import Optimised, optimise
from workers.refinement.plan import GEOMETRY, REPAIR, SEEN, RoundPlan
from workers.refinement.problem import SPACING_S, ClipProblem
from workers.refinement.repair import REPAIRS, raise_weights
from workers.refinement.residual import base_of
from workers.refinement.semantic import SemanticObjective
from workers.refinement.smooth_steps import smooth_steps
from workers.refinement.weights import smoothness_factor
from workers.skeleton.model import Array, Indices, Mask

MIN_PRIOR = 0.1  # for the size of the steps, where the prior is left out
SAMPLED_HZ, LEAST_FRAMES = 15.0, 45  # frames that the losses look at: a second, and in a window of any length
IDLE_SHARE = 0.1  # of the prior where nothing is to be corrected, in such frames beside others where something is
JUDGED_FRAMES = 12  # of a window, about: on the finer surface they take as long as some steps
GEOMETRY_SHARE = 0.4  # of a window's time, where an encoder is asked after it
TOLD_SHARE = 0.6  # of the progress that is left, for each round

OnStep = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Attempt:
    """A change that was tried: the clip's knots with a `share` of it, and what came of that. `broken` are guards
    and scores with how many times their limit they have, `left` is what remains of the errors (`accept.Judgement`).
    """

    knots: Tensor
    share: float
    taken: bool
    reason: str
    broken: Mapping[str, float]
    left: float
    after: Measures | None

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


class Window:
    """One window of a clip. `knots` are the whole clip's and stay as they are until a change is taken."""

    def __init__(
        self,
        problem: ClipProblem,
        objective: SemanticObjective | None,
        weights: Mapping[str, float],
        cut: Mask,
        free: Mask,
        knots: Tensor,
        on_step: OnStep,
    ) -> None:
        self.problem, self.objective, self.weights, self.knots, self.on_step = (
            problem,
            objective,
            dict(weights),
            knots,
            on_step,
        )
        self.free = free & cut[:, None]
        self.changed = problem.spline.frames_of(cut)
        self.span = span_of(self.changed, ~problem.activity.frames)
        rate_hz = problem.base.rate_hz
        most_hz = max(SAMPLED_HZ, LEAST_FRAMES * rate_hz / np.count_nonzero(self.changed))
        self.frames, self.step_s = sampled_frames(self.changed, rate_hz, most_hz)
        touching = np.isin(np.arange(problem.base.frames), problem.anchors.frame)
        self.judged = _judged(self.frames, self.changed, touching)
        self.told = 0.0

    def work(self, seconds: float) -> WindowOutcome:
        """Change `knots` for the better, or not at all, within about `seconds`."""
        begin = time.monotonic()
        self.on_step(0.0)
        before = self._measure(self.problem.part(self.knots, self.span))
        self.attempt_s = time.monotonic() - begin  # what it takes to judge one
        if self.objective is not None:
            before = replace(before, similarity=self._similarity(self.knots))
        looked_s = time.monotonic() - begin
        outcome = _begun(self.changed, self.problem.base.rate_hz, before)
        # What is found must still be measured: a step that leaves no time for that is of no use.
        if seconds < 4.0 * looked_s:
            return replace(outcome, reason="no time was left for it", stopped_by="seconds")
        until = begin + seconds
        if before.similarity is None:
            return self._improve(outcome, until, None).timed(begin)
        first_until = begin + looked_s + GEOMETRY_SHARE * (seconds - looked_s)
        blind = replace(outcome, before=replace(before, similarity=None))
        first = self._improve(blind, first_until, None)
        current = before
        if first.accepted and first.after is not None:
            current = replace(first.after, similarity=self._similarity(self.knots))
        self.attempt_s = looked_s
        then = self._improve(replace(blind, before=current), until, self.objective)
        return first.followed_by(then, before, current).timed(begin)

    def _improve(self, outcome: WindowOutcome, until: float, objective: SemanticObjective | None) -> WindowOutcome:
        """Optimise, with `objective` or without, and take the best of what keeps every bound."""
        steps_until = until - 2.0 * self.attempt_s
        start, plan = self.knots, GEOMETRY if objective is None else SEEN
        rounds: list[Tensor] = []
        for repair in range(1 + REPAIRS):
            found = self._optimise(start, REPAIR if repair else plan, steps_until, objective)
            rounds.append(found.knots)
            outcome = outcome.worked(len(found.losses), found.stopped_by)
            attempts = self._attempts((found.knots, *reversed(found.earlier)), 1.0, outcome.before, until)
            if any(attempt.taken for attempt in attempts):
                return self._take(attempts, outcome)
            outcome = outcome.refused(attempts[0].reason, attempts[0].after)
            raised = raise_weights(self.weights, attempts[0].broken)
            if raised is None or found.stopped_by == "seconds" or time.monotonic() > steps_until:
                break
            self.weights, start = raised, found.knots  # for good: a later round needs them as well
        for share in SHARES:
            attempts = self._attempts(rounds, share, outcome.before, until)
            if any(attempt.taken for attempt in attempts):
                return self._take(attempts, outcome)
        return outcome

    def _attempts(self, found: Sequence[Tensor], share: float, before: Measures, until: float) -> list[Attempt]:
        """A share of each change, up to one that leaves nothing to see, as far as the time allows; of whole ones at
        least the first is tried.
        """
        attempts: list[Attempt] = []
        for knots in found:
            if (attempts or share < 1.0) and time.monotonic() + self.attempt_s > until:
                break
            if any(attempt.is_clean for attempt in attempts):
                break
            attempts.append(self._attempt(self.knots + share * (knots - self.knots), share, before))
        return attempts

    def _optimise(self, start: Tensor, plan: RoundPlan, until: float, objective: SemanticObjective | None) -> Optimised:
        told, self.told = self.told, self.told + TOLD_SHARE * (1.0 - self.told)
        smoother = np.array([smoothness_factor(name) for name in self.problem.freedom.names])
        # A knot stands for the prior of as many seconds as lie between two.
        prior = max(self.weights["prior"], MIN_PRIOR) * SPACING_S
        smoothness = self.weights["smoothness"] * smoother / prior
        return optimise(
            smooth_steps(start, self.free, smoothness, self.problem.spline.period is not None),
            self._losses(smoother, plan, objective),
            until,
            lambda share: self.on_step(told + share * (self.told - told)),
            plan.steps,
            plan.rate,
            plan.changes_at,
        )

    def _losses(self, smoother: Array, plan: RoundPlan, objective: SemanticObjective | None) -> Sequence[Loss]:
        problem, frames, moving, weights = self.problem, self.frames, self.problem.moving, self.weights
        curve = curve_at(problem.spline, frames, problem.scales)
        nearness = problem.activity.nearness
        near = nearness[frames][:, value_groups(problem.freedom)]
        idle = ~problem.activity.frames[frames, None]
        prior = weights["prior"] + weights["prior_inactive"] * np.maximum(1.0 - near, IDLE_SHARE * idle)
        contacts = contact_pairs(problem.anchors.at(frames))
        room = clearance_at(frames, nearness, problem.window_metrics.contacts)
        base = base_of(problem.base, frames).around_hips(problem.base.body.hips)
        terms: list[tuple[float, PoseTerm]] = [
            (weights["leash"], held_at(problem.leash, frames, base, moving.surface.arm_radius_m)),
            (weights["penetration"], Penetration(moving.surface, room)),
            (weights["penetration"], FinePenetration(problem.fine.surface, problem.fine.skin, room)),
            (weights["contact"], Contact(moving.surface, contacts)),
            (weights["limits"], ElbowHinges(problem.elbows, frames)),
            (weights["limits"], GivenLimits(problem.base.body, problem.limits)),
        ]
        losses: list[Loss] = [
            Pose(
                problem.freedom,
                base,
                curve,
                moving.skin,
                self.step_s,
                [(plan.schedule(weight, term), term) for weight, term in terms if weight > 0.0],
                plan.renew_every,
            ),
            Prior(curve, torch.as_tensor(prior * self.step_s, dtype=torch.float32)),
            Smoothness(
                torch.as_tensor(weights["smoothness"] * smoother, dtype=torch.float32),
                problem.spline.period is not None,
            ),
        ]
        if objective is not None and weights["semantics"] > 0.0:
            losses += objective.losses(
                problem.freedom, problem.spline, problem.scales, self.changed, weights["semantics"]
            )
        return losses

    def _attempt(self, knots: Tensor, share: float, before: Measures) -> Attempt:
        self.on_step(self.told)
        problem, span = self.problem, self.span
        refined = problem.part(knots, span)
        guards = list(broken_guards(problem.base, refined, problem.source, problem.result_ground, problem.limits, span))
        if guards:  # no need to measure
            reason = "; ".join(str(item) for item in guards)
            return Attempt(knots, share, False, reason, {item.guard: item.times for item in guards}, np.inf, None)
        after = self._measure(refined)
        judgement = judge_window(replace(before, similarity=None), after)
        if before.similarity is not None and not judgement.worse:  # asking the encoder is expensive
            after = replace(after, similarity=self._similarity(knots))
            judgement = judge_window(before, after)
        return Attempt(
            knots, share, judgement.taken, judgement.reason, dict.fromkeys(judgement.worse, 1.0), judgement.left, after
        )

    def _take(self, attempts: Sequence[Attempt], outcome: WindowOutcome) -> WindowOutcome:
        """The best of those that may be taken."""
        best = min((attempt for attempt in attempts if attempt.taken), key=Attempt.rank)
        assert best.after is not None
        self.knots = best.knots
        return outcome.taken(best.after, best.share, best.reason)

    def _measure(self, refined: BodyMotion) -> Measures:
        """Of the stretch alone."""
        return self.problem.window_metrics.measure(refined, self.judged, self.span.start)

    def _similarity(self, knots: Tensor) -> float | None:
        problem = self.problem
        assert self.objective is not None
        return self.objective.similarity(
            problem.freedom, problem.residual(knots, self.changed), self.changed, lambda: self.on_step(self.told)
        )


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
