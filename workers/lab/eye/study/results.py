"""What encoders and yardsticks (*observers*) make of pairs: every picture is rendered once, shown to all, and dropped.

Of each pair there are *sights*: moments of the source, and rendered moments to compare them with, which may be the same
moments on the other body, damaged ones or others altogether. An observer's answer to a sight is the similarity for each
moment and view. Where the embedding of a picture depends on nothing but the picture, other moments are not embedded
again: their rows were computed where they were the right ones. An encoder that asks the source, or that sees several
frames at once, gets every sight as a job would show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.lab.eye.study.baselines import JOINT_ROLES, Observer, Rows
from workers.lab.eye.study.negatives import (
    ARM_STEPS_DEG,
    HARD_KINDS,
    arm_steps,
    hard_negatives,
    mirrored_take,
    seed_of,
    shuffled,
)
from workers.lab.eye.study.pairs import MomentPair, pose_points
from workers.lab.eye.study.views import RenderedMoments, photograph
from workers.rendering.renderer import choose_renderer
from workers.semantics.viewed_clip import VIEWS

CLEAN, SHUFFLED, MIRRORED = "clean", "frames shuffled", "sides mirrored"
OTHER_MOMENT, OTHER_CLIP = "other moment", "other clip"
APART_S = 0.4  # other moments of the same clip are at least this far away
ALIKE = 0.02  # of body height: poses of one body that differ less, joint by joint, show the same
MOMENT_SHIFTS = 2
CLIP_SHIFTS = 2
TEXT_MOMENTS = 3

Camera = Callable[[RenderedMoments], Tensor]  # pictures `(views, moments, 3, side, side)`
OnStep = Callable[[int, int], None]  # pairs done, pairs in all


def on_other(kind: str) -> str:
    return f"{kind}, other body"


def on_same(kind: str) -> str:
    return f"{kind}, same body"


def arm_label(degrees: int) -> str:
    return f"arm turned {degrees} deg"


@dataclass(frozen=True, eq=False)
class Sight:
    """`take` shows, for each of `moments` of the source, what is compared with it. Where that is clean moments of the
    other body of pair number `known[0]`, `known[1]` are these moments.
    """

    label: str
    moments: list[int]
    take: RenderedMoments
    known: tuple[int, list[int]] | None = None


@dataclass(frozen=True)
class LookPlan:
    """Which sights are looked at beside clean moments and other ones. `hard_moments` for each kind and body of a pair,
    a ladder of damage for every `ladder_every`th pair of a group; 0 for none. Texts are matched with pairs of
    `text_group`.
    """

    hard_moments: int = 0
    ladder_every: int = 0
    text_group: str | None = None


@dataclass(eq=False)
class Look:
    """What one observer made of one pair. `scores` by label: which of the source's moments, and similarities
    `(moments, views)`.
    """

    pair: MomentPair
    observer: Observer
    source: Rows
    other: Rows
    scores: dict[str, tuple[list[int], NDArray[np.float64]]] = field(default_factory=dict)
    matches: NDArray[np.float64] | None = None  # (texts,): mean match of the other body's pictures


def look_at(
    pairs: Sequence[MomentPair],
    observers: Sequence[Observer],
    plan: LookPlan,
    on_step: OnStep = lambda done, total: None,
) -> dict[str, list[Look]]:
    """By observer's name, a `Look` for every pair in the same order."""
    camera = _blind if all(observer.blind for observer in observers) else _photographer()
    texts = [pair.text for pair in pairs if pair.group == plan.text_group]
    looks: dict[str, list[Look]] = {observer.name: [] for observer in observers}
    for number, pair in enumerate(pairs):
        sights = [*strangers(pairs, number), *damaged(pair, _place(pairs, number), plan)]
        own = texts if pair.group == plan.text_group else []
        for observer, look in zip(observers, _look_at_pair(pair, sights, observers, camera, own), strict=True):
            looks[observer.name].append(look)
        on_step(number + 1, len(pairs))
    for observer in observers:
        if not observer.contextual:
            _fill_known(looks[observer.name], pairs)
    return looks


def strangers(pairs: Sequence[MomentPair], number: int) -> Iterator[Sight]:
    """Other moments on the other body, far enough away in time and unlike in pose."""
    pair = pairs[number]
    count = len(pair.source)
    poses = pose_points(pair.source.motion, JOINT_ROLES)
    for turn in range(MOMENT_SHIFTS):
        order = [(moment + count // 2 - turn) % count for moment in range(count)]
        far = np.abs(pair.times_s - pair.times_s[order]) >= APART_S
        kept = np.flatnonzero(far & unlike(poses, poses[order])).tolist()
        if kept:
            there = [order[moment] for moment in kept]
            yield Sight(f"{OTHER_MOMENT} {turn}", kept, pair.other.at(there), (number, there))
    same_group = [index for index, other in enumerate(pairs) if other.group == pair.group]
    place = same_group.index(number)
    for step in sorted({1 + turn * (len(same_group) // CLIP_SHIFTS) for turn in range(CLIP_SHIFTS)}):
        index = same_group[(place + step) % len(same_group)]
        if index == number:
            continue
        stranger = pairs[index]
        kept = np.flatnonzero(unlike(poses, pose_points(stranger.source.motion, JOINT_ROLES))).tolist()
        if kept:
            yield Sight(f"{OTHER_CLIP} {step}", kept, stranger.other.at(kept), (index, kept))


def unlike(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether poses `(moments, roles, 3)` of one body differ enough to be told apart, `(moments,)`."""
    return np.asarray(np.linalg.norm(first - second, axis=-1).mean(axis=1) >= ALIKE)


def damaged(pair: MomentPair, place: int, plan: LookPlan) -> Iterator[Sight]:
    """Hard negatives on both bodies, and for some pairs of a group the ladder of damage."""
    for kind in HARD_KINDS if plan.hard_moments else ():
        for label, take in ((on_other(kind.name), pair.other), (on_same(kind.name), pair.source)):
            found = hard_negatives(take, kind, pair.clip, plan.hard_moments)
            if found is not None:
                yield Sight(label, *found)
    if plan.ladder_every and place % plan.ladder_every == 0:
        few = list(range(seed_of(pair.clip) % 2, len(pair.other), 2))
        thinned = pair.other.at(few)
        for degrees, take in zip(ARM_STEPS_DEG, arm_steps(thinned, pair.clip), strict=True):
            yield Sight(arm_label(degrees), few, take)
        mirrored = mirrored_take(thinned)
        if mirrored is not None:
            yield Sight(MIRRORED, few, mirrored)


def _photographer() -> Camera:
    renderer = choose_renderer()
    return lambda take: photograph(take, renderer)


def _blind(take: RenderedMoments) -> Tensor:
    """Pictures without pixels, for those who look at none."""
    return torch.empty(len(VIEWS), len(take), 0)


def _place(pairs: Sequence[MomentPair], number: int) -> int:
    """Number of the pair within its group."""
    return sum(pair.group == pairs[number].group for pair in pairs[:number])


def _look_at_pair(
    pair: MomentPair, sights: Sequence[Sight], observers: Sequence[Observer], camera: Camera, texts: Sequence[str]
) -> list[Look]:
    source, other = camera(pair.source), camera(pair.other)
    looks = []
    for observer in observers:
        look = Look(
            pair, observer, observer.look(pair.source, source, source), observer.look(pair.other, other, source)
        )
        everything = list(range(len(pair.source)))
        look.scores[CLEAN] = everything, observer.alike(look.source, look.other)
        order = shuffled(len(everything), pair.clip)
        again = (
            observer.look(pair.other.at(order), other[:, order], source) if observer.contextual else look.other[order]
        )
        look.scores[SHUFFLED] = everything, observer.alike(look.source, again)
        if texts and observer.can_match:
            some = everything[1 :: max(1, len(everything) // TEXT_MOMENTS)]
            look.matches = observer.match(other[:, some], texts)
        looks.append(look)
    for sight in sights:
        asked = [place for place, observer in enumerate(observers) if observer.contextual or sight.known is None]
        if not asked:
            continue
        seen = camera(sight.take)
        for place in asked:
            rows_here = observers[place].look(sight.take, seen, source[:, sight.moments])
            found = observers[place].alike(looks[place].source[sight.moments], rows_here)
            looks[place].scores[sight.label] = sight.moments, found
    return looks


def _fill_known(looks: Sequence[Look], pairs: Sequence[MomentPair]) -> None:
    for number, look in enumerate(looks):
        for sight in strangers(pairs, number):
            assert sight.known is not None
            index, there = sight.known
            found = look.observer.alike(look.source[sight.moments], looks[index].other[there])
            look.scores[sight.label] = sight.moments, found
