"""Are results the same bytes as before? Runs a fixed set of jobs with a `retarget` command and hashes what comes out.

    python tests/tools/result_hashes.py run --data DIR --retarget .venv/bin/retarget --out before.json
    python tests/tools/result_hashes.py compare before.json after.json

For changes that must not change a result (moved files, renamed things): run once before and once after. A job is one
`retarget run`: every readable format in, both formats out, each option, scores with and without an encoder, pictures,
refinement with one thread and more budget than it needs. Hashed are all files that the command writes; of the report
without `timings_s` and without `engine.version`, which follows results and is compared elsewhere. DIR holds motions
and characters as the tests' real data does; the samples are written by the same command.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

CLOCK = ("seconds", "budget_s")  # what was used and what was left of the time
BARE = ("--encoder", "none")  # without torch: a second instead of several

# motion, character, flags; a path that begins with "samples/" is one of our own samples.
JOBS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # formats of motions
    ("motions/cmu-cc/002_01.bvh", "characters/quaternius-modular/men_Casual.glb", BARE),
    ("motions/cmu-cc/005_06.bvh", "characters/mixamo-xy-pair/Xbot.glb", BARE),
    ("motions/cmu-cgspeed/01_01.bvh", "characters/kaykit-adventurers/Knight.glb", (*BARE, "--end-s", "4")),
    ("motions/xia-style/angry_13_000.bvh", "characters/threejs/Soldier.glb", BARE),
    ("motions/makehuman/walk1.bvh", "characters/quaternius-modular/women_Formal.glb", BARE),
    ("motions/makehuman/zombieWalk1.bvh", "characters/threejs/RobotExpressive.glb", BARE),
    ("motions/threejs/pirouette.bvh", "characters/threejs/CesiumMan.glb", BARE),
    ("motions/kaykit-medium/Med_General.glb", "characters/kaykit-adventurers/Mage.glb", (*BARE, "--clip", "all")),
    ("motions/kaykit-medium/Med_MovementBasic.glb", "characters/quaternius-fbx/Zombie.fbx", BARE),
    ("motions/kaykit-medium/Med_CombatMelee.glb", "characters/kaykit-manny/manny_med_mod.gltf", (*BARE, "--clip", "2")),
    ("characters/mixamo-xy-pair/Xbot.glb", "characters/mixamo-xy-pair/Ybot.glb", BARE),
    ("characters/threejs/Samba_Dancing.fbx", "characters/threejs/Soldier.glb", BARE),
    ("characters/quaternius-fbx/AnimatedHuman.fbx", "characters/quaternius-modular/men_King.glb", BARE),
    # formats of characters
    ("motions/cmu-cc/002_02.bvh", "characters/quaternius-fbx/AnimatedWoman.fbx", BARE),
    ("motions/cmu-cc/002_03.bvh", "characters/quaternius-fbx/KnightCharacter.fbx", BARE),
    ("motions/cmu-cc/003_01.bvh", "characters/ufbx/maya_human_ik_7400_binary.fbx", BARE),
    ("motions/cmu-cc/003_02.bvh", "characters/ufbx/maya_kenney_character_7700_binary.fbx", BARE),
    ("motions/cmu-cc/007_01.bvh", "characters/ufbx/blender_293_barbarian_7400_binary.fbx", BARE),
    ("motions/cmu-cc/007_04.bvh", "characters/quaternius-fbx/KnightCharacter.glb", BARE),
    ("motions/cmu-cc/007_12.bvh", "motions/makehuman/tpose.bvh", BARE),
    ("motions/xia-style/neutral_01_000.bvh", "motions/cmu-cc/002_01.bvh", BARE),
    ("samples/walk.glb", "samples/stout.glb", BARE),
    ("samples/walk.bvh", "samples/tall_a_pose.glb", BARE),
    # options
    ("samples/walk.glb", "samples/stout.glb", (*BARE, "--root-motion", "in_place")),
    ("samples/walk.glb", "characters/kaykit-adventurers/Mage.glb", (*BARE, "--root-motion", "root_joint")),
    ("samples/walk.glb", "samples/stout.glb", (*BARE, "--start", "origin", "--foot-contact", "off")),
    ("samples/walk.glb", "samples/stout.glb", (*BARE, "--ground", "flat", "--fps", "24")),
    ("samples/walk.glb", "samples/stout.glb", (*BARE, "--ground", "none", "--clip-name", "stroll")),
    ("samples/walk.glb", "samples/stout.glb", (*BARE, "--output", "animation")),
    ("samples/wave.bvh", "characters/kaykit-adventurers/Knight.glb", (*BARE, "--existing-clips", "drop")),
    ("samples/wave.bvh", "samples/stout.glb", (*BARE, "--start-s", "0.5", "--end-s", "1.5")),
    ("motions/makehuman/dance1.bvh", "samples/stout.glb", (*BARE, "--rest-pose", "file")),
    ("motions/makehuman/benchmark.bvh", "samples/stout.glb", (*BARE, "--rest-pose", "estimate")),
    ("samples/wave.glb", "samples/stout.glb", (*BARE, "--method", "analytic", "--seed", "5")),
    ("motions/xia-style/old_13_000.bvh", "samples/tall.glb", (*BARE, "--format", "bvh")),
    ("motions/xia-style/sexy_01_000.bvh", "motions/makehuman/tpose.bvh", (*BARE, "--format", "glb")),
    ("samples/clap.bvh", "samples/stout.glb", (*BARE, "--source-character", "samples/tall.glb")),
    ("motions/kaykit-medium/Med_Special.glb", "samples/stout.glb", (*BARE, "--clip", "all", "--fps", "30")),
    # the encoder's scores, words and pictures
    ("samples/wave.bvh", "samples/stout.glb", ("--preview",)),
    ("motions/cmu-cc/005_15.bvh", "characters/quaternius-modular/women_Worker.glb", ("--keyframes", "4")),
    ("motions/kaykit-medium/Med_Simulation.glb", "characters/mixamo-xy-pair/Ybot.glb", ("--description", "sits down")),
    ("samples/reach_overhead.glb", "samples/tall.glb", (*BARE, "--preview", "--preview-format", "webm")),
    # refinement, with more budget than it needs
    ("samples/clap.glb", "samples/stout.glb", (*BARE, "--refine", "geometry", "--refine-budget-s", "3000")),
    ("samples/hands_on_hips.glb", "samples/stout.glb", ("--refine", "geometry", "--refine-budget-s", "3000",
                                                        "--end-s", "1")),
    ("samples/wave.glb", "samples/stout.glb", ("--refine", "semantic", "--refine-budget-s", "3000", "--end-s", "1")),
)  # fmt: skip


def run_job(number: int, retarget: Path, data: Path, samples: Path) -> tuple[str, dict[str, str]]:
    """Name of the job, and the hash of each file that it wrote; of a failure, its exit code and error line."""
    motion, character, flags = JOBS[number]

    def located(name: str) -> str:
        return str(samples.parent / name if name.startswith("samples/") else data / name)

    extra = [located(flag) if flag.startswith("samples/") else flag for flag in flags]
    bvh = "bvh" in flags or (character.endswith(".bvh") and "glb" not in flags)
    name = f"{motion} -> {character} {' '.join(flags)}".strip()
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / ("result.bvh" if bvh else "result.glb")
        command = [retarget, "run", located(motion), located(character), "-o", out, "--report", f"{folder}/report.json"]
        done = subprocess.run(
            [str(word) for word in (*command, *extra)], env={**os.environ, **one_thread}, capture_output=True, text=True
        )
        if done.returncode:
            return name, {"failed": f"{done.returncode} {done.stderr.strip().splitlines()[-1]}"}
        return name, {path.name: _hash(path) for path in sorted(Path(folder).iterdir())}


def _hash(path: Path) -> str:
    data = path.read_bytes()
    if path.name == "report.json":
        data = json.dumps(without_times(json.loads(data)), sort_keys=True).encode()
    elif path.suffix == ".webm":
        data = b"".join(_frames(path))  # a container has a random number of its own
    return hashlib.sha256(data).hexdigest()


def _frames(path: Path) -> Iterator[bytes]:
    import av

    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24").tobytes()


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    """The report without what may differ from run to run: seconds, and the number that is raised with results."""
    kept = {key: _untimed(value) for key, value in report.items() if key != "timings_s"}
    kept["engine"] = {key: value for key, value in report["engine"].items() if key != "version"}
    return kept


def _untimed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _untimed(part) for key, part in value.items() if key not in CLOCK}
    return [_untimed(part) for part in value] if isinstance(value, list) else value


def run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(arguments.jobs) as pool:
        samples = Path(folder) / "samples"
        subprocess.run([arguments.retarget, "samples", samples], check=True, stdout=subprocess.DEVNULL)
        numbers = reversed(range(len(JOBS)))  # the long ones first
        work = (pool.submit(run_job, number, arguments.retarget, arguments.data, samples) for number in numbers)
        hashes = dict(sorted(job.result() for job in list(work)))
    arguments.out.write_text(json.dumps(hashes, indent=1))
    failed = [name for name, files in hashes.items() if "failed" in files]
    for name in failed:
        print(f"failed: {name}: {hashes[name]['failed']}")
    print(f"{len(hashes)} jobs, {sum(map(len, hashes.values()))} files, {len(failed)} failed")
    return 0


def compare(arguments: argparse.Namespace) -> int:
    before, after = (json.loads(path.read_text()) for path in (arguments.before, arguments.after))
    differing = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    for name in sorted(differing):
        old, new = before.get(name, {}), after.get(name, {})
        print(f"differs: {name}: {', '.join(sorted(key for key in old | new if old.get(key) != new.get(key)))}")
    print(f"{len(before)} jobs before, {len(after)} after, {len(differing)} differ")
    return 1 if differing else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(required=True)
    first = commands.add_parser("run", help="run the jobs, write their hashes")
    first.add_argument("--data", type=Path, required=True)
    first.add_argument("--retarget", type=Path, required=True, help="the command to run")
    first.add_argument("--out", type=Path, required=True)
    first.add_argument("--jobs", type=int, default=2, help="how many run at once")
    first.set_defaults(call=run)
    second = commands.add_parser("compare", help="exit code 1 where two such files differ")
    second.add_argument("before", type=Path)
    second.add_argument("after", type=Path)
    second.set_defaults(call=compare)
    arguments = parser.parse_args()
    code: int = arguments.call(arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())
