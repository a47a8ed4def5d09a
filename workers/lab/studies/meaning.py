"""What semantic scores make of good results and of spoilt ones: the distributions that the verdict's limits rest on.

Motions and characters are taken evenly from a folder. Each pair gives the scores of the result, of the naive copy and
of every damage in `meaning_damage`, all against the same source. A limit's hit rate is the share of spoilt results
that it finds, its false alarm rate the share of good ones that it blames; nothing here was chosen by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from workers.contract.errors import RetargetError
from workers.contract.options import JobOptions, parse_options
from workers.lab.corpus import Corpus, load_character, load_scene
from workers.lab.studies.meaning_damage import damages
from workers.motion.body_motion import BodyMotion
from workers.preparation.prepare import PreparedCharacter, prepare_motion
from workers.retargeting.clip import RetargetedClip, retarget_clip
from workers.scores.scores import MeaningValues
from workers.scores.verdict import LIMIT_LOSS_TO_COPY, LIMITS_MEANING
from workers.semantics.loaded import LoadedEncoder, open_encoder
from workers.semantics.scoring import measure_meaning
from workers.semantics.viewed_clip import ViewedClip, from_origin, view_clip

GOOD = ("result", "copy")
MAX_DURATION_S = 8.0
MIN_FRAMES = 10  # poses of a frame or two have no meaning to lose in time
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
CANDIDATES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class MeaningRow:
    """One body's scores against its source. `kind` is result, copy, or a damage's name; `loss` is the calibrated
    similarity of the copy less this one's.
    """

    motion: str
    clip: str
    character: str
    source_body: str
    kind: str
    raw: float | None = None
    calibrated: float | None = None
    loss: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class MeaningPair:
    motion: Path
    clip: int
    clip_name: str
    other: int  # another clip of the file, or the same where there is none
    character: Path


def plan(corpus: Corpus, pairs: int) -> list[MeaningPair]:
    """At most `pairs` clips evenly from all, each on the next character."""
    clips = [(file, index) for file in corpus.motions for index in range(len(file.clips))]
    if len(clips) > pairs:
        clips = [clips[int(number)] for number in np.linspace(0, len(clips) - 1, pairs).round()]
    return [
        MeaningPair(
            file.path,
            index,
            file.clips[index],
            (index + 1 + len(file.clips) // 2) % len(file.clips),
            corpus.characters[number % len(corpus.characters)],
        )
        for number, (file, index) in enumerate(clips)
    ]


def study_meaning(pairs: Sequence[MeaningPair], encoder: str, keyframes: int) -> Iterator[list[MeaningRow]]:
    """The rows of each pair in turn. An error is a row; clips of a few frames are left out."""
    loaded = open_encoder(encoder)
    options = parse_options({"end_s": MAX_DURATION_S, "keyframes": keyframes})
    for number, pair in enumerate(pairs):
        row = MeaningRow(str(pair.motion), pair.clip_name, str(pair.character), "", "result")
        try:
            fallback = pairs[(number + 1 + len(pairs) // 2) % len(pairs)]
            yield _rows(pair, fallback, loaded, options, row)
        except RetargetError as error:
            yield [replace(row, error=f"{error.code}: {error.detail}")]


def _rows(
    pair: MeaningPair, fallback: MeaningPair, loaded: LoadedEncoder, options: JobOptions, row: MeaningRow
) -> list[MeaningRow]:
    target = load_character(pair.character)
    done = _retargeted(pair.motion, pair.clip, target, options)
    if done.scored.frames < MIN_FRAMES:
        return []
    # A file with one clip has no other: then a clip of another file is the wrong one.
    wrong = (fallback.motion, fallback.clip) if pair.other == pair.clip else (pair.motion, pair.other)
    other = _retargeted(*wrong, target, options).scored
    seen = view_clip(done, target, options.keyframes, loaded.views, loaded.encoder.device.type)
    bodies: dict[str, BodyMotion] = {"result": done.scored, "copy": done.naive}
    bodies |= damages(done, target, other, options)
    values = _measure(seen, bodies, loaded)
    copied = values["copy"].calibrated
    return [
        replace(
            row,
            source_body=seen.source_body,
            kind=kind,
            raw=found.raw,
            calibrated=found.calibrated,
            loss=None if copied is None or found.calibrated is None else max(0.0, copied - found.calibrated),
        )
        for kind, found in values.items()
    ]


def _measure(seen: ViewedClip, bodies: Mapping[str, BodyMotion], loaded: LoadedEncoder) -> dict[str, MeaningValues]:
    """Scores of every body, two at a time: the source's part comes from the cache."""
    names, values = list(bodies), {}
    for start in range(0, len(names), 2):
        first, second = names[start], names[min(start + 1, len(names) - 1)]
        shown = replace(
            seen,
            result=replace(seen.result, motion=from_origin(bodies[first])),
            naive=replace(seen.naive, motion=from_origin(bodies[second])),
        )
        found = measure_meaning(shown, loaded)
        values[first], values[second] = found.result, found.naive
    return values


def _retargeted(motion: Path, clip: int, target: PreparedCharacter, options: JobOptions) -> RetargetedClip:
    return retarget_clip(prepare_motion(load_scene(motion), clip, options), target, options)


def summarise(rows: Sequence[MeaningRow]) -> dict[str, Any]:
    """Quantiles by kind, and hit and false alarm rates of the verdict's limits and of other ones."""
    kinds = list(dict.fromkeys(row.kind for row in rows if row.raw is not None))
    return {
        "rows": len(rows),
        "errors": sum(row.error is not None for row in rows),
        "distributions": {
            kind: {
                value: _quantiles([getattr(row, value) for row in rows if row.kind == kind])
                for value in ("raw", "calibrated", "loss")
            }
            for kind in kinds
        },
        "calibrated_below": {
            f"{limit:g}": _shares(rows, kinds, "calibrated", lambda value, limit=limit: value < limit)
            for limit in sorted({*CANDIDATES, *LIMITS_MEANING})
        },
        "loss_above": {
            f"{limit:g}": _shares(rows, kinds, "loss", lambda value, limit=limit: value > limit)
            for limit in sorted({0.05, 0.1, 0.15, 0.2, 0.3, LIMIT_LOSS_TO_COPY})
        },
    }


def _quantiles(values: Sequence[float | None]) -> dict[str, float] | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    return {f"p{100 * q:g}": float(np.quantile(known, q)) for q in QUANTILES}


def _shares(rows: Sequence[MeaningRow], kinds: Sequence[str], name: str, blamed: Any) -> dict[str, float]:
    """Share of each kind's results that a limit blames, and of all spoilt ones together."""
    shares = {}
    for label, chosen in [(kind, (kind,)) for kind in kinds] + [("spoilt", tuple(k for k in kinds if k not in GOOD))]:
        known = [value for row in rows if row.kind in chosen and (value := getattr(row, name)) is not None]
        if known:
            shares[label] = float(np.mean([blamed(value) for value in known]))
    return shares
