"""Scores from embeddings: fixed points, ranges, agreement with their definitions."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model_store.manifest import Anchors
from workers.contract.errors import OutputInvalid
from workers.semantics.similarity import (
    by_view,
    calibrated_similarity,
    consistency_loss,
    cosines,
    mean_match,
    raw_similarity,
    scl,
)

ANCHORS = Anchors(
    views=("front",),
    body="skinned",
    other_median=0.4,
    other_quartiles=(0.3, 0.5),
    same_median=0.9,
    same_quartiles=(0.85, 0.93),
    clips=50,
    bodies=3,
)


def rows(seed: int) -> torch.Tensor:
    return torch.randn(7, 12, generator=torch.Generator().manual_seed(seed))


def test_the_same_embedding_scores_one_and_loses_nothing() -> None:
    assert raw_similarity(rows(0), rows(0)) == pytest.approx(1.0, abs=1e-6)
    assert scl(rows(0), rows(0)) == 0.0
    assert raw_similarity(rows(0), -rows(0)) == pytest.approx(-1.0, abs=1e-6)


@given(st.integers(0, 1000), st.integers(1001, 2000), st.floats(0.1, 10.0))
def test_similarity_follows_its_definition(first: int, second: int, factor: float) -> None:
    a, b = rows(first), rows(second)
    expected = sum(float(x @ y / (x.norm() * y.norm())) for x, y in zip(a, b, strict=True)) / len(a)
    assert raw_similarity(a, b) == pytest.approx(expected, abs=1e-5)
    assert raw_similarity(b, a) == pytest.approx(expected, abs=1e-5)
    assert raw_similarity(a * factor, b) == pytest.approx(expected, abs=1e-5)
    assert scl(a, b) == pytest.approx(float(((a - b) ** 2).mean()), rel=1e-5)
    assert (cosines(a, b).abs() <= 1).all()


def test_the_loss_pulls_the_result_towards_the_source() -> None:
    source, result = rows(1), rows(2).requires_grad_(True)
    (gradient,) = torch.autograd.grad(consistency_loss(source, result), result)
    assert scl(source, (result - 10.0 * gradient).detach()) < scl(source, result.detach())


def test_anchors_are_the_ends_of_the_scale() -> None:
    assert calibrated_similarity(0.4, ANCHORS) == 0.0
    assert calibrated_similarity(0.9, ANCHORS) == 1.0
    assert calibrated_similarity(0.65, ANCHORS) == pytest.approx(0.5)
    assert calibrated_similarity(-1.0, ANCHORS) == 0.0
    assert calibrated_similarity(1.0, ANCHORS) == 1.0


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_calibration_keeps_the_order(first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert calibrated_similarity(low, ANCHORS) <= calibrated_similarity(high, ANCHORS)  # near: order


def test_anchors_that_are_no_scale_are_refused() -> None:
    with pytest.raises(ValueError, match="same_median must be greater"):
        Anchors.model_validate(ANCHORS.model_dump() | {"same_median": 0.4})


def test_a_score_is_never_nan() -> None:
    broken = rows(0)
    broken[2, 3] = math.nan
    for score in (raw_similarity, scl):
        with pytest.raises(OutputInvalid, match="not finite"):
            score(broken, rows(1))
    with pytest.raises(OutputInvalid, match="not finite"):
        mean_match(torch.tensor([0.5, math.inf]))


def test_rows_must_pair_up() -> None:
    with pytest.raises(ValueError, match="shapes"):
        cosines(rows(0), rows(1)[:3])
    with pytest.raises(ValueError, match="shapes"):
        scl(rows(0)[:0], rows(1)[:0])
    with pytest.raises(ValueError, match="expected"):
        mean_match(rows(0))


def test_views_lie_one_after_the_other() -> None:
    stacked = torch.arange(6.0)
    assert by_view(stacked, 2).tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ValueError, match="2 views"):
        by_view(torch.arange(5.0), 2)


def test_match_is_the_mean() -> None:
    assert mean_match(torch.tensor([0.2, 0.4])) == pytest.approx(0.3)
