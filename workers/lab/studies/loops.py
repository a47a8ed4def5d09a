"""Loops: a clip whose first and last pose agree must still agree, and pass its seam as smoothly, on another body.

Measured on the delivered file. Where a loop travels, the last frame stands further along: the travel is the source's,
scaled, and taken off before places are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from workers.contract.errors import RetargetError
from workers.contract.options import parse_options
from workers.engine.engine import retarget_scenes
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.lab.corpus import Corpus, load_character, load_scene
from workers.motion.body_motion import BodyMotion, from_clip
from workers.motion.timeline import find_timeline
from workers.preparation.prepare import PreparedMotion, prepare_motion
from workers.skeleton import quat
from workers.skeleton.model import Array

ANGLE_LIMIT_DEG = 0.1
PLACE_LIMIT_MM = 1.0
# A seam is smooth where velocity changes no more there than it does inside the clip; where the source's own seam is
# rougher than its inside, it may be rougher by as much. Below the second figure no step is seen (3 cm/s for an adult).
SEAM_TOLERANCE = 1.1
VISIBLE_STEP = 0.02


@dataclass(frozen=True)
class LoopRow:
    """One looping clip on one character.

    Steps are changes of velocity from one frame to the next, of the joint where it is largest, in body heights / s.
    """

    motion: str
    clip: str
    character: str
    angle_deg: float = 0.0  # largest joint turn between first and last frame
    place_mm: float = 0.0  # largest joint distance between them, travel taken off
    seam_step: float = 0.0
    inner_step: float = 0.0
    source_seam_step: float = 0.0
    source_inner_step: float = 0.0
    code: str | None = None

    @property
    def closes(self) -> bool:
        return self.code is None and self.angle_deg <= ANGLE_LIMIT_DEG and self.place_mm <= PLACE_LIMIT_MM

    @property
    def smooth(self) -> bool:
        source_roughness = self.source_seam_step / max(self.source_inner_step, VISIBLE_STEP)
        allowed = SEAM_TOLERANCE * self.inner_step * max(1.0, source_roughness)
        return self.code is None and self.seam_step <= max(allowed, VISIBLE_STEP)


def study_loops(corpus: Corpus) -> Iterator[LoopRow]:
    """A row per looping clip and character."""
    for motion in corpus.motions:
        scene = load_scene(motion.path)
        for index in range(len(motion.clips)):
            source = prepare_motion(scene, index, parse_options(None))
            if find_timeline(source.motion).period is None:
                continue
            for character in corpus.characters:
                yield _measure(motion.path, index, source, character)


def _measure(path: Path, index: int, source: PreparedMotion, character: Path) -> LoopRow:
    target = load_character(character)
    row = LoopRow(str(path), source.motion.name, str(character))
    try:
        done = retarget_scenes(
            load_scene(path), target.scene, parse_options({"clip": index, "encoder": "none"}), prepared=target
        )
        (data,) = done.artifacts.values()
        scene = read_scene(FileBundle("result.glb", data))
        clip = scene.load_clip(len(scene.clips) - 1, None)
    except RetargetError as error:
        return replace(row, code=error.code)
    result = from_clip(replace(target.body, skeleton=scene.skeleton), clip)
    joints = mapped_joints(result)
    apart = quat.angle_between(clip.rotations[0], clip.rotations[-1])[joints]
    places = result.positions_m[:, joints]
    travel = result.positions_m[-1, result.body.hips] - result.positions_m[0, result.body.hips]
    travel[1] = 0.0
    steps, source_steps = velocity_steps(result), velocity_steps(source.motion)
    return replace(
        row,
        angle_deg=float(np.degrees(apart.max())),
        place_mm=float(1000.0 * np.linalg.norm(places[-1] - travel - places[0], axis=-1).max()),
        seam_step=float(steps[0]),
        inner_step=float(steps[1:].max(initial=0.0)),
        source_seam_step=float(source_steps[0]),
        source_inner_step=float(source_steps[1:].max(initial=0.0)),
    )


def mapped_joints(motion: BodyMotion) -> list[int]:
    return [match.joint for match in motion.body.mapping.roles.values()]


def velocity_steps(motion: BodyMotion) -> Array:
    """Largest change of any mapped joint's velocity from one frame step to the next, body heights / s.

    First over the seam (last step to first step), then inside the clip. Needs three frames.
    """
    velocity = np.diff(motion.positions_m[:, mapped_joints(motion)], axis=0) * motion.rate_hz
    change = np.diff(np.concatenate([velocity[-1:], velocity]), axis=0)
    sizes: Array = np.linalg.norm(change, axis=-1).max(axis=-1) / motion.body.height_m
    return sizes
