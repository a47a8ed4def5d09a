"""Every loss of the refinement, one row each: what it asks, its weight and where that comes from, when it counts, and
the guards and scores that it keeps.

All losses are integrals over time (seconds) of dimensionless amounts, so weights depend neither on frame rate nor on
the clip's length or the body's size. "Tuned" means: chosen on the project's own sample clips and bodies, never on pairs
that are reported. Where a guard or a score is broken, the weights of the rows that keep it are raised and the window is
worked on again (`raise_weights`).

To add one: a class with `rows` (see `rows.Loss`) in a module of its own, a row here, and a test that its jacobian is
that of finite differences (`tests/refinement/test_losses.py` goes through the table).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from workers.geometry.contact_model import SelfContact
from workers.geometry.parts import HEAD
from workers.refinement.clearance import Clearance
from workers.refinement.gauss_newton import Weighted
from workers.refinement.limits import ElbowHinges, GivenLimits
from workers.refinement.problem import ClipProblem
from workers.refinement.reachable import HANDS
from workers.refinement.rounds import RoundPlan, Schedule, always, until_fine, when_fine
from workers.refinement.rows import Loss, WatchedSurface
from workers.refinement.semantic import SemanticObjective
from workers.refinement.staying import Facing, Places, Turns, WithinLeash
from workers.refinement.touching import (
    ASIDE,
    ASIDE_AT_HEAD,
    ASIDE_OF_HANDS,
    LEAST_AREA,
    Contact,
    Penetration,
    vertices_of,
)
from workers.skeleton.model import Indices, Mask


@dataclass(frozen=True, eq=False)
class Scope:
    """What the losses of one window look at: `frames` of the clip, `step_s` apart; `changed` `(frames of the clip,)`
    are those that may change.
    """

    problem: ClipProblem
    frames: Indices
    step_s: float
    changed: Mask
    room: Clearance
    objective: SemanticObjective | None

    @property
    def groups(self) -> Mask:
        """Groups that have something to correct in these frames, `(GROUPS,)`."""
        return np.asarray(self.problem.activity.active[self.frames].any(axis=0))


@dataclass(frozen=True)
class LossRow:
    """`unit` says what an amount of 1 is, `source` where the weight comes from; `keeps` names guards (`guards.Broken`)
    and scores (`measures.Measures`).
    """

    name: str
    weight: float
    unit: str
    source: str
    schedule: Schedule
    keeps: tuple[str, ...]
    make: Callable[[Scope], Loss | None]


def _reduced(scope: Scope) -> Loss:
    return _penetration(scope, scope.problem.light, 0.0, 1)


def _fine(scope: Scope) -> Loss:
    return _penetration(scope, scope.problem.fine, LEAST_AREA, 2)


def _penetration(scope: Scope, watched: WatchedSurface, least_area: float, every: int) -> Loss:
    touching = scope.problem.activity.meeting[scope.frames]
    return Penetration(watched, vertices_of(watched.surface, scope.groups), scope.room, touching, least_area, every)


def _contact(scope: Scope) -> Loss:
    problem = scope.problem
    anchors = problem.anchors.at(scope.frames)
    aside = np.array([_aside(item) for item in anchors.carried(problem.contacts)] or [0.0])
    return Contact(problem.light, anchors, aside[anchors.contact])


def _aside(contact: SelfContact) -> float:
    if np.isin([contact.part_a, contact.part_b], HANDS).all():
        return ASIDE_OF_HANDS
    return ASIDE_AT_HEAD if contact.part_b == HEAD else ASIDE


def _places(scope: Scope) -> Loss:
    problem = scope.problem
    return Places(problem.leash, 1.0 - (1.0 - KEPT_AT_CONTACTS) * problem.activity.going, problem.arm_radius_m)


def _facing(scope: Scope) -> Loss:
    return Facing(scope.problem.hands)


def _turns(scope: Scope) -> Loss:
    return Turns(scope.problem.ranges_rad)


def _leash(scope: Scope) -> Loss:
    return WithinLeash(scope.problem.leash, scope.problem.arm_radius_m)


def _elbows(scope: Scope) -> Loss:
    return ElbowHinges(scope.problem.elbows)


def _limits(scope: Scope) -> Loss:
    return GivenLimits(scope.problem.limits)


def _semantics(scope: Scope) -> Loss | None:
    if scope.objective is None:
        return None
    return scope.objective.loss(scope.problem.freedom, scope.frames, scope.step_s)


def _smoothness(scope: Scope) -> Loss | None:
    """Third differences are part of the equations of the knots themselves (`gauss_newton`)."""
    return None


LOSSES = (
    LossRow(
        "penetration", 600.0, "one square arm radius of skin, one arm radius deep",
        "SMT weighs it 1000 against 10 for arm rotations (arXiv 2312.01964, stage 2); tuned",
        until_fine, ("penetration",), _reduced,
    ),
    LossRow(
        "fine_penetration", 600.0, "the same on the finer surface, where each vertex counts for a patch",
        "as on the reduced surface", when_fine, ("penetration",), _fine,
    ),
    LossRow(
        "contact", 600.0, "a contact one arm radius from where it belongs",
        "as much as penetration: with a third, bodies with short arms lost their contacts; tuned",
        always, ("contact_error", "contact_recall", "contacts_held"), _contact,
    ),
    LossRow(
        "semantics", 400.0,
        "the paper's consistency loss over the keyframes of a window, of the mean square of the embeddings",
        "tuned, after geometry: with twice as much it gains on keyframes and loses between them",
        always, ("similarity",), _semantics,
    ),
    LossRow(
        "places", 300.0, "a joint one arm radius from where it was",
        "the shortest way out, not the smallest turn; tuned",
        always, ("relation_error",), _places,
    ),
    LossRow(
        "facing", 12.0, "a hand turned by a quarter of a radian",
        "what a hand faces, or holds, is seen first: with 1 swords swung by 45 degrees on bodies of short arms; tuned",
        always, (), _facing,
    ),
    LossRow(
        "turns", 1.0, "a joint turned by its usual range (`ranges`)", "the unit of all others",
        always, ("unseen_similarity",), _turns,
    ),
    LossRow(
        "smoothness", 3.0, "a joint turned by its usual range with a jerk of one such range per knot spacing cubed",
        "jerk may grow by a tenth at most; tuned", always, ("jerk", "arm_jerk", "leg_jerk"), _smoothness,
    ),
    LossRow(
        "leash", 600.0, "a joint one arm radius beyond its leash", "as penetration: the leash itself is a bound",
        always, (), _leash,
    ),
    LossRow(
        "elbows", 5.0, "an elbow 0.1 rad off its hinge", "a guard: must beat turns",
        always, ("joint_limits",), _elbows,
    ),
    LossRow(
        "limits", 5.0, "a joint 0.1 rad beyond a limit that was given", "as elbows",
        always, ("joint_limits",), _limits,
    ),
)  # fmt: skip

KEPT_AT_CONTACTS = 0.015  # of the weight of places
# Times the weight, at each repair: the square of by how much a limit was passed, within these.
FIRMER = 4.0, 64.0


def weight_values(off: frozenset[str] = frozenset()) -> dict[str, float]:
    """The table's numbers, those named in `off` zero (ablations)."""
    return {row.name: 0.0 if row.name in off else row.weight for row in LOSSES}


def weighted_losses(scope: Scope, weights: Mapping[str, float], plan: RoundPlan) -> Iterator[Weighted]:
    """The losses of a window that have any weight."""
    for row in LOSSES:
        loss = row.make(scope) if weights[row.name] > 0.0 else None
        if loss is not None:
            yield Weighted(loss, _scheduled(row, weights[row.name], plan))


def _scheduled(row: LossRow, weight: float, plan: RoundPlan) -> Callable[[int], float]:
    return lambda number: weight * row.schedule(plan, number)


def raise_weights(weights: Mapping[str, float], broken: Mapping[str, float]) -> dict[str, float] | None:
    """The weights with those raised that keep what was `broken`, each by how many times its limit it has; None where
    that changes nothing, as with a weight of zero.
    """
    raised = dict(weights)
    least, most = FIRMER
    for name, times in broken.items():
        for row in LOSSES:
            if name in row.keeps:
                raised[row.name] = max(raised[row.name], weights[row.name] * min(max(times**2, least), most))
    return raised if raised != dict(weights) else None
