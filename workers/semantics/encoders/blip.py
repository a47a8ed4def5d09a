"""BLIP: image-text matching, and question answering with the two guiding questions.

The modules of the models are called one by one, because their own `forward` puts masks on the CPU and answers only
together with a loss.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from workers.semantics.encoders.guidance import GuidedEncoder
from workers.semantics.encoders.pretrained import PretrainedEncoder


class BlipMatchingEncoder(PretrainedEncoder):
    """Embedding: the unit vector of the contrastive head. Match: the matching head's probability."""

    model_class = "BlipForImageTextRetrieval"
    capabilities = frozenset({"embed", "match"})
    match_scale = "probability"

    def _embed(self, images: Tensor, start: int) -> Tensor:
        states = self.model.vision_model(pixel_values=self._prepare(images)).last_hidden_state
        projected: Tensor = self.model.vision_proj(states[:, 0])
        return functional.normalize(projected.float(), dim=-1)

    def _match(self, images: Tensor, text: str) -> Tensor:
        tokens = self._tokens([text] * len(images))
        logits: Tensor = self.model.itm_head(_read(self.model, self._prepare(images), tokens)[:, 0])
        return logits.float().softmax(dim=-1)[:, 1]


class BlipAnsweringEncoder(GuidedEncoder):
    """Embedding: the question read against the image, mean over the question's tokens."""

    model_class = "BlipForQuestionAnswering"

    def _answer(self, images: Tensor, prompts: list[str]) -> list[str]:
        tokens, config = self._tokens(prompts), self.model.config.text_config
        # The model's own `generate` lets the decoder see padding, so that answers would depend on their neighbours.
        found = self.model.text_decoder.generate(
            input_ids=torch.full((len(images), 1), config.bos_token_id, device=self.device),
            encoder_hidden_states=_read(self.model, self._prepare(images), tokens),
            encoder_attention_mask=tokens["attention_mask"],
            eos_token_id=config.sep_token_id,
            pad_token_id=config.pad_token_id,
            do_sample=False,
            num_beams=1,
            max_new_tokens=self.answer_tokens,
        )
        return [str(text) for text in self.tokenizer.batch_decode(found, skip_special_tokens=True)]

    def _embed_prompted(self, images: Tensor, prompts: list[str]) -> Tensor:
        tokens = self._tokens(prompts)
        read = _read(self.model, self._prepare(images), tokens).float()
        mask = tokens["attention_mask"].unsqueeze(-1).float()
        return (read * mask).sum(dim=1) / mask.sum(dim=1)

    def prompt(self, *turns: tuple[str, str | None]) -> str:
        """Plain sentences: this model was trained on questions, not on dialogues."""
        return " ".join(f"{question} {answer}." if answer else question for question, answer in turns)


def _read(model: Any, pixels: Tensor, tokens: dict[str, Tensor]) -> Tensor:
    """The text read against the image, `(images, tokens, width)`."""
    states = model.vision_model(pixel_values=pixels).last_hidden_state
    seen = torch.ones(states.shape[:2], dtype=torch.long, device=states.device)
    read: Tensor = model.text_encoder(
        **tokens, encoder_hidden_states=states, encoder_attention_mask=seen
    ).last_hidden_state
    return read
