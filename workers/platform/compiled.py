"""`compiled`: a function of numbers and arrays, compiled by numba when it is first called, and kept on disk.

On one thread, and without reordering of sums: the same numbers in give the same numbers out, whatever the machine is
set to. What is compiled is kept in a folder named by the sources around the function, those of its package, of those
below and of the one above, since numba itself sees changes only in the file that a function stands in and not in what
it calls or takes its constants from: in `RETARGET_CACHE_DIR`, else beside the sources, else in the user's cache folder.
Where none of them can be written it is compiled once a process.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from numba import config, njit

from workers.platform.cache_folder import VARIABLE

Function = TypeVar("Function", bound=Callable[..., object])
# Division by zero gives infinity, as in numpy; other threads go on meanwhile.
HOW: dict[str, Any] = {"error_model": "numpy", "nogil": True}
SETTINGS: Any = config  # numba gives its names when it starts


def compiled(function: Function) -> Function:
    """The function, compiled for the types that it is called with."""
    folder = compiled_folder(Path(function.__code__.co_filename).parent)
    before = SETTINGS.CACHE_DIR
    SETTINGS.CACHE_DIR = "" if folder is None else str(folder)
    try:
        made: Function = njit(function, cache=folder is not None, **HOW)
    finally:
        SETTINGS.CACHE_DIR = before
    return made


@cache
def compiled_folder(sources: Path) -> Path | None:
    """Where the compiled functions of a package are kept, None where nothing can be written."""
    name = f"compiled-{_version(sources)}"
    own = os.environ.get(VARIABLE)
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    beside = Path(own).expanduser() / name if own else sources / "__pycache__" / name
    for folder in (beside, user / "retarget" / name):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def _version(sources: Path) -> str:
    digest = hashlib.sha256(repr(HOW).encode())
    for path in [*sorted(sources.rglob("*.py")), *sorted(sources.parent.glob("*.py"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
