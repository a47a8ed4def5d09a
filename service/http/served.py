"""What is served where, read from the OpenAPI document, so that what is documented is what is accepted.

A query parameter that no operation documents is refused: one that is misspelt must not be silently ignored. A 405 names
every method that its path has, whichever route it fell through.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request

from workers.contract.errors import InvalidRequest

_ALIASES = {"HEAD": "GET"}


@dataclass(frozen=True)
class ServedPath:
    """One path: its methods, and the query parameters of each."""

    pattern: re.Pattern[str]
    parameters: dict[str, frozenset[str]]  # by method

    @property
    def methods(self) -> list[str]:
        """All methods, HEAD beside GET."""
        return sorted({*self.parameters, *(["HEAD"] if "GET" in self.parameters else [])})


def served_at(app: FastAPI, path: str) -> ServedPath | None:
    """What the document says of a path; None for one that it does not have."""
    table: list[ServedPath] | None = getattr(app.state, "served", None)
    if table is None:
        table = app.state.served = _table(app.openapi())
    return next((entry for entry in table if entry.pattern.fullmatch(path)), None)


async def refuse_unknown_query(request: Request) -> None:
    """A dependency of all endpoints. Raises InvalidRequest for a query parameter that the operation does not have."""
    if not request.query_params:
        return
    served = served_at(request.app, request.url.path)
    if served is None:
        return
    known = served.parameters.get(_ALIASES.get(request.method, request.method), frozenset())
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        takes = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
        names = ", ".join(repr(name[:60]) for name in unknown[:5])
        raise InvalidRequest(
            f"unknown query parameter {names}: {takes}; see /openapi.json",
            errors=[{"pointer": f"/query/{name[:60]}", "message": f"is unknown; {takes}"} for name in unknown[:20]],
        )


def _table(document: dict[str, Any]) -> list[ServedPath]:
    return [
        ServedPath(
            re.compile("/".join("[^/]+" if "{" in part else re.escape(part) for part in path.split("/"))),
            {
                method.upper(): frozenset(
                    parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"
                )
                for method, operation in operations.items()
                if isinstance(operation, dict)
            },
        )
        for path, operations in document["paths"].items()
    ]
