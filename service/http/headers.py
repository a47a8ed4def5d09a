"""The parts of RFC 9110 that results and polling need: entity tags and one byte range. Pure text in, values out."""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*")


class RangeNotSatisfiable(Exception):
    """The range lies outside the content."""


def matches(header: str, tag: str) -> bool:
    """Whether an If-None-Match header names `tag`, by weak comparison (RFC 9110, 8.8.3.2)."""
    known = [item.strip().removeprefix("W/") for item in header.split(",")]
    return "*" in known or tag.removeprefix("W/") in known


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Start and stop (exclusive) of a single byte range; None for no range, several, or another unit: all is sent then.

    Raises RangeNotSatisfiable.
    """
    found = _RANGE.fullmatch(header) if header else None
    if found is None or found.group(1) == found.group(2) == "":
        return None
    first, last = found.groups()
    if not first:  # the last n bytes
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size or start >= stop:
        raise RangeNotSatisfiable
    return start, stop
