"""`retarget bench compare`: who failed is listed and counts for nobody; three.js, told all it can be told, copies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.node_packages import require_three
from workers.lab.bench.another_program import run_program
from workers.lab.bench.compare import COLUMNS, Comparison, PairResult, as_csv, compare, markdown, pooled
from workers.lab.bench.compare_picture import BAR, COLOURS, bars_picture
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
    found, absent = opponents(three, str(tmp_path / "no program"))
    assert [each.name for each in found] == ["analytic", "geometry", "naive copy", "three.js"]
    assert absent == [f"Blender: not run: no program {str(tmp_path / 'no program')!r}"]
    chosen = [each for each in found if each.name != "geometry"]
    rows = {row.opponent: row for row in compare(chosen, [tmp_path / "walk.glb"], [tmp_path / "stout.glb"], "none")}
    assert not any(row.failure for row in rows.values())
    copied, theirs = rows["naive copy"].values, rows["three.js"].values
    for column in ("penetration_pct", "limb_direction_error_deg", "relation_error"):
        assert copied[column] == pytest.approx(theirs[column], abs=0.02), column
    own, naive = rows["analytic"].values["foot_skate_ratio"], copied["foot_skate_ratio"]
    assert own is not None and naive is not None and own < naive


BLENDER = os.environ.get("RETARGET_BLENDER")


@pytest.mark.skipif(BLENDER is None, reason="RETARGET_BLENDER names no Blender: a gigabyte that no other test needs")
def test_blender_copies_what_it_is_told(tmp_path: Path) -> None:
    write_samples(tmp_path)
    theirs = next(each for each in opponents(None, BLENDER)[0] if each.name == "Blender")
    (row,) = compare([theirs], [tmp_path / "walk.glb"], [tmp_path / "stout.glb"], "none", asks_memory=True)
    limbs, memory = row.values["limb_direction_error_deg"], row.values["peak_mib"]
    assert row.failure is None and limbs is not None and limbs < 1.0 and memory is not None and memory > 50.0


def test_a_program_is_waited_for_and_its_complaint_told() -> None:
    script = "import sys; import time; held = bytearray(64 << 20); time.sleep(0.1); print(len(held))"
    ran = run_program([sys.executable, "-c", script])
    assert ran.printed.split() == [str(64 << 20)] and 64.0 < ran.peak_mib < 128.0
    with pytest.raises(RuntimeError, match="no such luck"):
        run_program([sys.executable, "-c", "import sys; sys.exit('first\\nno such luck')"])
    with pytest.raises(RuntimeError, match="exit code -9"):
        run_program([sys.executable, "-c", "import time; time.sleep(60)"], timeout_s=0.2)


def test_bars_are_as_long_as_their_figures() -> None:
    values = dict.fromkeys(COLUMNS, None)
    figures = {"ours": values | {"jerk_ratio": 1.0}, "theirs": values | {"jerk_ratio": 4.0}}
    picture = np.asarray(bars_picture(Comparison(3, figures)))
    lengths = [int((picture == colour).all(axis=2).any(axis=0).sum()) for colour in COLOURS[:2]]
    assert lengths[0] == pytest.approx(BAR / 4, abs=2) and lengths[1] == pytest.approx(BAR, abs=2)
