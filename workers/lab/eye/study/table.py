"""The eye study as text: encoders side by side, a line a figure with its 95 % interval."""

from __future__ import annotations

from collections.abc import Iterator

from workers.lab.eye.study.eye import EyeReport
from workers.lab.eye.study.metrics import Figure
from workers.lab.eye.study.studies import ALL
from workers.semantics.viewed_clip import VIEWS

CELL_WIDTH = 24


def report_lines(report: EyeReport) -> Iterator[str]:
    names, lines = list(report.rows), _on_common_lines(report)
    width = 4 + max(len(text) for line in lines[0] + lines[-1] if line for text in (line[0], _label(line)))
    held_out = "held-out clips on held-out bodies" if report.data else (
        "the project's own samples, which the built-in encoder was trained on: this shows that the study runs, no more"
    )  # fmt: skip
    yield f"on {held_out}; views {', '.join(VIEWS)}; [95 % interval by clip]"
    for group, clips in report.groups.items():
        yield f"  {group}: {clips} clips"
    study = ""
    for rows in zip(*lines, strict=True):
        first = next(row for row in rows if row is not None)
        if first[0] != study:
            study = first[0]
            yield ""
            yield f"{study:<{width}}" + "".join(f"{name:>{CELL_WIDTH}}" for name in names)
        cells = "".join(f"{_cell(row[3] if row else None):>{CELL_WIDTH}}" for row in rows)
        yield f"  {_label(first):<{width - 2}}{cells}"
    yield ""
    yield f"{'6 anchors: median (quartiles), all views':<{width}}" + "".join(f"{n:>{CELL_WIDTH}}" for n in names)
    for body in ("skinned", "generated"):
        for end in ("other", "same"):
            cells = "".join(f"{_anchor(report, name, body, end):>{CELL_WIDTH}}" for name in names)
            yield f"  {f'{end} moment, {body} source':<{width - 2}}{cells}"


Line = tuple[str, str, str, Figure]


def _label(line: Line) -> str:
    return line[1] if line[2] == ALL else f"{line[1]} | {line[2]}"


def _on_common_lines(report: EyeReport) -> list[list[Line | None]]:
    """The encoders' rows in one order; None where an encoder has no such row."""
    tables = [
        {(row.study, row.name, row.group): (row.study, row.name, row.group, row.figure) for row in rows}
        for rows in report.rows.values()
    ]
    keys = list(dict.fromkeys(key for table in sorted(tables, key=len, reverse=True) for key in table))
    return [[table.get(key) for key in keys] for table in tables]


def _cell(figure: Figure | None) -> str:
    if figure is None or figure.value is None:
        return "-"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def _anchor(report: EyeReport, name: str, body: str, end: str) -> str:
    for entry in report.anchors[name]:
        if (entry.views, entry.body) == (VIEWS, body):
            middle = entry.other_median if end == "other" else entry.same_median
            low, high = entry.other_quartiles if end == "other" else entry.same_quartiles
            return f"{middle:.3f} ({low:.3f}, {high:.3f})"
    return "-"
