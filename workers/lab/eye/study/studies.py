"""The eye study's figures, from what one encoder or yardstick (an *observer*) made of all pairs (`results`).

A score is the product's raw similarity of one moment: the mean over the views. Positives are the same
moment on another body. Hard negatives are held against the positives of the very moments that were damaged. Intervals
are over clips, and a clip that several groups share is one clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import comb

import numpy as np
from numpy.typing import NDArray

from model_store.manifest import Anchors
from workers.lab.eye.study.metrics import Figure, Scored, auc_figure, in_order, mean_figure, retrieval_ranks
from workers.lab.eye.study.negatives import ARM_STEPS_DEG, HARD_KINDS
from workers.lab.eye.study.results import (
    CLEAN,
    MIRRORED,
    OTHER_CLIP,
    OTHER_MOMENT,
    SHUFFLED,
    Look,
    arm_label,
    on_other,
    on_same,
)
from workers.semantics.similarity import calibrated_similarity
from workers.skeleton.model import Array

ALL = "all"
Calibration = Callable[[Look], Anchors | None]


@dataclass(frozen=True)
class StudyRow:
    """One figure: `group` is a group's name, or `ALL`."""

    study: str
    name: str
    group: str
    figure: Figure


def all_rows(looks: Sequence[Look], anchors: Calibration, seed: int) -> list[StudyRow]:
    """Every study, in the order of the report."""
    rows = [*moment_rows(looks, seed), *hard_rows(looks, seed), *retrieval_rows(looks, seed)]
    return [*rows, *text_rows(looks, seed), *ladder_rows(looks, anchors, seed)]


def moment_rows(looks: Sequence[Look], seed: int) -> Iterator[StudyRow]:
    """Same moment on another body against other moments there."""
    study = "1 same moment against other moments (AUC)"
    for group, members in by_group(looks):
        same = scored(members, CLEAN)
        near, far = scored(members, OTHER_MOMENT), scored(members, OTHER_CLIP)
        yield StudyRow(study, "other moments, half each", group, auc_figure(same, half_each(near, far), seed))
        if group == ALL:
            yield StudyRow(study, "other moments of the clip", group, auc_figure(same, near, seed))
            yield StudyRow(study, "moments of other clips", group, auc_figure(same, far, seed))


def hard_rows(looks: Sequence[Look], seed: int) -> Iterator[StudyRow]:
    """Same moment on another body against damaged ones: on that other body, and on the source's own."""
    names = [kind.name for kind in HARD_KINDS]
    for where, label_of in (("other", on_other), ("same", on_same)):
        study = f"2 against hard negatives, damaged on the {where.upper()} body (AUC)"
        for name in names:
            yield StudyRow(study, name, ALL, _hard(looks, [label_of(name)], seed))
        for group, members in by_group(looks):
            yield StudyRow(study, "all kinds", group, _hard(members, [label_of(name) for name in names], seed))
        if where == "other":
            study = "2b the damaged moment scores lower than the good one (share of moments)"
            for name in (*names, "all kinds"):
                labels = [label_of(kind) for kind in (names if name == "all kinds" else [name])]
                yield StudyRow(study, name, ALL, mean_figure(_lower(looks, labels), seed))


def retrieval_rows(looks: Sequence[Look], seed: int) -> Iterator[StudyRow]:
    """The right clip on the other body, clips as sequences of moments at equal shares of their length."""
    for group, members in by_group(looks):
        if group == ALL or len(members) < 2:
            continue
        table = np.array([[_alike(look, other) for other in members] for look in members])
        clips = np.array([look.pair.clip for look in members])
        study = "3 retrieval of the clip on the other body"
        for direction, scores in (("source to other", table), ("other to source", table.T)):
            ranks = retrieval_ranks(scores)
            for most in (1, 5):
                hits = Scored((ranks <= most).astype(np.float64), clips)
                yield StudyRow(study, f"R@{most} among {len(members)}, {direction}", group, mean_figure(hits, seed))


def text_rows(looks: Sequence[Look], seed: int) -> Iterator[StudyRow]:
    """A text's clip among all clips of the group that was matched; chance beside it. Clips with the same words are
    right alike.
    """
    members = [look for look in looks if look.matches is not None]
    if len(members) < 2:
        return
    table = np.stack([look.matches for look in members if look.matches is not None])
    texts = [look.pair.text for look in members]
    queries = [texts.index(text) for text in dict.fromkeys(texts)]
    right = np.array([[text == texts[query] for text in texts] for query in queries])
    ranks = retrieval_ranks(table[:, queries].T, right)
    study, clips = f"4 text to motion, {len(queries)} texts, {len(members)} clips", np.array(texts)[queries]
    for most in (1, 5):
        hits = Scored((ranks <= most).astype(np.float64), clips)
        yield StudyRow(study, f"R@{most}", ALL, mean_figure(hits, seed))
        yield StudyRow(study, f"R@{most} by chance", ALL, Figure(_chance(right, most), clips=len(queries)))
    yield StudyRow(study, "median rank", ALL, Figure(float(np.median(ranks)), clips=len(queries)))
    yield StudyRow(study, "median rank by chance", ALL, Figure(_chance_median(right), clips=len(queries)))


def ladder_rows(looks: Sequence[Look], anchors: Calibration, seed: int) -> Iterator[StudyRow]:
    """Loss of score under damage on the other body, and how often its order holds."""
    steps = [arm_label(degrees) for degrees in ARM_STEPS_DEG]
    damaged = [look for look in looks if steps[0] in look.scores]
    study = "5 loss of score, mean"
    for name in (*steps, MIRRORED, SHUFFLED):
        yield StudyRow(study, f"{name}, raw", ALL, mean_figure(_losses(damaged, name), seed))
        yield StudyRow(study, f"{name}, calibrated", ALL, mean_figure(_losses(damaged, name, anchors), seed))
    study = "5b order holds (share of clips)"
    clips = np.array([look.pair.clip for look in damaged], dtype=np.str_)
    ladder = np.array([[_clean_at(look, steps[0]), *(_score(look, step) for step in steps)] for look in damaged])
    pairs = [("good", steps[0]), *pairwise(steps)]
    for number, (before, after) in enumerate(pairs):
        name = f"{before} > {after.removeprefix('arm turned ')}"
        yield StudyRow(study, name, ALL, _order(ladder[:, number : number + 2] if len(ladder) else ladder, clips, seed))
    yield StudyRow(study, "all steps of the arm in order", ALL, _order(ladder, clips, seed))
    for name in (MIRRORED, SHUFFLED):
        losses = _losses(damaged, name)
        held = Scored((losses.values > 0.0).astype(np.float64), losses.clips)
        yield StudyRow(study, f"good > {name}", ALL, mean_figure(held, seed))


def by_group(looks: Sequence[Look]) -> Iterator[tuple[str, list[Look]]]:
    """All of them, then each group."""
    yield ALL, list(looks)
    for group in dict.fromkeys(look.pair.group for look in looks):
        yield group, [look for look in looks if look.pair.group == group]


def scored(looks: Iterable[Look], label: str, views: Sequence[int] | None = None) -> Scored:
    """Scores of all sights whose label begins so, over all views or some."""
    values: list[float] = []
    clips: list[str] = []
    for look in looks:
        for name, (_, found) in look.scores.items():
            if name.startswith(label):
                values += (found if views is None else found[:, list(views)]).mean(axis=1).tolist()
                clips += [look.pair.clip] * len(found)
    return Scored(np.array(values), np.array(clips, dtype=np.str_))


def half_each(first: Scored, second: Scored) -> Scored:
    """Equally many of both, thinned evenly; all of one where the other is empty."""
    if not len(first.values) or not len(second.values):
        return Scored.join([first, second])
    count = min(len(first.values), len(second.values))
    return Scored.join([_thinned(first, count), _thinned(second, count)])


def _alike(look: Look, other: Look) -> float:
    """A clip on the source's body against another on the other one."""
    return float(look.observer.alike(look.source, other.other).mean())


def _thinned(scores: Scored, count: int) -> Scored:
    kept = np.floor(np.arange(count) * len(scores.values) / count).astype(np.int64)
    return Scored(scores.values[kept], scores.clips[kept])


def _hard(looks: Sequence[Look], labels: Sequence[str], seed: int) -> Figure:
    """AUC of the good moments against the same moments damaged."""
    good, bad = _at_damage(looks, labels)
    return auc_figure(good, bad, seed)


def _lower(looks: Sequence[Look], labels: Sequence[str]) -> Scored:
    good, bad = _at_damage(looks, labels)
    return Scored((bad.values < good.values).astype(np.float64), good.clips)


def _at_damage(looks: Sequence[Look], labels: Sequence[str]) -> tuple[Scored, Scored]:
    """Scores of good moments and of the same moments damaged, in the same order."""
    good, bad, clips = [], [], []
    for look in looks:
        for label in labels:
            if label in look.scores:
                moments, found = look.scores[label]
                good += look.scores[CLEAN][1][moments].mean(axis=1).tolist()
                bad += found.mean(axis=1).tolist()
                clips += [look.pair.clip] * len(moments)
    names = np.array(clips, dtype=np.str_)
    return Scored(np.array(good), names), Scored(np.array(bad), names)


def _score(look: Look, label: str) -> float:
    return float(look.scores[label][1].mean())


def _clean_at(look: Look, label: str) -> float:
    """Score of the good moments that the label's sight shows damaged."""
    return float(look.scores[CLEAN][1][look.scores[label][0]].mean())


def _losses(looks: Sequence[Look], label: str, anchors: Calibration | None = None) -> Scored:
    """By how much a clip's score falls; calibrated with `anchors`, of the clips that have some."""
    losses, clips = [], []
    for look in looks:
        scale = anchors(look) if anchors is not None else None
        if label not in look.scores or (anchors is not None and scale is None):
            continue
        before, after = _clean_at(look, label), _score(look, label)
        if scale is not None:
            before, after = calibrated_similarity(before, scale), calibrated_similarity(after, scale)
        losses.append(before - after)
        clips.append(look.pair.clip)
    return Scored(np.array(losses), np.array(clips, dtype=np.str_))


def _order(ladder: Array, clips: NDArray[np.str_], seed: int) -> Figure:
    return mean_figure(Scored(in_order(ladder), clips), seed) if len(ladder) else Figure(None)


def _chance(right: NDArray[np.bool_], most: int) -> float:
    """Share of queries that drawing at random would answer among the first `most`."""
    count = right.shape[1]
    missed = [comb(count - int(found), most) / comb(count, min(most, count)) for found in right.sum(axis=1)]
    return float(1.0 - np.mean(missed))


def _chance_median(right: NDArray[np.bool_]) -> float:
    """Median over the queries of the rank expected of the best of `n` right ones, drawn at random."""
    return float(np.median((right.shape[1] + 1) / (right.sum(axis=1) + 1)))
