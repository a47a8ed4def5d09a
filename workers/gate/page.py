"""The judgements as one page for people: the worst first, each with what was lost and its sheet, the accepted one
beside it where it is still there. Pure: no script, nothing from elsewhere, every text escaped; sheets are files beside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape

from workers.gate.compare import Judgement, verdict_of
from workers.gate.outcome import RowOutcome

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' file:; base-uri 'none'; form-action 'none'"
STYLE = """
:root{color-scheme:light dark;--line:#8884;--lost:light-dark(#a11d1d,#ff8d8d);--good:light-dark(#17692f,#6fcf8c);
--new:light-dark(#8a5a00,#e6b54a)}
body{font:15px/1.45 system-ui,sans-serif;max-width:110rem;margin:2rem auto;padding:0 1rem}
section{border-top:1px solid var(--line);padding:.6rem 0}h2{font-size:1.05rem;margin:.2rem 0;overflow-wrap:anywhere}
img{max-width:100%;display:block}figure{margin:.6rem 0}figcaption{color:GrayText}
.lost,.gone{color:var(--lost)}.better,.same{color:var(--good)}.new,.changed{color:var(--new)}
"""
SHEETS_SHOWN = 300  # of rows: a page with more than this is hard to open; the worst come first


def gate_page(title: str, judged: Sequence[Judgement], sheets: str, there: frozenset[str]) -> str:
    """`judged` with the worst first; `sheets` is the sheets' folder as the page sees it, `there` the files in it."""
    counts = Counter(item.status for item in judged)
    summary = ", ".join(f'<span class="{status}">{count} {status}</span>' for status, count in counts.items())
    parts = "".join(
        _row(item, sheets, there if number < SHEETS_SHOWN else frozenset()) for number, item in enumerate(judged)
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style>'
        f"<h1>{escape(title)}</h1><p>{summary or 'nothing'}</p>{parts}</html>\n"
    )


def _row(item: Judgement, sheets: str, there: frozenset[str]) -> str:
    verdict = f", verdict {escape(item.verdict)}" if item.now is not None else ""
    if item.before is not None and item.now is not None and verdict_of(item.before) != item.verdict:
        verdict += f" (was {escape(verdict_of(item.before))})"
    lines = [*(change.text for change in item.changes), *item.notes]
    told = "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>" if lines else ""
    return (
        f'<section><h2>{escape(item.row)}</h2><span class="{item.status}">{item.status}</span>{verdict}'
        f"{told}{''.join(_sheets(item, sheets, there))}</section>"
    )


def _sheets(item: Judgement, sheets: str, there: frozenset[str]) -> Iterator[str]:
    """The result's, and where something changed the accepted one's."""
    yield from _figures(item.now, "now", sheets, there)
    is_other = item.now is None or item.before is None or item.now.key != item.before.key
    if is_other and item.status != "same":
        yield from _figures(item.before, "accepted", sheets, there)


def _figures(outcome: RowOutcome | None, caption: str, sheets: str, there: frozenset[str]) -> Iterator[str]:
    for name in () if outcome is None else outcome.sheets:
        if name in there:
            address = escape(f"{sheets}/{name}")
            yield f'<figure><figcaption>{caption}</figcaption><img loading="lazy" src="{address}" alt=""></figure>'
