"""Figures of the refinement study on rows that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workers.lab.corpus import in_turns
from workers.lab.studies.refine_figures import row_figures, summarise
from workers.lab.studies.refine_pairs import OFFERED, RefinePair, _spread
from workers.lab.studies.refine_table import BASE, COPY, Column, RefineRow
from workers.scores.scores import SURFACE_KEYS
from workers.scores.surface_measures import GeometryScores

KINEMATIC = {"jerk_result": 2.0, "jerk_source": 4.0, "foot_skate_result": None, "foot_skate_source": None}


def column(penetration: float, missed: float, similarity: float, relation_error: float | None = 0.3) -> Column:
    values: dict[str, float | None] = dict.fromkeys(SURFACE_KEYS, 1.0)
    by_frame = np.array([0.0, penetration, penetration])
    touching = np.array([False, False, True])
    asked, kept = np.array([[0, 1], [0, 2], [1, 2], [1, 3]]), np.array([True, False, True, False])
    geometry = GeometryScores(values, {}, np.arange(3), by_frame, touching, np.full(4, missed), asked, kept)
    in_reach = np.array([True, True, True, False])
    return Column(
        geometry,
        KINEMATIC,
        True,
        {"eye": (similarity, 0.1)},
        relation_error,
        in_reach,
        np.array([True, False, False, True]),
    )


def row(better: float) -> RefineRow:
    pair = RefinePair(None, "clap", None)
    columns = {COPY: column(0.4, 2.0, 0.5), BASE: column(0.4, 2.0, 0.5)}
    columns["geometry"] = column(0.1, 0.5, 0.5 + better, 0.3 - 10.0 * better)
    windows = {"geometry": [{"accepted": True}, {"accepted": False}]}
    return RefineRow(pair, 3, columns, windows, {"geometry": 1.5}, {"geometry": 0.3})


def test_figures_are_pooled_over_frames_with_intervals_over_pairs() -> None:
    figures = summarise([row(0.01), row(0.03)])["geometry"]
    assert figures["penetration"] == pytest.approx(0.1)
    assert figures["penetration_over_copy"] == pytest.approx(0.25)
    assert figures["penetration_over_copy_interval"] == pytest.approx([0.25, 0.25])
    assert figures["contact_error_over_copy"] == pytest.approx(0.25)
    assert figures["recall_within_reach"] == pytest.approx(2 / 3)
    assert figures["recall_of_arms"] == pytest.approx(0.5)
    assert figures["contacts_beyond_reach"] == pytest.approx(0.25)
    assert figures["relation_error"] == pytest.approx(0.1)
    assert figures["relation_error_interval"] == pytest.approx([0.0, 0.2])
    assert figures["relation_error_rise"] == pytest.approx(-0.2)
    assert figures["relation_error_rise_interval"] == pytest.approx([-0.3, -0.1])
    assert figures["jerk_over_source"] == 0.5
    assert figures["skate_over_source"] is None
    assert figures["eye_gain"] == pytest.approx(0.02)
    assert figures["eye_gain_interval"] == pytest.approx([0.01, 0.03])
    assert figures["eye_least_gain"] == pytest.approx(0.01)
    assert figures["windows_accepted"] == "2 of 4"
    assert figures["seconds_per_100_frames"] == pytest.approx(10.0)
    assert "eye_gain_interval" not in row_figures(row(0.0))["geometry"]


def test_pairs_whose_bodies_share_no_limb_have_no_say_in_relations() -> None:
    rows = [row(0.01), row(0.03)]
    rows[1].columns["geometry"] = column(0.1, 0.5, 0.5, None)
    assert summarise(rows)["geometry"]["relation_error"] == pytest.approx(0.2)
    assert summarise(rows[1:])["geometry"]["relation_error"] is None


def test_characters_take_turns_by_folder_and_see_different_clips() -> None:
    paths = tuple(Path(name) for name in ("a/1", "a/2", "b/1", "c/1"))
    assert [str(path) for path in in_turns(paths, 0)] == ["a/1", "b/1", "c/1", "a/2"]
    assert [str(path) for path in in_turns(paths, 1)] == ["a/2", "b/1", "c/1", "a/1"]
    offered = [_spread(374, number, 0) for number in range(3)] + [_spread(374, 0, 1)]
    assert all(len(places) == OFFERED and max(places) < 374 for places in offered)
    assert not set(offered[0]) & set(offered[1])
    assert not set(offered[0]) & set(offered[3])
    assert _spread(3, 1, 0) == [0, 1, 2]
