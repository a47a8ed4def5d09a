"""How long a full-size BLIP (ViT-B, 384 pixels) takes a frame, with random weights: time does not depend on them.

The published model's configuration is the default of its vision side (ViT-B, patches of 16) at 384 pixels. Only the
image embedding is timed, that is what every keyframe and view costs; `backward` reaches the pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.nn import functional

from workers.lab.bench.rendering import Clock, Lap

PIXELS = 384


@dataclass(frozen=True)
class BlipTiming:
    """Seconds a frame, the best of the runs: on the clock, and of the processor."""

    batch: int
    parameters: int
    forward_s: Lap
    forward_backward_s: Lap


def bench_blip(batches: tuple[int, ...] = (1, 4), repeats: int = 2) -> Iterator[BlipTiming]:
    """Build once (some 1 GB of memory), then one timing a batch size."""
    from transformers import BlipConfig, BlipForImageTextRetrieval, BlipVisionConfig

    torch.manual_seed(0)
    vision = BlipVisionConfig(image_size=PIXELS, initializer_range=0.02)
    config = BlipConfig(vision_config=vision.to_dict(), image_text_hidden_size=256)
    model = BlipForImageTextRetrieval(config).requires_grad_(False)
    model.train(False)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    mean_colour = 0.45

    def embed(images: torch.Tensor) -> torch.Tensor:
        pixels = functional.interpolate(images - mean_colour, size=(PIXELS, PIXELS), mode="bicubic", antialias=True)
        states = model.vision_model(pixel_values=pixels).last_hidden_state
        return functional.normalize(model.vision_proj(states[:, 0]), dim=-1)

    for batch in batches:
        laps = []
        for _ in range(repeats + 1):  # the first run warms up
            images = torch.rand(batch, 3, 224, 224, requires_grad=True)
            clock = Clock(torch.device("cpu"))
            with torch.no_grad():
                embed(images)
            forward = clock.lap()
            embed(images).square().sum().backward()  # type: ignore[no-untyped-call]
            laps.append((forward, clock.lap()))
        forward_s, both_s = (
            (min(lap[0] for lap in column) / batch, min(lap[1] for lap in column) / batch)
            for column in zip(*laps[1:], strict=True)
        )
        yield BlipTiming(batch, parameters, forward_s, both_s)
