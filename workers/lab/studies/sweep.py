"""The sweep: every motion onto every character, each result read again and checked by other code than made it.

A pair succeeds when the engine delivers, the delivered file reads again with finite poses that move where the source
moves, and the glTF validator finds no error in it that the uploaded file did not have. Beside that, the angle between
result and source limbs is measured with foot contacts off, where the algebra alone decides.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from workers.contract.errors import OutputInvalid, RetargetError
from workers.contract.options import parse_options
from workers.engine.engine import retarget_scenes
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.lab.corpus import Corpus, load_character, load_scene
from workers.lab.gltf_validator import GltfValidator, find_validator, new_errors
from workers.motion.body_motion import from_clip
from workers.preparation.prepare import PreparedCharacter, PreparedMotion, prepare_motion
from workers.retargeting.clip import retarget_clip
from workers.scores import pose_scores
from workers.scores.scores import MIN_MOVEMENT_DEG_S

# A result that moves less than this share of its source is frozen, whatever else is said of it.
FROZEN_SHARE = 0.2


@dataclass(frozen=True)
class PairOutcome:
    """One clip on one character. `code` is an error's code, or what a check found wrong; None where all is well."""

    motion: str
    clip: str
    character: str
    code: str | None = None
    detail: str = ""
    seconds: float = 0.0
    frames: int = 0
    limb_error_deg: float | None = None
    verdict: str | None = None
    decided_by: tuple[str, ...] = ()
    validated: bool = False
    values: dict[str, float | None] = field(default_factory=dict)  # of the verdict's rows

    @property
    def ok(self) -> bool:
        return self.code is None


@dataclass(frozen=True)
class ClipTask:
    """One clip onto all characters; `validate` also asks the glTF validator about each result."""

    motion: Path
    clip: int
    clip_name: str
    characters: tuple[Path, ...]
    validate: bool


def plan(corpus: Corpus, clips: str, validate: str) -> list[ClipTask]:
    """`clips` all or first of each motion file; `validate` all, first (clip of each file) or none."""
    return [
        ClipTask(motion.path, index, name, corpus.characters, validate == "all" or (validate == "first" and index == 0))
        for motion in corpus.motions
        for index, name in enumerate(motion.clips if clips == "all" else motion.clips[:1])
    ]


def run_sweep(tasks: Sequence[ClipTask], processes: int) -> Iterator[PairOutcome]:
    """Outcomes in the order of the tasks, as they come."""
    if processes <= 1:
        for task in tasks:
            yield from run_task(task)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for outcomes in pool.map(run_task, tasks):
            yield from outcomes


def run_task(task: ClipTask) -> list[PairOutcome]:
    """One clip onto each character. Nothing is raised: an error is an outcome."""
    outcomes = []
    for path in task.characters:
        start = time.perf_counter()
        outcome = PairOutcome(str(task.motion), task.clip_name, str(path))
        try:
            outcome = _run_pair(task, path, outcome)
        except RetargetError as error:
            outcome = replace(outcome, code=error.code, detail=error.detail)
        except Exception as error:
            outcome = replace(outcome, code="crash", detail=f"{type(error).__name__}: {' '.join(str(error).split())}")
        outcomes.append(replace(outcome, seconds=outcome.seconds or time.perf_counter() - start))
    return outcomes


def _run_pair(task: ClipTask, path: Path, outcome: PairOutcome) -> PairOutcome:
    target, motion = load_character(path), load_scene(task.motion)
    start = time.perf_counter()
    options = parse_options({"clip": task.clip, "encoder": "none"})  # meaning has a study of its own
    result = retarget_scenes(motion, target.scene, options, prepared=target)
    seconds = time.perf_counter() - start
    source = _source(task.motion, task.clip)
    (data,) = result.artifacts.values()
    check_result(data, target, source)
    verdict = result.report["verdict"]
    outcome = replace(
        outcome,
        seconds=seconds,
        frames=int(result.report["target"]["frames"]),
        limb_error_deg=limb_error_deg(source, target),
        verdict=verdict["verdict"],
        decided_by=tuple(verdict["decided_by"]),
        values={row["score"]: row["value"] for row in verdict["rows"]},
    )
    if not task.validate:
        return outcome
    errors = new_errors(_report_before(path), _validator().validate(data))
    if errors:
        return replace(outcome, code="gltf-errors", detail=", ".join(f"{k} x{n}" for k, n in errors.items()))
    return replace(outcome, validated=True)


def check_result(data: bytes, target: PreparedCharacter, source: PreparedMotion) -> None:
    """Read the delivered file and look at its last clip. Raises OutputInvalid."""
    scene = read_scene(FileBundle("result.glb", data))
    clip = scene.load_clip(len(scene.clips) - 1, None)
    written = from_clip(replace(target.body, skeleton=scene.skeleton), clip)
    if not (np.isfinite(written.rotations).all() and np.isfinite(written.positions_m).all()):
        raise OutputInvalid("the delivered file holds values that are not finite")
    limbs = pose_scores.shared_limbs(source.body, target.body)
    moved, wanted = pose_scores.limb_speed(written, limbs), pose_scores.limb_speed(source.motion, limbs)
    still = wanted is None or wanted < MIN_MOVEMENT_DEG_S
    if not still and (moved is None or moved < FROZEN_SHARE * (wanted or 0.0)):
        raise OutputInvalid(
            f"the delivered clip is frozen: limbs turn {moved or 0:.2f} deg/s where the source's turn {wanted:.2f}"
        )


def limb_error_deg(source: PreparedMotion, target: PreparedCharacter) -> float:
    """Mean angle between result and source limbs with foot contacts off."""
    done = retarget_clip(source, target, parse_options({"foot_contact": "off"}))
    return float(pose_scores.limb_errors_deg(done.result, done.source.motion).mean())


@lru_cache(maxsize=2)
def _source(path: Path, clip: int) -> PreparedMotion:
    return prepare_motion(load_scene(path), clip, parse_options(None))


@lru_cache(maxsize=1)
def _validator() -> GltfValidator:
    validator = find_validator()
    if validator is None:
        raise RuntimeError("no gltf-validator is installed; use --validate none")
    return validator


@lru_cache(maxsize=64)
def _report_before(path: Path) -> dict[str, Any]:
    siblings = {
        str(file.relative_to(path.parent)): file.read_bytes()
        for file in path.parent.rglob("*")
        if path.suffix.lower() == ".gltf" and file.is_file() and file != path
    }
    return _validator().validate(path.read_bytes(), siblings)


def summarise(outcomes: Sequence[PairOutcome]) -> dict[str, Any]:
    """Successes, failures by code, verdicts with what decided them, and figures per character."""
    by_character: dict[str, list[PairOutcome]] = defaultdict(list)
    for outcome in outcomes:
        by_character[outcome.character].append(outcome)
    good = [outcome for outcome in outcomes if outcome.ok]
    return {
        "pairs": len(outcomes),
        "successes": len(good),
        "validated": sum(outcome.validated for outcome in good),
        "failures": dict(Counter(outcome.code for outcome in outcomes if not outcome.ok)),
        "verdicts": dict(Counter(outcome.verdict for outcome in good)),
        "decided_by": dict(Counter(row for outcome in good for row in outcome.decided_by)),
        "values": {row: _spread([outcome.values.get(row) for outcome in good]) for row in sorted(good[0].values)}
        if good
        else {},
        "seconds_median": float(np.median([outcome.seconds for outcome in good])) if good else None,
        "characters": {name: _character_figures(items) for name, items in sorted(by_character.items())},
    }


def _character_figures(outcomes: Sequence[PairOutcome]) -> dict[str, Any]:
    errors = [outcome.limb_error_deg for outcome in outcomes if outcome.limb_error_deg is not None]
    return {
        "pairs": len(outcomes),
        "successes": sum(outcome.ok for outcome in outcomes),
        "limb_error_deg_mean": float(np.mean(errors)) if errors else None,
        "limb_error_deg_max": float(np.max(errors)) if errors else None,
        "verdicts": dict(Counter(outcome.verdict for outcome in outcomes if outcome.ok)),
    }


def _spread(values: Sequence[float | None]) -> dict[str, float] | None:
    """How a verdict's value is distributed: what its limits are tuned on."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    quantiles = np.quantile(known, [0.05, 0.5, 0.95, 0.99])
    return {
        "p5": float(quantiles[0]),
        "median": float(quantiles[1]),
        "p95": float(quantiles[2]),
        "p99": float(quantiles[3]),
        "absent": float(len(values) - len(known)),
    }
