"""Figures of the eye study against answers that are known: ties, perfect and useless scores, weights, ranks, order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.lab.eye.study.metrics import (
    Figure,
    Scored,
    auc,
    auc_figure,
    in_order,
    mean_figure,
    retrieval_ranks,
)

few = st.lists(st.integers(0, 4), min_size=1, max_size=12)


@given(few, few)
def test_auc_counts_pairs_and_half_the_ties(positives: list[int], negatives: list[int]) -> None:
    wins = [1.0 if p > n else 0.5 if p == n else 0.0 for p in positives for n in negatives]
    assert auc(np.array(positives, dtype=float), np.array(negatives, dtype=float)) == pytest.approx(np.mean(wins))


def test_auc_knows_perfect_useless_and_reversed() -> None:
    high, low = np.array([0.8, 0.9]), np.array([0.1, 0.2, 0.3])
    assert auc(high, low) == 1.0
    assert auc(low, high) == 0.0
    assert auc(np.zeros(5), np.zeros(7)) == 0.5
    with pytest.raises(ValueError, match="positives and negatives"):
        auc(high, low[:0])


def test_intervals_are_over_clips_and_hold_the_value() -> None:
    random = np.random.default_rng(0)
    clips = np.repeat(np.arange(30), 10).astype(str)
    positives = Scored(random.normal(1.0, 1.0, 300), clips)
    negatives = Scored(random.normal(0.0, 1.0, 300), clips)
    figure = auc_figure(positives, negatives, seed=1)
    assert figure.clips == 30 and figure.low is not None and figure.high is not None and figure.value is not None
    assert figure.low < figure.value < figure.high  # near: an interval about its middle
    assert figure == auc_figure(positives, negatives, seed=1)
    # The same scores, all alike within their clip, say less: the interval is wider than that of single moments.
    alike = Scored(np.repeat(positives.values[::10], 10), clips)
    wide = auc_figure(alike, negatives, seed=1)
    single = auc_figure(
        Scored(alike.values, np.arange(300).astype(str)), Scored(negatives.values, np.arange(300).astype(str)), seed=1
    )
    assert wide.low is not None and wide.high is not None and single.low is not None and single.high is not None
    assert wide.high - wide.low > 1.3 * (single.high - single.low)


def test_nothing_to_measure_is_no_figure() -> None:
    nothing = Scored(np.empty(0), np.empty(0, dtype=np.str_))
    some = Scored(np.ones(2), np.array(["a", "b"]))
    assert auc_figure(nothing, some, 0) == auc_figure(some, nothing, 0) == mean_figure(nothing, 0) == Figure(None)
    assert mean_figure(Scored(np.array([0.25, 0.75]), np.array(["a", "a"])), 0) == Figure(0.5, None, None, 1)


def test_a_mean_is_over_scores_not_over_clips() -> None:
    scored = Scored(np.array([1.0, 1.0, 1.0, 0.0]), np.array(["a", "a", "a", "b"]))
    assert mean_figure(scored, 0).value == 0.75


def test_ranks_of_known_matrices() -> None:
    assert retrieval_ranks(np.eye(3)).tolist() == [1, 1, 1]
    scores = np.array([[0.2, 0.9, 0.5], [0.1, 0.3, 0.2], [0.7, 0.7, 0.7]])
    assert retrieval_ranks(scores).tolist() == [3, 1, 3]  # all alike finds nothing
    assert retrieval_ranks(np.zeros((4, 4))).tolist() == [4, 4, 4, 4]


def test_the_best_of_several_right_answers_counts() -> None:
    scores = np.array([[0.2, 0.9, 0.5], [0.9, 0.1, 0.3]])
    right = np.array([[1, 0, 1], [0, 1, 1]], dtype=bool)
    assert retrieval_ranks(scores, right).tolist() == [2, 2]


def test_order_holds_only_where_every_step_falls() -> None:
    steps = np.array([[0.9, 0.8, 0.7], [0.9, 0.9, 0.7], [0.9, 0.7, 0.8]])
    assert in_order(steps).tolist() == [1.0, 0.0, 0.0]
