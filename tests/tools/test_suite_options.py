"""The suite's own options: folders in an order of chance, assertions near their limits, work counted in lines."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests import folder_order, near_limits
from tests.work_counter import lines_run


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, near_limits.Finding]:
    monkeypatch.setattr(near_limits, "found", {})
    return near_limits.found


def run(assertion: str, **names: Any) -> None:
    tree = near_limits.Watched("tests/absent.py").visit(ast.parse(f"assert {assertion}"))
    exec(compile(tree, "absent", "exec"), {"__compared__": near_limits.compared, "np": np, "pytest": pytest, **names})


@pytest.mark.parametrize(
    "assertion",
    [
        "x < 1.05", "x <= 1.0", "1.1 > x > 0.5", "not x > 1.05", "x == pytest.approx(1.00095, rel=1e-3)",
        "all(value < 1.05 for value in [0.0, x])", "(np.array([0.1, x]) < 1.05).all()", "-x > -1.05",
    ],
)  # fmt: skip
def test_values_near_a_limit_are_found(found: dict[str, near_limits.Finding], assertion: str) -> None:
    run(assertion, x=1.0)
    assert [finding.place for finding in found.values()] == ["tests/absent.py:1"]
    assert 0.0 <= next(iter(found.values())).room < near_limits.NEAR


@pytest.mark.parametrize(
    "assertion",
    [
        "x < 1.2", "0.96 > 0.5", "0.999 > 0.98", "k < 5.2", "np.array([0.1, x])[np.array([x, x]) < 1.05].all()",
        "(np.array([x, 0.3]) < 1.05).sum() == 2", "x == pytest.approx(1.0)", "x == 1.0", "x is not None",
    ],
)  # fmt: skip
def test_room_counts_and_choices_are_not(found: dict[str, near_limits.Finding], assertion: str) -> None:
    run(assertion, x=1.0, k=5)
    assert not found


def test_a_failing_assertion_still_fails() -> None:
    with pytest.raises(AssertionError):
        run("x < 0.5 < 0.7", x=1.0)


def test_folders_are_shuffled_whole_and_by_the_seed() -> None:
    def order(seed: str | None) -> list[str]:
        items: list[Any] = [
            SimpleNamespace(path=Path(f"{folder}/test_{number}.py")) for folder in "abcdef" for number in range(2)
        ]
        config: Any = SimpleNamespace(option=SimpleNamespace(folder_order=seed))
        folder_order.pytest_collection_modifyitems(config, items)
        return [str(item.path) for item in items]

    assert order(None) == sorted(order("3"))
    assert order("3") == order("3") != order("4") != order(None)
    for paths in (order("3"), order("4")):
        assert all(
            Path(first).parent == Path(second).parent for first, second in zip(paths[::2], paths[1::2], strict=True)
        )


def test_lines_are_counted_in_proportion() -> None:
    def work(count: int) -> None:
        for _ in range(count):
            pass

    assert 90 < lines_run(lambda: work(200)) - lines_run(lambda: work(100)) < 250
