"""Encoder: what every one of them can be asked. Images are `(frames, 3, height, width)`, floats from 0 to 1, RGB.

`embed` is differentiable from its result to the pixels and always gives float32. Batching never changes a result.
A value that is not finite is an error, never a score.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor

from workers.contract.errors import InvalidOptions, OutputInvalid, UnsupportedFeature

Capability = Literal["embed", "describe", "match"]
MatchScale = Literal["probability", "cosine"]


class Encoder(ABC):
    """A frozen model. `identity` names model, version and content, and belongs into every cache key."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset({"embed"})
    match_scale: ClassVar[MatchScale | None] = None  # probability: 0 to 1; cosine: -1 to 1
    temporal: ClassVar[bool] = False  # whether a row depends on the frames around it

    def __init__(self, name: str, identity: str, device: torch.device, dtype: torch.dtype, batch_size: int) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size {batch_size}: at least 1")
        self.name = name
        self.identity = identity
        self.device = device
        self.dtype = dtype
        self.batch_size = batch_size

    def embed(self, images: Tensor) -> Tensor:
        """Embeddings `(frames, d)`, float32. Raises OutputInvalid where one is not finite."""
        self._check_images(images)
        return self._finite(self._embed_frames(images), "embeddings")

    def describe(self, images: Tensor) -> list[str]:
        """What each frame shows, in words. Raises UnsupportedFeature where the model has no language side."""
        self._require("describe")
        self._check_images(images)
        with torch.no_grad():
            parts = [self._describe(images[start : start + self.batch_size]) for start in self._starts(images)]
        return [text for part in parts for text in part]

    def match(self, images: Tensor, text: str) -> Tensor:
        """How well each frame fits the text, `(frames,)` on `match_scale`; of a text that it `cuts`, the beginning.

        Raises UnsupportedFeature, InvalidOptions for an empty text, OutputInvalid.
        """
        self._require("match")
        self._check_images(images)
        self._check_text(text)
        return self._finite(self._match_frames(images, text), "matches")

    def embed_and_match(self, images: Tensor, text: str) -> tuple[Tensor, Tensor]:
        """`embed` and `match` of the same frames. Encoders that share their reading of a picture do it once."""
        return self.embed(images), self.match(images, text)

    def match_texts(self, images: Tensor, texts: Sequence[str]) -> Tensor:
        """`match` with each of several texts, `(frames, texts)`. Encoders that read pictures and texts apart read each
        picture once.
        """
        return torch.stack([self.match(images, text) for text in texts], dim=1)

    def cuts(self, text: str) -> bool:
        """Whether the text is longer than the model reads; worth a warning."""
        return False

    def guided_by(self, source_images: Tensor) -> Encoder:
        """An encoder that reads every later batch in the light of the source frames; itself where nothing is asked.

        For models that are asked questions: the source's answers guide source and result alike, frame by frame, so
        that their embeddings can be compared.
        """
        return self

    @property
    def guiding_prompts(self) -> list[str] | None:
        """The text that guides each frame; None where nothing is asked, or every picture is guided by its own."""
        return None

    def guided_with(self, prompts: list[str]) -> Encoder:
        """As `guided_by`, with the `guiding_prompts` that the source frames gave before."""
        return self

    def _embed_frames(self, images: Tensor) -> Tensor:
        return self._in_batches(images, self._embed)

    def _match_frames(self, images: Tensor, text: str) -> Tensor:
        return self._in_batches(images, lambda batch, start: self._match(batch, text))

    @abstractmethod
    def _embed(self, images: Tensor, start: int) -> Tensor:
        """Embeddings of one batch, whose first image is number `start` of all."""

    def _describe(self, images: Tensor) -> list[str]:
        raise NotImplementedError

    def _match(self, images: Tensor, text: str) -> Tensor:
        raise NotImplementedError

    def _starts(self, images: Tensor) -> range:
        return range(0, len(images), self.batch_size)

    def _in_batches(self, images: Tensor, work: Callable[[Tensor, int], Tensor]) -> Tensor:
        return torch.cat([work(images[start : start + self.batch_size], start) for start in self._starts(images)])

    def _require(self, capability: Capability) -> None:
        if capability not in self.capabilities:
            raise UnsupportedFeature(
                f"encoder {self.name} cannot {capability}; it can {', '.join(sorted(self.capabilities))}; choose "
                "another one: retarget models list"
            )

    def _check_images(self, images: Tensor) -> None:
        """Raises ValueError for what no renderer of ours makes."""
        if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape:
            raise ValueError(f"images have shape {tuple(images.shape)}, expected (frames, 3, height, width)")
        if not images.is_floating_point():
            raise ValueError(f"images are {images.dtype}, expected floats from 0 to 1")

    def _check_text(self, text: str) -> None:
        if not text.strip():
            raise InvalidOptions("the description to match is empty; say what the motion shows, or leave it out")

    def _finite(self, values: Tensor, what: str) -> Tensor:
        """As float32. Raises OutputInvalid naming the first frames that are not finite."""
        values = values.float()
        finite = torch.isfinite(values.detach()).flatten(1).all(dim=1) if values.ndim > 1 else values.isfinite()
        wrong = torch.nonzero(~finite).flatten().tolist()
        if wrong:
            frames = ", ".join(str(frame) for frame in wrong[:5]) + (", ..." if len(wrong) > 5 else "")
            raise OutputInvalid(
                f"encoder {self.name} in {str(self.dtype).removeprefix('torch.')} on {self.device.type} gave {what} "
                f"that are not finite (frames {frames}); run it in float32 or bfloat16, and check its weights: "
                f"retarget models verify {self.name}"
            )
        return values
