"""Figures of the eye study: ROC AUC, ranks of retrieval, order under damage, each with an interval by clip. Numpy only.

Every score belongs to a clip, and moments of one clip are alike: intervals are bootstrapped over clips, never over
moments. A `Figure` without a value says that there was nothing to measure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.skeleton.model import Array, Indices, Mask

BOOTSTRAPS = 400
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Figure:
    """A measured number, the ends of its 95 % interval, and how many clips it is from."""

    value: float | None
    low: float | None = None
    high: float | None = None
    clips: int = 0


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores `(n,)` and the name of the clip that each belongs to `(n,)`."""

    values: Array
    clips: NDArray[np.str_]

    @staticmethod
    def join(parts: Sequence[Scored]) -> Scored:
        return Scored(np.concatenate([p.values for p in parts]), np.concatenate([p.clips for p in parts]))


def auc(positives: Array, negatives: Array) -> float:
    """Area under the ROC curve: how often a positive scores above a negative; equal scores count half.

    By ranks (Mann-Whitney U). Raises ValueError where either side is empty.
    """
    if not len(positives) or not len(negatives):
        raise ValueError("an AUC needs positives and negatives")
    return _weighted_auc(positives, negatives)(np.ones(len(positives)), np.ones(len(negatives)))


def auc_figure(positives: Scored, negatives: Scored, seed: int) -> Figure:
    """`auc` with its interval; no value where either side is empty."""
    if not len(positives.values) or not len(negatives.values):
        return Figure(None)
    clips = np.union1d(positives.clips, negatives.clips)
    rows, others = (np.searchsorted(clips, scored.clips) for scored in (positives, negatives))

    weighted = _weighted_auc(positives.values, negatives.values)
    return _figure(lambda weights: weighted(weights[rows], weights[others]), len(clips), seed)


def mean_figure(scored: Scored, seed: int) -> Figure:
    """Mean over the scores with its interval."""
    if not len(scored.values):
        return Figure(None)
    clips, rows = np.unique(scored.clips, return_inverse=True)
    sums, counts = np.bincount(rows, scored.values), np.bincount(rows)

    def measure(weights: Array) -> float:
        return float((weights @ sums) / (weights @ counts))

    return _figure(measure, len(clips), seed)


def retrieval_ranks(scores: Array, right: Mask | None = None) -> Indices:
    """Rank of the right candidate in each row of `(queries, candidates)`, 1 is best.

    The diagonal is right, or wherever `right` `(queries, candidates)` is true: then the best of those counts. A wrong
    candidate with the same score goes before: an encoder to which all is one finds nothing.
    """
    marks: Mask = np.eye(*scores.shape) > 0.0 if right is None else right
    best = np.where(marks, scores, -np.inf).max(axis=1)
    ahead: Indices = ((scores >= best[:, None]) & ~marks).sum(axis=1)
    return ahead + 1


def in_order(steps: Array) -> Array:
    """Whether scores fall with every step of damage, `(clips, steps)` -> 0 or 1 `(clips,)`; equal is no fall."""
    return np.asarray(np.all(np.diff(steps, axis=1) < 0.0, axis=1), dtype=np.float64)


def _weighted_auc(positives: Array, negatives: Array) -> Callable[[Array, Array], float]:
    """The AUC as a function of how often each positive and each negative counts; NaN where one side counts nothing."""
    values, places = np.unique(np.concatenate([positives, negatives]), return_inverse=True)
    upper, lower = places[: len(positives)], places[len(positives) :]

    def weighted(up: Array, down: Array) -> float:
        below = np.bincount(lower, down, len(values))
        beaten = np.cumsum(below) - 0.5 * below
        total = up.sum() * down.sum()
        return float(up @ beaten[upper] / total) if total > 0.0 else float("nan")

    return weighted


def _figure(measure: Callable[[Array], float], clips: int, seed: int) -> Figure:
    """`measure` takes how often each clip counts."""
    random = np.random.default_rng(seed)
    value = measure(np.ones(clips))
    if clips < 2:
        return Figure(value, None, None, clips)
    draws = random.multinomial(clips, np.full(clips, 1.0 / clips), BOOTSTRAPS).astype(np.float64)
    found = np.array([measure(weights) for weights in draws])
    found = found[np.isfinite(found)]
    low, high = np.quantile(found, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
    return Figure(value, float(low), float(high), clips)
