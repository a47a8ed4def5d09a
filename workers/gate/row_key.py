"""What a result depends on, as one key: the files' content and names, options, definitions, the engine's version, the
encoder's identity, and what the environment switches. The same key is the same result, so nothing is computed again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workers.engine.circumstances import circumstances, encoder_identity
from workers.formats.registry import format_of_extension
from workers.gate.manifest import Pair
from workers.gate.outcome import SCHEMA
from workers.platform.content_key import content_key


class RowKeys:
    """Keys of pairs; a file is read once. Not for several threads."""

    def __init__(self) -> None:
        self._files: dict[Path, str] = {}
        self._encoders: dict[str | None, str] = {}

    def key(self, pair: Pair) -> str:
        """64 hexadecimal digits. Raises InvalidOptions, ModelUnavailable for an encoder that cannot be had."""
        files = (pair.motion, pair.character, pair.source_character, pair.definition, pair.source_definition)
        return content_key(
            SCHEMA,
            circumstances(),
            [None if path is None else (path.name, self._content(path)) for path in files],
            pair.options.model_dump_json(exclude={"fail_on"}),
            self._encoder(pair.options.encoder),
        )

    def _content(self, path: Path) -> str:
        if path not in self._files:
            self._files[path] = content_key(*(_digest(file) for file in (path, *_neighbours(path))))
        return self._files[path]

    def _encoder(self, wanted: str | None) -> str:
        if wanted not in self._encoders:
            self._encoders[wanted] = encoder_identity(wanted)
        return self._encoders[wanted]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _neighbours(path: Path) -> Iterator[Path]:
    """The files that a file refers to by its `uri`s, where its format has such."""
    row = format_of_extension(path.suffix.removeprefix("."))
    if row is None or not row.needs_neighbours:
        return
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError:  # the engine tells what is wrong with it
        return
    for uri in sorted(set(_uris(document))):
        beside = path.parent / uri
        if not uri.startswith("data:") and beside.is_file():
            yield beside


def _uris(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("uri"), str):
            yield value["uri"]
        for item in value.values():
            yield from _uris(item)
    elif isinstance(value, list):
        for item in value:
            yield from _uris(item)
