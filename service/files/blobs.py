"""BlobStore: bytes by key over fsspec: a local folder by default, memory or S3 by URL.

Keys are relative paths: `uploads/<two hex>/<sha256>` for what users send (content-addressed, so that the same file is
stored once), `scenes/<two hex>/<digest>` for what was read from them, `outputs/<job>/<execution>/<name>` for results
(the execution in the path keeps a stale one from overwriting its successor). All calls block; the gateway runs them in
a thread. Whatever a store raises that does not answer, is full or was taken away is Unavailable, which passes: only a
blob that is not there is FileNotFoundError. Who may delete a shared upload is left to `service.files.references`, when
to `service.upkeep.retention`; whether all processes see the same store, to `service.files.store_marker`.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from service.settings import mask_secrets
from workers.contract.errors import FileTooLarge, InvalidOptions, RetargetError, Unavailable
from workers.platform.exhaustion import is_disk_full

LOG = logging.getLogger("retarget.blobs")
CHUNK_BYTES = 2**20
UPLOADS = "uploads"
SCENES = "scenes"
OUTPUTS = "outputs"
UNFINISHED = "unfinished"
# An object store that hangs must cost seconds, not the minutes of its client's own patience: our callers try again.
# Ten seconds are what a copy of a large file within the store may take.
S3_CLIENT = {"connect_timeout": 3, "read_timeout": 10, "retries": {"total_max_attempts": 1}}
S3_RETRIES = 1  # s3fs tries a failing call five times by itself, with growing pauses
FUSE_S = 3.0  # a store elsewhere that has just failed is not asked again for so long: one request asks it several times


class WrongStore(Unavailable):
    """The store answers, but it is not there or not the right one: waiting does not help, somebody has to act."""


@dataclass(frozen=True)
class Blob:
    """What is known of stored bytes."""

    key: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class StoredFile:
    """One entry of `BlobStore.list`."""

    key: str
    bytes: int
    modified: datetime


def upload_key(sha256: str) -> str:
    """Where an upload with this content lies."""
    return f"{UPLOADS}/{sha256[:2]}/{sha256}"


def stored_scene_key(digest: str) -> str:
    """Where the stored scene lies that was read from the files with this digest."""
    return f"{SCENES}/{digest[:2]}/{digest}"


def output_prefix(job_id: str) -> str:
    """The folder of all that a job's executions have written."""
    return f"{OUTPUTS}/{job_id}"


def output_key(job_id: str, execution_id: str, name: str) -> str:
    """Where one execution of a job writes the artifact `name`."""
    return f"{output_prefix(job_id)}/{execution_id}/{name}"


class BlobWriter:
    """Bytes on their way in: hashed and counted as they come, nowhere visible until `commit`."""

    def __init__(self, store: BlobStore, max_bytes: int | None, what: str) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._what = what
        self._digest = hashlib.sha256()
        self._key: str | None = f"{UNFINISHED}/{uuid.uuid4().hex}"
        self._handle: IO[bytes] = store.open_for_writing(self._key)
        self.bytes = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, chunk: bytes | memoryview) -> None:
        """Raises FileTooLarge, before the chunk is written, where it would pass the cap."""
        self.bytes += len(chunk)
        if self._max_bytes is not None and self.bytes > self._max_bytes:
            raise FileTooLarge(
                f"{self._what} is larger than {self._max_bytes:,} bytes; send a smaller file", limit=self._max_bytes
            )
        self._digest.update(chunk)
        with self._store.answering():
            self._handle.write(chunk)

    def close(self) -> None:
        """No more bytes will come; frees the file handle before `commit`."""
        with self._store.answering():
            self._handle.close()

    def read(self, most: int | None = None) -> bytes:
        """The first bytes, or all, after `close` and before `commit`."""
        if self._key is None:
            raise ValueError("the writer was committed or discarded already")
        return b"".join(self._store.read_range(self._key, 0, most))

    def commit(self, key: str | None = None) -> Blob:
        """Make the bytes visible, by default at their content's upload key; a copy already there is kept."""
        if self._key is None:
            raise ValueError("the writer was committed or discarded already")
        self.close()
        target = key or upload_key(self.sha256)
        if self._store.exists(target):
            self._store.delete(self._key)
        else:
            self._store.move(self._key, target)
        self._key = None
        return Blob(target, self.sha256, self.bytes)

    def discard(self) -> None:
        """Forget the bytes; harmless after `commit`."""
        if self._key is not None:
            with contextlib.suppress(Unavailable):  # what a store that is away keeps, the sweep of orphans finds
                self.close()
                self._store.delete(self._key)
            self._key = None

    def __enter__(self) -> BlobWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


class BlobStore:
    """Bytes by key below one fsspec URL (`file:///folder`, a plain path, `memory://name`, `s3://bucket/prefix`)."""

    def __init__(self, url: str, **storage_options: Any) -> None:
        """Opens nothing. Raises InvalidOptions for a URL that cannot be used."""
        self.url = url
        if url.startswith(("s3:", "s3a:")):
            storage_options = {"config_kwargs": S3_CLIENT, **storage_options}
        try:
            # Other processes write here too: a cached listing would show what is gone and hide what is new.
            self._fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False, **storage_options)
        except (ImportError, ValueError) as error:
            raise InvalidOptions(
                f"blob URL {mask_secrets(url)}: {error}; a folder, or s3://BUCKET/PREFIX with the extra 's3' installed"
            ) from None
        if hasattr(self._fs, "retries"):
            self._fs.retries = S3_RETRIES
        self._root = str(root).rstrip("/")
        self._fused_until_s = 0.0
        self._is_local = isinstance(self._fs, LocalFileSystem)

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""
        return self._is_local

    def make_root(self) -> None:
        """Make the folder of a new installation's store; a bucket must be there. Raises InvalidOptions where it cannot
        be made.
        """
        if self._is_local:
            try:
                self._fs.makedirs(self._root, exist_ok=True)
            except OSError as error:
                raise InvalidOptions(
                    f"blob URL {mask_secrets(self.url)}: the folder cannot be made ({error.strerror}); choose another"
                ) from None

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """Within it, a store that fails for its own reasons raises Unavailable."""
        if time.monotonic() < self._fused_until_s:
            raise Unavailable("the store of uploads and results does not answer; try again later")
        try:
            yield
        except (FileNotFoundError, RetargetError):
            raise
        except Exception as error:  # whatever the file system behind the URL raises
            if is_disk_full(error):
                raise Unavailable("the disk for uploads and results is full; try again later", retry_after=60) from None
            if not self._is_local:
                self._fused_until_s = time.monotonic() + FUSE_S
            LOG.warning("the blob store %s: %s: %s", mask_secrets(self.url), type(error).__name__, error)
            raise Unavailable(
                f"the store of uploads and results does not answer ({type(error).__name__}); try again later"
            ) from None

    def check_there(self) -> None:
        """Raise Unavailable where the local folder or the bucket itself is not there (any more)."""
        if self._is_local:
            if not Path(self._root).is_dir():
                LOG.error("the folder %s of the blob store is gone", self._root)
                raise WrongStore(
                    "the store of uploads and results is gone: there is no such folder; bring it back, or set "
                    "RETARGET_BLOB_URL to where the jobs' files lie; it is not made anew"
                )
            return
        bucket = self._root.partition("/")[0]
        if not hasattr(self._fs, "call_s3"):  # memory, for tests
            return
        try:
            with self.answering():
                self._fs.call_s3("head_bucket", Bucket=bucket)  # `exists` takes a store that is down for an empty one
        except FileNotFoundError:
            raise WrongStore(f"there is no bucket {bucket!r} in the store of uploads and results; make it") from None

    def _path(self, key: str) -> str:
        parts = key.split("/")
        if not key or any(part in ("", ".", "..") for part in parts) or "\\" in key or "\0" in key:
            raise ValueError(f"not a blob key: {key!r}")
        return f"{self._root}/{key}"

    def open_for_writing(self, key: str) -> IO[bytes]:
        path = self._path(key)
        with self.answering():
            if self._is_local:
                self._make_folder(Path(path).parent)
            handle: IO[bytes] = self._fs.open(path, "wb")
        return handle

    def _make_folder(self, folder: Path) -> None:
        """A folder below the root. The root itself is never made anew, not even where it vanishes in this moment: a
        store that vanished must not look empty.
        """
        if folder.is_dir():
            return
        self.check_there()
        below = folder.relative_to(self._root).parts
        try:
            for depth in range(len(below)):
                Path(self._root, *below[: depth + 1]).mkdir(exist_ok=True)
        except FileNotFoundError:  # gone since it was looked at
            self.check_there()
            raise

    def writer(self, *, max_bytes: int | None = None, what: str = "the file") -> BlobWriter:
        """A writer to feed piece by piece; use it as a context manager, which discards what was not committed."""
        return BlobWriter(self, max_bytes, what)

    def put_stream(self, chunks: Iterable[bytes], *, max_bytes: int | None = None, what: str = "the file") -> Blob:
        """Store at the content's upload key. Raises FileTooLarge at the cap; nothing stays behind then."""
        with self.writer(max_bytes=max_bytes, what=what) as writer:
            for chunk in chunks:
                writer.write(chunk)
            return writer.commit()

    def put(self, key: str, chunks: bytes | Iterable[bytes]) -> Blob:
        """Store at `key`, over what was there."""
        self._path(key)  # a wrong key is our mistake, not the store's
        digest, count = hashlib.sha256(), 0
        with self.answering(), self.open_for_writing(key) as handle:
            for chunk in [chunks] if isinstance(chunks, bytes) else chunks:
                digest.update(chunk)
                count += len(chunk)
                handle.write(chunk)
        return Blob(key, digest.hexdigest(), count)

    def open(self, key: str) -> IO[bytes]:
        """A readable, seekable file. Raises FileNotFoundError."""
        path = self._path(key)
        with self.answering():
            handle: IO[bytes] = self._fs.open(path, "rb")
        return handle

    def read(self, key: str) -> bytes:
        """All bytes of a blob. Raises FileNotFoundError."""
        with self.open(key) as handle, self.answering():
            return handle.read()

    def local_path(self, key: str) -> Path | None:
        """Where a blob lies on this machine's disk, present or not; None for a store elsewhere."""
        return Path(self._path(key)) if self._is_local else None

    def read_range(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Bytes `start` up to, not including, `stop`, in chunks. Raises FileNotFoundError at the first chunk."""
        with self.open(key) as handle:
            handle.seek(start)
            left = None if stop is None else max(stop - start, 0)
            while left is None or left > 0:
                with self.answering():
                    chunk = handle.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
                if not chunk:
                    return
                left = None if left is None else left - len(chunk)
                yield chunk

    def exists(self, key: str) -> bool:
        path = self._path(key)
        with self.answering():
            return bool(self._fs.exists(path))

    def bytes(self, key: str) -> int:
        """Size of a blob. Raises FileNotFoundError."""
        path = self._path(key)
        with self.answering():
            return int(self._fs.size(path))

    def copy(self, key: str, target: str) -> None:
        """The same bytes under another key too, without reading them here: one file with two names on a local disk.

        Whoever writes at a key that has been copied would change both, and outputs are written once. Raises
        FileNotFoundError.
        """
        origin, destination = self._path(key), self._path(target)
        with self.answering():
            if not self._is_local:
                self._fs.cp_file(origin, destination)
                return
            self._make_folder(Path(destination).parent)
            Path(destination).unlink(missing_ok=True)
            try:
                os.link(origin, destination)
            except FileNotFoundError:
                raise
            except OSError:  # a file system without second names
                shutil.copyfile(origin, destination)
            os.utime(destination)  # the sweep of orphans goes by it

    def move(self, key: str, target: str) -> None:
        """Rename; on object stores a copy and a delete."""
        origin, destination = self._path(key), self._path(target)
        with self.answering():
            if self._is_local:
                self._make_folder(Path(destination).parent)
                Path(origin).replace(destination)
            else:
                self._fs.mv(origin, destination)

    def delete(self, key: str) -> None:
        """Remove one blob; one that is not there is fine."""
        path = self._path(key)
        with contextlib.suppress(FileNotFoundError), self.answering():
            self._fs.rm_file(path)

    def delete_tree(self, prefix: str) -> None:
        """Remove all blobs below `prefix`; none there is fine."""
        path = self._path(prefix)
        with contextlib.suppress(FileNotFoundError), self.answering():
            self._fs.rm(path, recursive=True)

    def list(self, prefix: str) -> Iterator[StoredFile]:
        """All blobs below `prefix`, with the time they were written."""
        root = self._path(prefix)
        with self.answering():
            found = self._fs.find(root, detail=True) if self._fs.exists(root) else {}
        for path, info in found.items():
            key = str(path).removeprefix(self._root).lstrip("/")
            yield StoredFile(key, int(info.get("size") or 0), _modified(info))

    def free_disk_ratio(self) -> float | None:
        """Free share of the disk below a local store; None where there is no disk to fill."""
        if not self._is_local:
            return None
        self.check_there()
        usage = shutil.disk_usage(self._root)
        return usage.free / usage.total

    def check_free_disk(self, min_ratio: float) -> None:
        """Raise Unavailable where less than `min_ratio` of the disk is free."""
        ratio = self.free_disk_ratio()
        if ratio is not None and ratio < min_ratio:
            raise Unavailable(
                f"only {ratio:.1%} of the disk is free, uploads need {min_ratio:.0%}; try again later", retry_after=60
            )

    def check_writable(self) -> None:
        """Write and remove a small blob. Raises Unavailable."""
        self.check_there()
        key = f"{UNFINISHED}/probe-{uuid.uuid4().hex}"
        self.put(key, b"probe")
        self.delete(key)


def _modified(info: dict[str, Any]) -> datetime:
    """Time of writing from a file system's listing: local `mtime`, S3 `LastModified`, memory `created`."""
    value = next((info[name] for name in ("mtime", "LastModified", "created") if info.get(name)), None)
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.now(UTC)
