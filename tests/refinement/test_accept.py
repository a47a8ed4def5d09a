"""Judging a window by its measures, and which weight is raised for what was broken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workers.refinement.accept import NO_GAIN, WindowOutcome, judge_window
from workers.refinement.guards import TOLD
from workers.refinement.losses import FIRMER, LOSSES, raise_weights, weight_values
from workers.refinement.measures import Measures
from workers.refinement.window import Attempt

BEFORE = Measures(penetration=4.0, deepest_cm=5.0, contact_error=1.0, contact_recall=0.8, similarity=0.7)


@pytest.mark.parametrize(
    ("name", "better", "worse"),
    [
        ("penetration", 1.0, 5.0),
        ("contact_error", 0.5, 1.2),
        ("contact_recall", 0.9, 0.7),
        ("similarity", 0.75, 0.65),
    ],
)
def test_any_score_may_be_the_gain_and_none_may_be_the_price(name: str, better: float, worse: float) -> None:
    gained = judge_window(BEFORE, replace(BEFORE, **{name: better}))
    assert gained.taken
    assert name.replace("_", " ") in gained.reason
    paid = judge_window(BEFORE, replace(BEFORE, penetration=0.5, contact_error=0.1, similarity=0.9))
    assert paid.taken
    spoilt = judge_window(BEFORE, replace(BEFORE, **{"penetration": 0.5, "contact_error": 0.1, name: worse}))
    assert not spoilt.taken
    assert spoilt.worse == {name}


def test_an_encoder_counts_only_where_views_that_were_not_optimised_agree() -> None:
    """One that is fooled gains in the views that it is asked for, and not or less than nothing in others."""
    before = replace(BEFORE, unseen_similarity=0.6)
    both = judge_window(before, replace(before, similarity=0.75, unseen_similarity=0.62))
    assert both.taken
    idle = judge_window(before, replace(before, similarity=0.75))
    assert not idle.taken and not idle.worse
    assert idle.reason == (
        "similarity 0.7 to 0.75 in the views that were optimised, but 0.6 to 0.6 in those that were not"
    )
    lost = judge_window(before, replace(before, penetration=0.5, similarity=0.75, unseen_similarity=0.55))
    assert not lost.taken and lost.worse == {"unseen_similarity"}
    assert "similarity in views that were not optimised 0.6 to 0.55" in lost.reason
    assert "0.7 to 0.75 in the views that were optimised" in lost.reason
    assert judge_window(before, replace(before, penetration=0.5, similarity=0.75)).taken  # geometry gains
    assert not judge_window(before, replace(before, unseen_similarity=0.7)).taken  # a guard, and no gain of its own


def test_what_was_left_out_is_told_beside_what_was_taken() -> None:
    first = WindowOutcome(0.0, 1.0, (0, 30), replace(BEFORE, similarity=None))
    first = first.taken(replace(BEFORE, penetration=0.1, similarity=None), 1.0, "penetration 4 to 0.1")
    current = replace(BEFORE, penetration=0.1)
    then = WindowOutcome(0.0, 1.0, (0, 30), current).refused("fooled", replace(current, similarity=0.8))
    whole = first.followed_by(then, BEFORE, current)
    assert whole.accepted and whole.after == current
    assert whole.left_out == "fooled"
    assert first.followed_by(then.refused(NO_GAIN), BEFORE, current).left_out == "fooled"
    nothing = WindowOutcome(0.0, 1.0, (0, 30), current).refused(NO_GAIN)
    assert first.followed_by(nothing, BEFORE, current).left_out == ""


def test_nothing_gained_is_nothing_taken() -> None:
    judgement = judge_window(BEFORE, BEFORE)
    assert (judgement.taken, judgement.reason, judgement.worse) == (False, NO_GAIN, frozenset())


def test_what_was_not_measured_does_not_count() -> None:
    without = replace(BEFORE, contact_error=None, contact_recall=None, similarity=None)
    assert judge_window(without, replace(without, penetration=1.0)).taken


def test_less_left_is_the_better_of_two() -> None:
    deep, shallow = (judge_window(BEFORE, replace(BEFORE, penetration=1.0, deepest_cm=d)) for d in (4.0, 1.0))
    assert shallow.left < deep.left


def test_a_second_pass_tells_the_whole_way() -> None:
    """Geometry cost some similarity, the encoder brought a part of it back: the reason names the first and the last."""
    first = WindowOutcome(0.0, 1.0, (0, 30), replace(BEFORE, similarity=None)).worked(120, "steps")
    mended = replace(BEFORE, penetration=0.1, similarity=None)
    first = first.taken(mended, 1.0, "penetration 4 to 0.1")
    current = replace(mended, similarity=0.5)
    then = WindowOutcome(0.0, 1.0, (0, 30), current).worked(80, "converged")
    then = then.taken(replace(current, similarity=0.6), 1.0, "similarity 0.5 to 0.6")
    whole = first.followed_by(then, BEFORE, current)
    assert whole.accepted
    assert whole.before == BEFORE
    assert (whole.steps, whole.stopped_by) == (200, "converged")
    assert "penetration 4 to 0.1" in whole.reason
    assert "similarity 0.7 to 0.6" in whole.reason
    kept = first.followed_by(replace(then, accepted=False), BEFORE, current)
    assert kept.accepted
    assert kept.after == current


def test_what_a_loss_keeps_is_a_guard_or_a_score() -> None:
    scores = set(vars(BEFORE)) - {"deepest_cm"}
    assert {name for row in LOSSES for name in row.keeps} <= scores | set(TOLD)
    assert scores <= {name for row in LOSSES for name in row.keeps}
    assert len({row.name for row in LOSSES}) == len(LOSSES)


def test_what_was_broken_weighs_more_and_nothing_else_does() -> None:
    weights = weight_values()
    least, most = FIRMER
    raised = raise_weights(weights, {"arm_jerk": 1.05, "contact_recall": 1.0, "joint_limits": 5.0})
    assert raised is not None
    assert {name: raised[name] / weights[name] for name in weights if raised[name] != weights[name]} == {
        "smoothness": least,
        "contact": least,
        "elbows": 25.0,
        "limits": 25.0,
    }
    far = raise_weights(weights, {"joint_limits": 1000.0})
    assert far is not None
    assert far["limits"] == most * weights["limits"]
    assert raise_weights(weights, {"foot_skate": 2.0, "idle_arms": 2.0}) is None
    assert raise_weights(weight_values(frozenset(["contact"])), {"contact_error": 1.0}) is None


def test_a_hairs_breadth_of_depth_does_not_choose_between_attempts() -> None:
    """Just above what nobody sees is as good as just below, and much better than twice as deep with closer contacts."""
    knots = np.zeros((1, 1))

    def attempt(deepest_cm: float, contact_error: float) -> Attempt:
        after = replace(BEFORE, penetration=0.1, deepest_cm=deepest_cm, contact_error=contact_error)
        judged = judge_window(BEFORE, after)
        return Attempt(knots, 1.0, judged.taken, judged.reason, {}, judged.left, after)

    below, above, deep = attempt(0.499, 0.4), attempt(0.501, 0.4), attempt(1.1, 0.2)
    assert below.is_clean and not above.is_clean
    assert above.rank() - below.rank() < 0.01
    assert above.rank() < deep.rank() - 0.5
