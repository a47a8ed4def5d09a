"""Is a model here: `ready`, `missing` or `corrupt`; and `resolve`, the one way from a name to a folder of weights.

The quick answer compares names and sizes, so that listing models reads no weights. `check_hashes` reads every byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model_store.calibration import calibrated
from model_store.catalogue import find_manifest
from model_store.lock import Lock, LockedFile, read_lock
from model_store.manifest import Manifest
from model_store.places import PACKAGED, model_dir
from workers.contract.errors import ModelUnavailable

State = Literal["ready", "missing", "corrupt"]
CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class ModelStatus:
    """`problem` and `remedy` are set unless the state is ready."""

    manifest: Manifest
    state: State
    folder: Path
    bytes: int | None
    revision: str | None = None
    problem: str | None = None
    remedy: str | None = None


@dataclass(frozen=True)
class InstalledModel:
    """A model whose files are all there, with the calibration measured here, if any. `identity` changes with its
    content: use it in cache keys.
    """

    manifest: Manifest
    folder: Path
    identity: str


def install_folder(manifest: Manifest) -> Path:
    if manifest.source.kind == "packaged":
        return PACKAGED / manifest.name / manifest.version
    return model_dir() / manifest.name / manifest.version


def pull_command(manifest: Manifest) -> str:
    return f"retarget models pull {manifest.reference}"


def cannot_be_loaded(manifest: Manifest, folder: Path, error: Exception) -> ModelUnavailable:
    """What to raise where weights that are there do not make a model."""
    reason = str(error).splitlines()[0][:200]
    return ModelUnavailable(
        f"model {manifest.reference} cannot be loaded from {folder} ({type(error).__name__}: {reason}); "
        f"run: retarget models verify {manifest.reference}"
    )


def status_of(manifest: Manifest) -> ModelStatus:
    """By names and sizes."""
    folder = install_folder(manifest)
    try:
        expected, revision = _expected(manifest)
    except ModelUnavailable as error:
        return ModelStatus(manifest, "corrupt", folder, None, None, error.detail, pull_command(manifest))
    if expected is None or not folder.is_dir():
        return ModelStatus(manifest, "missing", folder, None, revision, "it is not installed", pull_command(manifest))
    size = sum(entry.bytes for entry in expected.values())
    for name, entry in expected.items():
        problem = _size_problem(folder / name, name, entry)
        if problem:
            return ModelStatus(manifest, "corrupt", folder, size, revision, problem, _repair(manifest))
    return ModelStatus(manifest, "ready", folder, size, revision)


def check_hashes(manifest: Manifest, progress: Callable[[str], None] = lambda name: None) -> ModelStatus:
    """As `status_of`, and every file's sha256."""
    status = status_of(manifest)
    expected, _ = _expected(manifest) if status.state == "ready" else ({}, None)
    for name, entry in (expected or {}).items():
        progress(name)
        found = sha256_of(status.folder / name)
        if found != entry.sha256:
            problem = f"{name} has sha256 {found[:12]}..., expected {entry.sha256[:12]}..."
            return ModelStatus(
                manifest, "corrupt", status.folder, status.bytes, status.revision, problem, _repair(manifest)
            )
    return status


def resolve(reference: str) -> InstalledModel:
    """The model's folder. Raises InvalidOptions for an unknown name, ModelUnavailable with the command to run."""
    manifest = find_manifest(reference)
    status = status_of(manifest)
    if status.state != "ready":
        raise ModelUnavailable(
            f"model {manifest.reference}: {status.problem}; run: {status.remedy}",
            model=manifest.name,
            state=status.state,
            remedy=status.remedy,
        )
    expected, _ = _expected(manifest)
    digest = hashlib.sha256()
    for name, entry in sorted((expected or {}).items()):
        digest.update(f"{name} {entry.sha256}\n".encode())
    identity = f"{manifest.reference}:{digest.hexdigest()[:16]}"
    return InstalledModel(calibrated(manifest, identity), status.folder, identity)


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _expected(manifest: Manifest) -> tuple[dict[str, LockedFile] | None, str | None]:
    """What must be in the folder, and the revision; None where the model was never installed."""
    if manifest.source.kind == "packaged":
        files = {
            entry.path: LockedFile(bytes=entry.bytes, sha256=entry.sha256)
            for entry in manifest.files
            if entry.bytes is not None and entry.sha256 is not None
        }
        return files, None
    lock: Lock | None = read_lock(manifest)
    return (None, None) if lock is None else (lock.files, lock.revision)


def _size_problem(path: Path, name: str, entry: LockedFile) -> str | None:
    try:
        size = path.stat().st_size
    except OSError:
        return f"{name} is missing"
    return None if size == entry.bytes else f"{name} has {size:,} bytes, expected {entry.bytes:,}"


def _repair(manifest: Manifest) -> str:
    if manifest.source.kind == "packaged":
        return "reinstall the package: its own files are damaged"
    return pull_command(manifest)
