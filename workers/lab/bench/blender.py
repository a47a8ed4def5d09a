"""Blender on the same files, as a separate program: bone constraints, baked (`blender_retarget.py`).

It is told which joints belong together, from our mapping, and the ratio of the hips' heights. Optional: `--blender` or
RETARGET_BLENDER names Blender itself or a Python that has `bpy`.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from workers.lab.bench.another_program import Ran, run_program
from workers.lab.bench.three import three_joints
from workers.preparation.prepare import PreparedCharacter, PreparedMotion

SCRIPT = Path(__file__).with_name("blender_retarget.py")


def find_blender(program: str | None = None) -> list[str] | str:
    """The command before the job's file, or in words why there is none."""
    named = program or os.environ.get("RETARGET_BLENDER")
    if named is None:
        return "not run: --blender or RETARGET_BLENDER names Blender, or a Python that has bpy"
    found = shutil.which(named)
    if found is None:
        return f"not run: no program {named!r}"
    if "blender" in Path(found).name.lower():
        return [
            found, "--background", "--factory-startup", "--python-exit-code", "1", "--python", str(SCRIPT), "--",
        ]  # fmt: skip
    return [found, str(SCRIPT)]


def run_blender(
    command: list[str], motion: Path, character: Path, out: Path, source: PreparedMotion, target: PreparedCharacter
) -> tuple[float, Ran]:
    """Seconds from both files to the GLB at `out`. Raises RuntimeError with what Blender said last."""
    job = {
        "motion": str(motion), "character": str(character), "out": str(out), **three_joints(source, target),
        "scale": target.body.hips_height_m / source.body.hips_height_m, "fps": source.motion.rate_hz,
    }  # fmt: skip
    with tempfile.NamedTemporaryFile("w", prefix="retarget-bench-", suffix=".json") as file:
        json.dump(job, file)
        file.flush()
        ran = run_program([*command, file.name])
    told = [line for line in ran.printed.splitlines() if line.startswith('{"retarget_s"')]
    if not told:
        raise RuntimeError("Blender did not come to its end")
    return float(json.loads(told[-1])["retarget_s"]), ran
