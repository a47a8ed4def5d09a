"""X-CLIP: a window of frames becomes one vector, so that the order of frames counts.

The clip is covered by windows of the model's length, evenly laid, as few as will do; each frame gets the embedding of
the window whose middle is nearest. A clip shorter than a window is stretched over one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from workers.semantics.encoders.pretrained import PretrainedEncoder


class XClipEncoder(PretrainedEncoder):
    model_class = "XCLIPModel"
    capabilities = frozenset({"embed", "match"})
    match_scale = "cosine"
    temporal = True

    @property
    def max_text_tokens(self) -> int:
        return int(self.model.config.text_config.max_position_embeddings)

    def _embed_frames(self, images: Tensor) -> Tensor:
        return self._by_window(images, lambda windows: self._video_features(self._pixels_of(windows))[0])

    def _match_frames(self, images: Tensor, text: str) -> Tensor:
        tokens = self._tokens([text])
        features = self.model.get_text_features(**tokens).pooler_output

        def compare(windows: Tensor) -> Tensor:
            video, frames = self._video_features(self._pixels_of(windows))
            words = features.unsqueeze(0).expand(len(video), -1, -1)
            words = words + self.model.prompts_generator(words, self._context(frames, windows.shape[:2]))
            return (video * functional.normalize(words[:, 0].float(), dim=-1)).sum(dim=-1, keepdim=True)

        return self._by_window(images, compare)[:, 0]

    def _embed(self, images: Tensor, start: int) -> Tensor:
        return self._embed_frames(images)

    def _by_window(self, images: Tensor, work: Any) -> Tensor:
        """`work` on windows `(n, length, 3, H, W)`, some at a time, spread over the frames."""
        indices, owner = windows(len(images), self.model.config.vision_config.num_frames)
        step = max(1, self.batch_size // indices.shape[1])
        pieces = [work(images[indices[start : start + step]]) for start in range(0, len(indices), step)]
        return torch.cat(pieces)[owner.to(self.device)]

    def _pixels_of(self, windows: Tensor) -> Tensor:
        flat = self._prepare(windows.flatten(0, 1))
        return flat.view(*windows.shape[:2], *flat.shape[1:])

    def _video_features(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vector of each window `(n, d)`, and the states of all its frames."""
        found = self.model.get_video_features(pixel_values=pixels)
        return functional.normalize(found.pooler_output.float(), dim=-1), found.last_hidden_state

    def _context(self, states: Tensor, shape: torch.Size) -> Tensor:
        """Image patches averaged over the window, in the text's space: what the model adapts a text by."""
        patches = self.model.prompts_visual_layernorm(states[:, 1:]) @ self.model.prompts_visual_projection
        averaged: Tensor = patches.view(*shape, *patches.shape[1:]).mean(dim=1)
        return averaged


def windows(frames: int, length: int) -> tuple[Tensor, Tensor]:
    """Frame indices of each window `(n, length)`, and the window that each frame belongs to `(frames,)`."""
    if frames <= length:
        return torch.linspace(0, frames - 1, length).round().long()[None], torch.zeros(frames, dtype=torch.long)
    count = -(-frames // length)
    starts = torch.linspace(0, frames - length, count).round().long()
    middles = starts + (length - 1) / 2
    owner = (torch.arange(frames)[:, None] - middles[None]).abs().argmin(dim=1)
    return starts[:, None] + torch.arange(length)[None], owner
