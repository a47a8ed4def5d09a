"""The studies behind `retarget evaluate`, `score` and `bench`, on a small corpus of our own samples."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service import cli
from workers.contract.errors import OutputInvalid, SourceMismatch
from workers.contract.options import parse_options
from workers.engine.engine import retarget_scenes
from workers.engine.score_files import score_files
from workers.formats.bundle import FileBundle
from workers.formats.load_bundle import bundle_from_path
from workers.formats.read import read_scene
from workers.lab.bench.files import make_bench_files, subdivided
from workers.lab.corpus import Corpus, find_corpus, load_character, load_scene
from workers.lab.studies import contacts as contact_study
from workers.lab.studies import loops, sweep, truth
from workers.preparation.prepare import prepare_motion
from workers.samples.body import build_body
from workers.samples.bvh import motion_to_bvh
from workers.samples.clips import walk, wave
from workers.samples.glb import make_character
from workers.samples.poses import SampleMotion
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT, TALL

RIGS = {
    TALL.name: (TALL, RigStyle()),
    STOUT.name: (STOUT, RigStyle(rest_pose="A", bone_axes="bone_y", names="mixamo")),
}

# Two joints and a point: a file that is no body.
NO_BODY = """HIERARCHY
ROOT a
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT b
  {
    OFFSET 0 1 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 1 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.1
0 0 0 0 0 0 0 0 0
0 0 0 0 0 0 9 0 0
"""


def cut(motion: SampleMotion, frames: int, name: str | None = None) -> SampleMotion:
    return replace(motion, name=name or motion.name, turns=motion.turns[:frames], hips_m=motion.hips_m[:frames])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two characters that both have the same wave, a walk as BVH with a label, and a file without a body."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "characters").mkdir()
    (folder / "motions" / "walks").mkdir(parents=True)
    tall = build_body(TALL)
    for shape, style in RIGS.values():
        clip = cut(wave(build_body(shape)), 40)
        (folder / "characters" / f"{shape.name}.glb").write_bytes(make_character(shape, style, [clip]))
    (folder / "motions" / "walks" / "m1.bvh").write_text(motion_to_bvh(tall, cut(walk(tall), 60)))
    (folder / "motions" / "walks" / "labels.csv").write_text('file,label\nm1.bvh,"stroll, walk"\n')
    (folder / "motions" / "rod.bvh").write_text(NO_BODY)
    return folder


@pytest.fixture(scope="module")
def corpus(folder: Path) -> Corpus:
    return find_corpus(folder, "characters/**/*", "motions/**/*")


def test_corpus_leaves_out_what_is_no_body_and_says_why(corpus: Corpus) -> None:
    assert [path.stem for path in corpus.characters] == sorted([TALL.name, STOUT.name])
    # Characters that have clips are motions too.
    assert {motion.path.stem for motion in corpus.motions} == {TALL.name, STOUT.name, "m1"}
    assert [item.path.name for item in corpus.left_out] == ["rod.bvh"]
    assert "fewer than the 9 that a body needs" in corpus.left_out[0].reason


def test_sweep_runs_every_pair(corpus: Corpus) -> None:
    outcomes = list(sweep.run_sweep(sweep.plan(corpus, "all", "none"), processes=1))
    assert len(outcomes) == 3 * 2
    assert [outcome.code for outcome in outcomes] == [None] * 6
    summary = sweep.summarise(outcomes)
    assert (summary["successes"], summary["pairs"], summary["failures"]) == (6, 6, {})
    assert all(figures["limb_error_deg_mean"] < 5.0 for figures in summary["characters"].values())


def test_sweep_counts_errors_and_crashes_as_failures(corpus: Corpus, tmp_path: Path) -> None:
    task = sweep.plan(corpus, "first", "none")[0]
    broken = tmp_path / "broken.glb"
    broken.write_bytes(b"glTF")
    outcomes = sweep.run_task(replace(task, characters=(broken, tmp_path / "absent.glb", task.characters[0])))
    assert [outcome.ok for outcome in outcomes] == [False, False, True]
    assert outcomes[1].code == "file-not-found"
    assert sweep.summarise(outcomes)["successes"] == 1


def test_sweep_refuses_a_frozen_file(corpus: Corpus) -> None:
    path = next(motion.path for motion in corpus.motions if motion.path.stem == "m1")
    source = prepare_motion(load_scene(path), 0, parse_options(None))
    target = load_character(corpus.characters[0])
    (data,) = retarget_scenes(load_scene(path), target.scene, parse_options(None), prepared=target).artifacts.values()
    sweep.check_result(data, target, source)
    shape, style = RIGS[corpus.characters[0].stem]
    body = build_body(shape)
    still = cut(walk(body), 1)
    frozen = replace(still, turns=np.repeat(still.turns, 60, axis=0), hips_m=np.repeat(still.hips_m, 60, axis=0))
    with pytest.raises(OutputInvalid, match="frozen"):
        sweep.check_result(make_character(shape, style, [cut(wave(body), 40), frozen]), target, source)


def test_truth_compares_both_directions(corpus: Corpus) -> None:
    first, second = corpus.characters
    rows = list(truth.compare_with_truth(first, second, None))
    assert {(row.source, row.target) for row in rows} == {(TALL.name, STOUT.name), (STOUT.name, TALL.name)}
    assert {row.method for row in rows} == {"foot_contact off", "foot_contact auto", "copy_rest", "copy_local"}
    # Between rigs of two families local rotations mean different things.
    assert all(0.0 < row.error_share < 0.2 for row in rows if row.method != "copy_local")


def test_truth_of_a_character_against_itself_is_exact(corpus: Corpus) -> None:
    rows = list(truth.compare_with_truth(corpus.characters[0], corpus.characters[0], None, "geometry"))
    off = [row for row in rows if row.method == "foot_contact off"]
    refined = [row for row in rows if row.method == "refined"]
    assert len(refined) == len(off) and all(row.hands_share < 0.02 for row in refined)
    assert all(row.error_share < 1e-5 and row.hands_share < 1e-5 and row.hips_height_drift_pct < 1e-3 for row in off)


def test_contacts_choose_clips_by_label(corpus: Corpus) -> None:
    chosen = contact_study.find_labelled(corpus, contact_study.DEFAULT_LABELS)
    assert [(path.name, label, word) for path, _, label, word in chosen] == [("m1.bvh", "stroll, walk", "walk")]
    rows = list(contact_study.study_contacts(chosen, corpus.characters))
    assert [row.code for row in rows] == [None, None]
    assert all(row.planted_share > 0.5 and row.figures["skate_ratio"] is not None for row in rows)
    summary = contact_study.summarise(rows)
    assert set(summary) == {"walk", "all"}
    assert summary["all"]["pairs"] == 2
    assert contact_study.label_of(Path("nowhere/x.glb"), "Rig|Jump_Idle") == "Rig Jump Idle"


def test_loops_still_loop(folder: Path, tmp_path: Path) -> None:
    body = build_body(TALL)
    motion = walk(body)
    period = next(
        frame for frame in range(20, len(motion.turns)) if np.abs(motion.turns[frame] - motion.turns[0]).max() < 1e-6
    )
    (tmp_path / "characters").mkdir()
    (tmp_path / "characters" / "stout.glb").write_bytes((folder / "characters" / f"{STOUT.name}.glb").read_bytes())
    (tmp_path / "loop.glb").write_bytes(make_character(TALL, motions=[cut(motion, period + 1)]))
    (tmp_path / "open.glb").write_bytes(make_character(TALL, motions=[cut(motion, period // 2)]))
    rows = [
        row
        for row in loops.study_loops(find_corpus(tmp_path, "characters/*", "*.glb"))
        if Path(row.motion).stem in ("loop", "open")
    ]
    assert [Path(row.motion).stem for row in rows] == ["loop"]
    assert rows[0].closes, rows[0]
    assert rows[0].smooth, rows[0]
    assert not replace(rows[0], angle_deg=0.2).closes
    assert not replace(rows[0], seam_step=3.0 * rows[0].inner_step + 1.0).smooth


def test_a_result_played_in_place_is_scored_with_its_travel(corpus: Corpus, folder: Path) -> None:
    source = read_scene(bundle_from_path(folder / "motions" / "walks" / "m1.bvh"))
    target = load_character(corpus.characters[0])
    kept, in_place = (
        retarget_scenes(source, target.scene, parse_options({"root_motion": mode}), prepared=target).report["scores"]
        for mode in ("keep", "in_place")
    )
    assert kept["foot_skate_result"] is not None
    assert in_place == kept


def test_score_of_a_result_is_the_engines_own(corpus: Corpus, folder: Path) -> None:
    source = bundle_from_path(folder / "motions" / "walks" / "m1.bvh")
    target = load_character(corpus.characters[0])
    done = retarget_scenes(read_scene(source), target.scene, parse_options(None), prepared=target)
    (data,) = done.artifacts.values()
    found = score_files(source, FileBundle("result.glb", data))
    for key, value in found["scores"].items():
        expected = done.report["scores"][key]
        assert value == expected or value == pytest.approx(expected, rel=0.02, abs=1e-3), key
    assert found["scores_naive_copy"]["limb_direction_error_deg"] is not None
    json.dumps(found, allow_nan=False)


def test_scores_of_clips_that_do_not_belong_together_are_refused(folder: Path) -> None:
    source = bundle_from_path(folder / "motions" / "walks" / "m1.bvh")
    with pytest.raises(SourceMismatch, match="--result-clip"):
        score_files(source, FileBundle("x.glb", make_character(TALL, motions=[cut(walk(build_body(TALL)), 10)])))


def test_commands(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    data = ["--data", str(folder), "--json", str(out)]
    assert cli.main(["evaluate", "sweep", *data, "--jobs", "1", "--validate", "none"]) == 0
    assert "successes / pairs: 6 / 6" in capsys.readouterr().out
    assert len(json.loads(out.read_text())["pairs"]) == 6
    assert cli.main(["evaluate", "contacts", *data]) == 0
    assert "all: 2 pairs" in capsys.readouterr().out
    characters = [str(path) for path in sorted((folder / "characters").iterdir())]
    assert cli.main(["evaluate", "truth", *characters]) == 0
    assert cli.main(["score", characters[0], characters[1]]) == 0
    assert "limb_direction_error_deg" in capsys.readouterr().out
    assert cli.main(["score", str(folder / "motions" / "walks" / "m1.bvh"), characters[0]]) == 3
    capsys.readouterr()
    assert cli.main(["evaluate", "sweep", "--data", str(tmp_path / "nowhere")]) == 2
    assert "error: invalid-options: --data" in capsys.readouterr().err


def test_bench_times_single_steps_beside_opponents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "parts.json"
    assert cli.main(["bench", "--parts", "--frames", "40", "--repeats", "1", "--json", str(out)]) == 0
    parts = json.loads(out.read_text())["parts"]
    assert all(part["seconds"] > 0 and part["ratio"] > 0 for part in parts)
    printed = capsys.readouterr().out
    assert all(part["name"] in printed and part["opponent"] in printed for part in parts)


def test_bench_files_are_what_they_say() -> None:
    files = make_bench_files(300)
    for bundle in (files.bvh, files.glb):
        scene = read_scene(bundle)
        assert int((~scene.skeleton.end_site & scene.skeleton.deforming).sum()) == 65
        assert scene.clips[0].frames == 300
    mesh = read_scene(files.character).load_mesh()
    assert mesh is not None
    assert len(mesh.positions_m) == pytest.approx(20_000, rel=0.02)


def test_subdivision_keeps_the_surface() -> None:
    body = build_body(TALL)
    fine = subdivided(body, 4 * len(body.positions_m))
    assert len(fine.faces) == 4 * len(body.faces)

    def area(positions: np.ndarray, faces: np.ndarray) -> float:
        a, b, c = (positions[faces[:, corner]] for corner in range(3))
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())

    assert area(fine.positions_m, fine.faces) == pytest.approx(area(body.positions_m, body.faces))
    assert fine.weights.sum(axis=1) == pytest.approx(1.0)
