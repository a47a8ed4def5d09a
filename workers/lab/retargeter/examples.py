"""Examples to learn from: a stretch of a clip on a body, its analytic result, and what refinement knows of it.

Bodies are those of the training families of the split, shapes of the parametric body, and all of these with other
proportions; clips are the training clips. Held-out families and clips are never touched. Everything is drawn by one
seed: the same seed and data give the same examples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from workers.contract.errors import EngineError
from workers.contract.options import JobOptions
from workers.geometry.prepared import surfaces_of
from workers.geometry.source_contacts import source_contacts
from workers.lab.eye.data.bodies import PosableBody
from workers.lab.eye.data.families import (
    SHAPES,
    bare_scene,
    load_characters,
    load_makehuman,
    make_body,
    random_shape,
    shaped_body,
)
from workers.lab.eye.data.motions import load_motion
from workers.lab.eye.data.proportions import random_scales, stretch
from workers.lab.eye.data.split import load_split
from workers.lab.retargeter.touches import with_touch
from workers.preparation.prepare import PreparedCharacter, PreparedMotion, prepare_character
from workers.refinement.problem import ClipProblem, prepare_problem
from workers.retargeting.alignment import align
from workers.retargeting.clip import RetargetedClip, retarget_clip
from workers.retargeting.network.apply import ValueMap, value_map
from workers.retargeting.network.features import Features, clip_features
from workers.retargeting.network.rate import looked_frames
from workers.skeleton.model import Indices

SECONDS = 2.5  # of a stretch
IDLE_KEPT = 0.3  # share of the stretches without anything to correct that are kept
TOUCHING = 0.6  # share of the stretches to which a touch is added
MIN_FRAMES = 12
STRETCHED = 0.6  # share of bodies with other proportions


@dataclass(frozen=True, eq=False)
class Example:
    """`frames` of the clip that the network sees; `values` maps its turns there to the residual of `problem`."""

    name: str
    retargeted: RetargetedClip
    target: PreparedCharacter
    problem: ClipProblem
    frames: Indices
    features: Features
    values: ValueMap

    @property
    def step_s(self) -> float:
        return float((self.frames[1] - self.frames[0]) / self.problem.base.rate_hz)


def draw_examples(data: Path, count: int, bodies: int, seed: int) -> Iterator[Example]:
    """`count` examples on `bodies` bodies. Raises what reading raises."""
    random = np.random.default_rng(seed)
    clips = load_split().train_clips
    kept = 0
    for number in range(bodies):
        character = draw_character(data, random, number)
        wanted = (number + 1) * count // bodies
        for _ in range(8 * count):
            if kept >= wanted:
                break
            clip = clips[int(random.integers(len(clips)))]
            example = _example(data, clip, character, random)
            if example is not None:
                kept += 1
                yield example


def draw_character(data: Path, random: np.random.Generator, number: int) -> PreparedCharacter:
    """A body to train on: every second one a shape of the parametric body, else one of a file; most stretched."""
    families = [name for name in load_split().train_families if name not in SHAPES]
    if number % 2:
        base, prepared = load_makehuman(data)
        posable = shaped_body(base, prepared.body, f"shape{number}", "makehuman", random_shape(random))
    else:
        family = families[int(random.integers(len(families)))]
        characters = load_characters(data, family)
        name = sorted(characters)[int(random.integers(len(characters)))]
        posable = make_body(name, family, characters[name])
    if random.random() < STRETCHED:
        posable = stretch(posable, random_scales(random, posable), f"{posable.name}-{number}")
    return as_character(posable)


def as_character(posable: PosableBody) -> PreparedCharacter:
    """A body as a job would be given it: roles are looked for anew."""
    return prepare_character(bare_scene(posable.body.skeleton, posable.surface), {})


def make_example(name: str, source: PreparedMotion, target: PreparedCharacter) -> Example:
    """Raises the EngineErrors of retargeting."""
    retargeted = retarget_clip(source, target, JobOptions(method="analytic"))
    problem = prepare_problem(retargeted, target, lambda: None)
    frames = looked_frames(retargeted.scored)
    alignment = align(source.body, target.body)
    contacts = source_contacts(retargeted.source.motion, surfaces_of(retargeted.source).light)
    features = clip_features(
        retargeted.source.motion, surfaces_of(retargeted.source).light, retargeted.scored,
        surfaces_of(target).light, alignment, contacts, frames,
    )  # fmt: skip
    return Example(
        name, retargeted, target, problem, frames, features, value_map(problem.freedom, problem.base, alignment, frames)
    )


def _example(data: Path, clip: str, target: PreparedCharacter, random: np.random.Generator) -> Example | None:
    source: PreparedMotion | None = cut(load_motion(data, clip), float(random.random()))
    if source is not None and random.random() < TOUCHING:
        source = with_touch(source, random)
    if source is None or source.motion.frames < MIN_FRAMES:
        return None
    try:
        example = make_example(f"{clip} -> {target.body.skeleton.names[0]}", source, target)
    except EngineError:
        return None  # a body that came out too strange to be one
    is_idle = not example.problem.activity.active.any()
    return None if is_idle and random.random() > IDLE_KEPT else example


def cut(source: PreparedMotion, place: float) -> PreparedMotion:
    """`SECONDS` of a motion, from a share `place` of what may be its beginning."""
    motion = source.motion
    length = round(SECONDS * motion.rate_hz) + 1
    first = int(place * max(motion.frames - length, 0))
    return replace(source, motion=motion.some(slice(first, first + length)))
