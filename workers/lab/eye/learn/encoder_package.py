"""Putting a trained encoder into the model store: weights as half floats, and a manifest with sizes and hashes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import save_file

from model_store.manifest import Anchors, DtypePolicy, Manifest, Runs
from workers.lab.model_package import write_packaged
from workers.semantics.encoders.builtin import ARCHITECTURE_KEY, WEIGHTS_NAME, read_network
from workers.semantics.encoders.eye_network import EyeNetwork

NAME, KIND = "eye", "eye"


def write_network(network: EyeNetwork, path: Path) -> None:
    """Weights as float16, which changes a cosine by less than 0.001, with the architecture in the file's metadata."""
    tensors = {
        name: tensor.half().contiguous() if tensor.is_floating_point() else tensor.contiguous()
        for name, tensor in network.state_dict().items()
    }
    save_file(tensors, path, metadata={ARCHITECTURE_KEY: network.architecture.to_json(), "format": "pt"})


def write_manifest(folder: Path, version: str, calibration: Sequence[Anchors] = ()) -> Manifest:
    """`manifest.json` beside the weights in `folder`. Raises OSError, and ValueError for weights that are too large."""
    parameters = sum(parameter.numel() for parameter in read_network(folder / WEIGHTS_NAME).parameters())
    return write_packaged(
        folder,
        WEIGHTS_NAME,
        name=NAME,
        version=version,
        title="Built-in eye",
        description="Compares poses in this project's own renders, and matches them with a few words, as cosines.",
        runs=Runs(kind="encoder", name=KIND),
        parameters=parameters,
        dtype=DtypePolicy(cpu="float32", cuda="float32"),
        calibration=calibration,
    )
