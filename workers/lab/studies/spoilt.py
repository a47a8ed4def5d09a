"""Whether the verdict sees what a person sees first: spoilt results that must not pass, good ones that must.

`spoil` takes bodies and a clip for each that walks on flat ground and moves every limb, and does to the result
each of the ten kinds of damage in `spoilt_results`, at full and at half size. `compare` draws good pairs by seed and
judges each twice in one run, with all rows and without those of `SEEN_FIRST`, so that what these alone made worse is
listed with the rows that did it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from workers.contract.errors import RetargetError
from workers.contract.options import JobOptions, parse_options
from workers.engine.engine import retarget_scenes
from workers.geometry.prepared import surfaces_of
from workers.lab.corpus import Corpus, load_character, load_scene
from workers.lab.studies.spoilt_results import KINDS, SIZES, Good
from workers.motion.body_motion import BodyMotion, hip_centre
from workers.preparation.prepare import PreparedCharacter, prepare_motion
from workers.retargeting.clip import RetargetedClip, retarget_clip
from workers.scores.limb_scores import least_spread_deg
from workers.scores.scores import Scores, kinematic_scores
from workers.scores.skin_measures import skin_scores
from workers.scores.verdict import SEEN_FIRST, judge, without_rows
from workers.skeleton.body import Body

# The aims: of the spoilt results at most this share passes, of the good pairs at most this many get worse.
MAY_PASS = 0.05
MAY_WORSEN_PCT = 1.0
# What a clip must show for every kind of damage to be visible in it.
LEAST_FRAMES = 20
LEAST_TRAVEL = 0.5  # of the leg, end to end
LEAST_SPREAD_DEG = 10.0  # of every limb
MAX_DURATION_S = 8.0
MOST_TRIES = 200
NEEDED = tuple(f"{side}{part}" for side in ("left", "right") for part in ("Hand", "Foot"))


@dataclass(frozen=True)
class SpoiltRow:
    """One damage on one body: the verdict, and the rows that brought it below pass."""

    kind: str
    size: float
    motion: str
    clip: str
    character: str
    verdict: str
    decided_by: tuple[str, ...]


@dataclass(frozen=True)
class PairRow:
    """One good pair: its verdicts without and with the rows of `SEEN_FIRST`; `code` is an error's."""

    motion: str
    clip: str
    character: str
    before: str = ""
    after: str = ""
    decided_by: tuple[str, ...] = ()
    code: str | None = None

    @property
    def is_worse(self) -> bool:
        return self.before != self.after


def spoil(corpus: Corpus, bodies: int, seed: int) -> Iterator[SpoiltRow]:
    """The good result of each body (kind `good`, size 0), then every damage at every size."""
    for good, names in draw_goods(corpus, bodies, seed):
        yield judged(good, good.done.scored, "good", 0.0, names)
        for size in SIZES:
            for kind, damage in KINDS.items():
                yield judged(good, damage(good, size), kind, size, names)


def draw_goods(corpus: Corpus, bodies: int, seed: int) -> Iterator[tuple[Good, tuple[str, str, str]]]:
    """Good results in which every damage shows, each on another body, with motion, clip and character."""
    random = Random(seed)
    options = parse_options({"end_s": MAX_DURATION_S})
    characters = list(corpus.characters)
    random.shuffle(characters)
    found = 0
    for path in characters:
        if found == bodies:
            return
        target = load_character(path)
        if not target.body.has(*NEEDED) or not surfaces_of(target).full.is_own:
            continue
        chosen = _telling_clip(corpus, target, options, random)
        if chosen is None:
            continue
        done, motion, name, other = chosen
        yield Good(done, target, options, other, found), (str(motion), name, str(path))
        found += 1


def compare(corpus: Corpus, pairs: int, seed: int, encoder: str) -> Iterator[PairRow]:
    """Pairs drawn by seed from all clips and characters, by character, so that each is read once. Nothing is raised: an
    error is a row.
    """
    random = Random(seed)
    clips = [(file, index) for file in corpus.motions for index in range(len(file.clips))]
    drawn = [(random.choice(clips), random.choice(corpus.characters)) for _ in range(pairs)]
    for (file, index), character in sorted(drawn, key=lambda item: (item[1], item[0][0].path, item[0][1])):
        names = (str(file.path), file.clips[index], str(character))
        try:
            target = load_character(character)
            options = parse_options({"clip": index, "encoder": encoder})
            report = retarget_scenes(load_scene(file.path), target.scene, options, prepared=target).report
        except RetargetError as error:
            yield PairRow(*names, code=error.code)
            continue
        except Exception as error:
            yield PairRow(*names, code=f"crash: {type(error).__name__}")
            continue
        verdict = report["verdict"]
        yield PairRow(*names, without_rows(verdict, SEEN_FIRST), verdict["verdict"], tuple(verdict["decided_by"]))


def table(rows: Sequence[SpoiltRow]) -> Mapping[float, tuple[int, int]]:
    """By size: how many spoilt results do not pass, and how many there are."""
    return {
        size: (sum(row.verdict != "pass" for row in rows if row.size == size), sum(row.size == size for row in rows))
        for size in SIZES
    }


def summarise(rows: Sequence[PairRow]) -> dict[str, Any]:
    """Verdicts before and after, and the share of pairs that the new rows made worse, in percent."""
    good = [row for row in rows if row.code is None]
    worse = [row for row in good if row.is_worse]
    deciding = sorted({name for row in worse for name in row.decided_by})
    return {
        "pairs": len(good),
        "failed": len(rows) - len(good),
        "before": {name: sum(row.before == name for row in good) for name in ("pass", "review", "fail")},
        "after": {name: sum(row.after == name for row in good) for name in ("pass", "review", "fail")},
        "worse_pct": 100.0 * len(worse) / max(len(good), 1),
        "by_row": {name: sum(name in row.decided_by for row in worse) for name in deciding},
    }


def _telling_clip(
    corpus: Corpus, target: PreparedCharacter, options: JobOptions, random: Random
) -> tuple[RetargetedClip, Path, str, BodyMotion] | None:
    """A clip in which every damage shows, with its file and name, and another clip's poses on the same body."""
    clips = [(file, index) for file in corpus.motions for index in range(len(file.clips))]
    telling: tuple[RetargetedClip, Path, str] | None = None
    other: BodyMotion | None = None
    for file, index in random.sample(clips, min(MOST_TRIES, len(clips))):
        try:
            done = retarget_clip(prepare_motion(load_scene(file.path), index, options), target, options)
        except RetargetError:
            continue
        if telling is None and _is_telling(done, target.body):
            telling = done, file.path, file.clips[index]
        else:
            other = done.scored
        if telling is not None and other is not None:
            return (*telling, other)
    return None


def _is_telling(done: RetargetedClip, target: Body) -> bool:
    source = done.source.motion
    path = hip_centre(source)[:, [0, 2]]
    travel = float(np.linalg.norm(path[-1] - path[0])) / source.body.leg_length_m
    return (
        source.frames >= LEAST_FRAMES
        and source.body.has(*NEEDED)
        and done.floor.kind == "plane"
        and travel > LEAST_TRAVEL
        and least_spread_deg(source, target) > LEAST_SPREAD_DEG
    )


def judged(good: Good, motion: BodyMotion, kind: str, size: float, names: tuple[str, str, str]) -> SpoiltRow:
    """Without penetration and meaning, which would only find more."""
    scores, naive = (_scores(good, item) for item in (motion, good.done.naive))
    verdict = judge(scores.values, scores.not_applicable, good.target.body.height_m, naive.values)
    return SpoiltRow(kind, size, *names, verdict["verdict"], tuple(verdict["decided_by"]))


def _scores(good: Good, motion: BodyMotion) -> Scores:
    done = good.done
    scores = kinematic_scores(motion, done.source.motion, done.contacts, done.source_floor_m)
    for key, value in skin_scores(motion, surfaces_of(good.target).full).values.items():
        scores.put(key, value, "")
    return scores
