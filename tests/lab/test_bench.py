"""`retarget bench` measures what it says: motions of a length that nothing has seen, processes of their own, no result
from a cache. How fast anything is, no test asks.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service import cli
from tests.node_packages import require_three
from workers.contract.errors import InvalidOptions
from workers.formats.bundle import FileBundle
from workers.formats.load_bundle import bundle_from_path
from workers.formats.read import read_scene
from workers.lab.bench.job_process import DEFAULT, WITHOUT_SCORES, JobProcess, other_tree, run_cold, this_tree
from workers.lab.bench.jobs import Workload, time_jobs
from workers.lab.bench.motions import MotionFormat, given_motion, of_length, own_walk
from workers.lab.bench.process_tree import child_with, tree_processor_s
from workers.lab.bench.service import WARM_UPS, time_service
from workers.lab.bench.three import find_three, time_three
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A character, and three short motions."""
    folder = tmp_path_factory.mktemp("bench")
    bundles = [own_walk(12, seed=1).make(12, number, "bvh") for number in range(3)]
    bundles.insert(0, FileBundle("stout.glb", make_character(STOUT, RigStyle())))
    for bundle in bundles:
        (folder / bundle.name).write_bytes(bundle.data)
    return [folder / bundle.name for bundle in bundles]


@pytest.mark.parametrize("kind", ["bvh", "glb"])
def test_every_motion_is_another_of_the_asked_length(kind: MotionFormat) -> None:
    maker = own_walk(40, seed=3)
    clips = []
    for frames, number in ((40, 0), (40, 1), (25, 2)):
        made = maker.make(frames, number, kind)
        assert made.data == maker.make(frames, number, kind).data
        scene = read_scene(made)
        assert [clip.frames for clip in scene.clips] == [frames]
        clips.append(scene.load_clip(0, None).rotations)
    apart = np.abs(clips[0] - clips[1]).max(axis=(0, 2))
    assert np.count_nonzero(apart > 1e-4) > 50  # nearly every joint, so that no cache of a part knows it
    assert apart.max() < 0.05
    assert own_walk(40, seed=4).make(40, 0, kind).data != maker.make(40, 0, kind).data


def test_a_given_clip_is_cut_or_played_to_and_fro() -> None:
    maker = given_motion(own_walk(20, seed=1).make(20, 0, "glb"), seed=5)
    assert maker.formats == ("bvh", "glb") and maker.clip.frames == 20
    long, short = of_length(maker.clip, 50), of_length(maker.clip, 7)
    assert (long.frames, short.frames) == (50, 7)
    assert np.array_equal(long.rotations[20], maker.clip.rotations[18])  # on its way back
    assert np.array_equal(long.rotations[38], maker.clip.rotations[0])
    steps = np.abs(np.diff(long.rotations, axis=0)).max()
    assert steps <= np.abs(np.diff(maker.clip.rotations, axis=0)).max()
    bvh = given_motion(maker.make(20, 1, "bvh"), seed=5)
    assert bvh.formats == ("bvh",)
    assert read_scene(bvh.make(30, 2, "bvh")).clips[0].frames == 30


def test_jobs_are_timed_in_processes_of_their_own(files: list[Path]) -> None:
    character, *motions = files
    with JobProcess(this_tree(), WITHOUT_SCORES) as process:
        warm = [process.run(motion, character) for motion in motions]
    cold = run_cold(this_tree(), WITHOUT_SCORES, motions[0], character)
    for timing in (*warm, cold):
        assert timing.frames == 12 and timing.processor_s > 0.0 and timing.clock_s > 0.0
        assert {"loading", "mapping", "retargeting", "exporting"} <= timing.stages_s.keys()
    assert warm[-1].peak_mib >= warm[0].peak_mib > 10.0
    assert sum(warm[-1].stages_s.values()) <= warm[-1].clock_s + 0.01


def test_a_setting_is_what_runs() -> None:
    assert WITHOUT_SCORES.flags == ["--encoder", "none"] and DEFAULT.flags == []
    assert this_tree().environment(WITHOUT_SCORES)["RETARGET_SURFACE_SCORES"] == "off"
    assert "RETARGET_SURFACE_SCORES" not in this_tree().environment(DEFAULT)  # it is off in this suite
    with pytest.raises(InvalidOptions, match="--before"):
        other_tree(Path(os.devnull).parent)


def test_jobs_go_through_the_whole_service(files: list[Path]) -> None:
    character, *motions = files
    timing = time_service(this_tree(), WITHOUT_SCORES, motions, character)
    assert timing.jobs == len(motions) - WARM_UPS == 1
    assert timing.jobs_per_s > 0.0
    assert timing.jobs_per_core_s is None or timing.jobs_per_core_s > 0.0


def test_what_a_process_has_used_is_known() -> None:
    before = tree_processor_s(os.getpid())
    if before is None:
        assert not Path("/proc/self/stat").exists()
        return
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    after = tree_processor_s(os.getpid())
    assert after is not None and after - before > 0.15
    assert child_with(os.getpid(), "no such words") is None
    assert tree_processor_s(0) is None


def test_three_is_optional(tmp_path: Path) -> None:
    missing = find_three(tmp_path)
    assert isinstance(missing, str) and missing.startswith("not run: ")


def test_three_retargets_the_same_files(files: list[Path]) -> None:
    three = require_three()
    character, motion, *_ = files
    timing = time_three(three, motion, character, 2)
    assert not isinstance(timing, str), timing
    assert timing.frames == 12 and timing.tracks > 20
    # What it cannot read is told, not raised: a skeleton is no character there.
    told = time_three(three, motion, motion, 1)
    assert isinstance(told, str) and told.startswith("failed: ")


def test_jobs_of_two_trees_stand_beside_each_other(files: list[Path], tmp_path: Path) -> None:
    character, motion, *_ = files
    work = Workload(given_motion(bundle_from_path(motion), seed=2), character, tmp_path)
    trees = [this_tree(), replace(this_tree(), name="before")]
    rows = list(time_jobs(work, trees, ["bvh"], [12, 16], 2, [WITHOUT_SCORES]))
    assert [(row.tree, row.frames, row.state) for row in rows] == [
        (tree, frames, state) for frames in (12, 16) for state in ("cold", "warm") for tree in ("this", "before")
    ]
    assert [len(row.timings) for row in rows] == [1, 1, 2, 2] * 2
    assert all(row.middle in row.timings and row.middle.frames == row.frames for row in rows)
    written = [path.read_bytes() for path in tmp_path.glob("*.bvh")]
    assert len(set(written)) == len(written) == 1 + 2 * (1 + 2)  # no motion twice but for the trees that share it


def test_the_command_prints_what_it_measures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bench.json"
    words = ["bench", "--frames", "12", "--repeats", "1", "--only", "three,copy", "--three", str(tmp_path)]
    assert cli.main([*words, "--formats", "bvh", "--json", str(out)]) == 0
    printed, figures = capsys.readouterr().out, json.loads(out.read_text())
    assert "not run: " in printed and "copy_rest in numpy" in printed and str(figures["seed"]) in printed
    assert figures["three"].startswith("not run: ") and set(figures["retargeting alone"]) >= {"copy_rest"}
    assert cli.main(["bench", "--only", "jobs,nothing"]) == 2
    assert "nothing" in capsys.readouterr().err
