"""`retarget bench compare`: who failed is listed and counts for nobody; three.js, told all it can be told, copies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.node_packages import require_three
from workers.lab.bench.compare import COLUMNS, PairResult, as_csv, compare, markdown, pooled
from workers.lab.bench.opponents import opponents
from workers.samples.write import write_samples


def result(motion: str, opponent: str, skate: float | None, failure: str | None = None) -> PairResult:
    values = dict.fromkeys(COLUMNS, 1.0) | {"foot_skate_ratio": skate, "truth_pct": None}
    return PairResult(motion, "hero.glb", opponent, {} if failure else values, failure)


def test_a_pair_that_one_could_not_do_counts_for_nobody() -> None:
    found = pooled(
        [
            result("a", "ours", 1.0), result("a", "theirs", 3.0),
            result("b", "ours", 9.0), result("b", "theirs", None, "it broke"),
            result("c", "ours", 2.0), result("c", "theirs", None),
        ]
    )  # fmt: skip
    assert found.pairs == 2 and found.failures == ["theirs: b on hero.glb: it broke"]
    assert found.figures["ours"]["foot_skate_ratio"] == 1.0 and found.figures["theirs"]["foot_skate_ratio"] == 3.0
    table = markdown(found).splitlines()
    assert "skate ratio" in table[0] and "true clip" not in table[0] and table[2].startswith("| ours | 1 |")


def test_every_pair_is_a_line() -> None:
    lines = as_csv([result("a, b", "ours", 1.5), result("a, b", "theirs", None, "no")]).splitlines()
    assert len(lines) == 3 and lines[1].startswith('"a, b",hero.glb,ours') and lines[2].endswith(",no")


def test_three_is_a_naive_copy_and_ours_is_no_worse(tmp_path: Path) -> None:
    three = require_three()
    write_samples(tmp_path)
    found, absent = opponents(three)
    assert [each.name for each in found] == ["analytic", "geometry", "naive copy", "three.js"] and absent == []
    chosen = [each for each in found if each.name != "geometry"]
    rows = {row.opponent: row for row in compare(chosen, [tmp_path / "walk.glb"], [tmp_path / "stout.glb"], "none")}
    assert not any(row.failure for row in rows.values())
    copied, theirs = rows["naive copy"].values, rows["three.js"].values
    for column in ("penetration_pct", "limb_direction_error_deg", "relation_error"):
        assert copied[column] == pytest.approx(theirs[column], abs=0.02), column
    own, naive = rows["analytic"].values["foot_skate_ratio"], copied["foot_skate_ratio"]
    assert own is not None and naive is not None and own < naive
