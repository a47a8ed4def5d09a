"""Refining one clip: a retargeted clip in, a better or the same one out. A pure function; the engine calls it.

The clip is looked through for what is wrong with it, cut into windows, and each window is worked on and judged in
turn. What made the base, the analytic method or a network, does not matter. Time that runs out leaves the rest as it
was, with a warning.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workers.engine import RetargetedClip
from workers.geometry.contact_loss import contact_pairs
from workers.options import JobOptions
from workers.preparation import PreparedCharacter
from workers.refinement.accept import NO_GAIN, SHARES, WindowOutcome, judge_window
from workers.refinement.activity import value_groups
from workers.refinement.body_terms import Contact, FinePenetration, Measures, Penetration
from workers.refinement.guards import Stretch, arms_turned_deg, broken_guards, stretch_of
from workers.refinement.limits import ElbowHinges, GivenLimits
from workers.refinement.losses import Loss, Pose, PoseTerm, Prior, Schedule, Smoothness, curve_at, sampled_frames
from workers.refinement.optimiser import Optimised, optimise
from workers.refinement.outcome import Refinement
from workers.refinement.problem import SPACING_S, Problem, set_up
from workers.refinement.residual import base_of
from workers.refinement.semantic import Eye, open_eye
from workers.refinement.smooth_steps import smooth_steps
from workers.refinement.weights import smoothness_factor, weight_values
from workers.refinement.windows import cut_windows
from workers.retargeting.motion import BodyMotion, to_clip
from workers.retargeting.root_motion import place_travel
from workers.semantics.loaded import LoadedEncoder
from workers.semantics.seen import see_clip
from workers.skeleton.model import Indices, Mask, Notice

LEAST_PRIOR = 0.1  # for the size of the steps, where the prior is left out
# Penetration counts so much more from the first of these steps on, and is looked at more finely from the second on.
FIRM, FIRM_STEP, FINE_STEP = 10.0, 36, 84
SAMPLED_HZ, LEAST_FRAMES = 15.0, 45  # frames that the losses look at: a second, and in a window of any length

OnStep = Callable[[float], None]


def refine_clip(
    done: RetargetedClip,
    target: PreparedCharacter,
    options: JobOptions,
    on_step: OnStep,
    *,
    budget_s: float,
    loaded: LoadedEncoder | None = None,
    off: frozenset[str] = frozenset(),
    views: Sequence[str] | None = None,
) -> RetargetedClip:
    """The clip refined within `budget_s`, or as it was; either way with `refinement`.

    `on_step` hears the share of the work that is done, between steps and between long pieces of one, and may raise to
    stop. `loaded` is the encoder for `refine: semantic`. For ablations: `off` names weights to set to zero, `views` are
    others than the encoder's own.
    """
    begin = time.monotonic()
    on_step(0.0)

    def on_piece() -> None:
        on_step(0.0)
        if time.monotonic() - begin > budget_s:
            raise _OutOfTimeError

    eye = None
    try:
        problem = set_up(done, target, on_piece)
        if loaded is not None:
            seen = see_clip(done, target, options.keyframes, views or loaded.views, loaded.encoder.device.type)
            eye = open_eye(seen, loaded.encoder, on_piece)
    except _OutOfTimeError:
        return _unrefined(done, options, loaded, budget_s, time.monotonic() - begin)
    work = _Work(problem, eye, weight_values(off), begin + budget_s, on_step)
    outcomes = list(work.windows())
    motion = problem.motion(work.knots)
    summary = {
        "mode": options.refine,
        "encoder": None if loaded is None else loaded.to_dict(),
        "budget_s": budget_s,
        "seconds": time.monotonic() - begin,
        "steps": sum(outcome.steps for outcome in outcomes),
        "accepted_share": float(np.mean([outcome.accepted for outcome in outcomes])) if outcomes else None,
        "stopped_by": dict(Counter(outcome.stopped_by for outcome in outcomes)),
        "idle_arms_deg": work.idle_arms_deg(motion),
        "windows": [outcome.to_dict() for outcome in outcomes],
        "weights": work.weights,
    }
    refined = replace(done, notices=(*done.notices, *_notices(outcomes)), refinement=Refinement(done.scored, summary))
    if motion is problem.base:
        return refined
    placed, root = place_travel(motion, options.root_motion)
    return replace(refined, scored=motion, result=placed, clip=to_clip(placed, root))


class _OutOfTimeError(Exception):
    """The budget was gone before anything could be tried."""


def _unrefined(
    done: RetargetedClip, options: JobOptions, loaded: LoadedEncoder | None, budget_s: float, seconds: float
) -> RetargetedClip:
    text = f"the {budget_s:.3g} s of refine_budget_s were over before anything could be tried; give it more"
    summary: dict[str, Any] = {
        "mode": options.refine,
        "encoder": None if loaded is None else loaded.to_dict(),
        "budget_s": budget_s,
        "seconds": seconds,
        "steps": 0,
        "accepted_share": 0.0,
        "stopped_by": {"seconds": 1},
        "idle_arms_deg": None,
        "windows": [],
        "weights": weight_values(),
    }
    notice = Notice("refinement-rejected", text)
    return replace(done, notices=(*done.notices, notice), refinement=Refinement(done.scored, summary))


def _notices(outcomes: list[WindowOutcome]) -> Iterator[Notice]:
    for outcome in outcomes:
        if not outcome.accepted and outcome.reason != NO_GAIN:
            text = f"from {outcome.start_s:.2f} to {outcome.end_s:.2f} s the motion stays unrefined: {outcome.reason}"
            yield Notice("refinement-rejected", text, frames=outcome.frames)


class _Work:
    """The windows of one clip, one after the other, on one curve."""

    def __init__(
        self, problem: Problem, eye: Eye | None, weights: dict[str, float], deadline_s: float, on_step: OnStep
    ) -> None:
        self.eye, self.done = eye, 0.0
        self.problem, self.weights, self.deadline_s, self.on_step = problem, weights, deadline_s, on_step
        spline, freedom = problem.spline, problem.freedom
        self.knots = torch.zeros(spline.knots, freedom.values)
        self.free = problem.activity.free_knots(spline, freedom)
        if eye is not None:
            self.free |= eye.free_knots(spline, freedom)
        self.groups = value_groups(freedom)
        self.smoother = np.array([smoothness_factor(name) for name in freedom.names])
        # A knot stands for the prior of as many seconds as lie between two.
        prior = max(weights["prior"], LEAST_PRIOR) * SPACING_S
        self.smoothness = weights["smoothness"] * self.smoother / prior
        self.nearness = problem.activity.nearness()

    def windows(self) -> Iterator[WindowOutcome]:
        """Work on each window in turn."""
        spline, rate_hz = self.problem.spline, self.problem.base.rate_hz
        cuts = cut_windows(spline, np.asarray(self.free.any(axis=1)), rate_hz)
        sizes = [int(spline.frames_of(cut).sum()) for cut in cuts]
        for number, cut in enumerate(cuts):
            left_s = self.deadline_s - time.monotonic()
            share = sizes[number] / sum(sizes[number:])
            self.done = sum(sizes[:number]) / sum(sizes)
            yield self._window(cut, left_s * share, sizes[number] / sum(sizes))

    def _window(self, cut: Mask, seconds: float, width: float) -> WindowOutcome:
        begin, problem = time.monotonic(), self.problem
        changed = problem.spline.frames_of(cut)
        stretch = stretch_of(changed, ~problem.activity.frames)
        most_hz = max(SAMPLED_HZ, LEAST_FRAMES * problem.base.rate_hz / np.count_nonzero(changed))
        frames, step_s = sampled_frames(changed, problem.base.rate_hz, most_hz)
        judged = _between(frames, changed)
        self.on_step(self.done)
        outcome = _begun(changed, problem.base.rate_hz, self._measure(self.knots, judged, stretch))
        measured_s = time.monotonic() - begin
        # What is found must still be measured: a step that leaves no time for that is of no use.
        if seconds < 4.0 * measured_s:
            return outcome.refused("no time was left for it", "seconds")
        found = optimise(
            smooth_steps(self.knots, self.free & cut[:, None], self.smoothness, problem.spline.period is not None),
            self._losses(frames, step_s, changed),
            begin + seconds - 2.5 * measured_s,
            lambda share: self.on_step(self.done + 0.9 * share * width),
            changes_at=(FIRM_STEP, FINE_STEP),
        )
        outcome = outcome.worked(len(found.losses), found.stopped_by)
        for number, (share, wanted) in enumerate(_tries(found)):
            self.on_step(self.done + 0.9 * width)
            if number and time.monotonic() - begin + measured_s > seconds:
                break
            knots = self.knots + share * (wanted - self.knots)
            broken = self._broken(knots, stretch)
            if broken:  # no need to measure
                spent_s = time.monotonic() - begin
                outcome = outcome.refused(outcome.reason or "; ".join(broken), found.stopped_by, spent_s)
                continue
            after = self._measure(knots, judged, stretch)
            taken, reason = judge_window(outcome.before, after)
            spent_s = time.monotonic() - begin
            if taken:
                self.knots = knots
                return outcome.taken(after, share, reason, spent_s)
            outcome = outcome.refused(outcome.reason or reason, found.stopped_by, spent_s, after)
        return outcome

    def _losses(self, frames: Indices, step_s: float, changed: Mask) -> list[Loss]:
        problem, weights = self.problem, self.weights
        yardstick = problem.yardstick
        curve = curve_at(problem.spline, frames, problem.scales)
        near = self.nearness[frames][:, self.groups]
        prior = weights["prior"] + weights["prior_inactive"] * (1.0 - near)
        contacts = contact_pairs(yardstick.anchors.at(frames))
        terms: list[tuple[float, PoseTerm]] = [
            (weights["penetration"], Penetration(yardstick.surface)),
            (weights["penetration"], FinePenetration(problem.fine.surface, problem.fine.skin)),
            (weights["contact"], Contact(yardstick.surface, contacts)),
            (weights["limits"], ElbowHinges(problem.elbows, frames)),
            (weights["limits"], GivenLimits(problem.base.body, problem.limits)),
        ]
        pose = Pose(
            problem.freedom,
            base_of(problem.base, frames).around_hips(problem.base.body.hips),
            curve,
            yardstick.skin,
            step_s,
            [(_schedule(weight, term), term) for weight, term in terms if weight > 0.0],
        )
        losses: list[Loss] = [
            pose,
            Prior(curve, torch.as_tensor(prior * step_s, dtype=torch.float32)),
            Smoothness(
                torch.as_tensor(weights["smoothness"] * self.smoother, dtype=torch.float32),
                problem.spline.period is not None,
            ),
        ]
        if self.eye is not None and weights["semantics"] > 0.0:
            losses += self.eye.losses(problem.freedom, problem.spline, problem.scales, changed, weights["semantics"])
        return losses

    def _measure(self, knots: Tensor, frames: Indices, stretch: Stretch) -> Measures:
        problem = self.problem
        measures = problem.yardstick.measure(problem.part(knots, stretch), frames, stretch.start)
        if self.eye is None:
            return measures
        on_piece = partial(self.on_step, self.done)
        seen = self.eye.similarity(problem.freedom, problem.spline, problem.scales, knots, stretch.changed, on_piece)
        return replace(measures, similarity=seen)

    def _broken(self, knots: Tensor, stretch: Stretch) -> list[str]:
        problem = self.problem
        refined = problem.part(knots, stretch)
        guards = broken_guards(problem.base, refined, problem.source, problem.landed, problem.limits, stretch)
        return [str(item) for item in guards]

    def idle_arms_deg(self, motion: BodyMotion) -> float | None:
        """Mean change of the arms' direction over the frames of the clip that have nothing to correct."""
        idle = ~self.problem.activity.frames
        return float(arms_turned_deg(self.problem.base, motion)[idle].mean()) if idle.any() else None


def _schedule(weight: float, term: PoseTerm) -> Schedule:
    """Hands find their contacts first, and then make room: a penalty that is firm from the start holds them off."""
    if isinstance(term, FinePenetration):
        return lambda step: FIRM * weight if step >= FINE_STEP else 0.0
    if isinstance(term, Penetration):
        return lambda step: (1.0 if step < FIRM_STEP else FIRM if step < FINE_STEP else 0.0) * weight
    return lambda step: weight


def _tries(found: Optimised) -> Iterator[tuple[float, Tensor]]:
    """Shares of changes, in the order in which they are tried: what was found, what it was before its last steps, which
    may be calmer, and ever smaller shares of what was found.
    """
    yield SHARES[0], found.knots
    if len(found.earlier) > 1:
        yield SHARES[0], found.earlier[-1]
    for share in SHARES[1:]:
        yield share, found.knots


def _between(frames: Indices, changed: Mask) -> Indices:
    """As many of the changed frames that the losses do not look at, where there are any."""
    others = np.setdiff1d(np.flatnonzero(changed), frames)
    if not len(others):
        return frames
    return others[:: max(1, len(others) // len(frames))]


def _begun(changed: Mask, rate_hz: float, before: Measures) -> WindowOutcome:
    frames = np.flatnonzero(changed)
    first, last = int(frames[0]), int(frames[-1])
    return WindowOutcome(first / rate_hz, last / rate_hz, (first, last), before)
