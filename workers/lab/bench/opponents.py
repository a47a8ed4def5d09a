"""Ways to bring a motion onto a character, ours and others', from files to a GLB: what `retarget bench compare` runs.

    analytic    the default method, without refinement
    geometry    the same with `refine: geometry`
    naive copy  the source's rotations on the character, as every comparison has it (`copy_rest`)
    three.js    `SkeletonUtils.retargetClip` under node, told our joint mapping and the scale of the hips' path
    Blender     bone constraints that are baked, told the same

All take the first clip at its own rate. Times are of a warm process (Blender's of a fresh one, less its start), from
bytes to bytes, without scores.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from workers.contract.errors import RetargetError
from workers.contract.options import JobOptions, parse_options
from workers.engine.export import export
from workers.formats.load_bundle import bundle_from_path
from workers.formats.read import read_scene
from workers.lab.bench.blender import find_blender, run_blender
from workers.lab.bench.three import STEPS, find_three, run_three, three_joints
from workers.motion.body_motion import to_clip
from workers.preparation.prepare import PreparedCharacter, PreparedMotion, prepare_character, prepare_motion
from workers.refinement.stage import RefiningStage
from workers.retargeting.clip import retarget_clip
from workers.skeleton.model import Clip

LAPS = 2  # the last counts


@dataclass(frozen=True)
class Made:
    """A GLB, the seconds that it took from the files' bytes, and the most memory of another program."""

    data: bytes
    seconds: float
    peak_mib: float | None = None


@dataclass(frozen=True)
class Opponent:
    """`settings` is told beside its figures. `make(motion, character)` raises RetargetError, or RuntimeError with what
    another program said.
    """

    name: str
    settings: str
    make: Callable[[Path, Path], Made]
    is_ours: bool = False


@dataclass(frozen=True)
class OwnWay:
    """One of our own; `once` does it without a clock."""

    settings: str
    once: Callable[[Path, Path], bytes]

    def make(self, motion: Path, character: Path) -> Made:
        for _ in range(LAPS):
            start = time.perf_counter()
            data = self.once(motion, character)
            seconds = time.perf_counter() - start
        return Made(data, seconds)


def own_ways() -> dict[str, OwnWay]:
    """By name."""
    return {
        "analytic": OwnWay("the product's default method", partial(_ours, JobOptions(encoder="none"))),
        "geometry": OwnWay("refine: geometry", partial(_ours, JobOptions(encoder="none", refine="geometry"))),
        "naive copy": OwnWay("rotations copied over the aligned rest poses, hips scaled", _naive),
    }


def opponents(three: Path | None = None, blender: str | None = None) -> tuple[list[Opponent], list[str]]:
    """Those that can run here, and in words those that cannot. `three` is the npm package's folder, `blender` a
    program (`blender.find_blender`).
    """
    found = [Opponent(name, way.settings, way.make, True) for name, way in own_ways().items()]
    absent = []
    package, command = find_three(three), find_blender(blender)
    told = "our joint names, hip, scale = ratio of hips heights"
    if isinstance(package, str):
        absent.append(f"three.js: {package}")
    else:
        settings = f"SkeletonUtils.retargetClip: {told}, localOffsets from both rest poses, useTargetMatrix"
        found.append(Opponent("three.js", settings, partial(_three, package)))
    if isinstance(command, str):
        absent.append(f"Blender: {command}")
    else:
        settings = f"Copy Rotation, Local Space (Owner Orientation), Copy Location of the hips; {told}; nla.bake"
        found.append(Opponent("Blender", settings, partial(_blender, command)))
    return found, absent


def _ours(options: JobOptions, motion: Path, character: Path) -> bytes:
    source, target = _read(motion, character, options)
    clip, refining = retarget_clip(source, target, options), RefiningStage(options)
    if refining.is_on:
        clip = refining.refine(clip, target, 1, lambda share: None)
    return _written(target, clip.clip, [*clip.keyed], options)


def _naive(motion: Path, character: Path) -> bytes:
    options = JobOptions(encoder="none")
    source, target = _read(motion, character, options)
    naive = retarget_clip(source, target, options).naive
    joints = [match.joint for match in target.body.mapping.roles.values()]
    return _written(target, to_clip(naive), joints, options)


def _read(motion: Path, character: Path, options: JobOptions) -> tuple[PreparedMotion, PreparedCharacter]:
    target = prepare_character(read_scene(bundle_from_path(character)), options.mapping)
    return prepare_motion(read_scene(bundle_from_path(motion)), 0, options), target


def _written(target: PreparedCharacter, clip: Clip, keyed: list[int], options: JobOptions) -> bytes:
    asked = options.model_copy(update={"format": "glb", "existing_clips": "drop"})
    return export(target, [clip], sorted({*keyed, *target.body.followers.leaders}), asked).data


def _three(package: Path, motion: Path, character: Path) -> Made:
    source = prepare_motion(read_scene(bundle_from_path(motion)), 0, parse_options(None))
    target = prepare_character(read_scene(bundle_from_path(character)), {})
    heights_m = (target.body.hips_height_m, source.body.hips_height_m)
    # The loader's numbers are the file's own units, ours are metres.
    scale = heights_m[0] / heights_m[1] * source.scene.units.factor / target.scene.units.factor
    with tempfile.TemporaryDirectory(prefix="retarget-bench-") as folder:
        out = Path(folder) / "result.glb"
        words = {"three": str(package), **three_joints(source, target), "motion": str(motion), "scale": scale}
        laps, ran = run_three({**words, "character": str(character), "offsets": True, "repeats": LAPS, "out": str(out)})
        return Made(out.read_bytes(), sum(float(laps[-1][f"{step}_s"]) for step in STEPS), ran.peak_mib)


def _blender(command: list[str], motion: Path, character: Path) -> Made:
    source, target = _read(motion, character, parse_options(None))
    with tempfile.TemporaryDirectory(prefix="retarget-bench-") as folder:
        out = Path(folder) / "result.glb"
        seconds, ran = run_blender(command, motion, character, out, source, target)
        return Made(out.read_bytes(), seconds, ran.peak_mib)


def attempt(opponent: Opponent, motion: Path, character: Path) -> Made | str:
    """What an opponent made of a pair, or in words why it made nothing."""
    try:
        return opponent.make(motion, character)
    except (RetargetError, RuntimeError) as error:
        return str(error).split("\n")[0][:200]
