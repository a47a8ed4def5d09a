"""`--definition FILE` and its like: a character definition from a JSON file."""

from __future__ import annotations

import argparse
from pathlib import Path

from workers.contract.definitions import CharacterDefinition, parse_definition
from workers.contract.errors import InvalidOptions, SourceFileNotFound
from workers.contract.json_lines import MAX_BYTES


def add_definition_flag(parser: argparse.ArgumentParser, flag: str, what: str) -> None:
    parser.add_argument(flag, metavar="FILE", help=f"JSON definition of {what}")


def read_definition(path: str | None) -> CharacterDefinition | None:
    """The definition in a file. Raises SourceFileNotFound, and InvalidOptions with line and field."""
    if path is None:
        return None
    try:
        with Path(path).open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SourceFileNotFound(f"definition: no file {path!r}") from None
    except OSError as error:
        raise InvalidOptions(f"definition: cannot read {path!r}: {error.strerror}") from None
    return parse_definition(text, Path(path).name)
