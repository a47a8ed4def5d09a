"""What is kept of a row's result: enough to tell a later one from it, as JSON of a few kilobytes.

`values` are those of the verdict's rows with how far apart their limits are, so that a change can be weighed without
knowing the row. `words` say what decided and what looks least like the source, without their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.contract.engine_version import ENGINE_VERSION
from workers.contract.errors import RetargetError
from workers.engine.engine import EngineResult
from workers.gate.motion_signature import PackedMotion, sign_motion
from workers.gate.picture_signature import PackedPictures, sign_sheet
from workers.scores.verdict import Outcome

SCHEMA: Literal["retarget-gate/1"] = "retarget-gate/1"
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")


class Value(BaseModel):
    """A value of the verdict. `worse` is the side on which it is worse, `gap` from the review to the fail limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    value: float
    worse: Literal["above", "below"]
    gap: float = Field(gt=0.0)
    outcome: str


class ClipOutcome(BaseModel):
    """One clip of a result."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    clip: str
    verdict: Outcome
    decided_by: tuple[str, ...]
    values: dict[str, Value]
    similarity: float | None
    words: tuple[str, ...]
    motion: PackedMotion
    pictures: PackedPictures | None = None


class RowOutcome(BaseModel):
    """A row's result, or its error. `key` says what it depends on (`row_key`), `sheets` are files beside it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    gate: Literal["retarget-gate/1"] = SCHEMA
    row: str
    key: str
    engine: str = ENGINE_VERSION
    error: str | None = None
    detail: str = ""
    clips: tuple[ClipOutcome, ...] = ()
    warnings: tuple[str, ...] = ()
    sheets: tuple[str, ...] = ()


def outcome_of(row: str, key: str, result: EngineResult) -> tuple[RowOutcome, dict[str, bytes]]:
    """What is kept of a result, and its sheets under the names that it gives them."""
    report = result.report
    drawn = {name: data for name, data in result.artifacts.items() if name.startswith("sheet")}
    clips = [
        _clip(clip, clip.get("clip") or report["source"]["clip"], number, result, drawn)
        for number, clip in enumerate(report.get("clips") or [report])
    ]
    sheets = {f"{key}.{name.removeprefix('sheet')}".replace("..", "."): data for name, data in drawn.items()}
    kept = RowOutcome(
        row=row,
        key=key,
        clips=tuple(clips),
        warnings=tuple(sorted({warning["code"] for warning in report["warnings"]})),
        sheets=tuple(sheets),
    )
    return kept, sheets


def error_outcome(row: str, key: str, error: RetargetError) -> RowOutcome:
    return RowOutcome(row=row, key=key, error=error.code, detail=error.detail)


def _clip(
    report: Mapping[str, Any], name: str, number: int, result: EngineResult, drawn: Mapping[str, bytes]
) -> ClipOutcome:
    verdict = report["verdict"]
    similarity = report["scores"].get("semantic_similarity") or {}
    several = len(result.motions) > 1
    sheet = None if several else drawn.get("sheet.png")  # of several only the worst are drawn, not always the same
    return ClipOutcome(
        clip=name,
        verdict=verdict["verdict"],
        decided_by=tuple(verdict["decided_by"]),
        values={
            row["score"]: Value(
                value=row["value"],
                worse=row["worse"],
                gap=abs(row["limit_fail"] - row["limit_review"]),
                outcome=row["outcome"],
            )
            for row in verdict["rows"]
            if row["value"] is not None
        },
        similarity=similarity.get("calibrated"),
        words=tuple(words_of(report.get("semantics") or {})),
        motion=sign_motion(result.motions[number]),
        pictures=None if sheet is None else sign_sheet(sheet),
    )


def words_of(semantics: Mapping[str, Any]) -> list[str]:
    """What is said of the moments that look least like the source, each once, with `#` for every number."""
    told = [moment.get("reason") for moment in semantics.get("worst_moments") or []]
    return list(dict.fromkeys(_NUMBER.sub("#", str(text)) for text in told if text))
