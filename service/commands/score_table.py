"""Scores beside those of the naive copy, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def score_lines(scores: Mapping[str, Any], naive: Mapping[str, Any]) -> Iterator[str]:
    """A heading, and a line for each score that has a value; `semantic_similarity` has one for each of its parts."""
    yield f"{'score':<30}{'result':>12}{'copy':>12}"
    for key, value in scores.items():
        if isinstance(value, Mapping):
            others = naive.get(key) or {}
            for part, number in value.items():
                if number is not None:
                    yield _line(f"{key}.{part}", number, others.get(part))
        elif value is not None:
            yield _line(key, value, naive.get(key))


def _line(name: str, value: float, other: float | None) -> str:
    return f"{name:<30}{value:>12.4g}{'-' if other is None else format(other, '.4g'):>12}"
