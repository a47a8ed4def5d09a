"""The manifest: a library to retarget, as TOML or JSON. Rows of motions and characters, each by paths or globs.

    [options]                       # of every row
    encoder = "none"

    [[rows]]
    motions = "motions/*.bvh"
    characters = ["hero.glb", "crowd/*.glb"]
    options = {root_motion = "in_place"}

Paths are relative to the manifest. A row is every motion on every character; `name` tells apart rows that repeat a
pair with other options. A pattern that finds nothing is an error: a library must not shrink unseen.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workers.contract.errors import InvalidOptions, SourceFileNotFound
from workers.contract.options import JobOptions, parse_options
from workers.formats.registry import character_formats, endings, motion_formats, skeleton_formats
from workers.gate.tolerances import Tolerances

WILD = frozenset("*?[")
Pattern = Annotated[str, Field(min_length=1, max_length=1000)]
Patterns = Pattern | Annotated[list[Pattern], Field(min_length=1, max_length=10_000)]


class ManifestRow(BaseModel):
    """One row: motions on characters."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    motions: Patterns
    characters: Patterns
    name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    source_character: Pattern | None = None
    definition: Pattern | None = None
    source_definition: Pattern | None = None


class Manifest(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    rows: Annotated[list[ManifestRow], Field(min_length=1, max_length=10_000)]
    options: dict[str, Any] = Field(default_factory=dict)
    tolerance: Tolerances = Field(default_factory=lambda: Tolerances.model_validate({}))
    pictures: bool = True


@dataclass(frozen=True)
class Pair:
    """One motion on one character. `name` is its own in the library, and stays the same from run to run."""

    name: str
    motion: Path
    character: Path
    options: JobOptions
    source_character: Path | None = None
    definition: Path | None = None
    source_definition: Path | None = None


@dataclass(frozen=True)
class Library:
    pairs: tuple[Pair, ...]
    tolerances: Tolerances


def read_library(path: Path) -> Library:
    """The pairs that a manifest asks for, by character. Raises SourceFileNotFound, InvalidOptions."""
    manifest = _parse(path)
    pairs = [pair for number, row in enumerate(manifest.rows) for pair in _pairs(path, manifest, row, number)]
    twice = [name for name, count in Counter(pair.name for pair in pairs).items() if count > 1]
    if twice:
        raise InvalidOptions(f"{path.name}: {twice[0]!r} is asked for twice; give the rows a name each")
    return Library(tuple(sorted(pairs, key=lambda pair: (str(pair.character), pair.name))), manifest.tolerance)


def _parse(path: Path) -> Manifest:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SourceFileNotFound(f"no manifest {str(path)!r}; write one in TOML or JSON") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidOptions(f"{path.name}: cannot be read as text ({error}); write TOML or JSON") from None
    try:
        data = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
        return Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "/".join(str(part) for part in first["loc"])
        raise InvalidOptions(f"{path.name}: /{place}: {first['msg']}; correct the manifest") from None
    except (ValueError, RecursionError) as error:  # both parsers' errors are ValueErrors
        raise InvalidOptions(f"{path.name}: {error}; correct the {path.suffix or 'TOML'}") from None


def _pairs(path: Path, manifest: Manifest, row: ManifestRow, number: int) -> Iterator[Pair]:
    folder, where = path.parent, f"{path.name}: /rows/{number}"
    options = _options(manifest, row, where)
    bodies = (*character_formats(), *skeleton_formats())
    motions = _files(folder, row.motions, f"{where}/motions", endings(motion_formats()))
    characters = _files(folder, row.characters, f"{where}/characters", endings(bodies))
    beside = [
        None if given is None else _one(folder, given, f"{where}/{field}")
        for field, given in (
            ("source_character", row.source_character),
            ("definition", row.definition),
            ("source_definition", row.source_definition),
        )
    ]
    for motion in motions:
        for character in characters:
            name = f"{_shown(motion, folder)} -> {_shown(character, folder)}"
            yield Pair(f"{name} ({row.name})" if row.name else name, motion, character, options, *beside)


def _options(manifest: Manifest, row: ManifestRow, where: str) -> JobOptions:
    given = {**manifest.options, **row.options}
    for drawn in ("preview", "sheet", "scene"):
        if drawn in given:
            raise InvalidOptions(
                f"{where}: options: the gate draws sheets itself; say pictures = true or false instead"
            )
    try:
        return parse_options({**given, "sheet": manifest.pictures})
    except InvalidOptions as error:
        raise InvalidOptions(f"{where}: {error.detail}", **error.extra) from None


def _files(folder: Path, patterns: Patterns, where: str, allowed: Sequence[str]) -> list[Path]:
    """Files in the order of their patterns; those of a glob sorted, and only those whose ending may be one."""
    found: dict[Path, None] = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if not WILD & set(pattern):
            found[_one(folder, pattern, where)] = None
            continue
        try:
            matches = sorted(item for item in folder.glob(pattern) if item.suffix.lower() in allowed and item.is_file())
        except (ValueError, NotImplementedError) as error:
            raise InvalidOptions(f"{where}: {pattern!r}: {error}; write a glob below the manifest's folder") from None
        if not matches:
            raise InvalidOptions(f"{where}: {pattern!r} finds no file below {str(folder)!r}; correct or remove it")
        found.update(dict.fromkeys(matches))
    return list(found)


def _one(folder: Path, name: str, where: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise SourceFileNotFound(f"{where}: no file {str(path)!r}; correct or remove it")
    return path


def _shown(path: Path, folder: Path) -> str:
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()
