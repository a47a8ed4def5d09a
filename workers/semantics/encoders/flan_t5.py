"""BLIP-2 and InstructBLIP with FlanT5, guided by the two questions (see `guidance`).

The language model reads [query tokens of the image; text]. The embedding is its encoder's last hidden state at the
query positions only: those exist for every picture in the same number, and they have attended to the text.
Loss and similarity over `(queries * width)` numbers equal those over the queries one by one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workers.semantics.encoders.guidance import GuidedEncoder

QFORMER_TOKENIZER = "qformer_tokenizer"


class Blip2FlanT5Encoder(GuidedEncoder):
    """BLIP-2: the queries see the image alone, the language model joins them with the text."""

    model_class = "Blip2ForConditionalGeneration"
    overflows_in_half = True

    def _image_tokens(self, images: Tensor, prompts: list[str]) -> Tensor:
        """The image as the language model sees it, `(images, queries, width)`."""
        tokens: Tensor = self.model.get_image_features(self._prepare(images), return_dict=True).pooler_output
        return tokens

    def _inputs(self, images: Tensor, prompts: list[str]) -> tuple[Tensor, Tensor, int]:
        """What the language model reads, its mask, and the number of query tokens at its beginning."""
        seen = self._image_tokens(images, prompts)
        text = self._tokens(prompts)
        words = self.model.language_model.get_input_embeddings()(text["input_ids"])
        mask = torch.ones(seen.shape[:2], dtype=torch.long, device=self.device)
        return (
            torch.cat([seen.to(words.dtype), words], dim=1),
            torch.cat([mask, text["attention_mask"]], dim=1),
            seen.shape[1],
        )

    def _answer(self, images: Tensor, prompts: list[str]) -> list[str]:
        inputs, mask, _ = self._inputs(images, prompts)
        found = self.model.language_model.generate(
            inputs_embeds=inputs,
            attention_mask=mask,
            do_sample=False,
            num_beams=1,
            max_new_tokens=self.answer_tokens,
        )
        return [str(text) for text in self.tokenizer.batch_decode(found, skip_special_tokens=True)]

    def _embed_prompted(self, images: Tensor, prompts: list[str]) -> Tensor:
        inputs, mask, queries = self._inputs(images, prompts)
        encoder = self.model.language_model.get_encoder()
        states: Tensor = encoder(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
        return states[:, :queries].float().flatten(1)


class InstructBlipEncoder(Blip2FlanT5Encoder):
    """InstructBLIP: the queries read the text, too."""

    model_class = "InstructBlipForConditionalGeneration"

    def _load_tokenizer(self, folder: Path) -> Any:
        from transformers import AutoTokenizer

        self.qformer_tokenizer = AutoTokenizer.from_pretrained(str(folder / QFORMER_TOKENIZER), local_files_only=True)
        return super()._load_tokenizer(folder)

    def _image_tokens(self, images: Tensor, prompts: list[str]) -> Tensor:
        words = self.qformer_tokenizer(
            prompts, padding=True, truncation=True, max_length=self.max_text_tokens, return_tensors="pt"
        )
        tokens: Tensor = self.model.get_image_features(
            self._prepare(images),
            qformer_input_ids=words["input_ids"].to(self.device),
            qformer_attention_mask=words["attention_mask"].to(self.device),
            return_dict=True,
        ).pooler_output
        return tokens
