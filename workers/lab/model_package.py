"""The manifest of a model that this project trained itself and ships: weights beside it, with size and hash."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from model_store.catalogue import MANIFEST_NAME
from model_store.manifest import Anchors, DtypePolicy, FileEntry, Licence, Manifest, Needs, PackagedSource, Runs
from model_store.status import sha256_of

MAX_BYTES = 25_000_000


def write_packaged(
    folder: Path,
    weights: str,
    *,
    name: str,
    version: str,
    title: str,
    description: str,
    runs: Runs,
    parameters: int,
    dtype: DtypePolicy,
    calibration: Sequence[Anchors] = (),
) -> Manifest:
    """`manifest.json` beside the file `weights` in `folder`. Raises OSError, and ValueError for weights that are too
    large.
    """
    path = folder / weights
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"{path} has {size:,} bytes, at most {MAX_BYTES:,} may be packaged")
    manifest = Manifest(
        name=name,
        version=version,
        title=title,
        description=description,
        runs=runs,
        source=PackagedSource(),
        licence=Licence(id="Apache-2.0", note="trained by this project on data that allows it; see README.md beside"),
        files=(FileEntry(path=weights, bytes=size, sha256=sha256_of(path)),),
        needs=Needs(parameters=parameters, memory_bytes=4 * parameters),
        dtype=dtype,
        calibration=tuple(calibration),
    )
    (folder / MANIFEST_NAME).write_text(manifest.model_dump_json(indent=1) + "\n")
    return manifest
