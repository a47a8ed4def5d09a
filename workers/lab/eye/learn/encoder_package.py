"""Putting a trained encoder into the model store: weights as half floats, and a manifest with sizes and hashes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import save_file

from model_store.catalogue import MANIFEST_NAME
from model_store.manifest import Anchors, DtypePolicy, FileEntry, Licence, Manifest, Needs, PackagedSource
from model_store.status import sha256_of
from workers.semantics.encoders.builtin import ARCHITECTURE_KEY, WEIGHTS_NAME, read_network
from workers.semantics.encoders.eye_network import EyeNetwork

NAME, KIND = "eye", "eye"
MAX_BYTES = 25_000_000


def write_network(network: EyeNetwork, path: Path) -> None:
    """Weights as float16, which changes a cosine by less than 0.001, with the architecture in the file's metadata."""
    tensors = {
        name: tensor.half().contiguous() if tensor.is_floating_point() else tensor.contiguous()
        for name, tensor in network.state_dict().items()
    }
    save_file(tensors, path, metadata={ARCHITECTURE_KEY: network.architecture.to_json(), "format": "pt"})


def write_manifest(folder: Path, version: str, calibration: Sequence[Anchors] = ()) -> Manifest:
    """`manifest.json` beside the weights in `folder`. Raises OSError, and ValueError for weights that are too large."""
    path = folder / WEIGHTS_NAME
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"{path} has {size:,} bytes, at most {MAX_BYTES:,} may be packaged")
    parameters = sum(parameter.numel() for parameter in read_network(path).parameters())
    manifest = Manifest(
        name=NAME,
        version=version,
        title="Built-in eye",
        description="Compares poses in this project's own renders, and matches them with a few words, as cosines.",
        encoder=KIND,
        source=PackagedSource(),
        licence=Licence(id="Apache-2.0", note="trained by this project on data that allows it; see README.md beside"),
        files=(FileEntry(path=WEIGHTS_NAME, bytes=size, sha256=sha256_of(path)),),
        needs=Needs(parameters=parameters, memory_bytes=4 * parameters),
        dtype=DtypePolicy(cpu="float32", cuda="float32"),
        calibration=tuple(calibration),
    )
    (folder / MANIFEST_NAME).write_text(manifest.model_dump_json(indent=1) + "\n")
    return manifest
