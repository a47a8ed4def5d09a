"""What an encoder makes of a source, kept, so that one motion onto dozens of characters is looked at once.

In memory up to a number of bytes, least recently used first out; and in a folder (`workers.platform.cache_folder`), for
other processes and later ones. What belongs into a key is `workers.semantics.scoring`'s to say.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.platform.cache_folder import FOLDER_BYTES, Arrays, CacheFolder, shared_path

MEMORY_BYTES = 128 * 2**20


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
        self,
        folder: Path | None = None,
        memory_bytes: int = MEMORY_BYTES,
        folder_bytes: int = FOLDER_BYTES,
    ) -> None:
        self._folder = CacheFolder(folder, folder_bytes)
        self._memory_bytes = memory_bytes
        self._kept: OrderedDict[str, SourceLook] = OrderedDict()

    def get(self, key: str) -> SourceLook | None:
        look = self._kept.get(key)
        if look is None:
            look = self._folder.read(key, _decoded)
        if look is not None:
            self._keep(key, look)
        return look

    def put(self, key: str, look: SourceLook) -> None:
        self._keep(key, look)
        self._folder.write(key, _encoded(look))

    def _keep(self, key: str, look: SourceLook) -> None:
        self._kept[key] = look
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and sum(entry.bytes for entry in self._kept.values()) > self._memory_bytes:
            self._kept.popitem(last=False)


@cache
def process_cache() -> SourceCache:
    """The cache that all jobs of this process share."""
    return SourceCache(shared_path("semantics"))


def _encoded(look: SourceLook) -> Arrays:
    texts = json.dumps({"guidance": look.guidance, "answers": look.answers})
    arrays: Arrays = {"embeddings": look.embeddings, "texts": np.array(texts)}
    if look.matches is not None:
        arrays["matches"] = look.matches
    return arrays


def _decoded(found: Arrays) -> SourceLook:
    """Raises KeyError, TypeError or ValueError for what `_encoded` did not give."""
    texts = json.loads(str(found["texts"]))
    look = SourceLook(found["embeddings"], found.get("matches"), _texts(texts["guidance"]), _texts(texts["answers"]))
    if not np.isfinite(look.embeddings).all():
        raise ValueError("embeddings that are not finite")
    return look


def _texts(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(str(value) for value in values)
