"""What the studies' commands share: the folder that was asked for, counts in words, figures as JSON, pictures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.contract.errors import InvalidOptions

if TYPE_CHECKING:
    from PIL import Image


def find_asked(arguments: argparse.Namespace) -> Any:
    from workers.lab.corpus import find_corpus

    if not arguments.data.is_dir():
        raise InvalidOptions(
            f"--data: {str(arguments.data)!r} is no folder; name one that holds motions and characters"
        )
    corpus = find_corpus(arguments.data, arguments.characters, arguments.motions)
    if not corpus.characters or not corpus.motions:
        raise InvalidOptions(
            f"--data: {len(corpus.characters)} characters and {len(corpus.motions)} motions match under "
            f"{str(arguments.data)!r}; give --data, --characters and --motions"
        )
    return corpus


def counts(counts: dict[Any, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))


def write_json(path: Path | None, content: dict[str, Any], flag: str = "--json") -> None:
    if path is None:
        return
    try:
        path.write_text(json.dumps(content, allow_nan=False, indent=1))
    except OSError as error:
        raise InvalidOptions(f"{flag}: cannot write {str(path)!r}: {error.strerror}; choose another file") from None


def write_picture(path: Path, image: Image.Image, flag: str = "--picture") -> None:
    """As a PNG."""
    try:
        image.save(path, "PNG", optimize=True)
    except OSError as error:
        raise InvalidOptions(f"{flag}: cannot write {str(path)!r}: {error.strerror}; choose another file") from None


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
