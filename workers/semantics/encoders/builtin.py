"""The built-in encoder `eye`: small, trained by this project on its own renders, ready with no download.

Compares poses, not pictures in general: it knows the renders of `workers.rendering`, one body on its ground, from the
three views. Its match with a text is a cosine, on the words of its training clips (`model_store/eye`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from model_store.manifest import Manifest
from model_store.status import cannot_be_loaded
from workers.contract.errors import InvalidOptions
from workers.semantics.encoders.base import Encoder, MatchScale
from workers.semantics.encoders.eye_network import Architecture, EyeNetwork
from workers.semantics.encoders.eye_picture import to_grey
from workers.semantics.encoders.eye_text import words_of

WEIGHTS_NAME = "weights.safetensors"
ARCHITECTURE_KEY = "architecture"  # in the weights' metadata


class BuiltinEncoder(Encoder):
    capabilities = frozenset({"embed", "match"})
    match_scale: ClassVar[MatchScale | None] = "cosine"

    def __init__(
        self, manifest: Manifest, identity: str, folder: Path, device: torch.device, dtype: torch.dtype, batch_size: int
    ) -> None:
        super().__init__(manifest.name, identity, device, dtype, batch_size)
        try:
            network = read_network(folder / WEIGHTS_NAME)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise cannot_be_loaded(manifest, folder, error) from None
        network.fold()
        self.model = network.requires_grad_(False).to(device, dtype)

    def _embed(self, images: Tensor, start: int) -> Tensor:
        return self.model.embedding(self._features(images))

    def embed_and_match(self, images: Tensor, text: str) -> tuple[Tensor, Tensor]:
        self._check_images(images)
        self._check_text(text)
        row = self.model.text_tower([words_of(text)])[0]
        parts = []
        for start in self._starts(images):
            features = self._features(images[start : start + self.batch_size])
            parts.append((self.model.embedding(features), self.model.motion(features) @ row))
        embedded, matched = (torch.cat(values) for values in zip(*parts, strict=True))
        return self._finite(embedded, "embeddings"), self._finite(matched, "matches")

    def match_texts(self, images: Tensor, texts: Sequence[str]) -> Tensor:
        self._check_images(images)
        if not texts or not all(text.strip() for text in texts):
            raise InvalidOptions("a description to match is empty; say what the motion shows, or leave it out")
        rows = self.model.text_tower([words_of(text) for text in texts])
        motions = self._in_batches(images, lambda batch, start: self.model.motion(self._features(batch)))
        return self._finite(motions @ rows.T, "matches")

    def _match(self, images: Tensor, text: str) -> Tensor:
        vector: Tensor = self.model.text_tower([words_of(text)])[0]
        return self.model.motion(self._features(images)) @ vector

    def _features(self, images: Tensor) -> Tensor:
        return self.model.features(to_grey(images.to(self.device, torch.float32)).to(self.dtype))


def read_network(path: Path) -> EyeNetwork:
    """The network in float32, not training. Raises OSError, ValueError, KeyError, RuntimeError or SafetensorError."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
    network = EyeNetwork(Architecture.from_json(metadata[ARCHITECTURE_KEY]))
    network.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()})
    return network.eval()
