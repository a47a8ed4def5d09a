"""How the formats are told to people: in errors, in the help of commands, in OpenAPI. In the order of the alphabet."""

from __future__ import annotations

from collections.abc import Iterable

from workers.formats import registry
from workers.formats.file_format import FileFormat


def alternatives(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def titles(formats: Iterable[FileFormat]) -> list[str]:
    return sorted((row.title for row in formats), key=str.casefold)


def readable_files() -> str:
    """All that may be sent: `BVH, FBX, GLB, glTF, VRM or zip`."""
    containers = [row for row in registry.FORMATS if row.is_container]
    return alternatives([*titles(registry.scene_formats()), *titles(containers)])


def what_to_send() -> str:
    """The remedy in the error of a file that is none of them."""
    return f"send a {readable_files()} file"


def motion_files() -> str:
    return alternatives(titles(registry.motion_formats()))


def character_files() -> str:
    return alternatives(titles(registry.character_formats()))


def skeleton_files() -> str:
    return alternatives(titles(registry.skeleton_formats()))


def uploads(formats: Iterable[FileFormat], *others: str) -> str:
    """What to upload, `BVH, GLB, or glTF with its files`: formats that name neighbours come last, with them.

    `others` stand between those and the formats of one file.
    """
    formats = list(formats)
    alone = titles(row for row in formats if not row.needs_neighbours)
    together = [f"{title} with its files" for title in titles(row for row in formats if row.needs_neighbours)]
    return ", or ".join([", ".join([*alone, *others]), *together])
