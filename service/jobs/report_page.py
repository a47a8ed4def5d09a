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
:root{color-scheme:light dark;--line:#8884;--pass:light-dark(#17692f,#6fcf8c);--review:light-dark(#8a5a00,#e6b54a);
--fail:light-dark(#a11d1d,#ff8d8d);--curve:light-dark(#2a5db0,#7fb0ff);--copy:light-dark(#777,#999)}
body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
div.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem}
td,th{text-align:left;padding:.25rem .8rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}figure{margin:1rem 0}
.pass{color:var(--pass)}.review{color:var(--review)}.fail{color:var(--fail)}img{max-width:100%}
svg{width:100%;height:3rem;display:block;border-bottom:1px solid var(--line)}p.axis{display:flex;
justify-content:space-between;margin:0 0 1rem}polyline{fill:none;stroke:var(--curve);stroke-width:1.6;
vector-effect:non-scaling-stroke}polyline.copy{stroke:var(--copy);stroke-dasharray:4 3}code{font-size:.92em}
h1,li,td{overflow-wrap:anywhere}summary{cursor:pointer}
"""
AGAINST = ("review", "fail")
NOISE = 1e-9  # smaller values are rounding
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
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style>'
        f"<h1>{escape(title)}</h1>{''.join(parts)}{shown}{_warnings(report.get('warnings') or [])}</html>"
    )


def _clip(clip: Mapping[str, Any], is_one_of_many: bool) -> Iterator[str]:
    """The verdict with what speaks against the result first; what is in order is folded away."""
    if is_one_of_many:
        yield f"<h2>{escape(str(clip.get('clip')))}</h2>"
    verdict = clip.get("verdict") or {}
    word = str(verdict.get("verdict", ""))
    yield f'<p class="{escape(word)}"><strong>{escape(_VERDICTS.get(word, word))}</strong></p>'
    head = ("what was looked at", "found", "in words")
    rows = verdict.get("rows", [])
    against = [_verdict_row(row) for row in rows if row.get("outcome") in AGAINST]
    others = [_verdict_row(row) for row in rows if row.get("outcome") not in AGAINST]
    if against:
        yield _table(head, against)
    yield _moments(clip.get("semantics") or {})
    yield f"<details><summary>{len(others)} measures in order or not measured</summary>{_table(head, others)}</details>"
    yield from _timeline(clip.get("timeline") or {}, clip.get("timeline_naive_copy") or {})
    yield f"<details><summary>All scores, and those of a naive copy</summary>{_scores(clip)}</details>"


def _moments(semantics: Mapping[str, Any]) -> str:
    """Where the result differs most from the source, in words."""
    items = [
        f"<li>{_number(moment.get('time_s'))} s: {escape(str(moment['reason']))}</li>"
        for moment in semantics.get("worst_moments") or []
        if moment.get("reason")
    ]
    return f"<h3>Look here first</h3><ul>{''.join(items)}</ul>" if items else ""


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
        (f"<code>{escape(name)}</code>", _number(_plain(value)), _number(_plain(naive.get(name))))
        if value is not None
        else (f"<code>{escape(name)}</code>", "", escape(str(reasons.get(name, ""))))
        for name, value in own.items()
    ]
    return _table(("score", "result", "naive copy"), rows, numbers=(1, 2))


def _plain(value: Any) -> Any:
    """Of a calibrated score the calibrated value."""
    return value.get("calibrated", value.get("raw")) if isinstance(value, Mapping) else value


def _timeline(own: Mapping[str, Any], naive: Mapping[str, Any]) -> Iterator[str]:
    """A curve for each row that holds anything, the naive copy's dashed behind it on the same scale."""
    curves = {name: values for name, values in own.items() if isinstance(values, Sequence) and len(values) > 1}
    curves = {name: values for name, values in curves.items() if any(map(_is_number, values))}
    if curves:
        yield "<h3>Over time <small>(naive copy dashed)</small></h3>"
    for name, values in curves.items():
        other = naive.get(name) or []
        known = [value for value in (*values, *other) if _is_number(value)]
        least, most = min(known), max(known)
        lines = [_line(piece, ' class="copy"') for piece in _pieces(other, least, most)]
        lines += [_line(piece, "") for piece in _pieces(values, least, most)]
        end_s = float(own.get("step_s") or 0.0) * (len(values) - 1)
        yield (
            f"<p><code>{escape(str(name))}</code>, {_number(least)} to {_number(most)}</p>"
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
            f'aria-label="{escape(str(name))}">{"".join(lines)}</svg>'
            f'<p class="axis"><span>0 s</span><span>{_number(end_s)} s</span></p>'
        )


def _pieces(values: Sequence[Any], least: float, most: float) -> Iterator[list[tuple[float, float]]]:
    """Runs of points without a gap, in the picture's units."""
    span = (most - least) or 1.0
    run: list[tuple[float, float]] = []
    for number, value in enumerate(values):
        if _is_number(value):
            run.append((WIDTH * number / max(len(values) - 1, 1), HEIGHT - 2 - (HEIGHT - 4) * (value - least) / span))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _line(points: Sequence[tuple[float, float]], kind: str) -> str:
    return f'<polyline{kind} points="' + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) + '"/>'


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _number(value: Any) -> str:
    if not _is_number(value):
        return "" if value is None else escape(str(value))
    return "0" if abs(value) < NOISE else f"{value:.4g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = (1,)) -> str:
    """Cells are HTML already; `numbers` are the columns that are aligned to the right."""

    def cell(tag: str, column: int, content: str) -> str:
        kind = ' class="n"' if column in numbers else ""
        return f"<{tag}{kind}>{content}</{tag}>"

    titles = "".join(cell("th", n, title) for n, title in enumerate(head))
    body = "".join("<tr>" + "".join(cell("td", n, text) for n, text in enumerate(row)) + "</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{titles}</tr>{body}</table></div>'
