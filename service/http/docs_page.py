"""GET /docs: the operations of /openapi.json as one page, with a curl line for each. No script, nothing from elsewhere.

FastAPI's own pages load their scripts from a network that a studio's machines may not reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response

router = APIRouter()
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """
body{font:15px/1.45 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
pre{background:#f3f3f3;padding:.5rem;overflow-x:auto}h3{margin:1.5rem 0 .2rem}code{font-size:.95em}
table{border-collapse:collapse}td{padding:.15rem .8rem .15rem 0;vertical-align:top;border-bottom:1px solid #eee}
"""


@router.get("/docs", include_in_schema=False)
def get_docs(request: Request) -> Response:
    page = docs_page(request.app.openapi())
    return Response(page, 200, {"Content-Security-Policy": POLICY}, "text/html")


def docs_page(document: Mapping[str, Any]) -> str:
    """The page."""
    info = document["info"]
    parts = [
        part
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for part in _operation(method.upper(), path, operation)
    ]
    title = f"{info['title']} {info['version']}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
        f"<h1>{escape(title)}</h1><p>{_text(info['description'])}</p>"
        '<p>The whole description, for programs: <a href="/openapi.json">/openapi.json</a>.</p>'
        f"{''.join(parts)}</html>"
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h3><code>{method} {escape(path)}</code></h3><p><strong>{escape(operation['summary'])}.</strong> "
    yield f"{_text(operation.get('description', ''))}</p>"
    for sample in operation.get("x-codeSamples", []):
        yield f"<pre>{escape(sample['source'])}</pre>"
    rows = [
        f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{escape(parameter['in'])}</td>"
        f"<td>{_text(parameter.get('description', ''))}</td></tr>"
        for parameter in operation.get("parameters", [])
    ]
    rows += [
        f"<tr><td>{escape(status)}</td><td></td><td>{_text(response['description'])}</td></tr>"
        for status, response in operation["responses"].items()
    ]
    yield f"<table>{''.join(rows)}</table>"


def _text(text: str) -> str:
    """Escaped, with what stands between backquotes as code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if number % 2 else piece for number, piece in enumerate(pieces))
