"""BLIP-2 image-text matching: query tokens that look at the image, with or beside the text.

Modules are called one by one: the model's own `forward` expects image placeholders in the text, in a number that
depends on the checkpoint's age. The checkpoint's text side needs `use_qformer_text_input` in its configuration.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from workers.semantics.encoders.pretrained import PretrainedEncoder


class Blip2MatchingEncoder(PretrainedEncoder):
    """Embedding: the contrastive head's unit vector of every query, one after the other."""

    model_class = "Blip2ForImageTextRetrieval"
    capabilities = frozenset({"embed", "match"})
    match_scale = "probability"

    def _embed(self, images: Tensor, start: int) -> Tensor:
        states = self._look(images)
        read = self.model.qformer(
            query_embeds=self._queries(len(images)),
            encoder_hidden_states=states,
            encoder_attention_mask=_all_seen(states),
        ).last_hidden_state
        projected: Tensor = self.model.vision_projection(read.to(self.model.vision_projection.weight.dtype))
        # Each query has length 1; divided by their number so that the whole has, too.
        return functional.normalize(projected.float(), dim=-1).flatten(1) / math.sqrt(projected.shape[1])

    def _match(self, images: Tensor, text: str) -> Tensor:
        states, queries = self._look(images), self._queries(len(images))
        tokens = self._tokens([text] * len(images))
        read = self.model.qformer(
            query_embeds=self.model.embeddings(input_ids=tokens["input_ids"], query_embeds=queries),
            query_length=queries.shape[1],
            attention_mask=torch.cat([_all_seen(queries), tokens["attention_mask"]], dim=1),
            encoder_hidden_states=states,
            encoder_attention_mask=_all_seen(states),
        ).last_hidden_state[:, : queries.shape[1]]
        logits: Tensor = self.model.itm_head(read.to(self.model.itm_head.weight.dtype)).mean(dim=1)
        return logits.float().softmax(dim=-1)[:, 1]

    def _look(self, images: Tensor) -> Tensor:
        states: Tensor = self.model.vision_model(pixel_values=self._prepare(images)).last_hidden_state
        return states.to(self.model.qformer.dtype)

    def _queries(self, count: int) -> Tensor:
        queries: Tensor = self.model.query_tokens.expand(count, -1, -1)
        return queries


def _all_seen(states: Tensor) -> Tensor:
    return torch.ones(states.shape[:2], dtype=torch.long, device=states.device)
