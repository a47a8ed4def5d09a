"""`engine.version` follows results: where a job's result has changed, the version must have been raised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.golden.golden_results import (
    GOLDEN,
    TOLERANCE,
    Result,
    changes,
    is_raised,
    read_golden,
    run_jobs,
    write_golden,
)
from tests.golden.renew import renew
from workers.contract.engine_version import ENGINE_VERSION

HOW = "raise ENGINE_VERSION in workers/contract/engine_version.py, then run `python -m tests.golden.renew`"


@pytest.fixture(scope="module")
def kept() -> dict[str, Result]:
    return read_golden()[1]


def turned(results: dict[str, Result], steps: int) -> dict[str, Result]:
    """The same results, with one joint turned a little in one frame of one job."""
    name = sorted(results)[0]
    rotations = results[name].rotations.copy()
    rotations[1, 2, 0] += steps
    return {**results, name: replace(results[name], rotations=rotations)}


@pytest.mark.timeout(300)
def test_results_are_those_of_this_version(kept: dict[str, Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RETARGET_SURFACE_SCORES", raising=False)  # off in the other tests, for their speed
    changed = changes(kept, run_jobs())
    assert not changed, f"results have changed: {HOW}\n" + "\n".join(changed)
    assert read_golden()[0] == ENGINE_VERSION, f"the golden results are of another version: {HOW}"


def test_the_last_digits_are_no_change_and_more_is(kept: dict[str, Result]) -> None:
    assert changes(kept, turned(kept, TOLERANCE)) == []
    (line,) = changes(kept, turned(kept, TOLERANCE + 1))
    assert "rotations differ by up to 0.0003" in line
    name = sorted(kept)[0]
    opposite = {**kept, name: replace(kept[name], rotations=-kept[name].rotations)}
    assert changes(kept, opposite) == []


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("verdict", "review", "the verdict was"),
        ("scores", {"jerk_ratio": 7.0}, "jerk_ratio was"),
    ],
)
def test_verdict_and_scores_count(kept: dict[str, Result], field: str, value: object, says: str) -> None:
    name = sorted(kept)[0]
    other = {**kept, name: replace(kept[name], **{field: value})}  # type: ignore[arg-type]
    assert any(says in line for line in changes(kept, other))


def test_a_job_more_or_less_is_a_change(kept: dict[str, Result]) -> None:
    name = sorted(kept)[0]
    fewer = {other: result for other, result in kept.items() if other != name}
    assert changes(kept, fewer) == [f"{name}: gone"]
    assert changes(fewer, kept) == [f"{name}: no such job in the golden file"]


def test_renewing_needs_a_higher_version(kept: dict[str, Result], tmp_path: Path) -> None:
    path = tmp_path / "golden.json"
    write_golden(kept, path, "0.9.2")
    changed = turned(kept, 10)
    before = path.read_bytes()
    assert renew(changed, path, "0.9.2") == 1 and path.read_bytes() == before
    assert renew(changed, path, "0.9.1") == 1 and path.read_bytes() == before
    assert renew(kept, path, "0.9.2") == 0 and path.read_bytes() == before
    assert renew(changed, path, "0.10.0") == 0
    version, results = read_golden(path)
    assert version == "0.10.0" and changes(results, changed) == []


def test_versions_are_compared_as_numbers() -> None:
    assert is_raised("0.9.0", "0.10.0") and not is_raised("0.10.0", "0.9.9") and not is_raised("0.1.0", "0.1.0")


def test_what_is_kept_is_small() -> None:
    assert GOLDEN.stat().st_size < 60_000
