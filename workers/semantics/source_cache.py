"""What an encoder makes of a source, kept, so that one motion onto dozens of characters is looked at once.

In memory up to a number of bytes, least recently used first out; and in a folder, where `RETARGET_CACHE_DIR` names one,
for other processes and later ones. A file is written whole or not at all; one that cannot be read is a miss and is
removed; the oldest go when the folder is full. A folder that cannot be written costs time, never a job.
What belongs into a key is `workers.semantics.scoring`'s to say.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
import time
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LOG = logging.getLogger("retarget.semantics")

MEMORY_BYTES = 128 * 2**20
FOLDER_BYTES = 1024 * 2**20
STALE_S = 3600.0  # an unfinished file this old belongs to a process that is gone


@dataclass(frozen=True, eq=False)
class SourceLook:
    """One view of a source: embeddings `(keys, d)` float32, and where they apply the match with a text `(keys,)`, the
    text that guides each frame, and the encoder's own words for each.
    """

    embeddings: NDArray[np.float32]
    matches: NDArray[np.float32] | None = None
    guidance: tuple[str, ...] | None = None
    answers: tuple[str, ...] | None = None

    @property
    def bytes(self) -> int:
        texts = (*(self.guidance or ()), *(self.answers or ()))
        return int(self.embeddings.nbytes + (0 if self.matches is None else self.matches.nbytes)) + sum(map(len, texts))


class SourceCache:
    """Keys are hex digests. Not for several threads."""

    def __init__(
        self, folder: Path | None = None, memory_bytes: int = MEMORY_BYTES, folder_bytes: int = FOLDER_BYTES
    ) -> None:
        self._folder = folder
        self._memory_bytes, self._folder_bytes = memory_bytes, folder_bytes
        self._kept: OrderedDict[str, SourceLook] = OrderedDict()

    def get(self, key: str) -> SourceLook | None:
        look = self._kept.get(key)
        if look is None and self._folder is not None:
            look = _read(self._folder / f"{key}.npz")
        if look is not None:
            self._keep(key, look)
        return look

    def put(self, key: str, look: SourceLook) -> None:
        self._keep(key, look)
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _write(self._folder / f"{key}.npz", look)
            _trim(self._folder, self._folder_bytes)
        except OSError as error:
            LOG.warning("cannot cache in %s: %s", self._folder, error)

    def _keep(self, key: str, look: SourceLook) -> None:
        self._kept[key] = look
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and sum(entry.bytes for entry in self._kept.values()) > self._memory_bytes:
            self._kept.popitem(last=False)


@cache
def process_cache() -> SourceCache:
    """The cache that all jobs of this process share."""
    folder = os.environ.get("RETARGET_CACHE_DIR")
    return SourceCache(Path(folder).expanduser() / "semantics" if folder else None)


def _write(path: Path, look: SourceLook) -> None:
    texts = json.dumps({"guidance": look.guidance, "answers": look.answers})
    arrays = {"embeddings": look.embeddings, "texts": np.array(texts)}
    if look.matches is not None:
        arrays["matches"] = look.matches
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read(path: Path) -> SourceLook | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:  # NumPy leaves a damaged file open
            found = {name: arrays[name] for name in arrays.files}
        texts = json.loads(str(found["texts"]))
        look = SourceLook(
            found["embeddings"], found.get("matches"), _texts(texts["guidance"]), _texts(texts["answers"])
        )
        if not np.isfinite(look.embeddings).all():
            raise ValueError("embeddings that are not finite")
        os.utime(path)  # the oldest go first, by last use
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        LOG.warning("cached %s is unusable (%s) and is removed", path.name, error)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return None
    return look


def _texts(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(str(value) for value in values)


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
