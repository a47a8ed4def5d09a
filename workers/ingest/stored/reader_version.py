"""`reader_version`: a text that changes with anything that could change what reading a file gives.

Stored scenes are found by it, so that none outlives the readers that made it. It covers the source of the readers, of
what they build on and of the stored form, sub-folders included: a reader that moves one folder down must still count.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from pathlib import Path

_WORKERS = Path(__file__).parents[2]
SOURCES = (_WORKERS / "formats", _WORKERS / "skeleton", _WORKERS / "ingest" / "stored")


def reader_version(form: str, folders: Iterable[Path] = SOURCES) -> str:
    """`form` names the layout of a stored scene. Names and contents of all Python files below `folders` count."""
    paths = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    crc = 0
    for path in paths:
        crc = zlib.crc32(path.name.encode() + b"\0" + path.read_bytes(), crc)
    return json.dumps([form, len(paths), crc])
