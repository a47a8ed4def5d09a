"""FileFormat: all that the rest of the code asks about a file format. `workers.formats.registry` has one for each.

Imports neither numpy nor a reader, so that the gateway and the command line's help can ask too.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from workers.formats.bundle import FileBundle
    from workers.formats.limits import Limits
    from workers.skeleton.model import Scene

    Reader = Callable[[FileBundle, Limits], Scene]


@dataclass(frozen=True)
class Content:
    """What a format is recognised by. `data` may be the first bytes of an upload only.

    `head` are the first 4096 bytes without a byte order mark and leading blanks; `name` is the file's.
    """

    data: bytes
    head: bytes
    name: str


@dataclass(frozen=True)
class FileFormat:
    """One row of the table.

    `marks` tells by content alone whether a file is of this format; it parses nothing. `reader` is `module:function`,
    from a FileBundle and Limits to a Scene, imported when the first such file is read. `variant_of` names the format
    that this one is with more in it (a VRM is a GLB): their extensions may stand for each other.
    """

    name: str  # as in `Scene.format`, reports and options
    title: str  # for people
    extensions: tuple[str, ...]  # without the dot, lower case; no two formats share one
    marks: Callable[[Content], bool]
    reader: str
    motion: bool = True  # may hold clips
    character: Literal["surface", "skeleton"] | None = "surface"  # what of a character it may hold
    variant_of: str | None = None
    needs_neighbours: bool = False  # refers to files beside it
    companions: tuple[str, ...] = ()  # files that may lie beside it, never the main one
    axes_guessed: bool = False  # says nothing of units and up axis, so `workers.formats.units` guesses both
    written: bool = False  # a result can be one
    one_clip: bool = False  # holds exactly one clip, so a result of several clips cannot be one
    media_type: str = "application/octet-stream"
    is_container: bool = False  # of files, one of which is read: no format of its own

    @property
    def family(self) -> str:
        """The same for formats whose extensions may stand for each other."""
        return self.variant_of or self.name

    def load_reader(self) -> Reader:
        """The reading function, imported now."""
        module, _, function = self.reader.partition(":")
        return cast("Reader", getattr(importlib.import_module(module), function))
