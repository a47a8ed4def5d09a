"""`compiled`: a function of numbers and arrays, compiled by numba when it is first called, and kept on disk.

On one thread, and without reordering of sums: the same numbers in give the same numbers out, whatever the machine is
set to. What is compiled is kept in a folder named by the sources of this package, since numba itself sees changes only
in the file that a function stands in and not in what it calls: `RETARGET_CACHE_DIR`, else beside the sources, else in
the user's cache folder. Where none of them can be written it is compiled once a process.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from numba import config, njit

Function = TypeVar("Function", bound=Callable[..., object])
SOURCES = Path(__file__).parent
SETTINGS: Any = config  # numba gives its names when it starts


def compiled(function: Function) -> Function:
    """The function, compiled for the types that it is called with. Division by zero gives infinity, as in numpy."""
    before, folder = SETTINGS.CACHE_DIR, cache_folder()
    SETTINGS.CACHE_DIR = "" if folder is None else str(folder)
    try:
        made: Function = njit(function, cache=folder is not None, error_model="numpy")
    finally:
        SETTINGS.CACHE_DIR = before
    return made


@cache
def cache_folder() -> Path | None:
    """Where compiled functions are kept, None where nothing can be written."""
    name = f"compiled-{_version()}"
    own = os.environ.get("RETARGET_CACHE_DIR")
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    for folder in (Path(own) / name if own else SOURCES / "__pycache__" / name, user / "retarget" / name):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def _version() -> str:
    digest = hashlib.sha256()
    for path in sorted(SOURCES.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
