"""three.js' `SkeletonUtils.retargetClip` under node on the same files, the opponent that users have at hand.

It is told which joints belong together, from our mapping; bytes to bytes as ours: both files read, the clip made at the
motion's own rate, a GLB written. The package is optional: `make validator` puts it beside the virtual environment,
RETARGET_THREE or `--three` names another folder. The work in JavaScript is `retarget_clip.mjs`.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.contract.options import parse_options
from workers.formats.load_bundle import bundle_from_path
from workers.formats.read import read_scene
from workers.lab.bench.another_program import Ran, run_program
from workers.preparation.prepare import PreparedCharacter, PreparedMotion, prepare_character, prepare_motion

SCRIPT = Path(__file__).with_name("retarget_clip.mjs")
STEPS = ("read", "retarget", "write")  # of a lap


@dataclass(frozen=True)
class ThreeTiming:
    """`clock_s` and `processor_s` of the whole program; of one lap within it, the last, by step, and its processor's.

    node's processor time is of all its threads: it compiles and collects beside.
    """

    clock_s: float
    processor_s: float
    frames: int
    tracks: int
    warm_clock_s: float
    warm_processor_s: float
    steps_s: dict[str, float]


def find_three(folder: Path | None = None) -> Path | str:
    """The package's folder, or in words why there is none."""
    beside = Path(sys.prefix) / "three" / "node_modules" / "three"
    folder = folder or Path(os.environ.get("RETARGET_THREE", beside))
    if shutil.which("node") is None:
        return "not run: there is no node; install Node.js"
    if not (folder / "examples/jsm/utils/SkeletonUtils.js").is_file():
        return f"not run: no three.js in {folder}; `make validator` installs it, --three names another folder"
    return folder


def time_three(three: Path, motion: Path, character: Path, laps: int) -> ThreeTiming | str:
    """The whole program with one lap, then one with `laps` for the time once it is warm; or in words why it failed."""
    source = prepare_motion(read_scene(bundle_from_path(motion)), 0, parse_options(None))
    target = prepare_character(read_scene(bundle_from_path(character)), {})
    words = {"three": str(three), **three_joints(source, target), "motion": str(motion), "character": str(character)}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    try:
        run_three({**words, "repeats": 1})
    except RuntimeError as error:
        return f"failed: {error}"
    clock_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    lap = min(run_three({**words, "repeats": laps})[0], key=lambda lap: float(lap["processor_s"]))
    steps_s = {step: float(lap[f"{step}_s"]) for step in STEPS}
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return ThreeTiming(
        clock_s, used_s, lap["frames"], lap["tracks"], sum(steps_s.values()), lap["processor_s"], steps_s
    )


def run_three(job: Mapping[str, object]) -> tuple[list[dict[str, Any]], Ran]:
    """The laps of `retarget_clip.mjs`, which says what a job holds. Raises RuntimeError with what node said last."""
    with tempfile.NamedTemporaryFile("w", prefix="retarget-bench-", suffix=".json") as file:
        json.dump(job, file)
        file.flush()
        ran = run_program(["node", str(SCRIPT), file.name])
    laps: list[dict[str, Any]] = json.loads(ran.printed)
    return laps, ran


def three_joints(source: PreparedMotion, target: PreparedCharacter) -> dict[str, object]:
    """Which joint of the character takes which of the motion, by names; and the motion's hips."""
    joints, mine = source.body.skeleton, target.body.skeleton
    shared = [role for role in target.body.mapping.roles if source.body.joint(role) is not None]
    names = {
        mine.names[target.body.mapping.roles[role].joint]: joints.names[source.body.mapping.roles[role].joint]
        for role in shared
    }
    return {"names": names, "hips": joints.names[source.body.hips]}
