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

from workers.contract.options import JobOptions
from workers.motion.body_motion import BodyMotion, to_clip
from workers.platform.torch_threads import torch_threads
from workers.preparation.prepare import PreparedCharacter
from workers.refinement.accept import NO_GAIN, WindowOutcome
from workers.refinement.guards import arms_turned_deg
from workers.refinement.losses import weight_values
from workers.refinement.meeting import contacts_held
from workers.refinement.problem import ClipProblem, prepare_problem
from workers.refinement.reachable import OutOfReach
from workers.refinement.semantic import open_eye
from workers.refinement.window import Eyes, Window
from workers.refinement.windows import cut_windows
from workers.refinement.witness import open_witness
from workers.retargeting.clip import Refinement, RetargetedClip
from workers.retargeting.root_motion import place_travel
from workers.semantics.loaded import LoadedEncoder
from workers.semantics.viewed_clip import view_clip
from workers.skeleton.model import Notice

LOST_SIMILARITY = 0.05  # which is told

OnStep = Callable[[float], None]


# Threads add floats up in another order, which changes their last digits; a hundred steps of an optimiser make tenths
# of a millimetre of that, and some choice between two attempts then falls otherwise. A second thread gained a fifth of
# the time at twice the processor's.
@torch_threads(1)
def refine_clip(
    retargeted: RetargetedClip,
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

    eyes = None
    try:
        problem = prepare_problem(retargeted, target, on_piece)
        if loaded is not None:
            seen = view_clip(retargeted, target, options.keyframes, views or loaded.views, loaded.encoder.device.type)
            eyes = Eyes(open_eye(seen, loaded.encoder, on_piece), open_witness(seen, loaded.encoder, on_piece))
    except _OutOfTimeError:
        return _unrefined(retargeted, options, loaded, budget_s, time.monotonic() - begin)
    work = _Work(problem, eyes, weight_values(off), begin + budget_s, on_step)
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
        "out_of_reach": [_told(item, problem) for item in problem.out_of_reach],
        "contacts_held": contacts_held(problem.asked, problem.base, motion),
        "windows": [outcome.to_dict() for outcome in outcomes],
        "weights": work.weights,
    }
    refined = replace(
        retargeted,
        notices=(*retargeted.notices, *_notices(outcomes), *_unreached(problem)),
        refinement=Refinement(retargeted.scored, summary),
    )
    if motion is problem.base:
        return refined
    placed, root = place_travel(motion, options.root_motion)
    return replace(refined, scored=motion, result=placed, clip=to_clip(placed, root))


class _OutOfTimeError(Exception):
    """The budget was gone before anything could be tried."""


def _unrefined(
    retargeted: RetargetedClip, options: JobOptions, loaded: LoadedEncoder | None, budget_s: float, seconds: float
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
        "out_of_reach": [],
        "contacts_held": None,
        "windows": [],
        "weights": weight_values(),
    }
    notice = Notice("refinement-rejected", text)
    return replace(retargeted, notices=(*retargeted.notices, notice), refinement=Refinement(retargeted.scored, summary))


def _notices(outcomes: list[WindowOutcome]) -> Iterator[Notice]:
    for outcome in outcomes:
        where = f"from {outcome.start_s:.2f} to {outcome.end_s:.2f} s"
        if not outcome.accepted and outcome.reason != NO_GAIN:
            text = f"{where} the motion stays unrefined: {outcome.reason}"
            yield Notice("refinement-rejected", text, frames=outcome.frames)
        if outcome.left_out:
            text = (
                f"{where} what geometry corrects is taken, and nothing of what the encoder asks for: {outcome.left_out}"
            )
            yield Notice("refinement-rejected", text, frames=outcome.frames)
        was, now = outcome.before.similarity, outcome.after.similarity if outcome.after else None
        if outcome.accepted and was is not None and now is not None and now < was - LOST_SIMILARITY:
            text = (
                f"{where} limbs were moved out of the body or onto their contacts, and the encoder takes that for "
                f"another pose (similarity {was:.3f} to {now:.3f}); look at the sheet"
            )
            yield Notice("refinement-similarity-lost", text, frames=outcome.frames)


def _told(item: OutOfReach, problem: ClipProblem) -> dict[str, Any]:
    contact, rate_hz = item.contact, problem.base.rate_hz
    return {
        "contact": contact.name,
        "start_s": contact.start / rate_hz,
        "end_s": (contact.stop - 1) / rate_hz,
        "apart_cm": 100.0 * item.apart_m,
    }


def _unreached(problem: ClipProblem) -> Iterator[Notice]:
    for item in problem.out_of_reach:
        told = _told(item, problem)
        text = (
            f"{told['contact']} touch in the source from {told['start_s']:.2f} to {told['end_s']:.2f} s; on this body "
            f"the places are {told['apart_cm']:.0f} cm apart, too far to be brought together; left as they are"
        )
        yield Notice("contact-out-of-reach", text, frames=(item.contact.start, item.contact.stop - 1))


class _Work:
    """The windows of one clip, one after the other, on one curve."""

    def __init__(
        self,
        problem: ClipProblem,
        eyes: Eyes | None,
        weights: dict[str, float],
        deadline_s: float,
        on_step: OnStep,
    ) -> None:
        self.problem, self.eyes, self.weights = problem, eyes, weights
        self.deadline_s, self.on_step = deadline_s, on_step
        spline, freedom = problem.spline, problem.freedom
        self.knots = np.zeros((spline.knots, freedom.values))
        self.free = problem.activity.free_knots(spline, freedom)

    def windows(self) -> Iterator[WindowOutcome]:
        """Work on each window in turn."""
        spline = self.problem.spline
        cuts = cut_windows(spline, np.asarray(self.free.any(axis=1)), self.problem.base.rate_hz)
        sizes = [int(spline.frames_of(cut).sum()) for cut in cuts]
        for number, cut in enumerate(cuts):
            left_s = self.deadline_s - time.monotonic()
            done, width = sum(sizes[:number]) / sum(sizes), sizes[number] / sum(sizes)
            window = Window(
                self.problem, self.eyes, self.weights, cut, self.free, self.knots,
                partial(self._told, done, width),
            )  # fmt: skip
            yield window.work(left_s * sizes[number] / sum(sizes[number:]))
            self.knots = window.knots

    def _told(self, done: float, width: float, share: float) -> None:
        self.on_step(done + share * width)

    def idle_arms_deg(self, motion: BodyMotion) -> float | None:
        """Mean change of the arms' direction over the frames of the clip that have nothing to correct."""
        idle = ~self.problem.activity.frames
        return float(arms_turned_deg(self.problem.base, motion)[idle].mean()) if idle.any() else None
