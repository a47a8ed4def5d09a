"""Whole jobs, as users run them: the default one and one without scores, cold and warm, by length and format.

Cold is a whole `retarget run`, from the start of Python. Warm is a job in a process that has done one before: models
loaded, the character seen, this motion and pair never. Where two trees are measured their jobs take turns on the same
files, so that what else the machine does falls on both. `Workload` is what is measured with, and writes its files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Literal

from workers.lab.bench.job_process import (
    DEFAULT,
    WITHOUT_SCORES,
    JobProcess,
    JobTiming,
    Setting,
    Tree,
    run_cold,
)
from workers.lab.bench.motions import MotionFormat, MotionMaker

SETTINGS = (DEFAULT, WITHOUT_SCORES)
State = Literal["cold", "warm"]


@dataclass
class Workload:
    """Motions, each written once and given once, and the character that receives them."""

    maker: MotionMaker
    character: Path
    folder: Path
    _given: int = field(default=0, init=False)

    def motions(self, count: int, frames: int, kind: MotionFormat) -> list[Path]:
        """Files that no job has seen."""
        return [self._motion(frames, kind) for _ in range(count)]

    def _motion(self, frames: int, kind: MotionFormat) -> Path:
        bundle = self.maker.make(frames, self._given, kind)
        self._given += 1
        path = self.folder / bundle.name
        path.write_bytes(bundle.data)
        return path


@dataclass(frozen=True)
class JobRow:
    """The same job on several motions."""

    tree: str
    kind: str
    frames: int
    setting: str
    state: State
    timings: list[JobTiming]

    @property
    def middle(self) -> JobTiming:
        """The timing whose processor time is the median."""
        ordered = sorted(self.timings, key=lambda timing: timing.processor_s)
        return ordered[len(ordered) // 2]

    @property
    def processor_s(self) -> float:
        return median(timing.processor_s for timing in self.timings)

    @property
    def clock_s(self) -> float:
        return median(timing.clock_s for timing in self.timings)


@dataclass(frozen=True)
class LengthRow:
    """A default job of a length, alone in a process that is warm: processor seconds a frame, and most memory."""

    tree: str
    kind: str
    frames: int
    processor_s_a_frame: float
    peak_mib: float


def time_jobs(
    work: Workload,
    trees: Sequence[Tree],
    kinds: Sequence[MotionFormat],
    lengths: Sequence[int],
    repeats: int,
    settings: Sequence[Setting] = SETTINGS,
) -> Iterator[JobRow]:
    """For each format and length the cold rows, then the warm ones."""
    with ExitStack() as stack:
        sides = [(tree, setting) for tree in trees for setting in settings]
        warm = [stack.enter_context(JobProcess(tree, setting)) for tree, setting in sides]
        for kind in kinds:
            for motion in work.motions(1, min(lengths), kind):
                for process in warm:
                    process.run(motion, work.character)
            for frames in lengths:
                (motion,) = work.motions(1, frames, kind)
                for tree, setting in sides:
                    timing = run_cold(tree, setting, motion, work.character)
                    yield JobRow(tree.name, kind, frames, setting.name, "cold", [timing])
                motions = work.motions(repeats, frames, kind)
                laps = [[process.run(motion, work.character) for process in warm] for motion in motions]
                for (tree, setting), timings in zip(sides, zip(*laps, strict=True), strict=True):
                    yield JobRow(tree.name, kind, frames, setting.name, "warm", list(timings))


def time_lengths(
    work: Workload, trees: Sequence[Tree], kinds: Sequence[MotionFormat], lengths: Sequence[int]
) -> Iterator[LengthRow]:
    """A process a length, since memory is the most that one has held."""
    for kind in kinds:
        for frames in lengths:
            first, motion = *work.motions(1, min(lengths), kind), *work.motions(1, frames, kind)
            for tree in trees:
                with JobProcess(tree, DEFAULT) as process:
                    process.run(first, work.character)
                    timing = process.run(motion, work.character)
                yield LengthRow(tree.name, kind, frames, timing.processor_s / frames, timing.peak_mib)


def ratio(above: float, below: float) -> float:
    """NaN where there is nothing to compare with."""
    return above / below if below else math.nan
