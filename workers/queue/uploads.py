"""Ingest: a job's uploads as scenes, each upload read once, in the sandbox, and kept as a stored scene beside it.

A stored scene is found by what its upload holds (names and sha256) and by the version of the readers, so the same
files in another job are not read again. It is held by every job that used it, like the upload itself, and goes with the
last of them (`service.files.references`). One that is damaged is dropped, and the upload read anew. Nothing here looks
into an upload: its bytes go to the sandbox as they are, zips packed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from functools import partial

from service.files.blobs import BlobStore, stored_scene_key
from service.files.input_file import InputFile
from service.files.references import BlobReferences
from service.jobs.store import JobStore
from workers.contract.errors import Expired
from workers.formats.bundle import FileBundle
from workers.formats.load_bundle import bundle_of_upload
from workers.ingest.sandbox.sandbox import Sandbox
from workers.ingest.stored.reader_version import reader_version
from workers.ingest.stored.scene_file import SceneFileUnusable
from workers.ingest.stored.scene_store import FORM, load_scene
from workers.skeleton.model import Scene

LOG = logging.getLogger("retarget.ingest")


class Ingest:
    """Stored scenes of uploads, read in the sandbox where they are not there yet."""

    def __init__(self, store: JobStore, blobs: BlobStore, sandbox: Sandbox) -> None:
        self._blobs = blobs
        self._sandbox = sandbox
        self._references = BlobReferences(store.redis, blobs)
        self._version = reader_version(FORM)

    def stored(self, files: list[InputFile], job_id: str, on_wait: Callable[[], None]) -> str:
        """The blob key of the stored scene of one input, which the job holds from now on.

        An input is a file, a `.gltf` with its files, or a zip. `on_wait` may raise to end the reading. Raises Expired
        where the upload is gone, and what `Sandbox.read` raises.
        """
        key = self.key(files)
        if self._references.hold_scene(key, job_id):
            try:
                load_stored(self._blobs, key)
                return key
            except (SceneFileUnusable, FileNotFoundError) as error:
                LOG.warning("%s: stored scene dropped: %s", key, error)
                self._blobs.delete(key)
        read = self._sandbox.read(self._bundle(files), on_wait=on_wait)
        with self._blobs.writer() as writer:
            writer.write(read.stored)
            self._references.adopt_scene(writer, job_id, key)
        return key

    def key(self, files: list[InputFile]) -> str:
        """Where the stored scene of these files lies, whether it exists or not."""
        held = [self._version, [[file.name, file.sha256] for file in files]]
        return stored_scene_key(hashlib.sha256(json.dumps(held).encode()).hexdigest())

    def _bundle(self, files: list[InputFile]) -> FileBundle:
        return bundle_of_upload({file.name: partial(self._read, file) for file in files})

    def _read(self, file: InputFile) -> bytes:
        try:
            return self._blobs.read(file.blob)
        except FileNotFoundError:
            raise Expired(f"the uploaded file {file.name} is gone; upload it again in a new job") from None


def load_stored(blobs: BlobStore, key: str) -> Scene:
    """A stored scene, mapped into memory where the blobs are local. Raises FileNotFoundError, SceneFileUnusable."""
    path = blobs.local_path(key)
    return load_scene(blobs.read(key) if path is None else path)
