"""The files to train and measure on: from their public repositories, or from a folder that has them, checked by hash.

`sources.json` is committed: for each file its repository, commit and path there, SHA-256, size and licence, and the
words of a clip whose file does not carry them. A file that is there already and right is not brought again; one is in
its place only once its hash is right.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from model_store.status import sha256_of
from model_store.transfer import Patience, download
from workers.contract.errors import ModelUnavailable, SourceFileNotFound

SOURCES_FILE = Path(__file__).with_name("sources.json")
RAW = "https://raw.githubusercontent.com"

Progress = Callable[[int, int, str], None]  # files done, files in all, the file that comes next


@dataclass(frozen=True)
class SourceFile:
    """One file: `path` under the data, `source_path` in its repository at `commit`."""

    path: str
    repository: str
    commit: str
    source_path: str
    sha256: str
    bytes: int
    licence: str
    text: str | None = None

    def url(self, base: str = RAW) -> str:
        return f"{base}/{self.repository}/{self.commit}/{quote(self.source_path)}"


@lru_cache(maxsize=1)
def list_sources() -> tuple[SourceFile, ...]:
    """Every file, as committed."""
    return tuple(SourceFile(**entry) for entry in _content()["files"])


def licence_texts() -> dict[str, str]:
    """What each licence in the list means."""
    return dict(_content()["licences"])


def fetch(
    files: Sequence[SourceFile],
    to: Path,
    source: Path | None,
    progress: Progress,
    base: str = RAW,
    patience: Patience | None = None,
) -> int:
    """Bring the files to `to`, from the folder `source` where given, else over the network; returns how many came.

    In a folder a file is found by its hash, wherever it lies. Raises SourceFileNotFound, ModelUnavailable, OSError.
    """
    missing = [file for file in files if not _is_right(to / file.path, file)]
    known = _by_hash(source, {file.bytes for file in missing}) if source is not None and missing else {}
    for number, file in enumerate(missing):
        progress(number, len(missing), file.path)
        target = to / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        arriving = target.with_name(target.name + ".arriving")
        if source is None:
            download(file.url(base), arriving, file.bytes, patience=patience)
        elif file.sha256 in known:
            shutil.copyfile(known[file.sha256], arriving)
        else:
            raise SourceFileNotFound(
                f"{source}: no file with the content of {file.path} (sha256 {file.sha256[:12]}); leave --from out to "
                f"download it from {file.repository}"
            )
        if not _is_right(arriving, file):
            arriving.unlink(missing_ok=True)
            raise ModelUnavailable(
                f"{file.path}: what came is not the file that was trained on (sha256 {file.sha256[:12]}); run again, "
                "or bring it with --from"
            )
        arriving.replace(target)
    progress(len(missing), len(missing), "")
    return len(missing)


def _is_right(path: Path, file: SourceFile) -> bool:
    return path.is_file() and path.stat().st_size == file.bytes and sha256_of(path) == file.sha256


def _by_hash(folder: Path, sizes: set[int]) -> dict[str, Path]:
    """Files under the folder by SHA-256, of those that have a size we look for."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size in sizes]
    return {sha256_of(path): path for path in paths}


def _content() -> Any:
    return json.loads(SOURCES_FILE.read_text())
