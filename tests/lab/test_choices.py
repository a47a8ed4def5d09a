"""Blind choices: what is drawn, what it shows, and what is told of the answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from service.cli import main
from workers.contract.errors import InvalidOptions
from workers.lab.corpus import find_corpus
from workers.lab.studies import choices, choices_told
from workers.samples.write import sample_files

LABELS = ("a", "b")


def key_of(sheets: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {"labels": list(LABELS), "sheets": sheets}


def sheet(first: str, a: Mapping[str, float | None], b: Mapping[str, float | None]) -> dict[str, Any]:
    names = {"motion": "m.bvh", "clip": "c", "character": "x.glb"}
    return {"first": first, "second": "b" if first == "a" else "a", "scores": {"a": a, "b": b}, **names}


def read(tmp_path: Path, text: str, key: dict[str, Any]) -> list[choices_told.Told]:
    path = tmp_path / "answers.csv"
    path.write_text(text)
    return choices_told.read_answers(path, key)


def test_wilson_s_interval_has_the_published_values() -> None:
    # R. G. Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3.
    assert choices_told.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert choices_told.wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert choices_told.wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert choices_told.wilson(0, 0) == (0.0, 1.0)


def test_answers_are_turned_back_from_their_places(tmp_path: Path) -> None:
    key = key_of({"001": sheet("a", {}, {}), "002": sheet("b", {}, {}), "003": sheet("b", {}, {})})
    told = read(tmp_path, "sheet,choice\n1,first\n002,first!,hands in the belly\n# later\n\n3,equal\n", key)
    assert [(answer.better, answer.clearly) for answer in told] == [("a", False), ("b", True), (None, False)]


@pytest.mark.parametrize("line", ["001,both", "009,first", "001"])
def test_an_answer_that_says_nothing_is_refused_by_its_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(InvalidOptions, match=r"line 2 of answers\.csv"):
        read(tmp_path, f"001,first\n{line}\n", key_of({"001": sheet("a", {}, {})}))


def test_preferences_and_agreements_count_what_was_chosen(tmp_path: Path) -> None:
    deep, clear = {"penetration_pct": 8.0, "semantic_similarity": 0.9}, {"penetration_pct": 0.0}
    key = key_of(
        {
            "001": sheet("a", deep, {**clear, "semantic_similarity": 0.5}),  # b chosen: b penetrates less, means less
            "002": sheet("b", deep, {**clear, "semantic_similarity": None}),  # a chosen, clearly
            "003": sheet("a", {"penetration_pct": 0.0}, {"penetration_pct": 0.0}),  # b chosen, the score says nothing
            "004": sheet("b", deep, clear),  # a tie
        }
    )
    told = read(tmp_path, "1,second\n2,second!\n3,second\n4,equal\n", key)
    shares = choices_told.preferences(told, LABELS)
    counts = {name: (share["hits"], share["of"]) for name, share in shares.items()}
    assert counts == {
        "b better": (2, 4),
        "equal": (1, 4),
        "b better or equal": (3, 4),
        "b clearly worse": (1, 4),
        "b better where a enters the body or loses a contact": (1, 3),
    }
    agreed = {name: (share["hits"], share["of"]) for name, share in choices_told.agreements(told, LABELS).items()}
    assert agreed == {"penetration_pct": (1, 2), "semantic_similarity": (0, 1)}


def test_both_ends_and_the_largest_displacement_are_shown() -> None:
    away = np.zeros(121)
    away[[3, 60, 63, 90]] = [0.5, 0.3, 0.29, 0.2]
    shown = choices.moments(away, 30.0)
    assert set(shown) == {0, 3, 60, 120}  # 63 is too near to 60, and 90 moved less
    assert len(shown) <= choices.MOMENTS
    assert choices.moments(np.zeros(1), 30.0) == (0,)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("choices")
    for name, data in sample_files().items():
        if name in ("stout.glb", "tall.glb", "wave.bvh", "walk.bvh"):
            (path / name).write_bytes(data)
    return path


def test_the_same_seed_draws_the_same_pairs(folder: Path) -> None:
    corpus = find_corpus(folder, "*.glb", "*.bvh")

    def drawn(seed: int) -> list[choices.Drawn]:
        pairs = choices.draw(corpus, seed)
        return [next(pairs) for _ in range(8)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert len({pair.character for pair in drawn(1)[:2]}) == 2  # characters take turns


def test_sheets_are_drawn_blind_and_answers_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheets = tmp_path / "sheets"
    common = ["evaluate", "choices", str(sheets)]
    options = ['{"encoder": "none"}', '{"encoder": "none", "foot_contact": "off"}']
    drawn = main(
        [*common, "--data", str(folder), "--characters", "*.glb", "--motions", "*.bvh", "--sheets", "2",
         "--moved", "0", "--a", options[0], "--b", options[1]]
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert drawn == 0 and "001.png" in printed and "wave" not in printed and "stout" not in printed
    with Image.open(sheets / "001.png") as image:
        assert image.width > 500 and image.height > 1400  # three rows from two sides
    key = json.loads((sheets / "key.json").read_text())
    assert {entry["first"] for entry in key["sheets"].values()} <= {"a", "b"}
    assert key["sheets"]["001"]["scores"]["a"]["limb_direction_error_deg"] is not None
    answers = tmp_path / "answers.csv"
    answers.write_text("001,first\n002,equal\n")
    assert main([*common, "--answers", str(answers), "--json", str(tmp_path / "told.json")]) == 0
    assert "2 of 2 sheets answered" in capsys.readouterr().out
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["preferences"]["equal"]["hits"] == 1


def test_options_that_are_no_object_are_refused(folder: Path, tmp_path: Path) -> None:
    code = main(["evaluate", "choices", str(tmp_path), "--data", str(folder), "--a", "[1]", "--sheets", "1"])
    assert code == 2
