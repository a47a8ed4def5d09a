"""The quality report as one page for people: verdict and why, scores beside the naive copy's, pictures, timelines.

Pure: a report in, HTML out. No script, nothing from elsewhere, every text escaped. What the values mean is
`workers.scores`'; the JSON report stays what programs read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'none'"
WIDTH, HEIGHT = 640, 48
STYLE = """
body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}td,th{text-align:left;padding:.25rem .6rem .25rem 0;
border-bottom:1px solid #ddd;vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}
.pass{color:#17692f}.review{color:#8a5a00}.fail{color:#a11d1d}img{max-width:100%}svg{width:100%;height:3rem;display:block}
polyline{fill:none;stroke:#2a5db0;stroke-width:1.2}code{background:#f3f3f3;padding:0 .2rem}
"""
_OUTCOMES = {"pass": "good", "review": "to be looked at", "fail": "not good enough"}
_VERDICTS = {
    "pass": "Pass: nothing measured speaks against it.",
    "review": "Review: somebody should look at it.",
    "fail": "Fail: it should not be used as it is.",
}


def report_page(title: str, report: Mapping[str, Any], pictures: Sequence[tuple[str, str]]) -> str:
    """`pictures` are (name, address) of images to show. Of several clips each has its part."""
    clips: Sequence[Mapping[str, Any]] = report.get("clips") or [report]
    parts = [part for clip in clips for part in _clip(clip, len(clips) > 1)]
    shown = "".join(f'<figure><img src="{escape(url)}" alt="{escape(name)}"></figure>' for name, url in pictures)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
        f"<h1>{escape(title)}</h1>{shown}{_warnings(report.get('warnings') or [])}{''.join(parts)}</html>"
    )


def _clip(clip: Mapping[str, Any], is_one_of_many: bool) -> Iterator[str]:
    if is_one_of_many:
        yield f"<h2>{escape(str(clip.get('clip')))}</h2>"
    verdict = clip.get("verdict") or {}
    word = str(verdict.get("verdict", ""))
    yield f'<p class="{escape(word)}"><strong>{escape(_VERDICTS.get(word, word))}</strong></p>'
    rows = [_verdict_row(row) for row in verdict.get("rows", [])]
    yield _table(("what was looked at", "found", "in words"), rows)
    yield _scores(clip)
    yield from _timeline(clip.get("timeline") or {})


def _verdict_row(row: Mapping[str, Any]) -> tuple[str, str, str]:
    outcome = str(row.get("outcome"))
    if row.get("value") is None:
        words = f"not measured: {row.get('reason') or 'it does not apply'}"
    else:
        worse = row.get("worse")
        words = (
            f"{_OUTCOMES.get(outcome, outcome)}; to be looked at {worse} {_number(row.get('limit_review'))}, "
            f"not good enough {worse} {_number(row.get('limit_fail'))}"
        )
    name = f"{escape(str(row.get('meaning') or row.get('score')))} <code>{escape(str(row.get('score')))}</code>"
    return name, _number(row.get("value")), f'<span class="{escape(outcome)}">{escape(words)}</span>'


def _warnings(warnings: Sequence[Mapping[str, Any]]) -> str:
    items = [f"<li><code>{escape(str(w.get('code')))}</code> {escape(str(w.get('message')))}" for w in warnings]
    return f"<h3>Warnings</h3><ul>{''.join(items)}</ul>" if items else ""


def _scores(clip: Mapping[str, Any]) -> str:
    own, naive = clip.get("scores") or {}, clip.get("scores_naive_copy") or {}
    reasons = clip.get("not_applicable") or {}
    rows = [
        (f"<code>{escape(name)}</code>", _number(value), _number(naive.get(name)))
        if value is not None
        else (f"<code>{escape(name)}</code>", "", escape(str(reasons.get(name, ""))))
        for name, value in own.items()
        if not isinstance(value, Mapping)
    ]
    return "<h3>Scores, and those of a naive copy</h3>" + _table(("score", "result", "naive copy"), rows)


def _timeline(timeline: Mapping[str, Any]) -> Iterator[str]:
    curves = {name: values for name, values in timeline.items() if isinstance(values, Sequence) and len(values) > 1}
    if curves:
        yield "<h3>Over time</h3>"
    for name, values in curves.items():
        lines = [_line(piece) for piece in _pieces(values)]
        most = max((value for value in values if _is_number(value)), default=0.0)
        yield (
            f"<p><code>{escape(str(name))}</code>, at most {_number(most)}</p>"
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img">{"".join(lines)}</svg>'
        )


def _pieces(values: Sequence[Any]) -> Iterator[list[tuple[float, float]]]:
    """Runs of points without a gap, in the picture's units."""
    known = [value for value in values if _is_number(value)]
    least, most = min(known, default=0.0), max(known, default=1.0)
    span = (most - least) or 1.0
    run: list[tuple[float, float]] = []
    for number, value in enumerate(values):
        if _is_number(value):
            run.append((WIDTH * number / (len(values) - 1), HEIGHT - 2 - (HEIGHT - 4) * (value - least) / span))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _line(points: Sequence[tuple[float, float]]) -> str:
    return '<polyline points="' + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) + '"/>'


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _number(value: Any) -> str:
    return f"{value:.4g}" if _is_number(value) else "" if value is None else escape(str(value))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML already."""
    titles = "".join(f"<th>{title}</th>" for title in head)
    body = "".join(
        "<tr>" + "".join(f'<td class="n">{cell}</td>' if n == 1 else f"<td>{cell}</td>" for n, cell in enumerate(row))
        for row in rows
    )
    return f"<table><tr>{titles}</tr>{body}</table>"
