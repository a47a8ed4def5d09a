"""The picture the built-in encoder sees: grey, 112 px, from a render of 224 px. One definition for training and use.

Differentiable to the pixels. What is cached for training is this picture in 256 steps (`to_bytes`, `from_bytes`).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

RENDER_PX = 224
SIDE_PX = RENDER_PX // 2


def to_grey(images: Tensor) -> Tensor:
    """`(frames, 3, H, W)`, 0 to 1, of any size -> `(frames, 112, 112)`, 0 to 1.

    Resized to 224 px where needed, the mean of the three colours, then the mean of each 2 x 2 pixels.
    """
    if images.shape[-2:] != (RENDER_PX, RENDER_PX):
        size = (RENDER_PX, RENDER_PX)
        images = functional.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)
    return functional.avg_pool2d(images.mean(dim=1, keepdim=True), 2)[:, 0]


def to_bytes(grey: Tensor) -> Tensor:
    """0 to 1 -> uint8, to the nearest step."""
    return (grey * 255.0).round().clamp(0, 255).to(torch.uint8)


def from_bytes(grey: Tensor) -> Tensor:
    """uint8 -> 0 to 1."""
    return grey.float() / 255.0
