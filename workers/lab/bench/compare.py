"""Ours beside what users would take instead: the same clips on the same characters, every result scored alike.

Each result is a GLB that is read again and scored by `workers.engine.score_files`, which knows nothing of who made it.
Where the character's file holds the same clip made by its author, the joints' distance from that is told too
(`truth_pct`, in % of the body's height, relative to the hips). Figures are means over the pairs that all opponents
could do, so that one that fails on the hard ones does not look better for it; who failed where is listed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from workers.contract.errors import RetargetError
from workers.contract.options import JobOptions
from workers.engine.score_files import first_frames, score_files
from workers.formats.bundle import FileBundle
from workers.formats.load_bundle import bundle_from_path
from workers.formats.read import read_scene
from workers.lab.bench.opponents import Made, Opponent, attempt
from workers.lab.bench.peak import peak_mib
from workers.lab.corpus import load_scene
from workers.motion.body_motion import from_clip
from workers.preparation.prepare import prepare_motion
from workers.scores.pose_scores import position_errors
from workers.skeleton.resample import resample

# Score of the report -> heading of its column. Those on top say how well, the last how fast.
COLUMNS = {
    "truth_pct": "to the true clip, % of height",
    "foot_skate_ratio": "skate ratio",
    "foot_float_cm": "float cm",
    "jerk_ratio": "jerk ratio",
    "penetration_pct": "penetration %",
    "contact_error": "contact error",
    "contact_recall": "contact recall",
    "relation_error": "relation error",
    "limb_direction_error_deg": "limbs off deg",
    "semantic_similarity": "similarity",
    "frames_per_s": "frames/s",
    "peak_mib": "MiB",
}


@dataclass
class Comparison:
    """Figures by opponent and column; `pairs` were done by all, `failures` say who made nothing of which pair."""

    pairs: int
    figures: dict[str, dict[str, float | None]]
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PairResult:
    """One opponent's result on one pair; `values` by `COLUMNS`, or `failure` in words."""

    motion: str
    character: str
    opponent: str
    values: Mapping[str, float | None]
    failure: str | None = None


def compare(
    opponents: Sequence[Opponent],
    motions: Sequence[Path],
    characters: Sequence[Path],
    encoder: str | None,
    asks_memory: bool = False,
) -> Iterator[PairResult]:
    """Each opponent on each pair, in turn on the same pair, so that what else the machine does falls on all. A file is
    not brought onto itself. Memory is asked for in processes of their own, which takes as long again.
    """
    pairs = [(motion, character) for motion in motions for character in characters if motion != character]
    for motion, character in pairs:
        for opponent in opponents:
            made = attempt(opponent, motion, character)
            values, failure = ({}, made) if isinstance(made, str) else _scored(made, motion, character, encoder)
            if asks_memory and not isinstance(made, str) and values:
                values["peak_mib"] = peak_mib(opponent.name, motion, character) if opponent.is_ours else made.peak_mib
            yield PairResult(motion.name, character.name, opponent.name, values, failure)


def _scored(
    made: Made, motion: Path, character: Path, encoder: str | None
) -> tuple[dict[str, float | None], str | None]:
    result = FileBundle("result.glb", made.data)
    try:
        told = score_files(bundle_from_path(motion), result, options=JobOptions(encoder=encoder))
    except RetargetError as error:
        return {}, f"its result cannot be scored: {error}"
    scores = told["scores"]
    meaning = scores.get("semantic_similarity")
    values = {name: scores.get(name) for name in COLUMNS}
    values["semantic_similarity"] = meaning.get("calibrated", meaning.get("raw")) if isinstance(meaning, dict) else None
    values["frames_per_s"] = told["result"]["frames"] / made.seconds
    values["truth_pct"] = _truth_pct(result, motion, character)
    return values, None


def _truth_pct(result: FileBundle, motion: Path, character: Path) -> float | None:
    """Mean distance of the joints from the author's own clip of the same name; None where there is none."""
    source, target = load_scene(motion), load_scene(character)
    name = source.clips[0].name
    if name not in [clip.name for clip in target.clips]:
        return None
    scene, number = read_scene(result), target.find_clip(name)
    made = prepare_motion(scene, len(scene.clips) - 1, JobOptions()).motion
    true_clip = resample(target.load_clip(number, None), made.rate_hz)
    truth = from_clip(prepare_motion(target, number, JobOptions()).body, true_clip)
    frames = min(made.frames, truth.frames)
    errors = position_errors(first_frames(made, frames), first_frames(truth, frames))
    return 100.0 * float(errors.mean())


def pooled(results: Sequence[PairResult]) -> Comparison:
    """Means over the pairs that every opponent did; of a column over those in which all have a value."""
    names = list(dict.fromkeys(result.opponent for result in results))
    by_pair: dict[tuple[str, str], dict[str, PairResult]] = {}
    for result in results:
        by_pair.setdefault((result.motion, result.character), {})[result.opponent] = result
    whole = [pair for pair in by_pair.values() if not any(result.failure for result in pair.values())]
    figures: dict[str, dict[str, float | None]] = {name: {} for name in names}
    for column in COLUMNS:
        told = [pair for pair in whole if all(pair[name].values.get(column) is not None for name in names)]
        for name in names:
            own = [float(pair[name].values[column] or 0.0) for pair in told]
            figures[name][column] = float(np.mean(own)) if own else None
    failures = [
        f"{result.opponent}: {result.motion} on {result.character}: {result.failure}"
        for result in results
        if result.failure
    ]
    return Comparison(len(whole), figures, failures)


def markdown(found: Comparison) -> str:
    """A table, a row an opponent; columns that nobody has a figure in are left out."""
    columns = [name for name in COLUMNS if any(row[name] is not None for row in found.figures.values())]
    lines = [
        "| | " + " | ".join(COLUMNS[name] for name in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for name, row in found.figures.items():
        lines.append(f"| {name} | " + " | ".join(number(row[column]) for column in columns) + " |")
    return "\n".join(lines)


def as_csv(results: Sequence[PairResult]) -> str:
    """Every pair and opponent, a line each."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["motion", "character", "opponent", *COLUMNS, "failure"])
    for result in results:
        values = [result.values.get(column) for column in COLUMNS]
        writer.writerow([result.motion, result.character, result.opponent, *values, result.failure or ""])
    return text.getvalue()


def number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
