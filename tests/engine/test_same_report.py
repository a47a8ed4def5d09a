"""The same input gives the same report: again in one process, in another one, and by any number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workers.formats.bundle import FileBundle
from workers.platform.threads import COUNTS

TWICE = """
from workers.platform.threads import settle_threads
settle_threads()
import json, sys
from pathlib import Path
from workers.contract.options import parse_options
from workers.engine.engine import retarget
from workers.formats.load_bundle import bundle_from_path
files = [bundle_from_path(Path(name)) for name in ("clap.bvh", "stout.glb")]
options = parse_options({"encoder": "eye", "keyframes": 3, "end_s": 0.5})
for _ in range(2):
    result = retarget(*files, options)
    print(json.dumps([result.report, [hash(data) for data in result.artifacts.values()]]))
"""


def reports_of(folder: Path, threads: int) -> list[Any]:
    environment = {name: value for name, value in os.environ.items() if name not in COUNTS}
    environment |= {"RETARGET_THREADS": str(threads), "RETARGET_SURFACE_SCORES": "on", "PYTHONHASHSEED": "0"}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    program = [sys.executable, "-c", TWICE]
    done = subprocess.run(
        program, cwd=folder, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    return [_without_times(json.loads(line)) for line in done.stdout.splitlines()]


def _without_times(found: list[Any]) -> list[Any]:
    """What a clock says, and what was in a cache, is no part of the result."""
    report = found[0]
    del report["timings_s"]
    for name in ("seconds", "views_from_cache"):
        del report["semantics"][name]
    return found


def _near(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_near(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(_near(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float):
        return one == pytest.approx(other, abs=1e-4, rel=1e-4)
    return bool(one == other)


def test_the_same_report_again_and_by_more_threads(samples: dict[str, FileBundle], tmp_path: Path) -> None:
    for name in ("clap.bvh", "stout.glb"):
        (tmp_path / name).write_bytes(samples[name].data)
    first, again = reports_of(tmp_path, 1)
    assert first == again
    by_two = reports_of(tmp_path, 2)[0]
    assert _near(first[0], by_two[0])
    assert first[1] == by_two[1]  # the result file is the same to the byte
