"""Pull: get a model's files, hold them against what is known of them, install them by one rename.

Files gather in `.partial/<name>@<version>/` below the model folder; a second try goes on there. The install is a
rename, so that whoever resolves the model sees all of it or none. Hashes come, in this order, from the manifest, the
lock of an earlier pull, and the source's own listing; what none of them knows is recorded as it came (trust on first
use), and any later difference is refused.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from model_store.catalogue import MANIFEST_NAME
from model_store.lock import Lock, LockedFile, read_lock, write_lock
from model_store.manifest import Manifest, Source
from model_store.places import model_dir
from model_store.sources import Offer, OfferedFile, choose, list_source
from model_store.status import ModelStatus, install_folder, pull_command, sha256_of, status_of
from model_store.transfer import Patience
from workers.contract.errors import ModelUnavailable

FREE_SPACE_MARGIN_BYTES = 64 * 2**20

FileProgress = Callable[[str, int, int | None], None]  # path, bytes here, bytes in all


def pull(
    manifest: Manifest,
    source: Source | None = None,
    *,
    progress: FileProgress = lambda path, done, total: None,
    patience: Patience | None = None,
) -> ModelStatus:
    """Install the model from its own source or another one. Raises ModelUnavailable or InvalidOptions.

    A model that is ready, from the same source, is left as it is.
    """
    chosen = source or manifest.source
    lock = read_lock(manifest)
    if lock is not None and lock.source == chosen and status_of(manifest).state == "ready":
        return status_of(manifest)
    with _only_one(manifest) as staging:
        offer = list_source(chosen, manifest.files, _locked_revision(lock, chosen), patience or Patience())
        files = choose(offer, manifest.files)
        _check_space(manifest, files, staging)
        locked = {path: _bring(manifest, file, staging, lock, progress) for path, file in files.items()}
        new_lock = Lock(
            name=manifest.name, version=manifest.version, source=chosen, revision=offer.revision, files=locked
        )
        _install(manifest, offer, new_lock, staging)
    return status_of(manifest)


def _locked_revision(lock: Lock | None, source: Source) -> str | None:
    return lock.revision if lock is not None and lock.source == source else None


def _bring(
    manifest: Manifest, file: OfferedFile, staging: Path, lock: Lock | None, progress: FileProgress
) -> LockedFile:
    """One file into the staging folder, with its hash as known beforehand or as found."""
    target = staging / file.path
    known = lock.files.get(file.path) if lock else None
    expected = file.sha256 or (known.sha256 if known else None)
    if not (target.exists() and expected and sha256_of(target) == expected):
        target.unlink(missing_ok=True)
        file.bring(target, lambda done, total: progress(file.path, done, total))
    found = LockedFile(bytes=target.stat().st_size, sha256=sha256_of(target))
    for whose, sha256 in (("its source or manifest", file.sha256), ("its first pull", known.sha256 if known else None)):
        if sha256 is not None and sha256 != found.sha256:
            target.unlink()
            raise ModelUnavailable(
                f"model {manifest.reference}: {file.path} has sha256 {found.sha256[:12]}..., but {sha256[:12]}... by "
                f"{whose}; nothing was installed. Try {pull_command(manifest)} again; if the change is meant, "
                "add --accept-change"
            )
    return found


def _check_space(manifest: Manifest, files: dict[str, OfferedFile], staging: Path) -> None:
    needed = sum(file.bytes or 0 for file in files.values()) + FREE_SPACE_MARGIN_BYTES
    here = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
    free = shutil.disk_usage(staging).free
    if needed - here > free:
        raise ModelUnavailable(
            f"model {manifest.reference} needs {(needed - here) / 1e9:.1f} GB, {free / 1e9:.1f} GB are free in "
            f"{model_dir()}; make room or set RETARGET_MODEL_DIR"
        )


def _install(manifest: Manifest, offer: Offer, lock: Lock, staging: Path) -> None:
    """Drop what does not belong, add the manifest, rename. A model that was there is replaced only at the very end."""
    for path in sorted(staging.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(staging).as_posix() not in lock.files:
            path.unlink()
    installed = manifest.model_copy(update={"source": offer.source})
    (staging / MANIFEST_NAME).write_text(installed.model_dump_json(indent=1) + "\n")
    folder = install_folder(manifest)
    folder.parent.mkdir(parents=True, exist_ok=True)
    old = staging.with_name(staging.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    write_lock(manifest, lock)
    staging.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _only_one(manifest: Manifest) -> Iterator[Path]:
    """The staging folder of this model, held by this process alone. Raises ModelUnavailable."""
    staging = model_dir() / ".partial" / manifest.reference
    try:
        staging.mkdir(parents=True, exist_ok=True)
        with staging.with_name(staging.name + ".busy").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ModelUnavailable(
                    f"model {manifest.reference} is being pulled by another process; wait for it"
                ) from None
            staging.mkdir(exist_ok=True)  # the process before may have renamed it away
            yield staging
    except OSError as error:
        raise ModelUnavailable(
            f"model {manifest.reference}: cannot write to {model_dir()} ({error.strerror or error}); set "
            "RETARGET_MODEL_DIR to a folder that can be written"
        ) from None
