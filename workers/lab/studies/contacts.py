"""Foot contacts on bodies of other leg proportions: clips chosen by what their labels say, onto every character.

Each clip is measured with foot contacts auto beside the naive copy: slide over the source's, floating over the ground
and sinking into it. A label is the text in a `labels.csv` beside the file (columns `file`, optionally `clip`, and
`label`), else the clip's name.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from workers.contract.errors import RetargetError
from workers.contract.options import parse_options
from workers.lab.corpus import Corpus, load_character, load_scene
from workers.preparation.prepare import prepare_motion
from workers.retargeting.clip import retarget_clip
from workers.scores.scores import Scores, kinematic_scores

DEFAULT_LABELS = r"\b(walk\w*|run\w*|jog\w*|jump\w*|climb\w*|uneven|terrain|stairs?)\b"
# The aim: at most this much more slide than the source's own.
SKATE_LIMIT = 1.2


@dataclass(frozen=True)
class ContactRow:
    """One clip on one character. `figures` holds `FIGURES`: lengths in % of body height, slides in body heights / s."""

    motion: str
    clip: str
    label: str
    word: str
    character: str
    leg_share: float
    planted_share: float = 0.0
    figures: dict[str, float | None] = field(default_factory=dict)
    code: str | None = None


FIGURES = (
    "skate_ratio", "skate_ratio_copy", "skate_source", "float_pct", "float_copy_pct", "float_source_pct",
    "penetration_pct", "penetration_copy_pct", "penetration_source_pct", "jerk_ratio", "jerk_ratio_copy",
)  # fmt: skip


def find_labelled(corpus: Corpus, pattern: str) -> list[tuple[Path, int, str, str]]:
    """(file, clip index, label, matched word) of the clips whose label matches."""
    found = []
    for motion in corpus.motions:
        for index, clip in enumerate(motion.clips):
            label = label_of(motion.path, clip)
            match = re.search(pattern, label, re.IGNORECASE)
            if match:
                found.append((motion.path, index, label, match.group(0).lower()))
    return found


def label_of(path: Path, clip: str) -> str:
    """The text that describes a clip."""
    for row in _labels(path.parent / "labels.csv"):
        if row.get("file") == path.name and row.get("clip", clip) == clip and row.get("label"):
            return row["label"]
    return re.sub(r"[^0-9A-Za-z]+", " ", clip)


@lru_cache(maxsize=64)
def _labels(path: Path) -> tuple[dict[str, str], ...]:
    if not path.is_file():
        return ()
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


def study_contacts(chosen: list[tuple[Path, int, str, str]], characters: tuple[Path, ...]) -> Iterator[ContactRow]:
    """A row per clip and character, but for characters in the clip's own file."""
    options = parse_options(None)
    for path, index, label, word in chosen:
        scene = load_scene(path)
        source = prepare_motion(scene, index, options)
        for character in characters:
            if character == path:
                continue
            target = load_character(character)
            leg = target.body.leg_length_m / target.body.height_m
            row = ContactRow(str(path), source.motion.name, label, word, str(character), leg)
            try:
                done = retarget_clip(source, target, options)
            except RetargetError as error:
                yield replace(row, code=error.code)
                continue
            result, copy = (
                kinematic_scores(motion, done.source.motion, done.contacts, done.source_floor_m)
                for motion in (done.result, done.naive)
            )
            planted = float(done.contacts.planted.any(axis=1).mean())
            yield replace(row, planted_share=planted, figures=_figures(result, copy, target.body.height_m))


def _figures(result: Scores, copy: Scores, height_m: float) -> dict[str, float | None]:
    def percent(scores: Scores, key: str) -> float | None:
        value = scores.values[key]
        return None if value is None else value / height_m

    return {
        "skate_ratio": result.values["foot_skate_ratio"],
        "skate_ratio_copy": copy.values["foot_skate_ratio"],
        "skate_source": result.values["foot_skate_source"],
        "float_pct": percent(result, "foot_float_cm"),
        "float_copy_pct": percent(copy, "foot_float_cm"),
        "float_source_pct": percent(result, "foot_float_source_cm"),
        "penetration_pct": percent(result, "ground_penetration_cm"),
        "penetration_copy_pct": percent(copy, "ground_penetration_cm"),
        "penetration_source_pct": percent(result, "ground_penetration_source_cm"),
        "jerk_ratio": result.values["jerk_ratio"],
        "jerk_ratio_copy": copy.values["jerk_ratio"],
    }


def summarise(rows: list[ContactRow]) -> dict[str, dict[str, Any]]:
    """Medians, 95th percentiles and the share of pairs within `SKATE_LIMIT`, per word and over all."""
    words = sorted({row.word for row in rows})
    return {word: _figures_of([row for row in rows if word in ("all", row.word)]) for word in (*words, "all")}


def _figures_of(rows: list[ContactRow]) -> dict[str, Any]:
    def spread(name: str) -> dict[str, float] | None:
        values = [value for row in rows if (value := row.figures.get(name)) is not None]
        if not values:
            return None
        return {"median": float(np.median(values)), "p95": float(np.quantile(values, 0.95)), "max": float(max(values))}

    ratios = [ratio for row in rows if (ratio := row.figures.get("skate_ratio")) is not None]
    return {
        "pairs": len(rows),
        "failures": sum(row.code is not None for row in rows),
        "with_ratio": len(ratios),
        "within_limit": sum(ratio <= SKATE_LIMIT for ratio in ratios),
        **{name: spread(name) for name in FIGURES},
    }
