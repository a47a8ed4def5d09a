"""A network to and from a file: safetensors, half floats, with its architecture in the file's metadata."""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from workers.retargeting.network.architecture import Architecture, ResidualNetwork
from workers.retargeting.network.paper import PaperNetwork

WEIGHTS_NAME = "weights.safetensors"
ARCHITECTURE_KEY = "architecture"


Network = ResidualNetwork | PaperNetwork


def make_network(architecture: Architecture) -> Network:
    """With random weights. Raises ValueError for a variant that there is not."""
    if architecture.variant == "residual":
        return ResidualNetwork(architecture)
    if architecture.variant == "paper":
        return PaperNetwork(architecture)
    raise ValueError(f"no variant {architecture.variant!r}")


def write_network(network: Network, path: Path) -> None:
    """Raises OSError."""
    tensors = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, path, metadata={ARCHITECTURE_KEY: network.architecture.to_json(), "format": "pt"})


def read_network(path: Path) -> Network:
    """In float32, not training. Raises OSError, ValueError, KeyError, TypeError, RuntimeError or SafetensorError."""
    with safe_open(path, framework="pt") as file:
        architecture = Architecture.from_json((file.metadata() or {})[ARCHITECTURE_KEY])
    network = make_network(architecture)
    network.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()})
    return network.eval().requires_grad_(False)
