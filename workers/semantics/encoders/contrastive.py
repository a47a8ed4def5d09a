"""CLIP and SigLIP: an image and a text each become a unit vector in one space.

CLIP's match is their cosine; SigLIP was trained to make a probability of it, so its match is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from workers.semantics.encoders.base import MatchScale
from workers.semantics.encoders.pretrained import PretrainedEncoder


def _pooled(output: Any) -> Tensor:
    """The projected features, whether the method gives them bare or in an output object."""
    tensor: Tensor = output if isinstance(output, Tensor) else output.pooler_output
    return tensor


class ClipEncoder(PretrainedEncoder):
    model_class = "CLIPModel"
    capabilities = frozenset({"embed", "match"})
    match_scale: ClassVar[MatchScale | None] = "cosine"

    @property
    def max_text_tokens(self) -> int:
        return int(self.model.config.text_config.max_position_embeddings)

    def _embed(self, images: Tensor, start: int) -> Tensor:
        features = _pooled(self.model.get_image_features(pixel_values=self._prepare(images)))
        return functional.normalize(features.float(), dim=-1)

    def _text_features(self, text: str) -> Tensor:
        tokens = self._tokens([text])
        return functional.normalize(_pooled(self.model.get_text_features(**tokens)).float(), dim=-1)

    def match_texts(self, images: Tensor, texts: Sequence[str]) -> Tensor:
        features = self.embed(images)
        return self._finite(torch.stack([self._compare(features, text) for text in texts], dim=1), "matches")

    def _match(self, images: Tensor, text: str) -> Tensor:
        return self._compare(self._embed(images, 0), text)

    def _compare(self, features: Tensor, text: str) -> Tensor:
        return features @ self._text_features(text)[0]


class SiglipEncoder(ClipEncoder):
    """SigLIP, and the SigLIP 2 models of fixed size, which have the same architecture."""

    model_class = "SiglipModel"
    match_scale = "probability"

    def _text_features(self, text: str) -> Tensor:
        # Trained on lower-case text that always fills the same number of tokens, padding attended to.
        tokens = self._tokens([text.lower()], padding="max_length")
        features = _pooled(self.model.get_text_features(input_ids=tokens["input_ids"]))
        return functional.normalize(features.float(), dim=-1)

    def _compare(self, features: Tensor, text: str) -> Tensor:
        cosine = features @ self._text_features(text)[0]
        return torch.sigmoid(cosine * self.model.logit_scale.float().exp() + self.model.logit_bias.float()).view(-1)
