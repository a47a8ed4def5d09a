"""Semantic scores through the engine with tiny random models: they know nothing, but every path runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workers.contract.errors import ModelUnavailable
from workers.contract.options import parse_options
from workers.engine.engine import retarget
from workers.engine.score_files import score_files
from workers.formats.bundle import FileBundle
from workers.samples.write import sample_files
from workers.semantics import source_cache
from workers.semantics.loaded import open_encoder


@pytest.fixture(scope="module")
def files() -> dict[str, FileBundle]:
    return {name: FileBundle(name, data) for name, data in sample_files().items()}


@pytest.fixture(autouse=True)
def fresh_cache() -> None:
    source_cache.process_cache.cache_clear()


def run(files: dict[str, FileBundle], **options: Any) -> dict[str, Any]:
    given = {"keyframes": 2, "end_s": 0.5, **options}
    return retarget(files["walk.bvh"], files["stout.glb"], parse_options(given)).report


@pytest.mark.usefixtures("tiny_store")
def test_scores_beside_the_copys_in_a_report_without_nan(files: dict[str, FileBundle]) -> None:
    report = run(files, encoder="blip-itm")
    for scores in (report["scores"], report["scores_naive_copy"]):
        assert -1.0 <= scores["semantic_similarity"]["raw"] <= 1.0
        assert scores["semantic_similarity"]["calibrated"] is None
        assert scores["scl"] >= 0.0
        assert 0.0 <= scores["itm"] <= 1.0
    assert report["scores"]["itm_source"] == report["scores_naive_copy"]["itm_source"]
    assert "not calibrated" in report["not_applicable"]["semantic_similarity.calibrated"]
    semantics = report["semantics"]
    assert semantics["encoder"]["name"] == "blip-itm"
    assert semantics["built_in"] is False
    assert (semantics["source_body"], semantics["description"]) == ("generated", "walk")
    assert len(semantics["keyframes"]) == 2
    line = report["timeline"]["semantic_similarity"]
    assert len(line) == len(report["timeline"]["planted"])
    assert all(isinstance(value, float) for value in line)
    json.dumps(report, allow_nan=False)


@pytest.mark.usefixtures("tiny_store")
def test_one_motion_onto_two_characters_is_looked_at_once(files: dict[str, FileBundle]) -> None:
    first = run(files, encoder="clip")
    options = parse_options({"keyframes": 2, "end_s": 0.5, "encoder": "clip"})
    second = retarget(files["walk.bvh"], files["tall.glb"], options).report
    assert first["semantics"]["views_from_cache"] == 0
    assert second["semantics"]["views_from_cache"] == len(second["semantics"]["views"])
    assert second["scores"]["itm_source"] == first["scores"]["itm_source"]


@pytest.mark.usefixtures("tiny_store")
def test_an_answering_encoder_tells_what_it_sees(files: dict[str, FileBundle]) -> None:
    report = run(files, encoder="blip-vqa")
    answers = report["semantics"]["answers"]
    assert [answer["frame"] for answer in answers] == [key["frame"] for key in report["semantics"]["keyframes"]]
    assert report["scores"]["itm"] is None
    assert "does not match" in report["not_applicable"]["itm"]


@pytest.mark.usefixtures("tiny_store")
def test_a_pair_of_files_is_scored_alike(files: dict[str, FileBundle]) -> None:
    options = parse_options({"keyframes": 2, "encoder": "clip"})
    found = score_files(files["walk.bvh"], files["walk.bvh"], options=options)
    assert found["scores"]["semantic_similarity"]["raw"] == pytest.approx(1.0, abs=1e-5)
    assert found["scores_naive_copy"]["semantic_similarity"]["raw"] is not None
    assert len(found["semantics"]["keyframes"]) == 2
    json.dumps(found, allow_nan=False)


@pytest.mark.usefixtures("tiny_store")
def test_models_are_loaded_once_a_process() -> None:
    assert open_encoder("clip", "cpu").encoder is open_encoder("clip", "cpu").encoder


def test_the_built_in_encoder_orders_good_and_damaged(files: dict[str, FileBundle], tmp_path: Path) -> None:
    """A clip against itself, another clip of the same body, and a retargeted one."""
    options = parse_options({"keyframes": 3})
    try:
        open_encoder("eye", "cpu")
    except Exception as error:
        assert isinstance(error, ModelUnavailable) or "no model 'eye'" in str(error)
        pytest.skip("the built-in encoder is not in this checkout")
    good = run(files, encoder="eye", keyframes=3)["scores"]["semantic_similarity"]
    own = score_files(files["walk.bvh"], files["walk.bvh"], options=options.model_copy(update={"encoder": "eye"}))[
        "scores"
    ]["semantic_similarity"]
    assert own["raw"] >= good["raw"]
    assert good["calibrated"] is not None
