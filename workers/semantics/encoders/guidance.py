"""The two guiding questions of the SMT paper (arXiv 2312.01964), made comparable.

Asked of each frame: where the hands are; then, with that answer before it, what the character does. The embedding is
what the model makes of the image in the light of that text. The paper's code samples its answers for each picture
anew, so token counts differ and a distance between embeddings is not defined. Here the answers are decoded greedily,
once, on the *source*; that text guides source and result alike (`guided_by`). The result's own answer is what
`describe` gives: words for the report, never part of a loss.
"""

from __future__ import annotations

import copy
from abc import abstractmethod

import torch
from torch import Tensor

from workers.semantics.encoders.pretrained import PretrainedEncoder

QUESTION_HANDS = "Where are the hands of the character?"
QUESTION_ACTION = "What is the character doing?"
ANSWER_MAX_CHARS = 200


class GuidedEncoder(PretrainedEncoder):
    """An encoder that is asked questions. Without `guided_by`, each picture is guided by its own answers."""

    capabilities = frozenset({"embed", "describe"})
    answer_tokens = 24

    _guiding_prompts: list[str] | None = None

    def guided_by(self, source_images: Tensor) -> GuidedEncoder:
        """Ask the source frames; the encoder returned takes that many frames, in the same order, each time."""
        self._check_images(source_images)
        return self.guided_with(self._prompts_of(source_images))

    def guided_with(self, prompts: list[str]) -> GuidedEncoder:
        guided = copy.copy(self)  # shares the model
        guided._guiding_prompts = prompts
        return guided

    @property
    def guiding_prompts(self) -> list[str] | None:
        return self._guiding_prompts

    def prompt(self, *turns: tuple[str, str | None]) -> str:
        """Questions and answers as one text; the last question is open."""
        return " ".join(
            f"Question: {question} Answer:" + (f" {answer}." if answer else "") for question, answer in turns
        )

    def _prompts_of(self, images: Tensor) -> list[str]:
        """The second question of each frame, with the first one's answer."""
        prompts = []
        with torch.no_grad():
            for start in self._starts(images):
                batch = images[start : start + self.batch_size]
                answers = self._answer(batch, [self.prompt((QUESTION_HANDS, None))] * len(batch))
                prompts += [
                    self.prompt((QUESTION_HANDS, _clean(answer)), (QUESTION_ACTION, None)) for answer in answers
                ]
        return prompts

    def _describe(self, images: Tensor) -> list[str]:
        return [_clean(answer) for answer in self._answer(images, self._prompts_of(images))]

    def _embed_frames(self, images: Tensor) -> Tensor:
        prompts = self._guiding_prompts if self._guiding_prompts is not None else self._prompts_of(images.detach())
        if len(prompts) != len(images):
            raise ValueError(f"{len(images)} images for an encoder that is guided by {len(prompts)} source frames")
        return self._in_batches(
            images, lambda batch, start: self._embed_prompted(batch, prompts[start : start + len(batch)])
        )

    def _embed(self, images: Tensor, start: int) -> Tensor:
        return self._embed_prompted(images, self._prompts_of(images.detach()))

    @abstractmethod
    def _answer(self, images: Tensor, prompts: list[str]) -> list[str]:
        """The model's answer to each prompt, by greedy decoding."""

    @abstractmethod
    def _embed_prompted(self, images: Tensor, prompts: list[str]) -> Tensor:
        """Embeddings of images in the light of their prompts; differentiable in the images."""


def _clean(answer: str) -> str:
    return " ".join(answer.split())[:ANSWER_MAX_CHARS].rstrip(" .")
