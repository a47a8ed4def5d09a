"""The displacement study: free hands, their bound, quiet moments, and the command's table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from service.cli import main
from workers.contract.options import parse_options
from workers.lab.studies.choices import Drawn
from workers.lab.studies.displacement import SLACK, Displacement, measure, summary
from workers.samples.write import sample_files


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("displacement")
    chosen = ("wave.bvh", "stout.glb", "tall.glb")
    for name, data in sample_files().items():
        if Path(name).name in chosen:
            place = folder / ("motions" if name.endswith("bvh") else "characters")
            place.mkdir(exist_ok=True)
            (place / Path(name).name).write_bytes(data)
    return folder


def test_what_nothing_asked_for_is_told(samples: Path) -> None:
    """On the slim body nothing lies inside: nothing moves, and the bound is the slack alone."""
    drawn = Drawn(samples / "motions" / "wave.bvh", 0, samples / "characters" / "tall.glb")
    found = measure(drawn, parse_options({"refine": "geometry", "encoder": "none"}))
    assert len(found.free_m) == len(found.bound_m) > 50
    assert np.all(found.bound_m >= SLACK) and np.all(found.free_m <= found.bound_m)
    assert found.quiet_m.max(initial=0.0) < 1e-4


def test_figures_are_pooled_over_frames() -> None:
    drawn = Drawn(Path("m"), 0, Path("c"))
    none = np.zeros(0)
    found = [
        Displacement(drawn, np.array([0.0, 0.02]), np.array([0.01, 0.01]), np.array([1.0]), np.array([0.0, 1e-3])),
        Displacement(drawn, np.array([0.04, 0.02]), np.array([0.08, 0.01]), none, none),
    ]
    table = summary(found)
    assert table["mean"] == pytest.approx(0.02) and table["worst"] == 0.04
    assert table["beyond_bound_pct"] == 50.0 and table["worst_over_bound"] == 2.0
    assert table["head_deg"] == 1.0 and table["quiet_changed_pct"] == 50.0
    assert summary([])["mean"] is None


def test_the_command_prints_a_line_a_pair_and_writes_its_table(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "table.json"
    code = main(
        ["evaluate", "displacement", "--data", str(samples), "--characters", "characters/tall.glb",
         "--motions", "motions/wave.bvh", "--pairs", "1", "--json", str(out)]
    )  # fmt: skip
    assert code == 0
    assert "wave.bvh [0] -> tall.glb: mean" in capsys.readouterr().out
    assert json.loads(out.read_text())["tables"]["all"]["clips"] == 1
