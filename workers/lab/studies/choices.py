"""Pairs of results for people to choose between, blind: the same clip on the same character, by two sets of options.

Clips and characters are drawn by a seed, in turns by folder, so that no folder of many files decides. Only what a
person can see is shown: a pair counts in which a hand is somewhere else by at least a share of the height. The moments
shown are the clip's first and last, where results of windows go wrong unseen, and those of the largest displacement.
Which of the two is shown first is drawn too; the key lies in its own file. What people choose is told by
`choices_told`; sheets are drawn by `choices_sheet`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from workers.contract.errors import RetargetError
from workers.contract.options import JobOptions
from workers.contract.roles import SIDES
from workers.engine.engine import score_clip
from workers.lab.corpus import Corpus, in_turns, load_character, load_scene
from workers.motion.body_motion import BodyMotion
from workers.preparation.prepare import PreparedCharacter, prepare_motion
from workers.refinement.stage import RefiningStage
from workers.retargeting.clip import RetargetedClip, retarget_clip
from workers.scores.pose_scores import shared_limbs
from workers.semantics.meaning import MeaningStage
from workers.skeleton.model import Array

SECONDS = 4.0  # of each clip, its beginning
MIN_DURATION_S = 0.5
APART_S = 0.3  # between two moments that are shown
MOMENTS = 4
TRIES = 12  # pairs looked at for each that is shown


@dataclass(frozen=True)
class Drawn:
    motion: Path
    clip: int
    character: Path


@dataclass(frozen=True, eq=False)
class Choice:
    """Two results of one clip on one character; `frames` are what is shown of them. `reports` are scores."""

    drawn: Drawn
    target: PreparedCharacter
    results: tuple[RetargetedClip, RetargetedClip]
    reports: tuple[dict[str, Any], dict[str, Any]]
    moved: float  # the farthest that a hand of one is from the other's, in heights
    frames: tuple[int, ...]


def draw(corpus: Corpus, seed: int) -> Iterator[Drawn]:
    """Clips on characters without end: characters in turns by folder, a clip of a folder drawn anew for each."""
    random = Random(seed)
    folders: dict[Path, list[tuple[Path, int]]] = {}
    for file in corpus.motions:
        clips = load_scene(file.path).clips
        long_enough = [(file.path, k) for k, clip in enumerate(clips) if clip.duration_s >= MIN_DURATION_S]
        folders.setdefault(file.path.parent, []).extend(long_enough)
    sources = [clips for clips in folders.values() if clips]
    if not sources or not corpus.characters:
        return
    while True:
        for character in in_turns(random.sample(corpus.characters, len(corpus.characters))):
            motion, clip = random.choice(random.choice(sources))
            if motion != character:
                yield Drawn(motion, clip, character)


def find_choices(
    pairs: Iterator[Drawn], options: tuple[JobOptions, JobOptions], count: int, least_moved: float
) -> Iterator[Choice | RetargetError]:
    """`count` choices in which a hand differs by `least_moved` heights, none twice, and the errors met on the way;
    fewer where `TRIES` times as many pairs hold no more.
    """
    found = 0
    seen: set[Drawn] = set()
    for number, drawn in enumerate(pairs):
        if found == count or number >= TRIES * count:
            return
        if drawn in seen:
            continue
        seen.add(drawn)
        try:
            choice = make_choice(drawn, options)
        except RetargetError as error:
            yield error
            continue
        if choice.moved >= least_moved:
            found += 1
            yield choice


def make_choice(drawn: Drawn, options: tuple[JobOptions, JobOptions]) -> Choice:
    """Both results with their scores. Raises RetargetError."""
    target, scene = load_character(drawn.character), load_scene(drawn.motion)
    longer = scene.clips[drawn.clip].duration_s > SECONDS
    results, reports = [], []
    for chosen in options:
        chosen = chosen.model_copy(update={"end_s": SECONDS}) if longer else chosen
        stage, meaning = RefiningStage(chosen), MeaningStage(chosen.encoder)
        clip = retarget_clip(prepare_motion(scene, drawn.clip, chosen), target, chosen)
        if stage.is_on:
            clip = stage.refine(clip, target, 1, lambda _: None)
        results.append(clip)
        report = score_clip(clip, target, (), chosen, meaning, lambda _: None).report
        reports.append({"verdict": report["verdict"]["verdict"], **flat(report["scores"])})
    first, second = results
    away = hands_apart(first.scored, second.scored)
    frames = moments(away, first.scored.rate_hz)
    return Choice(drawn, target, (first, second), (reports[0], reports[1]), float(away.max()), frames)


def hands_apart(first: BodyMotion, second: BodyMotion) -> Array:
    """How far the hands of two motions of one body are from each other `(frames,)`, in heights, seen from the hips."""
    body = first.body
    names = [f"{side}Hand" for side in SIDES if body.has(f"{side}Hand")]
    names = names or [role for limb in shared_limbs(body, body) for role in limb if role.endswith("LowerArm")]
    joints = [body.mapping.roles[role].joint for role in names]
    seen = [motion.positions_m[:, joints] - motion.positions_m[:, [body.hips]] for motion in (first, second)]
    away: Array = np.linalg.norm(seen[0] - seen[1], axis=-1).max(axis=1, initial=0.0) / body.height_m
    return away


def moments(away: Array, rate_hz: float) -> tuple[int, ...]:
    """Frames to show: both ends, the largest displacement, then the next ones that are `APART_S` from every other."""
    chosen = {0, len(away) - 1, int(np.argmax(away))}
    for frame in np.argsort(-away, kind="stable"):
        if len(chosen) >= MOMENTS:
            break
        if min(abs(int(frame) - other) for other in chosen) >= APART_S * rate_hz:
            chosen.add(int(frame))
    return tuple(sorted(chosen))


def flat(scores: dict[str, Any]) -> dict[str, float | None]:
    """Scores with `semantic_similarity.calibrated` under one name, numbers or None."""
    similarity = scores.get("semantic_similarity") or {}
    plain = {key: value for key, value in scores.items() if isinstance(value, int | float) or value is None}
    return {**plain, "semantic_similarity": similarity.get("calibrated")}
