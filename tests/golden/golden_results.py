"""What a handful of jobs on our own samples gives, in numbers that hold on every processor.

A job here is a clip cut short, so that all of them take seconds, without an encoder and without refinement, whose
results depend on weights and on time. Kept of each result: of every fourth frame, each joint's rotation, and each
translation that the file moves, as whole numbers of `STEP`; the scores; the verdict. Numbers of vertices and of frames
are left out of the scores: one more or less of them is no other result.

Two results are the same where no component of a quaternion (up to its sign) and no coordinate differs by more than
`TOLERANCE` steps, no score by more than a hundredth of itself, and the verdicts agree. Different processors and
libraries differ by about 1e-6; a hundredth of a degree is about 1e-4.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.contract.engine_version import ENGINE_VERSION
from workers.contract.options import parse_options
from workers.engine.engine import retarget
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.samples.body import build_body
from workers.samples.bvh import motion_to_bvh
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT
from workers.samples.write import sample_files

GOLDEN = Path(__file__).with_name("golden.json")
STEP = 1e-4
TOLERANCE = 2  # steps
SCORE_RATIO, SCORE_FLOOR = 1e-2, 1e-3
FRAME_STEP = 4
COUNTED = ("_vertices", "_checked", "_source", "_held", "_result", "_right")  # ends of names: numbers of something

# Name -> motion, character, options. Two meet a surface, which takes seconds; the others a bare skeleton.
JOBS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "walk onto a stouter body": ("walk.bvh", "stout.glb", {"end_s": 0.6}),
    "clap onto another rig": ("clap.glb", "stout_other_rig.glb", {"end_s": 0.4}),
    "walk in place at another rate": ("walk.glb", "stout.bvh", {"root_motion": "in_place", "fps": 24}),
    "walk from the origin, feet free": ("walk.bvh", "stout.bvh", {"start": "origin", "foot_contact": "off"}),
    "reach on flat ground, as GLB": ("reach_overhead.bvh", "stout.bvh", {"ground": "flat", "format": "glb"}),
    "hands on hips": ("hands_on_hips.glb", "stout.bvh", {}),
}
OTHER_RIG = RigStyle(rest_pose="A", bone_axes="bone_x", unit="cm", up_axis="Z", names="suffixed", twist_joints=True)
DEFAULTS = {"encoder": "none", "start_s": 0.0, "end_s": 1.5}


@dataclass(frozen=True, eq=False)
class Result:
    """`rotations` (frames, joints, 4) and `translations` (frames, moved joints, 3, metres) in whole `STEP`s."""

    rotations: NDArray[np.int32]
    translations: NDArray[np.int32]
    verdict: str
    scores: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "rotations": _packed(self.rotations),
            "translations": _packed(self.translations),
            "verdict": self.verdict,
            "scores": dict(self.scores),
        }

    @staticmethod
    def from_json(kept: Mapping[str, Any]) -> Result:
        return Result(_unpacked(kept["rotations"]), _unpacked(kept["translations"]), kept["verdict"], kept["scores"])


def run_jobs() -> dict[str, Result]:
    """The results of this version, by job."""
    stout = build_body(STOUT)
    samples = {
        **sample_files(),
        "stout.bvh": motion_to_bvh(stout, make_clips(STOUT)[0]).encode(),
        "stout_other_rig.glb": make_character(STOUT, OTHER_RIG),
    }
    return {name: _run(samples, *job) for name, job in JOBS.items()}


def differences(before: Result, after: Result) -> Iterator[str]:
    """In what two results of a job differ, in words; nothing where they are the same."""
    if before.rotations.shape != after.rotations.shape or before.translations.shape != after.translations.shape:
        yield f"other frames or joints: {before.rotations.shape} before, {after.rotations.shape} now"
        return
    same, opposite = (np.abs(before.rotations - sign * after.rotations).max(axis=-1) for sign in (1, -1))
    turned = int(np.minimum(same, opposite).max())
    if turned > TOLERANCE:
        yield f"rotations differ by up to {turned * STEP:.4f}"
    moved = int(np.abs(before.translations - after.translations).max())
    if moved > TOLERANCE:
        yield f"translations differ by up to {moved * STEP:.4f} m"
    if before.verdict != after.verdict:
        yield f"the verdict was {before.verdict}, now it is {after.verdict}"
    for name in sorted(before.scores.keys() | after.scores.keys()):
        old, new = before.scores.get(name), after.scores.get(name)
        if old is None or new is None or not math.isclose(old, new, rel_tol=SCORE_RATIO, abs_tol=SCORE_FLOOR):
            yield f"{name} was {old}, now it is {new}"


def changes(before: Mapping[str, Result], after: Mapping[str, Result]) -> list[str]:
    """One line a difference, over all jobs."""
    lines = [f"{name}: no such job in the golden file" for name in after.keys() - before.keys()]
    lines += [f"{name}: gone" for name in before.keys() - after.keys()]
    for name in before.keys() & after.keys():
        lines += [f"{name}: {text}" for text in differences(before[name], after[name])]
    return sorted(lines)


def read_golden(path: Path = GOLDEN) -> tuple[str, dict[str, Result]]:
    """The version that the kept results are of, and the results."""
    kept = json.loads(path.read_text())
    return kept["version"], {name: Result.from_json(result) for name, result in kept["jobs"].items()}


def write_golden(results: Mapping[str, Result], path: Path = GOLDEN, version: str = ENGINE_VERSION) -> None:
    jobs = {name: result.to_json() for name, result in results.items()}
    path.write_text(json.dumps({"version": version, "jobs": jobs}, indent=1) + "\n")


def is_raised(before: str, after: str) -> bool:
    """Whether a version of three numbers is higher than another."""
    old, new = (tuple(int(part) for part in version.split(".")) for version in (before, after))
    return new > old


def _run(samples: Mapping[str, bytes], motion: str, character: str, options: Mapping[str, Any]) -> Result:
    source, target = (FileBundle(name, samples[name]) for name in (motion, character))
    result = retarget(source, target, parse_options({**DEFAULTS, **options}))
    name, data = next(iter(result.artifacts.items()))
    clip = read_scene(FileBundle(name, data)).load_clip(0, None)
    moved = [clip.translations_m[joint][::FRAME_STEP] for joint in sorted(clip.translations_m)]
    scores = result.report["scores"].items()
    return Result(
        _whole(clip.rotations[::FRAME_STEP]),
        _whole(np.stack(moved, axis=1)),
        result.report["verdict"]["verdict"],
        {name: value for name, value in scores if isinstance(value, float) and not name.endswith(COUNTED)},
    )


def _whole(values: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.round(values / STEP).astype(np.int32)


def _packed(values: NDArray[np.int32]) -> dict[str, Any]:
    """Two bytes a number, which is enough for 3.2 m."""
    assert np.abs(values).max() < 2**15
    return {"shape": list(values.shape), "int16": base64.b64encode(values.astype("<i2").tobytes()).decode()}


def _unpacked(kept: Mapping[str, Any]) -> NDArray[np.int32]:
    return np.frombuffer(base64.b64decode(kept["int16"]), "<i2").astype(np.int32).reshape(kept["shape"])
