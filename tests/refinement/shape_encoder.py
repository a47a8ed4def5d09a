"""An encoder that sees shapes."""

from __future__ import annotations

import torch

from workers.semantics.encoders.base import Encoder


class ShapeEncoder(Encoder):
    """Coarse grey pictures as embeddings: differentiable, and what it likes can be seen."""

    def __init__(self) -> None:
        super().__init__("shapes", "shapes:1", torch.device("cpu"), torch.float32, 4)

    def _embed(self, images: torch.Tensor, start: int) -> torch.Tensor:
        coarse = torch.nn.functional.adaptive_avg_pool2d(images.mean(dim=1, keepdim=True), 16).flatten(1)
        return coarse - coarse.mean(dim=1, keepdim=True)
