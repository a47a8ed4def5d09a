"""CacheFolder: arrays by key in a folder that processes share, and `Recent`: objects by key in this process.

Where `RETARGET_CACHE_DIR` names a folder, what one process computed is there for the others and for later ones. A file
is written whole or not at all; one that cannot be read is a miss and is removed; those used longest ago go when the
folder is full. A folder that cannot be written costs time, never a job. What belongs into a key is for those to say who
keep something (`workers.platform.content_key`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

LOG = logging.getLogger("retarget.cache")

VARIABLE = "RETARGET_CACHE_DIR"
FOLDER_BYTES = 1024 * 2**20
STALE_S = 3600.0  # an unfinished file this old belongs to a process that is gone
UNUSABLE = (OSError, ValueError, KeyError, TypeError, EOFError, IndexError, zipfile.BadZipFile)

Arrays = dict[str, NDArray[Any]]
V = TypeVar("V")


class CacheFolder:
    """Keys are hex digests. Without a path nothing is found and nothing kept."""

    def __init__(self, path: Path | None, most_bytes: int = FOLDER_BYTES) -> None:
        self._path, self._most_bytes = path, most_bytes

    def read(self, key: str, decode: Callable[[Arrays], V]) -> V | None:
        """What `decode` makes of the arrays kept under a key; None where there are none, or none that it can read:
        it may raise any of `UNUSABLE`.
        """
        if self._path is None:
            return None
        path = self._path / f"{key}.npz"
        try:
            with (
                path.open("rb") as file,
                np.load(file, allow_pickle=False) as arrays,
            ):  # NumPy would not close it
                found = decode({name: arrays[name] for name in arrays.files})
            os.utime(path)  # the oldest go first, by last use
        except FileNotFoundError:
            return None
        except UNUSABLE as error:
            LOG.warning("cached %s is unusable (%s) and is removed", path.name, error)
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        return found

    def write(self, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        if self._path is None:
            return
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            _write(self._path / f"{key}.npz", arrays)
            _trim(self._path, self._most_bytes)
        except OSError as error:
            LOG.warning("cannot cache in %s: %s", self._path, error)


class Recent(Generic[V]):
    """The objects used last, at most `most` of them. Not for several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, V] = OrderedDict()

    def get(self, key: str, make: Callable[[], V]) -> V:
        """The object kept under a key, made where there is none."""
        if key not in self._kept:
            self._kept[key] = make()
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return self._kept[key]

    def clear(self) -> None:
        self._kept.clear()


def shared_path(kind: str) -> Path | None:
    """The folder for one kind of thing below the one that the environment names, if it names one."""
    folder = os.environ.get(VARIABLE)
    return Path(folder).expanduser() / kind if folder else None


def _write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _trim(folder: Path, most_bytes: int) -> None:
    """Remove the files used longest ago until the rest fits, and what dead processes left."""
    found = []
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process trims too
            status = path.stat()
            if path.suffix == ".npz":
                found.append((status.st_mtime, status.st_size, path))
            elif path.suffix == ".part" and time.time() - status.st_mtime > STALE_S:
                path.unlink(missing_ok=True)
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= most_bytes:
            break
        path.unlink(missing_ok=True)
        total -= size
