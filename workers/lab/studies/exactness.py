"""Whether the compiled queries score as the exact ones do, and at what price: pairs drawn by seed, each scored twice.

A pair is a clip and a character with a skin of its own. Its result and its naive copy are measured by
`workers.scores.surface_measures` in its two ways: penetration, contact error, recall and precision, in the same frames,
with the processor time of each; and both are judged with all scores but meaning. Clips of more than `LONG` frames are
drawn apart, since what a budget leaves out shows there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from workers.contract.errors import RetargetError
from workers.contract.options import JobOptions
from workers.geometry.prepared import surfaces_of
from workers.lab.corpus import Corpus, load_character, load_scene
from workers.preparation.prepare import PreparedCharacter, prepare_motion
from workers.retargeting.clip import RetargetedClip, retarget_clip
from workers.scores.scores import kinematic_scores
from workers.scores.surface_measures import EXACT, FAST, GeometryScores, geometry_scores
from workers.scores.verdict import judge

LONG = 2000  # frames
# How far a score may be from the exact one: penetration by either of a share and percentage points, the others as such.
PENETRATION = (0.05, 0.3)
LIMITS = {"contact_error": 0.03, "contact_recall": 0.02, "contact_precision": 0.02}
KEYS = ("penetration_pct", *LIMITS)


@dataclass(frozen=True)
class Pair:
    motion: Path
    clip: int
    character: Path
    frames: int

    @property
    def name(self) -> str:
        return f"{self.motion.stem}:{self.clip} -> {self.character.stem}"


@dataclass(frozen=True)
class ExactnessRow:
    """Scores of the result and of the naive copy by `KEYS`, verdicts and processor seconds, fast and exact."""

    pair: Pair
    fast: tuple[dict[str, float | None], ...]
    exact: tuple[dict[str, float | None], ...]
    verdicts: tuple[str, str]
    processor_s: tuple[float, float]

    @property
    def differences(self) -> dict[str, float]:
        """The largest of result and copy, by key; infinite where only one way has a value."""
        pairs = list(zip(self.fast, self.exact, strict=True))
        return {key: max(_difference(one[key], other[key]) for one, other in pairs) for key in KEYS}

    @property
    def is_close(self) -> bool:
        if self.verdicts[0] != self.verdicts[1]:
            return False
        for one, other in zip(self.fast, self.exact, strict=True):
            share, points = PENETRATION
            apart = _difference(one["penetration_pct"], other["penetration_pct"])
            if apart > max(points, share * (other["penetration_pct"] or 0.0)):
                return False
            if any(_difference(one[key], other[key]) > limit for key, limit in LIMITS.items()):
                return False
        return True


def choose_pairs(corpus: Corpus, count: int, long: int, seed: int) -> list[Pair]:
    """`count` pairs, `long` of them of long clips, or as many as there are."""
    characters = [path for path in corpus.characters if surfaces_of(load_character(path)).full.is_own]
    every = []
    for motion in corpus.motions:
        for index, clip in enumerate(load_scene(motion.path).clips):
            frames = round(clip.duration_s * clip.rate_hz) + 1
            every += [Pair(motion.path, index, path, frames) for path in characters if path != motion.path]
    Random(seed).shuffle(every)
    longer = [pair for pair in every if pair.frames > LONG][:long]
    shorter = [pair for pair in every if pair.frames <= LONG]
    return longer + shorter[: count - len(longer)]


def compare(pairs: Sequence[Pair]) -> Iterator[ExactnessRow | tuple[Pair, str]]:
    """A row for each pair, or why it has none."""
    for pair in pairs:
        try:
            target, done = _retargeted(pair)
        except RetargetError as error:
            yield pair, error.code
            continue
        yield _compared(pair, target, done)


def summarise(rows: Sequence[ExactnessRow]) -> dict[str, Any]:
    """Of all rows: the largest differences, changed verdicts, how many are close, and processor seconds."""
    fast, exact = (sum(row.processor_s[way] for row in rows) for way in (0, 1))
    return {
        "pairs": len(rows),
        "long": sum(row.pair.frames > LONG for row in rows),
        "close": sum(row.is_close for row in rows),
        "verdicts_changed": sum(row.verdicts[0] != row.verdicts[1] for row in rows),
        "largest": {key: max((row.differences[key] for row in rows), default=0.0) for key in KEYS},
        "processor_s": fast,
        "processor_s_exact": exact,
        "times_cheaper": exact / max(fast, 1e-9),
    }


def _retargeted(pair: Pair) -> tuple[PreparedCharacter, RetargetedClip]:
    target = load_character(pair.character)
    source = prepare_motion(load_scene(pair.motion), pair.clip, JobOptions())
    return target, retarget_clip(source, target, JobOptions())


def _compared(pair: Pair, target: PreparedCharacter, done: RetargetedClip) -> ExactnessRow:
    found, verdicts, seconds = [], [], []
    for ways in (FAST, EXACT):
        surfaces, seen = surfaces_of(target), surfaces_of(done.source).light
        # What is made once for a body is no part of the price.
        assert ways.penetration(surfaces).allowed_m is not None and surfaces.light.ignored is not None
        assert seen.ignored is not None
        before = time.process_time()
        scores = geometry_scores([done.scored, done.naive], done.source.motion, seen, surfaces, ways=ways)
        seconds.append(time.process_time() - before)
        found.append(tuple({key: item.values[key] for key in KEYS} for item in scores))
        verdicts.append(_verdict(target, done, scores))
    return ExactnessRow(pair, found[0], found[1], (verdicts[0], verdicts[1]), (seconds[0], seconds[1]))


def _verdict(target: PreparedCharacter, done: RetargetedClip, surface: Sequence[GeometryScores]) -> str:
    both = []
    for motion, item in zip((done.scored, done.naive), surface, strict=True):
        scores = kinematic_scores(motion, done.source.motion, done.contacts, done.source_floor_m)
        for key, value in item.values.items():
            scores.put(key, value, item.not_applicable.get(key, ""))
        both.append(scores)
    verdict = judge(both[0].values, both[0].not_applicable, target.body.height_m, both[1].values)
    return str(verdict["verdict"])


def _difference(one: float | None, other: float | None) -> float:
    if one is None or other is None:
        return 0.0 if one is other else float("inf")
    return abs(one - other)
