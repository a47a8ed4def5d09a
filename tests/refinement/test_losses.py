"""Every loss of the table: its jacobian is that of finite differences, and it says nothing where nothing is wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from workers.preparation.prepare import PreparedCharacter
from workers.refinement.clearance import clearance_at
from workers.refinement.losses import LOSSES, LossRow, Scope
from workers.refinement.problem import ClipProblem, prepare_problem
from workers.refinement.rows import Rows
from workers.retargeting.clip import RetargetedClip
from workers.skeleton.model import Array

Retargeted = Callable[[str], RetargetedClip]
STEP_RAD = 1e-5


@pytest.fixture(scope="module")
def problem(on_stout: Retargeted, stout: PreparedCharacter) -> ClipProblem:
    return prepare_problem(on_stout("clap"), stout, lambda: None)


@pytest.fixture(scope="module")
def scope(problem: ClipProblem) -> Scope:
    """Two frames in which hands meet."""
    first = problem.contacts.contacts[0]
    frames = np.array([first.start, (first.start + first.stop) // 2])
    room = clearance_at(frames, problem.activity.nearness, problem.window_metrics.contacts)
    return Scope(problem, frames, 0.1, np.ones(problem.base.frames, dtype=np.bool_), room, None)


def asked(row: LossRow, scope: Scope, values_rad: Array, number: int) -> Rows | None:
    loss = row.make(scope)
    return None if loss is None else loss.rows(scope.problem.posed(scope.frames, values_rad), number, lambda: None)


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.name)
def test_its_jacobian_is_that_of_finite_differences(row: LossRow, scope: Scope) -> None:
    """Of each frame's loss, weights held: rows of body queries come and go, and skin that blends is off by a little."""
    freedom = scope.problem.freedom
    values = np.random.default_rng(5).normal(0.0, 0.03, (len(scope.frames), freedom.values))
    now = asked(row, scope, values, 0)
    if now is None:
        return
    assert now.jacobian.shape == (len(now.errors), freedom.values) and (np.diff(now.frame) >= 0).all()
    assert now.loss >= 0.0
    slopes, found = np.zeros(values.shape), np.zeros(values.shape)
    np.add.at(slopes, now.frame, (now.weights * now.errors)[:, None] * now.jacobian)
    for value in range(freedom.values):
        sides = []
        for sign in (1.0, -1.0):
            more = values.copy()
            more[:, value] += sign * STEP_RAD
            rows = asked(row, scope, more, 0)
            assert rows is not None and len(rows.errors) == len(now.errors)
            sides.append(np.bincount(now.frame, 0.5 * now.weights * rows.errors**2, len(values)))
        found[:, value] = (sides[0] - sides[1]) / (2.0 * STEP_RAD)
    assert np.abs(found - slopes).max() <= 0.06 * np.abs(slopes).max() + 1e-6


@pytest.mark.parametrize("name", ["places", "facing", "turns", "leash"])
def test_what_keeps_a_body_asks_nothing_of_the_base(name: str, scope: Scope) -> None:
    (row,) = [row for row in LOSSES if row.name == name]
    rows = asked(row, scope, np.zeros((len(scope.frames), scope.problem.freedom.values)), 0)
    assert rows is None or rows.loss < 1e-12


def test_each_has_a_weight_its_unit_and_a_source() -> None:
    for row in LOSSES:
        assert row.weight > 0.0 and row.unit and row.source
