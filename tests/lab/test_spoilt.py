"""The study behind `retarget evaluate spoilt`, on a small corpus of our own samples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service import cli
from workers.contract.options import parse_options
from workers.lab.corpus import Corpus, find_corpus, load_character, load_scene
from workers.lab.studies import spoilt
from workers.lab.studies.spoilt_picture import ACROSS, SIZE
from workers.lab.studies.spoilt_results import KINDS, SIZES, Good
from workers.pictures.lettering import GAP
from workers.preparation.prepare import prepare_motion
from workers.retargeting.clip import retarget_clip
from workers.samples.body import build_body
from workers.samples.bvh import motion_to_bvh
from workers.samples.clips import walk, wave
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT, TALL


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spoilt")
    (folder / "characters").mkdir()
    (folder / "motions").mkdir()
    style = RigStyle(rest_pose="A", bone_axes="bone_y", names="mixamo")
    (folder / "characters" / "stout.glb").write_bytes(make_character(STOUT, style))
    tall = build_body(TALL)
    for motion in (walk(tall), wave(tall)):
        (folder / "motions" / f"{motion.name}.bvh").write_text(motion_to_bvh(tall, motion))
    return folder


@pytest.fixture(scope="module")
def corpus(folder: Path) -> Corpus:
    return find_corpus(folder, "characters/*", "motions/*")


@pytest.fixture(scope="module")
def rows(corpus: Corpus) -> list[spoilt.SpoiltRow]:
    return list(spoilt.spoil(corpus, bodies=1, seed=1))


def test_the_good_result_passes_and_every_damage_is_seen(rows: list[spoilt.SpoiltRow]) -> None:
    assert [row.kind for row in rows] == ["good", *KINDS, *KINDS]
    assert (rows[0].verdict, rows[0].decided_by) == ("pass", ())
    assert [(row.kind, row.size) for row in rows[1:] if row.verdict == "pass"] == []
    assert spoilt.table(rows) == {size: (len(KINDS), len(KINDS)) for size in SIZES}


def test_a_damage_keeps_body_and_time_axis_and_changes_the_rest(corpus: Corpus) -> None:
    options = parse_options({"end_s": 1.0})
    target = load_character(corpus.characters[0])
    done, other = (
        retarget_clip(prepare_motion(load_scene(motion.path), 0, options), target, options) for motion in corpus.motions
    )
    good = Good(done, target, options, other.scored, number=0)
    for size in SIZES:
        for kind, damage in KINDS.items():
            made = damage(good, size)
            assert made.body is good.motion.body, kind
            assert made.frames == good.motion.frames, kind
            assert np.abs(made.positions_m - good.motion.positions_m).max() > 1e-3, kind


def test_good_pairs_are_judged_with_and_without_the_new_rows(corpus: Corpus) -> None:
    first, again = (list(spoilt.compare(corpus, 2, 3, "none")) for _ in range(2))
    assert first == again
    assert [(row.code, row.before, row.after, row.is_worse) for row in first] == [(None, "pass", "pass", False)] * 2
    summary = spoilt.summarise(first)
    assert (summary["pairs"], summary["worse_pct"], summary["by_row"]) == (2, 0.0, {})
    worse = spoilt.PairRow("a", "b", "c", "pass", "review", ("foot_own_floor",))
    assert spoilt.summarise([*first, worse])["by_row"] == {"foot_own_floor": 1}


def test_a_crash_is_a_row_and_no_good_pair(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise IndexError("none left")

    monkeypatch.setattr(spoilt, "retarget_scenes", crash)
    (row,) = spoilt.compare(corpus, 1, 3, "none")
    assert (row.code, spoilt.summarise([row])["failed"]) == ("crash: IndexError", 1)


def test_the_command_prints_the_table(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "spoilt.json"
    assert cli.main(["evaluate", "spoilt", "--data", str(folder), "--pairs", "1", "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "not pass at 0.5 of the size: 10 / 10" in printed
    assert "worse: 0.0 % (none)" in printed
    assert len(json.loads(out.read_text())["spoilt"]) == 21
    nothing = ["evaluate", "spoilt", "--data", str(folder), "--motions", "motions/wave.bvh", "--bodies", "1"]
    assert cli.main(nothing) == 2
    assert "error: invalid-options: --data" in capsys.readouterr().err


def test_each_kind_is_drawn_beside_the_good_result(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "kinds.png"
    words = ["--characters", "characters/*", "--motions", "motions/*", "--picture", str(out)]
    assert cli.main(["evaluate", "spoilt", "--data", str(folder), *words]) == 0
    with Image.open(out) as image:
        assert image.width == ACROSS * (3 * SIZE + 2 * GAP) + (ACROSS - 1) * GAP
        assert image.height >= len(KINDS) // ACROSS * SIZE
