"""Names of files inside a bundle: relative, posix, inside. Shared by everything that takes names from outside."""

from __future__ import annotations

from pathlib import PurePosixPath

from workers.contract.errors import ParseFailed


def clean_name(name: str, where: str) -> str:
    """A relative posix path without `.` steps. Raises ParseFailed for one that is empty, absolute or leads outside."""
    posix = name.replace("\\", "/")
    path = PurePosixPath(posix)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name or posix[1:2] == ":":
        raise ParseFailed(f"{where}: {shown(name)} leads outside its folder; use plain relative names")
    return path.as_posix()


def shown(name: str) -> str:
    """A name from outside, fit for a one-line message."""
    return repr(name[:80])
